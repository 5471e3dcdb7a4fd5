"""Erasing a member: at home first and in one transaction, then at the hub, then wherever others refer to them.

The data key goes first (GDPR art. 17). What lingers of it in dead rows, WAL and backups opens what lingers of sealed
values there, for whoever has the site's key too, until it is overwritten. What a law or a hold says must stay is sealed
in the same transaction, under a key of its own. The hub then forgets home and names; its feed tells every site, also
one that was cut off, and each removes what refers to the member in the transaction in which it hears so
(`Router.forget`). Until a site has heard, the receipt shows it as open.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from domicile.database import Row
from domicile.errors import Conflict, NotFound, NotResident, Unavailable
from domicile.ids import MemberId, SiteName
from domicile.lifecycle import Lifecycle
from domicile.placement.directory import Directory
from domicile.placement.files import erase_files
from domicile.placement.ownership import Ownership
from domicile.placement.residue import Residue, list_residue
from domicile.placement.routing import Clock, Router
from domicile.placement.sites import Site
from domicile.relocation.residue import Keeper
from domicile.relocation.rows import erase_rows

ERASURE = Lifecycle("erasure", {"erased": ("released",), "released": ()})


class Receipt(msgspec.Struct, frozen=True):
    """What was erased at home, and which sites have (`done`) or have not yet (`open`) forgotten the member.

    `residue`: what a law or an order says must stay, sealed, at any site that answers.
    """

    member: MemberId
    home: SiteName
    erased_at: datetime
    rows: int
    files: int
    done: tuple[SiteName, ...]
    open: tuple[SiteName, ...]
    residue: tuple[Residue, ...] = ()


@dataclass(frozen=True)
class Erasure:
    """Erases members of the sites that this process serves."""

    router: Router
    directory: Directory
    ownership: Ownership
    clock: Clock
    keeper: Keeper

    @property
    def sites(self) -> Mapping[SiteName, Site]:
        return self.router.sites

    async def erase(self, member: MemberId) -> Receipt:
        """Erase a member. Raises NotFound, Conflict while they are on the move, NotResident where only the hub knows.

        Repeat it to finish what was cut short, and to see what is open.
        """
        try:
            home = (await self.router.home_of(member, ask_hub=True)).site
        except NotFound:
            return await self.receipt(member)
        await self._erase_at(self.sites[home], member)
        await self._release(self.sites[home], member)
        return await self.receipt(member)

    async def _erase_at(self, site: Site, member: MemberId) -> None:
        async with site.importer.transaction() as session:
            row = await session.one("SELECT state, tracked FROM resident WHERE member_id = %s FOR UPDATE", (member,))
            if row is None:
                if await session.one("SELECT 1 FROM erasure WHERE member_id = %s", (member,)):
                    return  # erased here before, and the hub was not told
                raise NotFound("no such member at the home that the hub names")
            if row.state == "moved":
                raise NotResident("the member has moved on, and the hub did not say where to")
            if row.state != "home" or row.tracked:
                raise Conflict("the member is on the move; erase them when they have arrived")
            stayed = await self.keeper.leave(session, site, [member], None)
            rows = await erase_rows(session, self.ownership, [member])
            await session.execute("DELETE FROM changed WHERE member_id = %s", (member,))
            await session.execute("DELETE FROM resident WHERE member_id = %s", (member,))
            await session.execute(
                "INSERT INTO erasure (member_id, state, erased_at, rows_erased) VALUES (%s, %s, %s, %s)",
                (member, ERASURE.start, self.clock(), rows),
            )
            await self.keeper.note_left(session, stayed, "erased", member)

    async def resume(self, name: SiteName) -> int:
        """Finish erasures that a crash cut short after the rows had gone; how many."""
        rows = await self.sites[name].importer.run("SELECT member_id FROM erasure WHERE state = 'erased'")
        for row in rows:
            await self._release(self.sites[name], MemberId(row.member_id))
        return len(rows)

    async def receipt(self, member: MemberId) -> Receipt:
        """The receipt as it stands now. Raises NotFound for a member whom no site here has erased.

        Raises Unavailable while a site that may have erased them does not answer.
        """
        silent = []
        for name, site in self.sites.items():
            try:
                rows = await site.importer.run("SELECT * FROM erasure WHERE member_id = %s", (member,))
            except Unavailable:
                silent.append(name)
                continue
            if rows:
                return await self._receipt(name, rows[0])
        if silent:
            raise Unavailable(f"whether {' or '.join(silent)} has erased this member is not known while it is silent")
        raise NotFound("no site here has erased this member")

    async def _release(self, site: Site, member: MemberId) -> None:
        files = await asyncio.to_thread(erase_files, site.media, [member])
        entry = await self.directory.release(member)
        self.router.forget_route(member)
        await site.importer.run(
            "UPDATE erasure SET state = 'released', files = files + %s, entry = coalesce(entry, %s)"
            " WHERE member_id = %s AND state = ANY (%s)",
            (files, entry, member, [*ERASURE.before("released"), "released"]),
        )
        for name in self.sites:
            with contextlib.suppress(Unavailable):
                await self.router.apply_feed(name)

    async def _receipt(self, home: SiteName, row: Row) -> Receipt:
        member = MemberId(row.member_id)
        done: list[SiteName] = []
        waiting: list[SiteName] = []
        residue: list[Residue] = []
        for name, site in self.sites.items():
            try:
                heard = await site.app.run("SELECT entry FROM feed_position WHERE feed = 'home'")
                residue += await list_residue(name, site.auditor, self.clock().date(), [member])
            except Unavailable:
                heard = []
            has_heard = row.entry is not None and bool(heard) and heard[0].entry >= row.entry
            (done if has_heard else waiting).append(name)
        counts = (row.rows_erased, row.files)
        return Receipt(member, home, row.erased_at, *counts, tuple(done), tuple(waiting), tuple(residue))
