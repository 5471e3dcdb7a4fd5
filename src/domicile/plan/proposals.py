"""Homes that the network has proposed to members, and that stand open: counted, where the app keeps such a table.

`proposal` is an owned table with `target`, `lawful` (whether the old home is lawful all the same) and `state`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from domicile.database import Row, Session
from domicile.ids import SiteName
from domicile.placement.ownership import Ownership
from domicile.placement.sites import Site
from domicile.plan.census import ask_sites

_OPEN = """SELECT p.target, p.lawful, count(*) AS members FROM proposal p
JOIN resident r ON r.member_id = p.member_id AND r.state IN ('home', 'leaving')
WHERE p.state = 'open' GROUP BY 1, 2 ORDER BY 1, 2"""


@dataclass(frozen=True)
class Proposed:
    """So many members at a site have been offered another home. `lawful`: they may as well stay."""

    site: SiteName
    target: SiteName
    lawful: bool
    members: int


async def find_proposals(sites: Mapping[SiteName, Site], ownership: Ownership) -> list[Proposed]:
    """Open proposals at the sites that answer; nothing in an app without them."""
    if "proposal" not in {owned.name for owned in ownership.owned}:
        return []

    async def count(session: Session) -> list[Row]:
        return await session.fetch(_OPEN)

    answers = await ask_sites(sites, count)
    return [
        Proposed(site, SiteName(row.target), row.lawful, row.members)
        for site, rows in answers.items()
        for row in rows or ()
    ]
