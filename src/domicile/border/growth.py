"""When a number will be reached at today's growth. Pure, and plain about what "today's growth" is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil
from statistics import linear_regression

FITTED_DAYS = 90
FEWEST_DAYS = 14
"""Two weeks: over less, a weekend looks like growth."""
FURTHEST = timedelta(days=50 * 365)


@dataclass(frozen=True, slots=True)
class Growth:
    """So many more a day, and how that was found; None and `how` says why there is none."""

    per_day: float | None
    how: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """The first day on which a number will be reached; None, and `why` says the reason."""

    day: date | None
    why: str


def fit_growth(values: Sequence[int], of: str) -> Growth:
    """The slope of the least-squares line through the values of consecutive days, at most the last ninety."""
    fitted = values[-FITTED_DAYS:]
    if len(fitted) < FEWEST_DAYS:
        return Growth(None, f"{len(fitted)} full days of {of} were counted; a trend needs {FEWEST_DAYS}")
    slope = linear_regression(range(len(fitted)), fitted).slope
    return Growth(slope, f"least squares over {of} of the last {len(fitted)} days")


def mean_growth(more: int, days: int, of: str) -> Growth:
    """So many more within so many days, spread evenly."""
    return Growth(more / days, f"{of} within the last {days} days, spread evenly")


def forecast(current: int, number: int, growth: Growth, today: date) -> Forecast:
    """When `current`, growing on a straight line, is at least `number`."""
    if current >= number:
        return Forecast(None, "reached")
    if growth.per_day is None:
        return Forecast(None, growth.how)
    if growth.per_day <= 0:
        return Forecast(None, f"not growing ({growth.how})")
    if (number - current) / growth.per_day > FURTHEST.days:
        return Forecast(None, f"not within fifty years ({growth.how})")
    return Forecast(today + timedelta(days=ceil((number - current) / growth.per_day)), growth.how)
