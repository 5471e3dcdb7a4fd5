"""Where one member's data is: rows at home, copies abroad, opaque ids elsewhere, and what should not be there."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import BigInteger, Column, Table

from domicile.database import Row, Session, sql
from domicile.errors import Unavailable
from domicile.ids import MemberId, SiteName
from domicile.placement.directory import HeldByHub
from domicile.placement.marks import pair_side
from domicile.placement.ownership import OwnedTable, Ownership, categories_of
from domicile.placement.residue import Residue, list_residue
from domicile.placement.routing import Router


@dataclass(frozen=True)
class CopyAbroad:
    """A copy that another site holds, as it is registered at home: which sections of what, until when, by which rules.

    `recalling`: it is wanted back, since `asked_at` without success if that is set, after so many `attempts`.
    """

    site: SiteName
    view: str
    number: int
    sections: tuple[str, ...]
    rules: tuple[str, ...]
    until: datetime
    recalling: bool
    reason: str | None
    asked_at: datetime | None
    attempts: int


@dataclass(frozen=True)
class Held:
    """Rows of a table at a site that hold the member's opaque id and are not theirs.

    `kind`: `half`, of a pair whose truth is the member's; `row`, another member's own; `site`, the site's own.
    """

    site: SiteName
    table: str
    rows: int
    kind: Literal["half", "row", "site"]


@dataclass
class Whereabouts:
    """`rows` by table at home; `astray` are (site, table, how many); `silent` sites did not answer.

    `stubs` hold the opaque id alone, `hub` is what the directory holds; `residue` had to stay where a home was or is.
    """

    hub: HeldByHub
    rows: dict[str, int] = field(default_factory=dict)
    files: int = 0
    copies: list[CopyAbroad] = field(default_factory=list)
    silent: list[SiteName] = field(default_factory=list)
    stubs: list[Held] = field(default_factory=list)
    astray: list[tuple[SiteName, str, int]] = field(default_factory=list)
    residue: list[Residue] = field(default_factory=list)


_COPIES = """
SELECT holder, view, number, sections, rules, until, state, reason, asked_at, attempts FROM copy_register
WHERE member_id = %(member)s ORDER BY holder, view, number
"""


async def list_copies(router: Router, member: MemberId) -> list[CopyAbroad]:
    """The copies of a member that are registered at their home, for the member themself. Raises Unavailable."""
    return [_copy(row) for row in await router.rows(member, f"{_COPIES} LIMIT 100000", {"member": member})]


async def find_whereabouts(router: Router, ownership: Ownership, member: MemberId) -> Whereabouts:
    """Look for a member in every owned table of every site, by the auditor's role, which reads ids only.

    Raises Unavailable if their home does not answer; another site that does not is named.
    """
    home = (await router.home_of(member, ask_hub=True)).site
    hub = await router.directory.held_about(member)
    found = Whereabouts(hub, files=_files(router.sites[home].media / str(member)))
    for name in (home, *(other for other in router.sites if other != home)):
        look = _look_at_home if name == home else _look_abroad
        try:
            async with router.sites[name].auditor.snapshot() as session:
                await look(name, session, ownership, member, found)
                found.stubs += [held async for held in _find_stubs(name, session, ownership, member)]
                found.residue += await list_residue(name, session, router.clock().date(), [member])
        except Unavailable:
            if name == home:
                raise
            found.silent.append(name)
    return found


async def _look_at_home(
    name: SiteName, session: Session, ownership: Ownership, member: MemberId, found: Whereabouts
) -> None:
    for owned in ownership.owned:
        found.rows[owned.name] = await _count(session, owned.table, owned.owner, member)
    found.copies = [_copy(row) for row in await session.fetch(_COPIES, {"member": member})]


async def _look_abroad(
    name: SiteName, session: Session, ownership: Ownership, member: MemberId, found: Whereabouts
) -> None:
    for owned in ownership.owned:
        if count := await _count(session, owned.table, owned.owner, member):
            found.astray.append((name, owned.name, count))
    kept = await session.fetch("SELECT view, number FROM kept_copy WHERE member_id = %s AND NOT recalled", (member,))
    known = {(copy.view, copy.number) for copy in found.copies if copy.site == name}
    if unknown := sum((row.view, row.number) not in known for row in kept):
        found.astray.append((name, "kept_copy", unknown))


async def _find_stubs(name: SiteName, session: Session, ownership: Ownership, member: MemberId) -> AsyncIterator[Held]:
    for owned in ownership.owned:
        halves, others = _pointers(owned)
        for columns, kind in ((halves, _HALF), (others, _ROW)):
            if rows := sum([await _count(session, owned.table, column, member) for column in columns]):
                yield Held(name, owned.name, rows, kind)
    for table in ownership.site:
        if table.name in _SHOWN_APART:
            continue
        pseudonyms = [column.name for column in table.columns if _is_pseudonym(column)]
        if rows := sum([await _count(session, table, column, member) for column in pseudonyms]):
            yield Held(name, table.fullname, rows, _SITE)


_HALF: Literal["half"] = "half"
_ROW: Literal["row"] = "row"
_SITE: Literal["site"] = "site"
_SHOWN_APART = frozenset(("resident", "kept_copy", "residue"))


def _copy(row: Row) -> CopyAbroad:
    return CopyAbroad(
        site=SiteName(row.holder),
        view=row.view,
        number=row.number,
        sections=tuple(row.sections.split()),
        rules=tuple(row.rules.split()),
        until=row.until,
        recalling=row.state == "recalling",
        reason=row.reason,
        asked_at=row.asked_at,
        attempts=row.attempts,
    )


def _pointers(owned: OwnedTable) -> tuple[list[str], list[str]]:
    """The columns that may name the member: those of halves of pairs, and the others."""
    columns = [owned.table.columns[name] for name, what in owned.remotes.items() if what == "member"]
    halves = [str(c.name) for c in columns if (side := pair_side(c)) is not None and side.side == "half"]
    return halves, [str(c.name) for c in columns if c.name not in halves]


def _is_pseudonym(column: Column[Any]) -> bool:
    return isinstance(column.type, BigInteger) and "user.unique_id.pseudonymous" in categories_of(column)


async def _count(session: Session, table: Table, column: str, member: MemberId) -> int:
    place = sql.Identifier(*([table.schema] if table.schema else []), table.name)
    query = sql.SQL("SELECT count(*) FROM {} WHERE {} = %s").format(place, sql.Identifier(column))
    return int(await session.value(query.as_string(), (member,)) or 0)


def _files(folder: Path) -> int:
    return sum(file.is_file() for file in folder.rglob("*")) if folder.exists() else 0
