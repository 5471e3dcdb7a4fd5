"""The border: what the law does not let through never leaves the home site, and a withdrawn paper counts at once."""

import contextlib
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from domicile.border.safeguards import file_safeguard, list_safeguards, withdraw_safeguard
from domicile.errors import NotFound, Unavailable
from domicile.ids import Country, MemberId, SiteName
from domicile.law.facts import Safeguard
from domicile.network.posts import Draft
from domicile.network.questions import Authors
from domicile.network.timelines import Page, make_bounds
from domicile.running import Domicile
from moving import move_by_hand
from network_at import MakeMember, SetClock
from wire import tapped, unreachable

GERMANY = SiteName("de-1")


@contextlib.asynccontextmanager
async def certified(domicile: Domicile) -> AsyncIterator[str]:
    """The American firm is certified under the Data Privacy Framework, and the certificate is on file in Germany."""
    now = domicile.clock()
    paper = Safeguard(
        kind="dpf_certification",
        exporter=Country("DE"),
        importer=Country("US"),
        filed_on=now.date(),
        valid_until=now.date() + timedelta(days=365),
    )
    name = f"dpf-{secrets.token_hex(4)}"
    database = domicile.sites[GERMANY].app
    await file_safeguard(database, name, paper, made_up=True, note="a test's", now=now)
    try:
        yield name
    finally:
        await database.run("DELETE FROM safeguard WHERE safeguard_id = %s", (name,))


async def timeline(domicile: Domicile, reader: MemberId) -> Page:
    return await domicile.timelines.home(reader, make_bounds(20))


def words(page: Page) -> list[str | None]:
    return [item.body.source if item.body else None for item in page.items]


@pytest.fixture
def canary() -> str:
    return f"canary-{secrets.token_hex(8)}"


@pytest.mark.parametrize("country", ["RU", "CN", "US"])
async def test_without_papers_a_german_post_is_a_placeholder_abroad_and_its_words_never_left(
    domicile: Domicile, member: MakeMember, country: str, canary: str
) -> None:
    author = await member("DE", display_name=f"Name {canary}")
    post = await domicile.posts.write(author, Draft(text=f"Words {canary}", spoiler=f"Spoiler {canary}"))
    reader = await member(country)
    with tapped(domicile.exchange) as wire:
        seen = await domicile.posts.show(post.id, reader=reader)
        public = await domicile.timelines.public(make_bounds(40), reader=reader)
    assert (seen.id, seen.body, seen.profile) == (post.id, None, None)
    assert post.id not in [item.id for item in public.items]
    assert [site for site, _, _ in wire.answered if site == GERMANY], "it was asked and did answer"
    assert not wire.carried(canary)


async def test_inside_the_country_nothing_crosses_and_everything_is_shown(
    domicile: Domicile, member: MakeMember, canary: str
) -> None:
    author, reader = await member("DE"), await member("FR")
    post = await domicile.posts.write(author, Draft(text=canary))
    with tapped(domicile.exchange) as wire:
        assert words(Page([await domicile.posts.show(post.id, reader=reader)], True)) == [canary]
    assert wire.asked == []


async def test_a_paper_on_file_opens_the_border_and_taking_it_away_closes_it_at_once(
    domicile: Domicile, member: MakeMember, canary: str
) -> None:
    author, reader = await member("DE"), await member("US")
    await domicile.follows.follow(reader, author)
    await domicile.posts.write(author, Draft(text=canary))
    assert words(await timeline(domicile, reader)) == [None]
    async with certified(domicile) as paper:
        assert words(await timeline(domicile, reader)) == [canary]
        await withdraw_safeguard(domicile.sites[GERMANY].app, paper, domicile.clock())
        with tapped(domicile.exchange) as wire:
            assert words(await timeline(domicile, reader)) == [None]
        assert not wire.carried(canary)
        on_file = await list_safeguards(domicile.sites[GERMANY].app)
        assert paper in [row.safeguard_id for row in on_file], "what was withdrawn stays on record"


async def test_a_paper_that_has_expired_no_longer_counts(
    domicile: Domicile, member: MakeMember, clock: SetClock
) -> None:
    author, reader = await member("DE"), await member("US")
    await domicile.follows.follow(reader, author)
    await domicile.posts.write(author, Draft(text="a year ago"))
    async with certified(domicile):
        assert words(await timeline(domicile, reader)) == ["a year ago"]
        clock.advance(timedelta(days=366))
        assert words(await timeline(domicile, reader)) == [None]


async def test_withdrawing_what_is_not_on_file_says_so(domicile: Domicile) -> None:
    with pytest.raises(NotFound):
        await withdraw_safeguard(domicile.sites[GERMANY].app, "no such paper", domicile.clock())


async def test_a_withdrawn_consent_takes_the_posts_back_from_strangers_at_once(
    domicile: Domicile, member: MakeMember
) -> None:
    author = await member("DE")
    post = await domicile.posts.write(author, Draft(text="open"))
    assert (await domicile.posts.show(post.id, reader=None)).body is not None
    await domicile.members.withdraw_consent(author, "publication")
    with pytest.raises(NotFound):
        await domicile.posts.show(post.id, reader=None)
    await domicile.members.give_consent(author, "publication")
    assert (await domicile.posts.show(post.id, reader=None)).body is not None


async def test_a_letter_is_shown_to_whom_it_names_and_to_nobody_else(
    domicile: Domicile, member: MakeMember, canary: str
) -> None:
    handle = f"friend_{secrets.token_hex(4)}"
    author, friend, stranger = await member("DE"), await member("DE", handle=handle), await member("US")
    letter = await domicile.posts.write(author, Draft(text=f"@{handle} {canary}", visibility="direct"))
    assert words(Page([await domicile.posts.show(letter.id, reader=friend)], True)) == [f"@{handle} {canary}"]
    with tapped(domicile.exchange) as wire:
        with pytest.raises(NotFound):
            await domicile.posts.show(letter.id, reader=stranger)
        await domicile.timelines.public(make_bounds(40), reader=stranger)
    assert not wire.carried(canary)


async def test_a_question_names_no_reader_where_everybody_may_see_the_answer(
    domicile: Domicile, member: MakeMember
) -> None:
    author, reader = await member("US"), await member("DE")
    await domicile.follows.follow(reader, author)
    await domicile.posts.write(author, Draft(text="for everybody"))
    with tapped(domicile.exchange) as wire:
        assert words(await timeline(domicile, reader)) == ["for everybody"]
    named = reader.to_bytes(8, "big")
    assert not [body for _, channel, body in wire.asked if channel == "door" and named in body]


async def test_a_site_that_does_not_answer_is_missing_and_never_empty(domicile: Domicile, member: MakeMember) -> None:
    author, reader = await member("US"), await member("DE")
    await domicile.follows.follow(reader, author)
    post = await domicile.posts.write(author, Draft(text="from far"))
    await domicile.posts.write(reader, Draft(text="from here"))
    with unreachable(domicile.exchange, "us-1"):
        page = await timeline(domicile, reader)
        assert (page.complete, words(page)) == (False, ["from here"])
        with pytest.raises(Unavailable):
            await domicile.posts.show(post.id, reader=reader)
    page = await timeline(domicile, reader)
    assert (page.complete, sorted(map(str, words(page)))) == (True, ["from far", "from here"])


async def test_every_decision_is_counted_with_its_rules_and_without_any_member(
    domicile: Domicile, member: MakeMember
) -> None:
    author, reader = await member("DE"), await member("US")
    post = await domicile.posts.write(author, Draft(text="counted"))
    await domicile.posts.show(post.id, reader=reader)
    await domicile.door.write_tally()
    rows = await domicile.sites[GERMANY].app.run("SELECT * FROM crossing_tally WHERE importer = 'US'")
    assert {row.verdict for row in rows} == {"allowed", "refused"}
    assert all(row.rules and row.items > 0 for row in rows)
    assert str(author) not in str(rows)


async def test_who_moves_takes_their_border_along(domicile: Domicile, member: MakeMember, canary: str) -> None:
    """What an American shows to a German crosses no border once the American's rows stand in Germany."""
    author, reader = await member("US"), await member("DE")
    post = await domicile.posts.write(author, Draft(text=canary))
    await move_by_hand(domicile, author, "de-1")
    with tapped(domicile.exchange) as wire:
        assert (await domicile.posts.show(post.id, reader=reader)).body is not None
    assert not [site for site, channel, body in wire.answered if canary.encode() in body]


async def test_a_strangers_look_at_a_profile_names_nobody(domicile: Domicile, member: MakeMember) -> None:
    author, follower, stranger = await member("US"), await member("DE"), await member("DE")
    await domicile.follows.follow(follower, author)
    closed = await domicile.posts.write(author, Draft(text="for my followers", visibility="private"))

    async def look(reader: MemberId) -> tuple[bool, bool]:
        """Whether the closed post is seen, and whether the reader's id left their site."""
        with tapped(domicile.exchange) as wire:
            page = await domicile.timelines.author(author, Authors(make_bounds(20)), reader=reader)
        packed = reader.to_bytes(8, "big")  # as MessagePack writes a 64-bit number
        return closed.id in [item.id for item in page.items], any(packed in body for _, _, body in wire.asked)

    assert await look(stranger) == (False, False)
    assert await look(follower) == (True, True)
