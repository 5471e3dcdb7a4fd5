"""Members registered and unique users, read from the sites and put together over sites, countries and days.

A member counts in every country whose law claims them by where they are: by residence, presence or place of
collection, not by citizenship. Days are days in UTC. Only members are counted, not visitors without an account.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from domicile.border.sketch import Sketch, union
from domicile.database import Row
from domicile.errors import Unavailable
from domicile.ids import SEQUENCE_BITS, Country, SiteName, milliseconds
from domicile.placement.sites import Site

MONTH_DAYS = 30
DAY = timedelta(days=1)

LOCATED = """ARRAY(SELECT DISTINCT c.jurisdiction FROM claim c
 WHERE c.member_id = {member} AND c.basis <> 'citizenship')"""
"""The countries in which a member counts, beside another answer about that member."""

_REGISTERED = f"""
SELECT countries, count(*) AS members, count(*) FILTER (WHERE member_id >= %(since)s) AS joined
FROM (SELECT r.member_id, {LOCATED.format(member="r.member_id")} AS countries
      FROM resident r WHERE r.state IN ('home', 'leaving')) located GROUP BY countries
"""
_SKETCHES = """
SELECT day, sketch FROM activity WHERE country = ANY (%(countries)s) AND day BETWEEN %(first)s AND %(last)s
"""
_BEGAN = "SELECT min(day) AS day FROM activity"
_ACTIVE = "SELECT DISTINCT country FROM activity WHERE day BETWEEN %(first)s AND %(last)s"


@dataclass(frozen=True, slots=True)
class Group:
    """Members who count in exactly these countries, and how many of them joined within the last 30 days."""

    countries: frozenset[Country]
    members: int
    joined: int


@dataclass(frozen=True, slots=True)
class Registered:
    """Everybody at home at the sites that answered. `missing` sites did not."""

    groups: tuple[Group, ...]
    missing: frozenset[SiteName]

    @property
    def countries(self) -> frozenset[Country]:
        return frozenset(country for group in self.groups for country in group.countries)

    def within(self, countries: Collection[Country]) -> tuple[int, int]:
        """How many count in any of these countries, each once, and how many of them joined in the last 30 days."""
        chosen = [group for group in self.groups if not group.countries.isdisjoint(countries)]
        return sum(group.members for group in chosen), sum(group.joined for group in chosen)


@dataclass(frozen=True, slots=True)
class Activity:
    """Unique users, by day, from `first` (the first full day that was counted) to `last` (yesterday)."""

    days: Mapping[date, Sketch]
    first: date
    last: date

    @property
    def full_days(self) -> int:
        return max(0, (self.last - self.first).days + 1)

    def daily(self, days: int) -> list[int]:
        """Unique users of each of the last full days, oldest first; fewer if fewer were counted."""
        return [self.days[day].count() if day in self.days else 0 for day in self._last(days)]

    def monthly(self, days: int) -> list[int]:
        """Unique users of the thirty days that end on each of the last days, where all thirty were counted."""
        ends = self._last(min(days, self.full_days - MONTH_DAYS + 1))
        months = ([end - DAY * back for back in range(MONTH_DAYS)] for end in ends)
        return [union(self.days[day] for day in month if day in self.days).count() for month in months]

    def _last(self, days: int) -> list[date]:
        return [self.last - DAY * back for back in reversed(range(max(0, min(days, self.full_days))))]


async def read_registered(sites: Mapping[SiteName, Site], now: datetime) -> Registered:
    """Who is registered. A member's id tells when they joined; leavers are not counted, nor when they had joined."""
    since = milliseconds(now - DAY * MONTH_DAYS) << SEQUENCE_BITS
    answers = await asyncio.gather(*(_ask(site, _REGISTERED, {"since": since}) for site in sites.values()))
    groups = tuple(
        Group(frozenset(map(Country, row.countries)), row.members, row.joined) for rows in answers for row in rows or ()
    )
    return Registered(groups, frozenset(site for site, rows in zip(sites, answers, strict=True) if rows is None))


async def read_activity(
    sites: Mapping[SiteName, Site], countries: Collection[Country], today: date, days: int
) -> Activity:
    """Unique users of these countries at all sites that answer, over the last so many full days."""
    first, last = today - DAY * days, today - DAY
    began = await read_beginning(sites)
    rows = await _ask_all(sites, _SKETCHES, {"countries": sorted(countries), "first": first, "last": last})
    return Activity(await asyncio.to_thread(_unite, rows), max(first, began + DAY) if began else today, last)


async def read_beginning(sites: Mapping[SiteName, Site]) -> date | None:
    """The day on which counting began, which was not a full one; at most 400 days ago. None: not yet."""
    return min((row.day for row in await _ask_all(sites, _BEGAN, {}) if row.day), default=None)


async def read_active_countries(sites: Mapping[SiteName, Site], today: date) -> frozenset[Country]:
    """The countries with anybody active within the last thirty full days."""
    rows = await _ask_all(sites, _ACTIVE, {"first": today - DAY * MONTH_DAYS, "last": today - DAY})
    return frozenset(Country(row.country) for row in rows)


async def _ask_all(sites: Mapping[SiteName, Site], query: str, params: Mapping[str, object]) -> list[Row]:
    """The rows of all sites that answer."""
    answers = await asyncio.gather(*(_ask(site, query, params) for site in sites.values()))
    return [row for rows in answers for row in rows or ()]


def _unite(rows: Iterable[Row]) -> dict[date, Sketch]:
    by_day: dict[date, list[Sketch]] = {}
    for row in rows:
        by_day.setdefault(row.day, []).append(Sketch(bytes(row.sketch)))
    return {day: union(sketches) for day, sketches in by_day.items()}


async def _ask(site: Site, query: str, params: Mapping[str, object]) -> Sequence[Row] | None:
    """One site's answer; None if it does not answer."""
    try:
        return await site.reader.run(query, params)
    except Unavailable:
        return None
