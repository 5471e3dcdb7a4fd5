"""Members and users by country, and how near every threshold of the packs is. Small counts are suppressed.

What is told depends on nothing about the countries whose counts are suppressed: every sum, also that of a bloc, its
growth and its date, is of the countries shown alone. So no difference of two numbers told here is a suppressed one.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from domicile.border.activity import (
    MONTH_DAYS,
    Activity,
    Registered,
    read_active_countries,
    read_activity,
    read_beginning,
    read_registered,
)
from domicile.border.growth import FITTED_DAYS, Forecast, Growth, fit_growth, forecast, mean_growth
from domicile.ids import Country, SiteName
from domicile.law.compiled import Law
from domicile.law.facts import Operator
from domicile.law.rule import Metric
from domicile.law.thresholds import Bound, countries_of, list_bounds
from domicile.placement.sites import Site

COLUMNS = ("members", "daily_users", "daily_users_average", "monthly_users")
"""Members registered; unique users of yesterday, of a full day on average over thirty, and of these thirty together."""

Counts = Mapping[str, int | None]
"""By column; None: not enough full days were counted."""


@dataclass(frozen=True, slots=True)
class Line:
    """One country's counts; None where `suppressed` names the column, or too few days were counted."""

    country: Country
    counts: Counts
    suppressed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """Where the network stands with one metric in one jurisdiction. `left_out` countries of it are under the floor."""

    current: int | None
    basis: str
    growth: Growth
    suppressed: bool = False
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Nearness:
    """One bound, and when it will be crossed."""

    bound: Bound
    reading: Reading
    crossing: Forecast


@dataclass(frozen=True, slots=True)
class Stats:
    """`totals` are sums over the countries shown. `counting_since`: the first, partial day of the meter."""

    on: date
    floor: int
    counting_since: date | None
    lines: tuple[Line, ...]
    totals: Counts
    nearness: tuple[Nearness, ...]
    missing: frozenset[SiteName]


async def read_stats(sites: Mapping[SiteName, Site], law: Law, operator: Operator, now: datetime, floor: int) -> Stats:
    """Everything `stats` tells, as of now, of the sites that answer."""
    today = now.date()
    registered = await read_registered(sites, now)
    sites = {name: site for name, site in sites.items() if name not in registered.missing}
    countries = registered.countries | await read_active_countries(sites, today)
    raw = {}
    for country in sorted(countries):  # one after the other: a country's thirty sketches of each site are 2 MB
        activity = await read_activity(sites, [country], today, MONTH_DAYS)
        raw[country] = {"members": registered.within([country])[0], **count_activity(activity)}
    lines = tuple(suppress(country, counts, floor) for country, counts in raw.items())
    reader = _Reader(sites, law, operator, registered, lines, today, floor)
    return Stats(
        on=today,
        floor=floor,
        counting_since=await read_beginning(sites),
        lines=lines,
        totals=add_up(lines),
        nearness=tuple([await reader.near(bound) for bound in list_bounds(law, today)]),
        missing=registered.missing,
    )


def count_activity(activity: Activity) -> dict[str, int | None]:
    """The columns that come from the meter."""
    daily = activity.daily(MONTH_DAYS)
    monthly = activity.monthly(1)
    return {
        "daily_users": daily[-1] if daily else None,
        "daily_users_average": round(sum(daily) / len(daily)) if daily else None,
        "monthly_users": monthly[-1] if monthly else None,
    }


def suppress(country: Country, counts: Counts, floor: int) -> Line:
    """A country's counts without those under the floor."""
    hidden = tuple(column for column, count in counts.items() if count is not None and count < floor)
    return Line(country, {column: None if column in hidden else count for column, count in counts.items()}, hidden)


def add_up(lines: Collection[Line]) -> Counts:
    """The sums of what is shown; None where nothing is."""
    shown = {column: [n for line in lines if (n := line.counts[column]) is not None] for column in COLUMNS}
    return {column: sum(numbers) if numbers else None for column, numbers in shown.items()}


@dataclass(frozen=True, slots=True)
class How:
    """By which columns a metric is told (the greatest of them), and what that is in words."""

    columns: tuple[str, ...]
    basis: str


HOW: Mapping[Metric, How] = {
    "registered": How(("members",), "members registered"),
    "daily_users": How(
        ("daily_users", "daily_users_average"), "the greater of yesterday's and the average of the last 30 full days"
    ),
    "monthly_users": How(("monthly_users",), "unique users of the last 30 full days"),
    "persons_since_january": How(("members",), "at most all members registered there"),
    "persons_12_months": How(("members",), "at most all members registered there"),
}


class _Reader:
    """Reads each jurisdiction's metric once."""

    def __init__(
        self,
        sites: Mapping[SiteName, Site],
        law: Law,
        operator: Operator,
        registered: Registered,
        lines: Collection[Line],
        today: date,
        floor: int,
    ) -> None:
        self.sites = sites
        self.law = law
        self.operator = operator
        self.registered = registered
        self.lines = {line.country: line for line in lines}
        self.today = today
        self.floor = floor
        self._known: dict[tuple[Metric, Country], Reading] = {}

    async def near(self, bound: Bound) -> Nearness:
        """How near a bound is."""
        if bound.metric == "turnover":
            reading = self._turnover(bound.currency)
        else:
            key = (bound.metric, bound.jurisdiction)
            if key not in self._known:
                self._known[key] = await self._read(*key)
            reading = self._known[key]
        if reading.current is None:
            return Nearness(bound, reading, Forecast(None, reading.growth.how))
        return Nearness(bound, reading, forecast(reading.current, bound.number, reading.growth, self.today))

    async def _read(self, metric: Metric, place: Country) -> Reading:
        how = HOW[metric]
        present = self.lines.keys() & countries_of(self.law, place)
        shown = {country for country in present if not {*how.columns} & {*self.lines[country].suppressed}}
        left_out = len(present - shown)
        if not shown:
            return Reading(None, how.basis, Growth(None, f"under {self.floor}"), suppressed=True, left_out=left_out)
        if how.columns == ("members",):
            members, joined = self.registered.within(shown)
            return Reading(members, how.basis, self._joining(metric, joined), left_out=left_out)
        activity = await read_activity(self.sites, shown, self.today, FITTED_DAYS + MONTH_DAYS)
        counts = count_activity(activity)
        current = max((n for column in how.columns if (n := counts[column]) is not None), default=None)
        if current is None:
            needed = MONTH_DAYS if metric == "monthly_users" else 1
            why = f"{activity.full_days} of {needed} full days counted; till then the law takes all members for users"
            return Reading(None, how.basis, Growth(None, why), left_out=left_out)
        values = activity.monthly(FITTED_DAYS) if metric == "monthly_users" else activity.daily(FITTED_DAYS)
        return Reading(current, how.basis, fit_growth(values, "the values"), left_out=left_out)

    def _turnover(self, currency: str | None) -> Reading:
        turnover = self.operator.turned_over(currency)
        why = "the operator did not say" if turnover is None else "none: only the operator knows"
        return Reading(turnover, "a year's turnover, as the operator said", Growth(None, why))

    def _joining(self, metric: Metric, joined: int) -> Growth:
        if metric != "registered":
            return Growth(None, "none: this is a bound from above")
        if joined < self.floor:
            return Growth(None, f"under {self.floor} joined within the last {MONTH_DAYS} days")
        return mean_growth(joined, MONTH_DAYS, "members who joined")
