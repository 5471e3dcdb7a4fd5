"""Do the sites and the hub say the same about who lives where, under which epoch?

Both sides count and digest the members at home in buckets, where they are; only members of a bucket that differs, and
those who are not simply at home, are compared one by one. Sites and hub cannot be read at one instant, so whoever
seems wrong is looked at again before it counts. Who is on the move is in transit only if an open entry of the
relocation journal names them, with the site from which or to which they move.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from domicile.audit.report import Kind, Violation
from domicile.database import Database
from domicile.ids import SiteName, moment_of
from domicile.placement.sites import Site

BUCKETS = 1024
AT_ONCE = 64  # buckets compared one by one at a time
BATCH = 20_000
PATIENCE = timedelta(hours=1)
LOOKS = 3

_BUCKET = f"hashint8(member_id) & {BUCKETS - 1}"
_DIGEST = f"{_BUCKET} AS bucket, count(*) AS members, sum(hashint8extended(member_id, epoch)) AS digest"
_RESIDENT = "SELECT member_id, state, epoch, tracked FROM public.resident WHERE"
_HOME = "SELECT member_id, site, epoch FROM home WHERE"
_ON_THE_WAY = (
    "SELECT member_id, source, target FROM relocation_member JOIN relocation USING (batch_id) WHERE moving AND"
)

Homes = Mapping[int, Any]
Ways = Mapping[int, Any]
Residents = Mapping[SiteName, Mapping[int, Any]]


@dataclass(frozen=True, slots=True)
class Doubt:
    """One member about whom a site and the hub do not say the same."""

    kind: Kind
    site: SiteName
    member: int
    text: str


@dataclass(frozen=True)
class Agreement:
    """The comparison of these sites with the hub, as of a moment."""

    sites: Mapping[SiteName, Site]
    hub: Database
    on: datetime

    async def compare(self) -> tuple[list[Violation], int]:
        """What sites and hub disagree about, and how many members are in transit at this moment."""
        doubtful: set[int] = set()
        in_transit: set[int] = set()
        differing = await self._differing_buckets()
        for start in range(0, len(differing), AT_ONCE):
            doubtful |= await self._doubtful(f"{_BUCKET} = ANY (%s)", differing[start : start + AT_ONCE])
        async for members, moving in self._not_at_home():
            doubtful |= await self._doubtful("member_id = ANY (%s)", members)
            in_transit |= moving
        wrong = await self._look_again(sorted(doubtful))
        return _violations(wrong), len(in_transit - {doubt.member for doubt in wrong})

    async def on_the_way(self, members: Iterable[int]) -> Ways:
        """Those of these members whom an open entry of the relocation journal names: from where to where they move."""
        rows = await self.hub.run(f"{_ON_THE_WAY} member_id = ANY (%s)", (sorted(members),))
        return {row.member_id: row for row in rows}

    async def _differing_buckets(self) -> list[int]:
        digests = await asyncio.gather(
            self.hub.run(f"SELECT site, {_DIGEST} FROM home GROUP BY 1, 2"),
            *(
                site.auditor.run(
                    f"SELECT {_DIGEST} FROM public.resident WHERE state IN ('home', 'leaving') GROUP BY bucket"
                )
                for site in self.sites.values()
            ),
        )
        at_hub = {(row.site, *row[1:]) for row in digests[0] if row.site in self.sites}
        at_sites = {(name, *row) for name, rows in zip(self.sites, digests[1:], strict=True) for row in rows}
        return sorted({entry[1] for entry in at_hub ^ at_sites})

    async def _not_at_home(self) -> AsyncIterator[tuple[list[int], set[int]]]:
        """Everybody who is pending, on the move or gone, by batches, and who of them may be in transit."""
        for site in self.sites.values():
            last = 0
            while True:
                rows = await site.auditor.run(
                    f"{_RESIDENT} (state <> 'home' OR tracked) AND member_id > %s ORDER BY member_id LIMIT %s",
                    (last, BATCH),
                )
                moving = {row.member_id for row in rows if row.state in ("pending", "leaving", "arriving")}
                yield [row.member_id for row in rows], moving
                if len(rows) < BATCH:
                    break
                last = rows[-1].member_id

    async def _doubtful(self, where: str, values: list[int]) -> set[int]:
        return {doubt.member for doubt in await self._doubts(where, values)} if values else set()

    async def _doubts(self, where: str, values: list[int]) -> list[Doubt]:
        homes, ways, *residents = await asyncio.gather(
            self.hub.run(f"{_HOME} {where}", (values,)),
            self.hub.run(f"{_ON_THE_WAY} {where}", (values,)),
            *(site.auditor.run(f"{_RESIDENT} {where}", (values,)) for site in self.sites.values()),
        )
        by_site = {n: {row.member_id: row for row in rows} for n, rows in zip(self.sites, residents, strict=True)}
        by_member, on_the_way = ({row.member_id: row for row in rows} for rows in (homes, ways))
        return list(_find_doubts(by_member, on_the_way, by_site, self.on))

    async def _look_again(self, members: list[int]) -> list[Doubt]:
        """Only what stays wrong is wrong: somebody may have signed up or moved between two reads."""
        doubts: list[Doubt] = []
        for look in range(LOOKS):
            if members:
                await asyncio.sleep(0.1 * look)
                doubts = await self._doubts("member_id = ANY (%s)", members)
                members = sorted({doubt.member for doubt in doubts})
        return doubts


def _find_doubts(homes: Homes, ways: Ways, residents: Residents, on: datetime) -> Iterator[Doubt]:
    for site, rows in residents.items():
        for member, row in rows.items():
            yield from _doubt_of_resident(site, member, row, homes.get(member), on)
            yield from _doubt_of_way(site, member, row, ways.get(member))
    for member, home in homes.items():
        if home.site in residents and member not in residents[home.site]:
            yield Doubt("directory", home.site, member, "the hub says that they live here, and the site knows nothing")


def _doubt_of_resident(site: SiteName, member: int, row: Any, home: Any, on: datetime) -> Iterator[Doubt]:
    here = home is not None and home.site == site and home.epoch == row.epoch
    if row.state == "home" and not here:
        yield Doubt("directory", site, member, f"at home here, but the hub {_said(home, site)}")
    elif row.state == "moved" and home is not None and (home.site == site or home.epoch <= row.epoch):
        yield Doubt("directory", site, member, "moved away from here, but the hub has them here or has no newer home")
    elif row.state in ("leaving", "arriving") and home is None:
        yield Doubt("directory", site, member, "on the move, and the hub knows no such member")
    elif row.state == "pending" and on - moment_of(member) > PATIENCE:
        yield Doubt("unfinished", site, member, "a sign-up that has stood still for more than an hour")


def _doubt_of_way(site: SiteName, member: int, row: Any, way: Any) -> Iterator[Doubt]:
    """A move that the journal does not know of will never come to its end."""
    if row.state == "arriving" and (way is None or way.target != site):
        yield Doubt("unfinished", site, member, "arriving here, and no open entry of the journal names them")
    elif row.state == "leaving" and (way is None or way.source != site):
        yield Doubt("unfinished", site, member, "leaving, and no open entry of the journal names them")
    elif row.tracked and (way is None or way.source != site):
        yield Doubt(
            "unfinished", site, member, "still noted as being copied, and no open entry of the journal names them"
        )


def _said(home: Any, site: SiteName) -> str:
    if home is None:
        return "knows no such member"
    return "has another epoch" if home.site == site else "has them at another site"


def _violations(doubts: Iterable[Doubt]) -> list[Violation]:
    grouped: dict[tuple[Kind, SiteName, str], list[int]] = {}
    for doubt in doubts:
        grouped.setdefault((doubt.kind, doubt.site, doubt.text), []).append(doubt.member)
    return [
        Violation(kind, site, "resident", len(members), tuple(sorted(members)[:10]), f"{_many(len(members))}: {text}")
        for (kind, site, text), members in grouped.items()
    ]


def _many(members: int) -> str:
    return "1 member" if members == 1 else f"{members} members"
