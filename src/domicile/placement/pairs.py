"""The two sides of a row about two people, as SQL that compares them without anybody reading them all.

Each row has a key (both members and what else identifies the pair) and, from it, a word on what must be the same on
both sides, both hashed by PostgreSQL to 64 bits. Counted and summed in buckets of keys over every site, truths and
halves come out the same, wherever the members live; only rows of buckets that do not are looked at.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from domicile.database import sql
from domicile.placement.marks import PairSide, pair_side
from domicile.placement.ownership import Ownership

BUCKETS = 1 << 12
AT_HOME = (
    "NOT EXISTS (SELECT FROM public.resident r WHERE r.member_id = {owner} AND r.state NOT IN ('home', 'leaving'))"
)
"""A condition in SQL: nobody who has moved away, or is arriving and still counted where they come from."""


@dataclass(frozen=True, slots=True)
class PairTable:
    """One side of a pair: whose its rows are, who the other is, and the columns' types by name.

    `versioned`: both sides have a version, so that it is compared.
    """

    schema: str
    name: str
    owner: str
    other: str
    side: PairSide
    types: Mapping[str, str]
    versioned: bool = True

    @property
    def table(self) -> str:
        return sql.Identifier(self.schema, self.name).as_string()

    @property
    def whose(self) -> str:
        """The owner's column in SQL."""
        return _column(self.owner)

    @property
    def others(self) -> str:
        """The column in SQL that names the other member."""
        return _column(self.other)

    @property
    def members(self) -> tuple[str, str]:
        """Columns in SQL of who keeps the truth and who keeps the half."""
        return (self.whose, self.others) if self.side.side == "truth" else (self.others, self.whose)

    @property
    def live(self) -> str:
        """Which rows are live, in SQL: halves that are no tombstones, truths that concern somebody else."""
        wanted = [f"{self.others} IS NOT NULL"]
        if self.side.unless:
            wanted.append(f"NOT {self.dead}")
        if not self.side.selves:
            wanted.append(f"{self.others} <> {self.whose}")
        return " AND ".join(wanted)

    @property
    def dead(self) -> str:
        """Which rows are not, in SQL."""
        if not self.side.unless:
            return "false"
        column, value = self.side.unless
        return f"({_column(column)}::text = {sql.Literal(value).as_string()})"

    @property
    def version(self) -> str:
        """The version in SQL; null where the side has none."""
        return _column(self.side.version) if self.side.version else "NULL::bigint"

    @property
    def since(self) -> str:
        """Since when a tombstone is one, in SQL; null: since its version was drawn."""
        return _column(self.side.since) if self.side.since else "NULL::timestamptz"

    @property
    def rest(self) -> str:
        """What identifies the pair beside its members, as an array of texts in SQL."""
        return f"ARRAY[{', '.join(f'{_column(name)}::text' for name in self.side.rest)}]::text[]"

    def couple(self, seed: str = "0") -> str:
        """A hash of the two members, in SQL."""
        truth, half = self.members
        return f"hashint8extended({half}, hashint8extended({truth}, {seed}))"

    def key(self, seed: str = "0") -> str:
        """A hash of what identifies the pair, in SQL."""
        return self._hashed(self.side.rest, self.couple(seed))

    @property
    def compared(self) -> tuple[str, ...]:
        """Columns in SQL of what must be the same on both sides."""
        version = (self.side.version,) if self.versioned else ()
        return tuple(map(_column, (*version, *self.side.same)))

    def content(self, key: str) -> str:
        """A hash of what must be the same on both sides, in SQL, from a key's."""
        version = (self.side.version,) if self.versioned else ()
        return self._hashed((*version, *self.side.same), key)

    def _hashed(self, columns: Iterable[str], seed: str) -> str:
        text = seed
        for name in columns:
            column = _column(name)
            if self.types.get(name) == "bigint":
                text = f"coalesce(hashint8extended({column}, {text}), 0)"
            else:
                text = f"coalesce(hashtextextended({column}::text, {text}), 0)"
        return text


@dataclass(frozen=True, slots=True)
class Pair:
    """What both sides of a pair are kept in, at every site alike."""

    name: str
    truth: PairTable
    half: PairTable

    def side(self, kind: str) -> PairTable:
        return self.truth if kind == "truth" else self.half


def join_sides(sides: Iterable[PairTable]) -> dict[str, Pair]:
    """The pairs of which both sides are there, by name."""
    found = {(table.side.pair, table.side.side): table for table in sides}
    pairs = {}
    for (name, kind), truth in sorted(found.items()):
        half = found.get((name, "half"))
        if kind == "truth" and half is not None:
            versioned = bool(truth.side.version and half.side.version)
            pairs[name] = Pair(name, _versioned(truth, versioned), _versioned(half, versioned))
    return pairs


def pairs_of(ownership: Ownership) -> dict[str, Pair]:
    """The declared pairs, by name."""
    return join_sides(
        PairTable(
            owned.table.schema or "public",
            owned.table.name,
            owned.owner,
            column.name,
            side,
            {other.name: str(other.type.compile()).lower() for other in owned.table.columns},
        )
        for owned in ownership.owned
        for column in owned.table.columns
        if (side := pair_side(column)) is not None
    )


def _versioned(table: PairTable, versioned: bool) -> PairTable:
    return PairTable(table.schema, table.name, table.owner, table.other, table.side, table.types, versioned)


def _column(name: str) -> str:
    return f"t.{sql.Identifier(name).as_string()}"


def count_by_bucket(table: PairTable, buckets: int = BUCKETS, inside: str = "true", more: str = "true") -> str:
    """A statement: bucket of keys -> how many live rows of members at home, and the sum of their contents.

    `inside` limits the rows by `key`, `more` by what else SQL can say of a row `t`.
    """
    return f"""
SELECT key & {buckets - 1} AS bucket, count(*) AS rows, sum({table.content("key")})::text AS total
FROM (SELECT {", ".join((*table.compared, f"{table.key()} AS key"))} FROM {table.table} t
  WHERE {table.live} AND {more} AND {AT_HOME.format(owner=table.whose)}) t
WHERE {inside} GROUP BY 1
"""


def parcels_of(pair: str, sender: str, recipient: str, outbox: str = "public.outbox") -> str:
    """A condition in SQL: no parcel of this pair is on its way from the sender to the recipient."""
    kind = sql.Literal(pair).as_string()
    later = sql.Literal(f"{pair}-").as_string()
    return (
        f"NOT EXISTS (SELECT FROM {outbox} o WHERE o.member_id = {sender} AND o.recipient = {recipient}"
        f" AND (o.kind = {kind} OR starts_with(o.kind, {later})))"
    )
