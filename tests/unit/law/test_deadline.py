"""When a period ends: hours exactly, days in the jurisdiction's own, never later than the law means."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile.law.deadline import NEVER, due_at
from domicile.law.duties import Period
from domicile.law.workdays import Calendar

UNITS = ("hours", "days", "working_days", "weeks", "months", "years")
ZONES = ("UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kolkata", "Pacific/Kiritimati", "America/New_York")
MOMENTS = st.timedeltas(timedelta(), timedelta(days=25_000)).map(lambda since: datetime(1990, 1, 1, tzinfo=UTC) + since)
PERIODS = st.builds(Period, st.integers(0, 60), st.sampled_from(UNITS))
CALENDARS = st.builds(
    Calendar,
    st.sampled_from(ZONES),
    st.frozensets(st.integers(0, 6), max_size=3),
    st.frozensets(st.sampled_from(("01-01", "01-02", "02-29", "05-01", "12-31")), max_size=3),
)
BRAZIL = Calendar("America/Sao_Paulo", holidays=frozenset({"12-25"}))
ARABIA = Calendar("Asia/Riyadh", weekend=frozenset({4, 5}))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("start", "period", "calendar", "end"),
    [
        ("2026-11-24T08:00Z", Period(72, "hours"), Calendar(), "2026-11-27T08:00Z"),
        ("2026-11-24T08:00Z", Period(30, "days"), Calendar(), "2026-12-24T08:00Z"),
        ("2026-11-24T08:00Z", Period(6, "weeks"), Calendar(), "2027-01-05T08:00Z"),
        # Regulation 1182/71, art. 3(2)(c): a month from the 31st of January ends with the last day of February.
        ("2027-01-31T08:00Z", Period(1, "months"), Calendar(), "2027-03-01T00:00Z"),
        ("2024-02-29T08:00Z", Period(1, "years"), Calendar(), "2025-03-01T00:00Z"),
        ("2024-02-29T08:00Z", Period(4, "years"), Calendar(), "2028-02-29T08:00Z"),
        # Friday afternoon in Brazil, three working days: Wednesday afternoon.
        ("2026-11-27T18:00Z", Period(3, "working_days"), BRAZIL, "2026-12-02T18:00Z"),
        # 01:00 UTC on Wednesday is Tuesday evening there: Friday evening, and not Monday.
        ("2026-11-25T01:00Z", Period(3, "working_days"), BRAZIL, "2026-11-28T01:00Z"),
        # Begun on a Saturday: the whole of Monday is left, which ends at 03:00 UTC.
        ("2026-11-28T12:00Z", Period(1, "working_days"), BRAZIL, "2026-12-01T03:00Z"),
        # Over Christmas, a Friday in 2026, and the weekend.
        ("2026-12-24T12:00Z", Period(1, "working_days"), BRAZIL, "2026-12-28T12:00Z"),
        # Where Friday and Saturday are the weekend, Sunday is a working day.
        ("2026-11-26T09:00Z", Period(1, "working_days"), ARABIA, "2026-11-29T09:00Z"),
        # The day on which summer time ends has an hour more, at its end: the deadline has not.
        ("2026-10-24T10:00Z", Period(1, "days"), Calendar("Europe/Berlin"), "2026-10-25T10:00Z"),
        ("2026-11-24T08:00Z", Period(0, "working_days"), ARABIA, "2026-11-24T08:00Z"),
        ("2026-11-24T11:00+03:00", Period(24, "hours"), Calendar("Europe/Moscow"), "2026-11-25T08:00Z"),
    ],
)
def test_a_deadline_is_where_a_lawyer_would_put_it(start: str, period: Period, calendar: Calendar, end: str) -> None:
    assert due_at(at(start), period, calendar) == at(end)


@given(MOMENTS, PERIODS, CALENDARS)
def test_nothing_is_due_before_it_began(start: datetime, period: Period, calendar: Calendar) -> None:
    assert due_at(start, period, calendar) >= start


@given(MOMENTS, st.timedeltas(timedelta(), timedelta(days=40)), PERIODS, CALENDARS)
def test_what_began_later_is_not_due_earlier(
    start: datetime, later: timedelta, period: Period, calendar: Calendar
) -> None:
    assert due_at(start + later, period, calendar) >= due_at(start, period, calendar)


@given(MOMENTS, st.sampled_from(UNITS), st.integers(0, 60), CALENDARS)
def test_a_longer_period_does_not_end_earlier(start: datetime, unit: str, n: int, calendar: Calendar) -> None:
    shorter, longer = Period(n, unit), Period(n + 1, unit)  # type: ignore[arg-type]
    assert due_at(start, longer, calendar) >= due_at(start, shorter, calendar)


@given(MOMENTS, st.integers(0, 60), CALENDARS)
def test_working_days_are_never_shorter_than_days(start: datetime, n: int, calendar: Calendar) -> None:
    assert due_at(start, Period(n, "working_days"), calendar) >= due_at(start, Period(n, "days"), calendar)


@given(MOMENTS, st.integers(1, 60), CALENDARS)
def test_working_days_end_on_a_working_day(start: datetime, n: int, calendar: Calendar) -> None:
    end = due_at(start, Period(n, "working_days"), calendar)
    before = end - timedelta(microseconds=1)  # a day's end is the next day's beginning
    assert calendar.works(calendar.day_of(end)) or calendar.works(calendar.day_of(before))


def test_a_period_beyond_all_calendars_never_ends() -> None:
    assert due_at(at("2026-11-24T08:00Z"), Period(10_000, "years")) == NEVER
