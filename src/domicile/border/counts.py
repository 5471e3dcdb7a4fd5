"""How many there are, as the law hears it: by metric and jurisdiction, in bands, an hour old at most.

Counting everybody registered reads every member's row, so whoever has counted leaves the numbers at the sites for the
other processes, and for commands that run for a moment.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from domicile.border.activity import MONTH_DAYS, Activity, Registered, read_activity, read_registered
from domicile.errors import Unavailable
from domicile.ids import Country, SiteName
from domicile.law.compiled import Law
from domicile.law.facts import Count
from domicile.law.thresholds import band, countries_of, list_bounds
from domicile.placement.routing import Clock
from domicile.placement.sites import Site

GOOD_FOR = timedelta(hours=1)
TRY_AGAIN = timedelta(minutes=1)
METRICS = ("daily_users", "monthly_users", "registered")
"""What is counted here; the other metrics of a threshold are counted at the border, or said by the operator."""

Countries = frozenset[Country]
Numbers = Mapping[str, int]
"""By metric. Empty: a site did not answer, and nobody has counted before."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Numbers, and until when they are good."""

    numbers: Numbers
    until: datetime


class Counts:
    """Counts at the sites of this process, for all sites together."""

    def __init__(self, sites: Mapping[SiteName, Site], clock: Clock) -> None:
        self.sites = sites
        self.clock = clock
        self._known: dict[Countries, Counted] = {}
        self._counting = asyncio.Lock()

    async def under(self, *laws: Law) -> frozenset[Count]:
        """What laws may know: where thresholds turn on a number, the band between them and not the number.

        Daily users are yesterday's or, if that is more, the average of the last thirty full days: packs do not say
        which a law means, and more binds more. Until there is enough history, everybody registered counts as a user.
        While a site does not answer, the older counts stand; if there are none, they are left out, which binds too.
        """
        bounds: dict[tuple[str, Country], list[int]] = {}
        places: dict[Country, Countries] = {}
        for law in laws:
            for bound in list_bounds(law, self.clock().date()):
                if bound.metric in METRICS:
                    bounds.setdefault((bound.metric, bound.jurisdiction), []).append(bound.number)
                    places[bound.jurisdiction] = countries_of(law, bound.jurisdiction)
        await self._refresh(set(places.values()))
        numbers = {place: self._known[countries].numbers for place, countries in places.items()}
        return frozenset(
            Count(metric, place, band(numbers[place][metric], found))
            for (metric, place), found in bounds.items()
            if metric in numbers[place]
        )

    async def _refresh(self, wanted: set[Countries]) -> None:
        """Make the numbers of each of these known; while somebody counts again, the older ones stand."""
        if wanted <= self._known.keys() and (self._counting.locked() or not self._old(wanted)):
            return
        async with self._counting:
            old = self._old(wanted)
            if old:
                self._known |= await self._find(old)
            if old := self._old(wanted):
                self._known |= await self._look(old)

    def _old(self, wanted: set[Countries]) -> list[Countries]:
        now = self.clock()
        known = self._known
        return [countries for countries in wanted if countries not in known or known[countries].until <= now]

    async def _find(self, wanted: list[Countries]) -> dict[Countries, Counted]:
        """What another process has counted within the hour."""
        keys = {_key(countries): countries for countries in wanted}
        now = self.clock()
        for site in self.sites.values():
            try:
                rows = await site.app.run("SELECT * FROM setting WHERE key = ANY (%s)", (list(keys),))
            except Unavailable:
                continue
            return {
                keys[row.key]: Counted(msgspec.json.decode(row.value, type=dict[str, int]), row.changed_at + GOOD_FOR)
                for row in rows
                if row.changed_at <= now < row.changed_at + GOOD_FOR
            }
        return {}

    async def _look(self, wanted: list[Countries]) -> dict[Countries, Counted]:
        """Count, and leave the numbers for others."""
        now = self.clock()
        registered = await read_registered(self.sites, now)
        if registered.missing:
            older = {countries: self._known[countries].numbers for countries in wanted if countries in self._known}
            return {countries: Counted(older.get(countries, {}), now + TRY_AGAIN) for countries in wanted}
        found = {}
        for countries in wanted:
            activity = await read_activity(self.sites, countries, now.date(), MONTH_DAYS)
            found[countries] = Counted(_numbers(registered, activity, countries), now + GOOD_FOR)
        await self._leave(found, now)
        return found

    async def _leave(self, found: Mapping[Countries, Counted], now: datetime) -> None:
        rows = [(_key(places), msgspec.json.encode(counted.numbers).decode(), now) for places, counted in found.items()]
        for site in self.sites.values():
            with contextlib.suppress(Unavailable):
                async with site.app.transaction() as session:
                    await session.execute_many(
                        "INSERT INTO setting VALUES (%s, %s, %s) ON CONFLICT (key)"
                        " DO UPDATE SET value = EXCLUDED.value, changed_at = EXCLUDED.changed_at",
                        sorted(rows),
                    )


def _numbers(registered: Registered, activity: Activity, countries: Countries) -> Numbers:
    members, _ = registered.within(countries)
    daily, monthly = activity.daily(MONTH_DAYS), activity.monthly(1)
    return {
        "daily_users": max(daily[-1], round(sum(daily) / len(daily))) if daily else members,
        "monthly_users": monthly[-1] if monthly else members,
        "registered": members,
    }


def _key(countries: Countries) -> str:
    return "counts " + hashlib.sha256(" ".join(sorted(countries)).encode()).hexdigest()[:32]
