"""When a number will be reached: a straight line, said plainly, or the reason why there is no date."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domicile.border.growth import FEWEST_DAYS, FITTED_DAYS, Growth, fit_growth, forecast, mean_growth

TODAY = date(2026, 11, 24)
counts = st.integers(0, 10**9)
slopes = st.floats(0.01, 10**6)


@given(counts, st.integers(1, 10**9), slopes)
def test_the_date_is_the_first_day_on_which_the_number_is_reached(current: int, more: int, slope: float) -> None:
    found = forecast(current, current + more, Growth(slope, "so"), TODAY)
    if found.day is None:
        assert more / slope > 50 * 365 and "fifty years" in found.why
        return
    days = (found.day - TODAY).days
    assert days >= 1
    assert days * slope >= more * (1 - 1e-9) and (days - 1) * slope < more * (1 + 1e-9)


@given(counts, counts, slopes, slopes)
def test_what_grows_faster_is_never_later(current: int, number: int, one: float, other: float) -> None:
    slow, fast = (forecast(current, number, Growth(slope, "so"), TODAY) for slope in sorted((one, other)))
    assert slow.day is None or (fast.day is not None and fast.day <= slow.day)


@given(counts, counts, st.floats(-1000, 1000) | st.none())
def test_a_number_reached_has_no_date_and_neither_has_one_that_does_not_come_nearer(
    current: int, number: int, slope: float | None
) -> None:
    found = forecast(current, number, Growth(slope, "so"), TODAY)
    if current >= number:
        assert (found.day, found.why) == (None, "reached")
    elif slope is None or slope <= 0:
        assert found.day is None and "so" in found.why
    else:
        assert found.day is None or found.day > TODAY


@given(st.integers(0, 10**6), st.integers(0, 5000), st.integers(FEWEST_DAYS, 200))
def test_a_straight_line_is_found_again_from_its_last_ninety_days(start: int, step: int, days: int) -> None:
    before = [10**9] * days  # what lies further back counts for nothing
    values = [start + step * day for day in range(FITTED_DAYS)]
    assert abs((fit_growth([*before, *values], "values").per_day or 0) - step) < 1e-3


@given(st.integers(0, 10**6), st.integers(0, 5000), st.integers(FEWEST_DAYS, FITTED_DAYS))
def test_a_network_that_shrinks_has_no_date(start: int, step: int, days: int) -> None:
    values = [start + step * day for day in range(days)]
    assert forecast(values[0], values[-1] + 1, fit_growth(values[::-1], "values"), TODAY).day is None


def test_a_fortnight_is_the_least_from_which_a_trend_is_told() -> None:
    values = list(range(FEWEST_DAYS - 1))
    short = fit_growth(values, "daily users")
    assert short.per_day is None and short.how == "13 full days of daily users were counted; a trend needs 14"
    assert fit_growth([*values, 13], "daily users").per_day == 1


def test_members_join_at_an_even_rate() -> None:
    growth = mean_growth(60, 30, "members who joined")
    assert forecast(100, 201, growth, TODAY).day == TODAY + timedelta(days=51)
    assert forecast(100, 201, growth, TODAY).why == "members who joined within the last 30 days, spread evenly"
