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
_SERVED = "('home', 'leaving')"
AT_HOME = f"NOT EXISTS (SELECT FROM public.resident r WHERE r.member_id = {{owner}} AND r.state NOT IN {_SERVED})"
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


class Sums(dict[int, tuple[int, int]]):
    """Bucket -> how many rows, and their digests together. What adds up to nothing is not there."""

    def add(self, counted: Iterable[tuple[int, int, int, int]]) -> None:
        """Add what `count_by_bucket` finds at one site."""
        for sign, bucket, rows, digest in counted:
            known, digests = self.pop(bucket, (0, 0))
            found = (known + sign * rows, digests ^ digest)
            if any(found):
                self[bucket] = found

    def differing(self, other: "Sums") -> list[int]:
        """The buckets in which they are not the same."""
        return sorted(bucket for bucket in self.keys() | other.keys() if self.get(bucket) != other.get(bucket))


def count_by_bucket(pair: Pair, kind: str, buckets: int = 1, inside: str = "true") -> str:
    """A statement for `Sums.add`: bucket of keys -> how many live rows of one side, and their contents' hashes, XORed.

    Not counted are rows of members who are not at home, and truths of which a parcel is on its way. There are few, so
    they are found by themselves and taken off (sign -1): joined to every row they would cost more than the counting.
    `inside` limits the rows by `key`.
    """
    table = pair.side(kind)
    away = f"(SELECT member_id FROM public.resident WHERE state NOT IN {_SERVED}) r JOIN"
    parts = [(1, "", ""), (-1, away, f"ON {table.whose} = r.member_id")]
    if kind == "truth":
        waiting = f"(SELECT DISTINCT member_id, recipient FROM public.outbox o WHERE {_is_of(pair.name)}) o JOIN"
        tie = (
            f"ON {table.whose} = o.member_id AND {table.others} = o.recipient AND {AT_HOME.format(owner='o.member_id')}"
        )
        parts.append((-1, waiting, tie))
    bucket, grouped = ("0::bigint", "") if buckets == 1 else (f"key & {buckets - 1}", "GROUP BY 2")
    columns = ", ".join((*table.compared, f"{table.key()} AS key"))
    return " UNION ALL ".join(
        f"SELECT {sign} AS sign, {bucket} AS bucket, count(*) AS rows,"
        f" coalesce(bit_xor({table.content('key')}), 0) AS digest"
        f" FROM (SELECT {columns} FROM {joined} {table.table} t {tie} WHERE {table.live}) t WHERE {inside} {grouped}"
        for sign, joined, tie in parts
    )


def _is_of(pair: str) -> str:
    kind, later = sql.Literal(pair).as_string(), sql.Literal(f"{pair}-").as_string()
    return f"(o.kind = {kind} OR starts_with(o.kind, {later}))"


def parcels_of(pair: str, sender: str, recipient: str) -> str:
    """A condition in SQL: no parcel of this pair is on its way from the sender to the recipient."""
    return (
        f"NOT EXISTS (SELECT FROM public.outbox o WHERE o.member_id = {sender} AND o.recipient = {recipient}"
        f" AND {_is_of(pair)})"
    )
