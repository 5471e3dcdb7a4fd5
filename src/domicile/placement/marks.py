"""What a declaration writes into the server's own catalogue, as comments: an audit then needs nothing but the server.

domicile:owned, domicile:network, domicile:site    on a table: what it was declared as
domicile:home                                      on a column: the member whose row it is
domicile:stored                                    on a column: names a file in the site's store, by its digest
domicile:closed                                    on a column: read by the role that owns the table alone
domicile:pair {...}                                on a column: the other of the two members whom a row is about
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec
from sqlalchemy import Column, Table

Info = dict[Any, Any]

HOME_MARK = "domicile:home"
"""On every owner's column: so the catalogue says whose rows they are, also when key and trigger are gone."""
STORED_MARK = "domicile:stored"
CLOSED_MARK = "domicile:closed"
PAIR_MARK = "domicile:pair "


class PairSide(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One side of a row about two people: the truth, or the half that the other member's home holds.

    The mark stands on the column that names the other member. Both sides name the same number of columns in the same
    order: `rest` identifies the pair beside the two members, `same` must be equal, and so must the versions where both
    sides have one (a half always has). Rows in which `unless[0]` has the value `unless[1]` are not live: a half is a
    tombstone then, since the time in the column `since`, or else since its version was drawn; a truth is nobody else's
    business. Unless `selves`, what a member does to themselves has no half. The parcels that carry the pair are named
    after it, alone or with a hyphen and more.
    """

    pair: str
    side: Literal["truth", "half"]
    rest: tuple[str, ...] = ()
    same: tuple[str, ...] = ()
    version: str = "version"
    unless: tuple[str, str] | None = None
    since: str = ""
    selves: bool = True

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column of the table that the comparison reads, beside the two members'."""
        more = (self.version, self.unless[0] if self.unless else "", self.since)
        return (*self.rest, *self.same, *filter(None, more))


def stored(**more: Any) -> Info:
    """The column names a file of the owner's in the site's store, by digest; null or empty: none."""
    return {"domicile.stored": True, **more}


def withheld(rights: str) -> Info:
    """A table of the site's: the import role may do this and read columns that are not closed, the app's nothing."""
    return {"domicile.rights": rights}


def closed() -> Info:
    """No role of the application reads this column of a table of the site's: only the role that owns the table."""
    return {"domicile.closed": True}


def audited(**more: Any) -> Info:
    """The auditor's role may read this column, beside ids: what the law turns on, never content."""
    return {"domicile.audited": True, **more}


def column_marks(table: Table) -> Iterator[tuple[str, str]]:
    """The comments on a table's columns, by column."""
    for column in table.columns:
        if column.info.get("domicile.home"):
            yield column.name, HOME_MARK
        elif side := pair_side(column):
            yield column.name, PAIR_MARK + msgspec.json.encode(side).decode()
        elif column.info.get("domicile.stored"):
            yield column.name, STORED_MARK
        elif column.info.get("domicile.closed"):
            yield column.name, CLOSED_MARK


def stored_columns(table: Table) -> tuple[str, ...]:
    """The columns that name files."""
    return tuple(column.name for column in table.columns if column.info.get("domicile.stored"))


def read_pair_side(comment: str) -> PairSide:
    """What a comment says of a pair. Raises ValueError where it says nothing that can be read."""
    return msgspec.json.decode(comment.removeprefix(PAIR_MARK), type=PairSide)


def pair_side(column: Column[Any]) -> PairSide | None:
    side: PairSide | None = column.info.get("domicile.pair")
    return side


def audited_columns(table: Table) -> tuple[str, ...]:
    """What the auditor may read of an owned table: members' ids, what pairs compare, files' names."""
    compared = {name for column in table.columns if (side := pair_side(column)) for name in side.columns}
    compared |= set(_parents_of_halves(table))
    marks = {"domicile.home", "domicile.remote", "domicile.stored", "domicile.audited"}
    return tuple(column.name for column in table.columns if column.name in compared or column.info.keys() & marks)


def readable_columns(table: Table) -> tuple[str, ...]:
    """What the auditor may read of a table that nobody owns: no closed column, of personal data only pseudonyms."""
    return tuple(
        column.name
        for column in table.columns
        if not column.info.get("domicile.closed")
        and all(c.startswith("user.unique_id") for c in column.info.get("domicile.personal", ()))
    )


def _parents_of_halves(table: Table) -> Iterator[str]:
    """The columns by which halves point to rows of this table: where such a row is gone, no half is missed."""
    for other in table.metadata.tables.values():
        if any(pair_side(column) for column in other.columns):
            yield from (key.column.name for key in other.foreign_keys if key.column.table is table)


def find_pair_problems(tables: Mapping[str, Table]) -> Iterator[tuple[str, str, str]]:
    """What is wrong with the declared pairs: table, column and a sentence."""
    sides: dict[tuple[str, str], tuple[str, str, PairSide]] = {}
    for table in tables.values():
        for column in table.columns:
            if side := pair_side(column):
                yield from ((table.fullname, column.name, text) for text in _missing(table, side))
                if (side.pair, side.side) in sides:
                    yield table.fullname, column.name, f"the pair {side.pair} has another {side.side} already"
                sides[side.pair, side.side] = (table.fullname, column.name, side)
    for (pair, kind), (name, column_name, side) in sides.items():
        other = sides.get((pair, "half" if kind == "truth" else "truth"))
        if other is None:
            yield name, column_name, f"the pair {pair} has a {kind} and nothing that it is compared with"
        elif (len(other[2].rest), len(other[2].same)) != (len(side.rest), len(side.same)):
            yield name, column_name, f"the two sides of the pair {pair} do not name as many columns"
        elif kind == "half" and not side.version:
            yield (
                name,
                column_name,
                f"the half of the pair {pair} has no version to order deliveries by",
            )


def _missing(table: Table, side: PairSide) -> Iterator[str]:
    if unknown := sorted({*side.columns} - {*table.columns.keys()}):
        yield f"the pair {side.pair} compares {', '.join(unknown)}, which the table has not"
