"""Where one member's data is: rows at home, the opaque ids that others' homes hold, and what should not be there."""

from dataclasses import dataclass, field
from pathlib import Path

from domicile.database import Session, sql
from domicile.ids import MemberId, SiteName
from domicile.placement.ownership import OwnedTable, Ownership
from domicile.placement.routing import Router


@dataclass
class Whereabouts:
    """`rows` by table at home; `mentions` and `astray` are (site, table, how many)."""

    rows: dict[str, int] = field(default_factory=dict)
    files: int = 0
    mentions: list[tuple[SiteName, str, int]] = field(default_factory=list)
    astray: list[tuple[SiteName, str, int]] = field(default_factory=list)


async def find_whereabouts(router: Router, ownership: Ownership, member: MemberId) -> Whereabouts:
    """Look for a member in every owned table of every site, by the auditor's role, which reads ids only."""
    home = (await router.home_of(member, ask_hub=True)).site
    found = Whereabouts()
    for name, site in router.sites.items():
        async with site.auditor.snapshot() as session:
            for owned in ownership.owned:
                count = await _count(session, owned, owned.owner, member)
                if name == home:
                    found.rows[owned.name] = count
                elif count:
                    found.astray.append((name, owned.name, count))
                held = sum([await _count(session, owned, column, member) for column in _pointers(owned)])
                if held:
                    found.mentions.append((name, owned.name, held))
        if name == home:
            found.files = _files(site.media / str(member))
    return found


def _pointers(owned: OwnedTable) -> list[str]:
    return [column for column, what in owned.remotes.items() if what == "member"]


async def _count(session: Session, owned: OwnedTable, column: str, member: MemberId) -> int:
    table = sql.Identifier(*([owned.table.schema] if owned.table.schema else []), owned.table.name)
    query = sql.SQL("SELECT count(*) FROM {} WHERE {} = %s").format(table, sql.Identifier(column))
    return int(await session.value(query.as_string(), (member,)) or 0)


def _files(folder: Path) -> int:
    return sum(file.is_file() for file in folder.rglob("*")) if folder.exists() else 0
