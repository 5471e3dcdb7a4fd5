"""Whose row is it? The declaration that schema, fence, seeding, audit, export and erasure all read.

Tables are SQLAlchemy tables. The declaration stands on the column:

    author_id = Column(BigInteger, ForeignKey("resident.member_id"), info=home())   lives where this member lives
    recipient = Column(BigInteger, info=remote("member"))                           an opaque id across sites
    email     = Column(LargeBinary, info=personal("user.contact.email", sealed=True))

and `info=network()` or `info=local(...)` on a table marks the rows nobody owns, `info=stays(why)` owned rows that no
relocation carries. `load_ownership` refuses, naming table and column, whatever could put a row where its owner does not
live.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
    false,
)

from domicile.errors import Misconfigured
from domicile.law.categories import CATEGORIES
from domicile.placement.marks import Info, PairSide, find_pair_problems
from domicile.placement.recalls import find_missing_columns

Kind = Literal["owned", "network", "site"]
ROOT = "resident"
ROOT_COLUMNS = ("member_id", "state", "epoch", "tracked")
VAULT = "vault"


def home() -> Info:
    """This column is the member at whose home the row lives; exactly one in every owned table."""
    return {"domicile.home": True}


def remote(what: str, *, pair: PairSide | None = None, **more: Any) -> Info:
    """An opaque id that points across sites (`what` it points to): never an SQL foreign key.

    `pair`: the row is about two people and has another half at the home of the member it points to.
    """
    return {"domicile.remote": what, **({"domicile.pair": pair} if pair else {}), **more}


def personal(*categories: str, sealed: bool = False, about: Literal["owner", "other"] = "owner") -> Info:
    """Personal data of these fideslang categories; sealed under the owner's data key if asked (schema `vault`)."""
    return {"domicile.personal": categories, "domicile.sealed": sealed, "domicile.about": about}


def harmless(why: str) -> Info:
    """A column whose name looks personal and is not, and why."""
    return {"domicile.harmless": why}


def network() -> Info:
    """A table about nobody, the same at every site."""
    return {"domicile.kind": "network"}


def local(*, retention: str | None = None) -> Info:
    """A table about the site itself. Personal columns in it need `retention`: how long, in words."""
    return {"domicile.kind": "site", "domicile.retention": retention}


def stays(why: str) -> Info:
    """An owned table whose rows a member leaves behind: a relocation erases them with the others and carries none."""
    return {"domicile.stays": why}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a declaration. `str()` is a sentence that names table and column."""

    table: str
    column: str | None
    text: str

    def __str__(self) -> str:
        return f"{self.table}{'.' + self.column if self.column else ''}: {self.text}"


@dataclass(frozen=True)
class OwnedTable:
    """An owned table and the column that says whose its rows are."""

    table: Table
    owner: str
    sealed: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.table.fullname)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(str(column.name) for column in self.table.columns)

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(str(column.name) for column in self.table.primary_key.columns)

    @property
    def stays(self) -> bool:
        """Whether a relocation leaves these rows behind."""
        return "domicile.stays" in self.table.info

    @property
    def remotes(self) -> Mapping[str, str]:
        """Column -> what it points to, for columns that point across sites."""
        return {str(c.name): c.info["domicile.remote"] for c in self.table.columns if "domicile.remote" in c.info}


@dataclass(frozen=True, eq=False)
class Ownership:
    """A loaded declaration: owned tables in an order in which rows can be copied (parents first), and the others."""

    metadata: MetaData
    owned: tuple[OwnedTable, ...]
    network: tuple[Table, ...]
    site: tuple[Table, ...]

    def __getitem__(self, name: str) -> OwnedTable:
        return next(owned for owned in self.owned if owned.name == name)

    def personal_columns(self) -> Iterator[tuple[Table, Column[Any], str]]:
        """Every personal column with each of its categories: the inventory of what is collected."""
        for table in self.metadata.sorted_tables:
            for column in table.columns:
                for category in categories_of(column):
                    yield table, column, category


def load_ownership(metadata: MetaData) -> Ownership:
    """The ownership of every table, or Misconfigured with everything that is wrong, one sentence a line."""
    problems = find_problems(metadata)
    if problems:
        raise Misconfigured("the declaration of tables is refused:\n" + "\n".join(f"  {p}" for p in problems))
    by_kind: dict[Kind, list[Table]] = {"owned": [], "network": [], "site": []}
    for table in _copy_order(metadata):
        if table.name != ROOT:
            by_kind[kind_of(table)].append(table)
    owned = tuple(OwnedTable(table, _home_columns(table)[0].name, _sealed(table)) for table in by_kind["owned"])
    return Ownership(metadata, owned, tuple(by_kind["network"]), tuple(by_kind["site"]))


def find_problems(metadata: MetaData) -> list[Problem]:
    """What is wrong with a declaration; empty when it can be loaded."""
    problems = [problem for table in metadata.tables.values() for problem in _check_table(table)]
    problems += [Problem(*found) for found in find_pair_problems(metadata.tables)]
    try:
        _copy_order(metadata)
    except CycleError as error:
        problems.append(Problem(" -> ".join(error.args[1]), None, "foreign keys form a circle; no order to copy in"))
    return sorted(problems, key=str)


def categories_of(column: Column[Any]) -> tuple[str, ...]:
    """The categories of personal data in a column."""
    found: tuple[str, ...] = column.info.get("domicile.personal", ())
    return found


def kind_of(table: Table) -> Kind:
    kind: Kind = table.info.get("domicile.kind", "owned")
    return kind


def _home_columns(table: Table) -> list[Column[Any]]:
    return [column for column in table.columns if column.info.get("domicile.home")]


def _sealed(table: Table) -> dict[str, str]:
    return {c.name: categories_of(c)[0] for c in table.columns if c.info.get("domicile.sealed")}


def _copy_order(metadata: MetaData) -> list[Table]:
    parents = {name: _parents(metadata, table) - {name} for name, table in metadata.tables.items()}
    return [metadata.tables[name] for name in TopologicalSorter(parents).static_order()]


def _parents(metadata: MetaData, table: Table) -> set[str]:
    names = (_target(key.target_fullname)[0] for key in table.foreign_keys)
    return {name for name in names if name in metadata.tables}


def _target(fullname: str) -> tuple[str, str]:
    table, _, column = fullname.rpartition(".")
    return table, column


def _check_table(table: Table) -> Iterator[Problem]:
    if table.fullname == ROOT:
        if tuple(column.name for column in table.columns) != ROOT_COLUMNS:
            yield Problem(ROOT, None, f"holds {', '.join(ROOT_COLUMNS)} and nothing else; the rest is a table")
        return
    if table.schema not in (None, VAULT):
        yield Problem(table.fullname, None, f'lives in another schema than public (none given) and "{VAULT}"')
    homes = _home_columns(table)
    kind = kind_of(table)
    if kind == "owned":
        yield from _check_owned(table, homes)
    elif homes:
        yield Problem(table.fullname, homes[0].name, f"a {kind} table has no owner; take home() or the mark away")
    else:
        yield from _check_unowned(table, kind)
    for column in table.columns:
        yield from _check_column(table, column)


def _check_owned(table: Table, homes: list[Column[Any]]) -> Iterator[Problem]:
    if len(homes) != 1:
        names = ", ".join(column.name for column in homes)
        yield Problem(
            table.fullname,
            None,
            f"has {len(homes)} homes ({names}); a row lives with exactly one member"
            if homes
            else "no column is home(); mark the owner's column, or the table network() or local()",
        )
        return
    owner = homes[0]
    if not any(key.target_fullname == f"{ROOT}.member_id" for key in owner.foreign_keys):
        yield Problem(table.fullname, owner.name, f'the home column needs ForeignKey("{ROOT}.member_id")')
    if not isinstance(owner.type, BigInteger):
        yield Problem(table.fullname, owner.name, "a member's id needs 64 bits; make it BigInteger")
    if owner.nullable:
        yield Problem(table.fullname, owner.name, "the home column may not be null")
    for constraint in table.constraints:
        if isinstance(constraint, PrimaryKeyConstraint | UniqueConstraint):
            columns = [column.name for column in constraint.columns]
            if not columns or columns[0] != owner.name:
                word = "primary key" if isinstance(constraint, PrimaryKeyConstraint) else "unique constraint"
                listed = ", ".join(columns) or "none"
                yield Problem(
                    table.fullname, None, f"its {word} ({listed}) does not begin with the owner, {owner.name}"
                )
    for index in table.indexes:
        first = next(iter(index.columns), None)
        if index.unique and (first is None or first.name != owner.name):
            yield Problem(
                table.fullname, None, f"unique index {index.name} does not begin with the owner, {owner.name}"
            )
    yield from _check_foreign_keys(table, owner)
    for missing in find_missing_columns(table):
        yield Problem(table.fullname, missing, "named in recalls(), and no column of this table")
    for column in table.columns:
        if _is_local_sequence(column):
            yield Problem(
                table.fullname, column.name, "a local sequence collides at the target of a move; use a network-wide id"
            )


def _check_foreign_keys(table: Table, owner: Column[Any]) -> Iterator[Problem]:
    """Only the owner's own rows are sure to be on the same server: every other foreign key could cross sites."""
    for constraint in table.foreign_key_constraints:
        elements = list(constraint.elements)
        target, target_column = _target(elements[0].target_fullname)
        parent = table.metadata.tables.get(target)
        if parent is None and target != ROOT:
            yield Problem(table.fullname, elements[0].parent.name, f"points to {target}, which is not declared")
        elif target == ROOT:
            if [element.parent.name for element in elements] != [owner.name]:
                yield Problem(
                    table.fullname, elements[0].parent.name, "points to another member; use remote(), not a key"
                )
        elif parent is not None and kind_of(parent) == "owned":
            parent_homes = [column.name for column in _home_columns(parent)]
            if elements[0].parent.name != owner.name or [target_column] != parent_homes:
                yield Problem(
                    table.fullname,
                    elements[0].parent.name,
                    f"the foreign key to {target} could cross sites; begin it with the owner on both sides",
                )
            elif "domicile.stays" in parent.info and "domicile.stays" not in table.info:
                yield Problem(
                    table.fullname,
                    elements[0].parent.name,
                    f"{target} stays when its member moves, and these rows would arrive without theirs; mark both",
                )
        elif parent is not None and kind_of(parent) == "site":
            yield Problem(
                table.fullname, elements[0].parent.name, f"{target} stays at its site; a move would break this"
            )


def _check_unowned(table: Table, kind: Kind) -> Iterator[Problem]:
    if "domicile.stays" in table.info:
        yield Problem(table.fullname, None, f"stays() is for owned tables; a {kind} table never moves")
    for key in table.foreign_keys:
        target, _ = _target(key.target_fullname)
        parent = table.metadata.tables.get(target)
        if target == ROOT or (parent is not None and kind_of(parent) == "owned"):
            text = f"a {kind} table points to {target}, whose rows live with a member and move; use remote()"
            yield Problem(table.fullname, key.parent.name, text)
    for column in table.columns:
        personal_data = categories_of(column)
        if personal_data and kind == "network":
            yield Problem(table.fullname, column.name, "personal data in a network table, whose rows are about nobody")
        elif personal_data and not table.info.get("domicile.retention"):
            yield Problem(
                table.fullname, column.name, "personal data where nobody owns the row; local() needs retention"
            )


def _check_column(table: Table, column: Column[Any]) -> Iterator[Problem]:
    for category in categories_of(column):
        if category not in CATEGORIES:
            yield Problem(table.fullname, column.name, f"{category!r} is no fideslang category; {_nearest(category)}")
    if column.info.get("domicile.sealed") and table.schema != VAULT:
        yield Problem(table.fullname, column.name, f'sealed columns live in schema="{VAULT}"')
    if column.info.get("domicile.sealed") and not isinstance(column.type, LargeBinary):
        yield Problem(table.fullname, column.name, "a sealed value is bytes; make it LargeBinary")
    marked = categories_of(column) or column.info.keys() & {"domicile.home", "domicile.remote", "domicile.harmless"}
    if not marked and (guess := _looks_personal(column.name)):
        yield Problem(table.fullname, column.name, f"looks personal ({guess}?); say personal(...) or harmless(why)")


def _is_local_sequence(column: Column[Any]) -> bool:
    if column.identity is not None:
        return True
    whole = isinstance(column.type, Integer | BigInteger | SmallInteger)
    alone = len(column.table.primary_key.columns) == 1 and column.primary_key
    sequence = column.default is not None and getattr(column.default, "is_sequence", False)
    return bool(sequence) or (
        whole
        and not column.foreign_keys
        and (
            column.autoincrement is True
            or bool(alone and column.autoincrement == "auto" and column.info.get("domicile.home") is None)
        )
    )


_PERSONAL_NAMES = {
    r"e?_?mail(_address)?": "user.contact.email",
    r"phone(_number)?|mobile|tel": "user.contact.phone_number",
    r"(first|given)_?name": "user.name.first",
    r"(last|family|sur)_?name": "user.name.last",
    r"(display|full|real)_?name": "user.name",
    r"user_?name|handle|nick(name)?": "user.account.username",
    r"birth(day|_?date)|date_of_birth|dob": "user.demographic.date_of_birth",
    r"(ip|remote)(_address|_addr)?|ip": "user.device.ip_address",
    r"street|city|zip|post(al)?_?code|address": "user.contact.address",
    r"password(_hash)?": "user.authorization.credentials",
    r"passport(_number)?|ssn|national_id|inn|snils": "user.government_id",
    r"gender|sex": "user.demographic.gender",
    r"lat(itude)?|lon(gitude)?|location": "user.location",
    r"iban|card_number|account_number": "user.financial",
}


def _looks_personal(name: str) -> str | None:
    return next((key for pattern, key in _PERSONAL_NAMES.items() if re.fullmatch(pattern, name.lower())), None)


def _nearest(category: str) -> str:
    import difflib

    match = difflib.get_close_matches(category, sorted(CATEGORIES), n=1)
    return f"did you mean {match[0]!r}?" if match else "see fideslang's data categories"


def resident_table(metadata: MetaData) -> Table:
    """The member as their home site knows them: id, state, epoch, nothing else. Added once to a MetaData.

    `tracked` is set while a relocation copies the member's rows: the fence then notes the keys that change.
    """
    if ROOT in metadata.tables:
        return metadata.tables[ROOT]
    return Table(
        ROOT,
        metadata,
        Column("member_id", BigInteger, primary_key=True, autoincrement=False),
        Column("state", String(8), nullable=False),
        Column("epoch", Integer, nullable=False),
        Column("tracked", Boolean, nullable=False, server_default=false()),
    )
