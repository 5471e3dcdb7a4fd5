"""Do the sites and the hub say the same about who lives where, under which epoch?

Both sides are read in ranges of member ids, each row once. Sites and hub cannot be read at one instant, so whoever
seems wrong is looked at again before it counts.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from domicile.audit.report import Kind, Violation
from domicile.database import Database
from domicile.ids import SiteName, moment_of
from domicile.placement.sites import Site

RANGE = 20_000
LARGEST = (1 << 63) - 1
PATIENCE = timedelta(hours=1)
LOOKS = 3

Homes = Mapping[int, Any]
Residents = Mapping[SiteName, Mapping[int, Any]]


@dataclass(frozen=True, slots=True)
class Doubt:
    """One member about whom a site and the hub do not say the same."""

    kind: Kind
    site: SiteName
    member: int
    text: str


async def compare(sites: Mapping[SiteName, Site], hub: Database, on: datetime) -> tuple[list[Violation], int]:
    """What sites and hub disagree about, and how many members are in transit at this moment."""
    doubts: list[Doubt] = []
    in_transit, low = 0, -LARGEST
    while low < LARGEST:
        homes = await hub.run(
            "SELECT member_id, site, epoch FROM home WHERE member_id > %s ORDER BY member_id LIMIT %s", (low, RANGE)
        )
        high = homes[-1].member_id if len(homes) == RANGE else LARGEST
        residents = await _residents(sites, "member_id > %s AND member_id <= %s", (low, high))
        doubts += _doubts({row.member_id: row for row in homes}, residents, on)
        in_transit += sum(_moving(row.state) for rows in residents.values() for row in rows.values())
        low = high
    return _violations(await _look_again(sites, hub, on, doubts)), in_transit


async def _look_again(sites: Mapping[SiteName, Site], hub: Database, on: datetime, doubts: list[Doubt]) -> list[Doubt]:
    """Only what stays wrong is wrong: somebody may have signed up or moved between the two reads."""
    for look in range(LOOKS):
        if not doubts:
            break
        await asyncio.sleep(0.1 * look)
        members = sorted({doubt.member for doubt in doubts})
        homes = await hub.run("SELECT member_id, site, epoch FROM home WHERE member_id = ANY (%s)", (members,))
        residents = await _residents(sites, "member_id = ANY (%s)", (members,))
        doubts = list(_doubts({row.member_id: row for row in homes}, residents, on))
    return doubts


async def _residents(sites: Mapping[SiteName, Site], where: str, params: tuple[Any, ...]) -> Residents:
    query = f"SELECT member_id, state, epoch FROM public.resident WHERE {where}"
    found = await asyncio.gather(*(site.auditor.run(query, params) for site in sites.values()))
    return {name: {row.member_id: row for row in rows} for name, rows in zip(sites, found, strict=True)}


def _doubts(homes: Homes, residents: Residents, on: datetime) -> Iterator[Doubt]:
    for site, rows in residents.items():
        for member, row in rows.items():
            yield from _doubt_of_resident(site, member, row, homes.get(member), on)
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


def _said(home: Any, site: SiteName) -> str:
    if home is None:
        return "knows no such member"
    return "has another epoch" if home.site == site else "has them at another site"


def _moving(state: str) -> bool:
    return state in ("pending", "leaving", "arriving")


def _violations(doubts: Iterable[Doubt]) -> list[Violation]:
    grouped: dict[tuple[Kind, SiteName, str], list[int]] = {}
    for doubt in doubts:
        grouped.setdefault((doubt.kind, doubt.site, doubt.text), []).append(doubt.member)
    return [
        Violation(kind, site, "resident", len(members), tuple(sorted(members)[:10]), f"{len(members)} members: {text}")
        for (kind, site, text), members in grouped.items()
    ]
