"""Ids sort by time, carry no country, and nothing that a client sends as one can hurt."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile.ids import (
    MemberId,
    PostId,
    Snowflake,
    country_of_site,
    moment_of,
    next_snowflake,
    parse_bound,
    parse_member_id,
    parse_number,
    parse_post_id,
    parse_site_name,
)

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2232, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
halves = st.integers(1, (1 << 63) - 1)


@given(moments, st.integers(0, (1 << 62)))
def test_the_next_id_is_greater_than_the_last_whatever_the_clock_does(now: datetime, last: int) -> None:
    assert next_snowflake(now, last) > last


@given(moments, moments)
def test_ids_sort_by_time(one: datetime, other: datetime) -> None:
    if other - one >= timedelta(milliseconds=1):
        assert next_snowflake(one) < next_snowflake(other)


@given(moments)
def test_an_id_carries_its_moment_to_the_millisecond(moment: datetime) -> None:
    assert abs(moment_of(next_snowflake(moment)) - moment) < timedelta(milliseconds=1)


@given(halves, halves)
def test_a_posts_id_is_read_back_from_its_public_form(snowflake: int, author: int) -> None:
    post = PostId(Snowflake(snowflake), MemberId(author))
    assert parse_post_id(str(post)) == post
    assert parse_bound(str(post)) == post or snowflake == 0


@given(st.tuples(halves, halves), st.tuples(halves, halves))
def test_public_ids_sort_as_the_posts_do(one: tuple[int, int], other: tuple[int, int]) -> None:
    first, second = (PostId(Snowflake(pair[0]), MemberId(pair[1])) for pair in (one, other))
    assert (int(str(first)) < int(str(second))) == (first < second)


def test_public_ids_have_37_digits_for_two_centuries() -> None:
    for year in (2026, 2100, 2231):
        assert len(str(PostId(next_snowflake(NOW.replace(year=year)), MemberId(1)))) == 37


@given(st.text(max_size=60) | st.integers().map(str))
def test_whatever_a_client_sends_is_an_id_or_nothing(text: str) -> None:
    for parse in (parse_number, parse_member_id, parse_post_id, parse_bound):
        found = parse(text)  # type: ignore[operator]
        assert found is None or text.isdigit()


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", "١٢٣", "1" * 40, " 1", "0x10", "1_000", "²"])
def test_what_is_no_plain_number_is_refused(text: str) -> None:
    assert parse_number(text) is None


@pytest.mark.parametrize("text", ["0", str(1 << 63), str(1 << 64)])
def test_what_no_member_can_have_is_refused(text: str) -> None:
    assert parse_member_id(text) is None
    assert parse_post_id(text) is None


def test_a_bare_moment_bounds_a_page_and_what_is_too_large_bounds_nothing() -> None:
    moment = next_snowflake(NOW)
    assert parse_bound(str(moment)) == PostId(moment, MemberId(0))
    largest = parse_bound("9" * 39)
    assert largest is not None
    assert largest.snowflake == (1 << 63) - 1


@pytest.mark.parametrize("name", ["ru-1", "de-12", "us-999"])
def test_a_sites_name_says_its_country(name: str) -> None:
    site = parse_site_name(name)
    assert site is not None
    assert country_of_site(site) == name[:2].upper()


@pytest.mark.parametrize("name", ["", "ru", "ru-0", "RU-1", "rus-1", "ru-1000", "ru-1\n", "ru_1", "../ru-1"])
def test_other_names_are_no_sites(name: str) -> None:
    assert parse_site_name(name) is None
