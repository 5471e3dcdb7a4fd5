"""Files that no row names: what an upload leaves that a crash cut short after its file and before its row.

Only of members at home here who write nothing at that moment: an upload holds its member's row from before it keeps the
file until its row is committed. Files of anybody else are no draft, and the audit's to show.
"""

import asyncio
import time
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from domicile.database import Session, array, sql
from domicile.ids import MemberId, SiteName
from domicile.placement.files import erase_old_file, list_members, list_old_files
from domicile.placement.marks import stored_columns
from domicile.placement.ownership import Ownership
from domicile.placement.routing import Clock
from domicile.placement.sites import Site

PATIENCE = timedelta(minutes=10)
"""So old a file must be before it is missed that no row names it."""
EVERY_S = 1800.0
MEMBERS_AT_ONCE = 500

_FREE = """
SELECT member_id FROM resident WHERE member_id = ANY (%s::bigint[]) AND state = 'home' ORDER BY member_id
FOR UPDATE SKIP LOCKED
"""

Files = set[tuple[MemberId, str]]


class Sweeping:
    """Recurring work at the sites of this process."""

    def __init__(self, sites: Mapping[SiteName, Site], ownership: Ownership, clock: Clock) -> None:
        self.sites = sites
        self.clock = clock
        self._named = _named(ownership)
        self._due: dict[SiteName, float] = {}

    async def tick(self, name: SiteName) -> None:
        """Sweep now and then."""
        if time.monotonic() >= self._due.get(name, 0.0):
            self._due[name] = time.monotonic() + EVERY_S
            await self.sweep(name)

    async def sweep(self, name: SiteName) -> int:
        """Erase the old files of a site that no row names; how many."""
        root, before = self.sites[name].media, self.clock() - PATIENCE
        members = await asyncio.to_thread(list_members, root)
        erased = 0
        for start in range(0, len(members), MEMBERS_AT_ONCE):
            old = await asyncio.to_thread(list_old_files, root, members[start : start + MEMBERS_AT_ONCE], before)
            async with self.sites[name].app.transaction() as session:
                doubtful = await self._unnamed(session, set(old))
            if doubtful:
                erased += await self._erase(self.sites[name], doubtful, before)
        return erased

    async def _erase(self, site: Site, doubtful: Files, before: datetime) -> int:
        """Nobody writes for these members from the second look until the files are gone."""
        async with site.app.transaction() as session:
            rows = await session.fetch(_FREE, (array({member for member, _ in doubtful}),))
            free = {row.member_id for row in rows}
            stray = await self._unnamed(session, {(member, file) for member, file in doubtful if member in free})
            return sum([await asyncio.to_thread(erase_old_file, site.media, *file, before) for file in sorted(stray)])

    async def _unnamed(self, session: Session, files: Files) -> Files:
        members = {member for member, _ in files}
        return files - await self._read_named(session, members) if files and self._named else set()

    async def _read_named(self, session: Session, members: Collection[MemberId]) -> Files:
        rows = await session.fetch(self._named, {"members": array(members)})
        return {(MemberId(row.member), str(row.digest)) for row in rows}


def _named(ownership: Ownership) -> str:
    """The statement that finds every file that a row of %(members)s names; empty if the app stores none."""
    query = sql.SQL(
        "SELECT {0} AS member, {1} AS digest FROM {2} WHERE {0} = ANY (%(members)s::bigint[]) AND {1} <> ''"
    )
    parts = [
        query.format(sql.Identifier(owned.owner), sql.Identifier(column), sql.Identifier(*owned.name.split(".")))
        for owned in ownership.owned
        for column in stored_columns(owned.table)
    ]
    return sql.SQL(" UNION ").join(parts).as_string() if parts else ""
