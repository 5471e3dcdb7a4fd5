"""The meter: who was active is counted at the member's home, and what the law's thresholds may know of it.

A request costs one entry in a set. Once a minute, and when the process ends, the sets become sketches and are merged
into the site's table `activity`; several processes may do so. A process that dies, or a site that stays away until it
ends, loses what was not yet written: at most a minute of it.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from domicile.border.activity import MONTH_DAYS, read_activity, read_registered
from domicile.border.sketch import Sketch
from domicile.database import Row, Session
from domicile.errors import Unavailable
from domicile.ids import Country, MemberId, SiteName
from domicile.law.compiled import Law
from domicile.law.facts import Count
from domicile.law.thresholds import band, countries_of, list_bounds
from domicile.placement.routing import Clock
from domicile.placement.sites import Site

WRITE_EVERY = timedelta(minutes=1)
KEEP = timedelta(days=400)
GOOD_FOR = timedelta(hours=1)
TRY_AGAIN = timedelta(minutes=1)
METRICS = ("daily_users", "monthly_users", "registered")
"""What the meter counts; the other metrics of a threshold are counted at the border, or by the operator's books."""

Seen = dict[tuple[SiteName, date], dict[Country, set[MemberId]]]


@dataclass(frozen=True, slots=True)
class Measured:
    """Counts by metric, and until when they are good. Empty: a site did not answer, and never has."""

    counts: Mapping[str, int]
    until: datetime


class Meter:
    """Counts at the sites of this process. `key` is that of the sketches, the same at every site."""

    def __init__(self, sites: Mapping[SiteName, Site], law: Law, key: bytes, clock: Clock) -> None:
        self.sites = sites
        self.law = law
        self.clock = clock
        self._key = key
        self._seen: Seen = {}
        self._written = clock()
        self._swept: dict[SiteName, date] = {}
        self._measured: dict[frozenset[Country], Measured] = {}
        self._measuring = asyncio.Lock()

    def count(self, site: SiteName, member: MemberId, countries: Iterable[Country]) -> None:
        """A member was active today; `site` is their home, `countries` those whose law claims them by where they are.

        Ids stay in this process's memory until they are written as a sketch.
        """
        today = self._seen.setdefault((site, self.clock().date()), {})
        for country in countries:
            today.setdefault(country, set()).add(member)

    async def tick(self) -> None:
        """Recurring work: write once a minute, drop once a day what is too old."""
        if abs(self.clock() - self._written) >= WRITE_EVERY:
            await self.write()
            await self._sweep()

    async def write(self) -> None:
        """Merge what was counted into the sites' tables.

        What a site that is down does not take is kept and tried again. Merging twice changes nothing.
        """
        self._written = self.clock()
        seen, self._seen = self._seen, {}
        for (name, day), counted in seen.items():
            try:
                sketches = await asyncio.to_thread(self._sketch, counted)
                async with self.sites[name].app.transaction() as session:
                    await _merge(session, day, sketches)
            except Unavailable:
                kept = self._seen.setdefault((name, day), {})
                for country, members in counted.items():
                    kept.setdefault(country, set()).update(members)

    async def counts(self, law: Law | None = None) -> frozenset[Count]:
        """What the law may know of how many there are, where a threshold turns on it: the band, not the number.

        Daily users are yesterday's or, if that is more, the average of the last thirty full days: packs do not say
        which a law means, and more binds more. Until there is enough history, everybody registered counts as a user.
        While a site does not answer, the older counts stand; if there are none, they are left out, which binds too.
        """
        law = law or self.law
        numbers: dict[tuple[str, Country], list[int]] = {}
        for bound in list_bounds(law, self.clock().date()):
            if bound.metric in METRICS:
                numbers.setdefault((bound.metric, bound.jurisdiction), []).append(bound.number)
        places = sorted({place for _, place in numbers})
        measured = {place: await self._measure(countries_of(law, place)) for place in places}
        return frozenset(
            Count(metric, place, band(measured[place][metric], found))
            for (metric, place), found in numbers.items()
            if metric in measured[place]
        )

    async def _measure(self, countries: frozenset[Country]) -> Mapping[str, int]:
        """The counts of some countries together, an hour old at most; while somebody looks again, the older ones."""
        known = self._measured.get(countries)
        if known is not None and (self.clock() < known.until or self._measuring.locked()):
            return known.counts
        async with self._measuring:
            known = self._measured.get(countries)
            if known is None or self.clock() >= known.until:
                known = self._measured[countries] = await self._look(countries, known.counts if known else {})
        return known.counts

    async def _look(self, countries: Collection[Country], older: Mapping[str, int]) -> Measured:
        now = self.clock()
        registered = await read_registered(self.sites, now)
        if registered.missing:
            return Measured(older, now + TRY_AGAIN)
        activity = await read_activity(self.sites, countries, now.date(), MONTH_DAYS)
        members, _ = registered.within(countries)
        daily = activity.daily(MONTH_DAYS)
        monthly = activity.monthly(1)
        counts = {
            "daily_users": max(daily[-1], round(sum(daily) / len(daily))) if daily else members,
            "monthly_users": monthly[-1] if monthly else members,
            "registered": members,
        }
        return Measured(counts, now + GOOD_FOR)

    def _sketch(self, counted: Mapping[Country, set[MemberId]]) -> dict[Country, Sketch]:
        sketches = {}
        for country, members in counted.items():
            sketches[country] = Sketch()
            sketches[country].add(self._key, members)
        return sketches

    async def _sweep(self) -> None:
        """Once a day, drop what is too old at every site that answers."""
        today = self.clock().date()
        for name, site in self.sites.items():
            if self._swept.get(name) != today:
                try:
                    await site.app.run("DELETE FROM activity WHERE day < %s", (today - KEEP,))
                except Unavailable:
                    continue
                self._swept[name] = today


async def _merge(session: Session, day: date, sketches: Mapping[Country, Sketch]) -> None:
    """Merge under the rows' locks, taken in the order of countries, so that two processes never wait for each other."""
    countries = sorted(sketches)
    await session.execute(
        "INSERT INTO activity SELECT %s, country, '' FROM unnest(%s::text[]) AS country ORDER BY country"
        " ON CONFLICT DO NOTHING",
        (day, countries),
    )
    rows: list[Row] = await session.fetch(
        "SELECT country, sketch FROM activity WHERE day = %s AND country = ANY (%s) ORDER BY country FOR UPDATE",
        (day, countries),
    )
    changed = []
    for row in rows:
        stored = bytes(row.sketch)
        whole = Sketch(stored)
        whole.merge([sketches[row.country]])
        if bytes(whole) != stored:
            changed.append((bytes(whole), day, row.country))
    await session.execute_many("UPDATE activity SET sketch = %s WHERE day = %s AND country = %s", changed)
