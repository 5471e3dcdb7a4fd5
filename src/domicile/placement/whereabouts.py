"""Where one member's data is: rows at home, copies abroad, opaque ids elsewhere, and what should not be there."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from domicile.database import Row, Session, sql
from domicile.errors import Unavailable
from domicile.ids import MemberId, SiteName
from domicile.placement.ownership import OwnedTable, Ownership
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


@dataclass
class Whereabouts:
    """`rows` by table at home; `mentions` and `astray` are (site, table, how many); `silent` sites did not answer."""

    rows: dict[str, int] = field(default_factory=dict)
    files: int = 0
    copies: list[CopyAbroad] = field(default_factory=list)
    silent: list[SiteName] = field(default_factory=list)
    mentions: list[tuple[SiteName, str, int]] = field(default_factory=list)
    astray: list[tuple[SiteName, str, int]] = field(default_factory=list)


async def find_whereabouts(router: Router, ownership: Ownership, member: MemberId) -> Whereabouts:
    """Look for a member in every owned table of every site, by the auditor's role, which reads ids only.

    Raises Unavailable if their home does not answer; another site that does not is named.
    """
    home = (await router.home_of(member, ask_hub=True)).site
    found = Whereabouts(files=_files(router.sites[home].media / str(member)))
    for name in (home, *(other for other in router.sites if other != home)):
        look = _look_at_home if name == home else _look_abroad
        try:
            async with router.sites[name].auditor.snapshot() as session:
                await look(name, session, ownership, member, found)
                await _look_for_mentions(name, session, ownership, member, found)
        except Unavailable:
            if name == home:
                raise
            found.silent.append(name)
    return found


async def _look_at_home(
    name: SiteName, session: Session, ownership: Ownership, member: MemberId, found: Whereabouts
) -> None:
    for owned in ownership.owned:
        found.rows[owned.name] = await _count(session, owned, owned.owner, member)
    query = (
        "SELECT holder, view, number, sections, rules, until, state, reason, asked_at, attempts FROM copy_register"
        " WHERE member_id = %s ORDER BY holder, view, number"
    )
    found.copies = [_copy(row) for row in await session.fetch(query, (member,))]


async def _look_abroad(
    name: SiteName, session: Session, ownership: Ownership, member: MemberId, found: Whereabouts
) -> None:
    for owned in ownership.owned:
        if count := await _count(session, owned, owned.owner, member):
            found.astray.append((name, owned.name, count))
    kept = await session.fetch("SELECT view, number FROM kept_copy WHERE member_id = %s AND NOT recalled", (member,))
    known = {(copy.view, copy.number) for copy in found.copies if copy.site == name}
    if unknown := sum((row.view, row.number) not in known for row in kept):
        found.astray.append((name, "kept_copy", unknown))


async def _look_for_mentions(
    name: SiteName, session: Session, ownership: Ownership, member: MemberId, found: Whereabouts
) -> None:
    for owned in ownership.owned:
        if held := sum([await _count(session, owned, column, member) for column in _pointers(owned)]):
            found.mentions.append((name, owned.name, held))


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


def _pointers(owned: OwnedTable) -> list[str]:
    return [column for column, what in owned.remotes.items() if what == "member"]


async def _count(session: Session, owned: OwnedTable, column: str, member: MemberId) -> int:
    table = sql.Identifier(*([owned.table.schema] if owned.table.schema else []), owned.table.name)
    query = sql.SQL("SELECT count(*) FROM {} WHERE {} = %s").format(table, sql.Identifier(column))
    return int(await session.value(query.as_string(), (member,)) or 0)


def _files(folder: Path) -> int:
    return sum(file.is_file() for file in folder.rglob("*")) if folder.exists() else 0
