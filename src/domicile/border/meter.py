"""The meter: who was active is counted at the member's home, and what the law's thresholds may know of it.

A request costs one entry in a set. Once a minute, and when the process ends, the sets become sketches and are merged
into the site's table `activity`; several processes may do so. A process that dies, or a site that stays away until it
ends, loses what was not yet written: at most a minute of it.
"""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from domicile.border.counts import Counts
from domicile.border.sketch import Sketch
from domicile.database import Row, Session
from domicile.errors import Unavailable
from domicile.ids import Country, MemberId, SiteName
from domicile.law.compiled import Law
from domicile.law.facts import Count
from domicile.placement.routing import Clock
from domicile.placement.sites import Site

WRITE_EVERY = timedelta(minutes=1)
KEEP = timedelta(days=400)
Seen = dict[tuple[SiteName, date], dict[Country, set[MemberId]]]


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
        self._counts = Counts(sites, clock)

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

    async def counts(self, *others: Law) -> frozenset[Count]:
        """What our packs, and other packs under test, may know of how many there are; see `Counts.under`."""
        return await self._counts.under(self.law, *others)

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
