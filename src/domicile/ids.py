"""Identifiers: numeric, sorted by time, without a country, so that a move never rewrites a key.

A *snowflake* is a 63-bit number: milliseconds since 1970 times 2**16, plus 16 bits that tell apart what happened in the
same millisecond. A member's id is a snowflake. A post's public id carries its author, `snowflake << 64 | author`: any
site can route to it without an index of posts. It has 37 decimal digits until the year 2232, so that clients that
compare by length and then text sort rightly.
"""

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NewType

MemberId = NewType("MemberId", int)
Snowflake = NewType("Snowflake", int)
SiteName = NewType("SiteName", str)
Country = NewType("Country", str)  # ISO 3166-1 alpha-2, upper case

SEQUENCE_BITS = 16
AUTHOR_BITS = 64
_LARGEST = (1 << 63) - 1
_SITE_NAME = re.compile(r"[a-z]{2}-[1-9][0-9]{0,2}")


@dataclass(frozen=True, slots=True, order=True)
class PostId:
    """A post: the time-sorted half first, so that comparing two of them compares their times."""

    snowflake: Snowflake
    author: MemberId

    def __str__(self) -> str:
        return str(self.snowflake << AUTHOR_BITS | self.author)


def next_snowflake(now: datetime, last: int = 0) -> Snowflake:
    """A snowflake for this instant, always greater than `last` even when the clock stands still or steps back."""
    fresh = milliseconds(now) << SEQUENCE_BITS | secrets.randbits(SEQUENCE_BITS)
    return Snowflake(max(fresh, last + 1))


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def moment_of(snowflake: int) -> datetime:
    """The instant that a snowflake carries, in UTC with millisecond precision."""
    ms = snowflake >> SEQUENCE_BITS
    return datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)


def parse_number(text: str) -> int | None:
    """A non-negative decimal of at most 39 digits (128 bits), or None: never an exception for what a client sent."""
    if not text.isascii() or not text.isdigit() or len(text) > 39:
        return None
    return int(text)


def parse_member_id(text: str) -> MemberId | None:
    number = parse_number(text)
    return MemberId(number) if number is not None and 0 < number <= _LARGEST else None


def parse_post_id(text: str) -> PostId | None:
    """A post's public id. A number without an author half is no post: see `parse_bound` for paging."""
    number = parse_number(text)
    if number is None:
        return None
    post = PostId(Snowflake(number >> AUTHOR_BITS), MemberId(number & (1 << AUTHOR_BITS) - 1))
    return post if 0 < post.snowflake <= _LARGEST and 0 < post.author <= _LARGEST else None


def parse_bound(text: str) -> PostId | None:
    """A paging bound: a post's id, or a bare snowflake (clients turn a date into one), read as a moment in time."""
    number = parse_number(text)
    if number is None:
        return None
    if number <= _LARGEST:
        return PostId(Snowflake(number), MemberId(0))
    snowflake = min(number >> AUTHOR_BITS, _LARGEST)
    return PostId(Snowflake(snowflake), MemberId(min(number & (1 << AUTHOR_BITS) - 1, _LARGEST)))


def parse_site_name(text: str) -> SiteName | None:
    return SiteName(text) if _SITE_NAME.fullmatch(text) else None


def country_of_site(name: SiteName) -> Country:
    """The country in a site's name: `ru-1` stands in RU."""
    return Country(name[:2].upper())
