"""When a period ends that began at an instant, as a jurisdiction counts it.

Hours are exact. Everything else is counted in civil days at the pack's `time_zone`: days and weeks by the calendar;
months and years to the same day of the month, or the last one it has; working days without the pack's `weekend` and
`holidays`. A period ends at the time of day at which it began. Laws that count to the end of the last day (such as
Regulation 1182/71, art. 3) end later, never earlier: who acts by this deadline is in time. Only a period that has no
such time (it would end on a 31st of June, or began on a Sunday and counts working days) ends with its last day.

A holiday that the pack does not know makes a deadline earlier, not later.
"""

from datetime import UTC, datetime, timedelta

from domicile.law.binding import months_after
from domicile.law.duties import Period
from domicile.law.workdays import Calendar

NEVER = datetime.max.replace(tzinfo=UTC)
"""The end of a period that reaches beyond the year 9999."""

UTC_CALENDAR = Calendar()
_DAYS = {"days": 1, "weeks": 7}
_MONTHS = {"months": 1, "years": 12}


def due_at(start: datetime, period: Period, calendar: Calendar = UTC_CALENDAR) -> datetime:
    """The instant, in UTC, by which something must be done for which there is `period` from `start`."""
    try:
        if period.unit == "hours":
            return start.astimezone(UTC) + timedelta(hours=period.n)
        return _civil(start, period, calendar)
    except (OverflowError, ValueError):
        return NEVER


def _civil(start: datetime, period: Period, calendar: Calendar) -> datetime:
    """The last day is found by the calendar; the time on it is what had passed of the first day."""
    first = calendar.day_of(start)
    if period.unit in _DAYS:
        last, exact = first + timedelta(days=period.n * _DAYS[period.unit]), True
    elif period.unit in _MONTHS:
        last = months_after(first, period.n * _MONTHS[period.unit])
        exact = last.day == first.day
    else:
        last = calendar.working_day(first, period.n)
        exact = calendar.works(first) or not period.n
    passed = start - calendar.midnight(first)
    ends = calendar.midnight(last + timedelta(days=1))
    return min(calendar.midnight(last) + passed, ends) if exact else ends
