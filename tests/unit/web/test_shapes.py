"""The placeholder says nothing of whoever it stands for, and is the same for every reason (rule 13)."""

from datetime import UTC, datetime

import msgspec

from domicile.ids import MemberId, SiteName, Snowflake
from domicile.network.items import Body, PostItem, Profile
from domicile.web.client_api.shapes import StatusShape, stamp
from domicile.web.client_api.shaping import NOT_HERE, Shaper

AUTHOR, POST = MemberId(117_657_141_308_866_808), Snowflake(117_657_141_374_580_051)
MOMENT = datetime(2026, 2, 3, 4, 5, 6, 789_999, UTC)
PROFILE = Profile("secret", "Secret", "", [], None, None, False, False, True, MOMENT, 1, 2, 3, MOMENT, True, None)
BODY = Body("<p>words</p>", "words", "", False, "en", None, None, 0, 0, 0, [], [], [])


def _shaper() -> Shaper:
    return Shaper("https://net.example", SiteName("de-1"), lambda text: "signature")


def _item(**changes: object) -> PostItem:
    item = PostItem(AUTHOR, POST, 0, None, None, False, BODY, PROFILE)
    return msgspec.structs.replace(item, **changes)


def _plain(shape: StatusShape) -> dict[str, object]:
    found: dict[str, object] = msgspec.json.decode(msgspec.json.encode(shape))
    return found


def test_what_may_not_be_shown_is_one_neutral_placeholder() -> None:
    refused = _plain(_shaper().status(_item(body=None, profile=None), {}, {}))
    masked = _plain(_shaper().status(_item(body=None), {}, {}))
    closed = _plain(_shaper().status(_item(body=None, profile=None, closed=True), {}, {}))
    assert refused == masked == closed
    assert refused["content"] == NOT_HERE
    assert "secret" not in msgspec.json.encode(refused).decode().lower()


def test_a_boost_of_what_may_not_be_shown_holds_the_same_placeholder() -> None:
    boosted = (Snowflake(POST - 1), MemberId(5))
    unknown = _plain(_shaper().status(_item(boost_of=boosted), {}, {}))
    inner = PostItem(boosted[1], boosted[0], 0, None, None, False, None, None)
    masked = _plain(_shaper().status(_item(boost_of=boosted), {inner.id: inner}, {}))
    assert unknown == masked
    assert unknown["reblog"]["content"] == NOT_HERE  # type: ignore[index]
    assert unknown["account"]["acct"] == "secret"  # type: ignore[index]


def test_a_country_is_in_a_profile_only_if_its_member_shows_it() -> None:
    hidden = msgspec.json.encode(_shaper().account(AUTHOR, PROFILE))
    shown = msgspec.json.encode(_shaper().account(AUTHOR, msgspec.structs.replace(PROFILE, country="RU")))
    assert b"country" not in hidden and b'"country":"RU"' in shown


def test_moments_are_written_as_clients_read_them() -> None:
    assert stamp(MOMENT) == "2026-02-03T04:05:06.789Z"
