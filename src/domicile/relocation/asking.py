"""A restored site asks the hub about everybody it holds, before it serves anybody.

Who has moved on or was erased since the backup goes again, files too. Whom the hub does not know at all stays: then it
is the hub that is lost or older, and `hub rebuild` will ask this site.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

from domicile.database import Row, array
from domicile.errors import DomicileError
from domicile.ids import Country, MemberId, country_of_site
from domicile.placement.directory import Directory, Home
from domicile.placement.files import erase_files
from domicile.placement.ownership import Ownership
from domicile.placement.routing import Clock
from domicile.placement.sites import Site
from domicile.relocation.residue import Keeper, Stayed
from domicile.relocation.rows import KEY_TABLE, erase_rows

PAGE = 5_000

_RESIDENTS = (
    "SELECT r.member_id, r.state, r.epoch,"
    f" EXISTS (SELECT FROM {KEY_TABLE} k WHERE k.member_id = r.member_id) AS has_key"
    " FROM resident r WHERE r.member_id > %s AND r.state NOT IN ('pending', 'moved') ORDER BY r.member_id LIMIT %s"
)
_AT_HOME = "SELECT member_id FROM home WHERE site = %s AND member_id > %s ORDER BY member_id LIMIT %s"
_HERE = "SELECT member_id FROM resident WHERE member_id = ANY (%s::bigint[]) AND state <> 'moved'"


@dataclass(frozen=True, slots=True)
class Asked:
    """`erased`: who lives elsewhere or was erased since; `lost`: who joined since; `unknown`: to the hub."""

    erased: int = 0
    lost: int = 0
    unknown: int = 0


@dataclass(frozen=True)
class Asking:
    """One site, and the hub that it asks."""

    site: Site
    ownership: Ownership
    directory: Directory
    keeper: Keeper
    clock: Clock

    async def carry_erasures(self) -> str:
        """The receipts of everybody who was erased here, if the site still has them: the hub may not know yet."""
        rows: list[Row] = []
        with contextlib.suppress(DomicileError):
            rows = await self.site.importer.run("SELECT * FROM erasure")
        return "".join(
            "INSERT INTO public.erasure (member_id, state, erased_at, rows_erased, files, entry) VALUES"
            f" ({r.member_id}, '{r.state}', '{r.erased_at.isoformat()}', {r.rows_erased}, {r.files},"
            f" {'NULL' if r.entry is None else r.entry}) ON CONFLICT DO NOTHING;\n"
            for r in rows
        )

    async def ask(self) -> Asked:
        """May be repeated: what was done is found done. Who has left since and come back is there as they were."""
        erased = unknown = after = 0
        while rows := await self.site.importer.run(_RESIDENTS, (after, PAGE)):
            after = rows[-1].member_id
            members = [MemberId(row.member_id) for row in rows]
            homes = await self.directory.homes(members)
            known_erased = await self.directory.erased(set(members) - homes.keys()) | await self._erased_here(members)
            gone = {row.member_id for row in rows if self._is_gone(row, homes.get(row.member_id))} | known_erased
            arriving = gone & {row.member_id for row in rows if row.state == "arriving"}
            await self._forget(sorted(arriving), keep=False)
            for to, left in _by_country(gone - arriving, homes, known_erased).items():
                await self._forget(left, to)
            await self._note_erased(known_erased)
            await self._return({m: h.epoch for m, h in homes.items() if m not in gone})
            erased += len(gone)
            unknown += len(set(members) - homes.keys() - gone)
        await self._end_relocations()
        return Asked(erased, await self._count_lost(), unknown)

    def _is_gone(self, row: Row, home: Home | None) -> bool:
        """Whether this site's rows of a member are not the truth. Who was arriving without a key had not arrived."""
        if home is None:
            return bool(row.state == "arriving")
        if home.site != self.site.name:
            return bool(home.epoch >= row.epoch)
        return bool(row.state == "arriving" and not row.has_key)

    async def _erased_here(self, members: list[MemberId]) -> set[MemberId]:
        rows = await self.site.importer.run(
            "SELECT member_id FROM erasure WHERE member_id = ANY (%s::bigint[])", (array(members),)
        )
        return {MemberId(row.member_id) for row in rows}

    async def _return(self, epochs: dict[MemberId, int]) -> None:
        """Who is at home here is so under the epoch that the hub has."""
        await self.site.importer.run(
            "UPDATE resident r SET epoch = a.epoch FROM unnest(%s::bigint[], %s::int[]) AS a (member_id, epoch)"
            " WHERE r.member_id = a.member_id AND r.epoch < a.epoch",
            (array(epochs), array(epochs.values())),
        )

    async def _forget(self, members: list[MemberId], to: Country | None = None, *, keep: bool = True) -> None:
        """`keep`: they moved `to` a country, or were erased, since the backup, and what must stay of them does."""
        if not members:
            return
        async with self.site.importer.transaction() as session:
            stayed = await self.keeper.leave(session, self.site, members, to) if keep else Stayed()
            await erase_rows(session, self.ownership, members)
            await session.execute("DELETE FROM resident WHERE member_id = ANY (%s::bigint[])", (array(members),))
            await self.keeper.note_left(session, stayed, "restored", None)
        await asyncio.to_thread(erase_files, self.site.media, members)

    async def _note_erased(self, members: set[MemberId]) -> None:
        """The receipts of erasures made since the backup, as far as they can be written again."""
        await self.site.importer.run(
            "INSERT INTO erasure (member_id, state, erased_at, rows_erased, entry)"
            " SELECT m, 'released', %s, 0, %s FROM unnest(%s::bigint[]) AS t (m) ON CONFLICT DO NOTHING",
            (self.clock(), (await self.directory.sizes())["feed"], array(members)),
        )

    async def _end_relocations(self) -> None:
        """Nothing is on its way here any more: the journal's batches find a site that has forgotten them."""
        async with self.site.importer.transaction() as session:
            await session.execute(
                "UPDATE resident SET state = 'home', tracked = false"
                " WHERE state IN ('leaving', 'arriving') OR (state = 'home' AND tracked)"
            )
            await session.execute("DELETE FROM changed")
            await session.execute("DELETE FROM relocation")

    async def _count_lost(self) -> int:
        """Members whom the hub knows to live here and of whom the backup holds nothing."""
        lost = after = 0
        while rows := await self.directory.database.run(_AT_HOME, (self.site.name, after, PAGE)):
            after = rows[-1].member_id
            here = await self.site.importer.run(_HERE, (array(row.member_id for row in rows),))
            lost += len(rows) - len(here)
        return lost


def _by_country(
    members: set[MemberId], homes: Mapping[MemberId, Home], erased: set[MemberId]
) -> dict[Country | None, list[MemberId]]:
    """To where each of them has moved; None: nowhere, they were erased."""
    found: dict[Country | None, list[MemberId]] = {}
    for member in sorted(members):
        home = None if member in erased else homes.get(member)
        found.setdefault(country_of_site(home.site) if home else None, []).append(member)
    return found
