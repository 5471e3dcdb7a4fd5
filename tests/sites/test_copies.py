"""Copies: what a site may keep of another's members and shows, as it was shown live, while their home is silent."""

import secrets
from datetime import timedelta

import pytest

from copying import AMERICA, CHINA, GERMANY, RUSSIA, gather, kept, registered, rows_with
from domicile.errors import NotFound, Unavailable
from domicile.ids import MemberId, SiteName
from domicile.network.posts import Draft
from domicile.network.profiles import ProfileChange
from domicile.network.questions import Authors
from domicile.network.timelines import make_bounds
from domicile.running import Domicile
from network_at import MakeMember, SetClock
from wire import tapped, unreachable


@pytest.fixture
def canary() -> str:
    return f"canary{secrets.token_hex(8)}"


async def a_pair(domicile: Domicile, member: MakeMember) -> tuple[MemberId, MemberId]:
    """An American author and a German who follows them."""
    author, reader = await member("US"), await member("DE")
    await domicile.follows.follow(reader, author)
    return author, reader


async def test_what_is_read_from_a_copy_is_what_was_read_live(domicile: Domicile, member: MakeMember) -> None:
    author, reader = await a_pair(domicile, member)
    await domicile.profiles.change(author, ProfileChange(display_name="Anna Far", note="#here and there"))
    first = await domicile.posts.write(author, Draft(text="first #tag", spoiler="careful"))
    handle = (await domicile.profiles.own(reader)).profile.handle
    await domicile.posts.write(author, Draft(text=f"@{handle} second", reply_to=first.id))
    await domicile.posts.write(author, Draft(text="listed nowhere", visibility="unlisted"))
    await domicile.reactions.boost(author, first.id)
    bounds = make_bounds(20)

    async def read() -> list[object]:
        timeline = await domicile.timelines.home(reader, bounds)
        older = await domicile.timelines.home(reader, make_bounds(20, before=timeline.items[1].id))
        pages = [
            await domicile.timelines.author(author, asked, reader=reader)
            for asked in (
                Authors(bounds),
                Authors(bounds, tag="tag"),
                Authors(bounds, exclude_boosts=True, exclude_replies=True),
                Authors(bounds, only_media=True),
            )
        ]
        shown = [await domicile.posts.show(item.id, reader=reader) for item in timeline.items]
        profile = await domicile.profiles.show(author, at=GERMANY, signed_in=True)
        stranger = await domicile.posts.show(first.id, reader=None)
        return [timeline.items, timeline.others, older.items, [page.items for page in pages], shown, profile, stranger]

    live = await read()
    await gather(domicile, GERMANY)
    with unreachable(domicile.exchange, "us-1"):
        assert await read() == live
        assert not (await domicile.timelines.home(reader, bounds)).complete, "rule 12: the page says so all the same"
    assert await read() == live
    assert (await domicile.timelines.home(reader, bounds)).complete


async def test_the_home_knows_who_holds_which_fields_until_when_under_which_rule(
    domicile: Domicile, member: MakeMember
) -> None:
    author, _ = await a_pair(domicile, member)
    post = await domicile.posts.write(author, Draft(text="known"))
    await gather(domicile, GERMANY)
    rows = await registered(domicile, author)
    assert [(row.holder, row.view, row.number, row.sections, row.state) for row in rows] == [
        ("de-1", "posts", post.id.snowflake, "body profile", "held"),
        ("de-1", "profiles", 0, "profile", "held"),
    ]
    assert all("US-ELSEWHERE" in row.rules.split() for row in rows)
    assert all(timedelta(days=6) < row.until - domicile.clock() <= timedelta(days=7) for row in rows)
    held = await kept(domicile, GERMANY, author)
    assert [(row.version, row.until) for row in held] == [(row.version, row.until) for row in rows]


async def test_only_what_is_for_everybody_and_only_of_whom_somebody_follows_is_kept(
    domicile: Domicile, member: MakeMember, canary: str
) -> None:
    author, _ = await a_pair(domicile, member)
    stranger = await member("US")
    for visibility in ("private", "direct"):
        await domicile.posts.write(author, Draft(text=f"{visibility} {canary}", visibility=visibility))
    await domicile.posts.write(stranger, Draft(text=f"followed by nobody {canary}"))
    shut = await member("US", consents=())
    await domicile.follows.follow((await member("DE")), shut)
    await domicile.posts.write(shut, Draft(text=f"published by nobody {canary}"))
    with tapped(domicile.exchange) as wire:
        await gather(domicile, GERMANY)
    assert not wire.carried(canary)
    assert [row.view for row in await kept(domicile, GERMANY, author)] == ["profiles"]
    assert await kept(domicile, GERMANY, stranger) == await kept(domicile, GERMANY, shut) == []
    assert await rows_with(domicile, GERMANY, canary) == set()


@pytest.mark.parametrize(("country", "site"), [("DE", AMERICA), ("RU", GERMANY), ("CN", GERMANY), ("CN", RUSSIA)])
async def test_where_the_law_lets_nothing_be_kept_nothing_is(
    domicile: Domicile, member: MakeMember, canary: str, country: str, site: SiteName
) -> None:
    author, reader = await member(country), await member(site[:2].upper())
    await domicile.router.learn_routes(site, [author])
    await domicile.follows.follow(reader, author)
    await domicile.sites[site].importer.run("UPDATE follow SET state = 'accepted' WHERE member_id = %s", (reader,))
    await domicile.posts.write(author, Draft(text=canary))
    with tapped(domicile.exchange) as wire:
        await gather(domicile, site)
    assert not wire.carried(canary)
    assert await registered(domicile, author) == await kept(domicile, site, author) == []


async def test_a_home_that_answers_wins_over_every_copy(domicile: Domicile, member: MakeMember) -> None:
    author, reader = await a_pair(domicile, member)
    post = await domicile.posts.write(author, Draft(text="as it was"))
    await gather(domicile, GERMANY)
    await domicile.reactions.react(reader, post.id, "favourite")
    await domicile.posts.edit(author, post.id, Draft(text="as it is"))
    with tapped(domicile.exchange) as wire:
        (shown,) = (await domicile.timelines.home(reader, make_bounds(20))).items
    assert shown.body is not None
    assert (shown.body.source, shown.body.favourites) == ("as it is", 1)
    assert not [channel for _, channel, _ in wire.asked if channel.startswith("copies")], "never in a reader's way"


async def test_counters_are_those_of_the_day_of_the_copy(domicile: Domicile, member: MakeMember) -> None:
    author, reader = await a_pair(domicile, member)
    post = await domicile.posts.write(author, Draft(text="liked"))
    await gather(domicile, GERMANY)
    await domicile.reactions.react(reader, post.id, "favourite")
    assert {row.state for row in await registered(domicile, author)} == {"held"}, "a counter recalls nothing"
    with unreachable(domicile.exchange, "us-1"):
        shown = await domicile.posts.show(post.id, reader=reader)
    assert shown.body is not None
    assert shown.body.favourites == 0


async def test_a_copy_ends_by_itself_when_its_licence_ends(
    domicile: Domicile, member: MakeMember, clock: SetClock, canary: str
) -> None:
    author, reader = await a_pair(domicile, member)
    post = await domicile.posts.write(author, Draft(text=canary))
    await gather(domicile, GERMANY)
    with unreachable(domicile.exchange, "us-1"):
        clock.advance(timedelta(days=6, hours=23))
        assert (await domicile.posts.show(post.id, reader=reader)).body is not None
        clock.advance(timedelta(hours=2))
        with pytest.raises(Unavailable):  # also before anybody has cleaned up
            await domicile.posts.show(post.id, reader=reader)
        assert await domicile.copies.purge(GERMANY) >= 2
        assert await rows_with(domicile, GERMANY, canary) == set()
    await domicile.copies.recalling.expire(AMERICA)
    assert await registered(domicile, author) == []


async def test_a_copy_is_renewed_before_it_ends_while_it_is_wanted(
    domicile: Domicile, member: MakeMember, clock: SetClock
) -> None:
    author, reader = await a_pair(domicile, member)
    await domicile.posts.write(author, Draft(text="still here"))
    await gather(domicile, GERMANY)
    first = await kept(domicile, GERMANY, author)
    await gather(domicile, GERMANY)
    assert await kept(domicile, GERMANY, author) == first, "nothing new to give"
    clock.advance(timedelta(days=4))
    await gather(domicile, GERMANY)
    renewed = await kept(domicile, GERMANY, author)
    assert [row.number for row in renewed] == [row.number for row in first]
    assert all(new.until > old.until for new, old in zip(renewed, first, strict=True))
    await domicile.follows.unfollow(reader, author)
    await gather(domicile, GERMANY)
    assert await kept(domicile, GERMANY, author) == [], "nobody here needs it any more"
    assert await registered(domicile, author) == [], "and the home knows"


async def test_a_hidden_reply_does_not_come_back_from_a_copy(domicile: Domicile, member: MakeMember) -> None:
    """The verdict on an answer is its thread owner's; while that home is away, answers are missing."""
    author, reader = await a_pair(domicile, member)
    top = await domicile.posts.write(author, Draft(text="top"))
    answer = await domicile.posts.write(author, Draft(text="hidden", reply_to=top.id))
    await domicile.sites[AMERICA].app.run(
        "UPDATE reply_stub SET verdict = 'hidden' WHERE author_id = %s AND reply_post = %s",
        (author, answer.id.snowflake),
    )
    await gather(domicile, GERMANY)
    with unreachable(domicile.exchange, "us-1"):
        thread = await domicile.posts.thread(top.id, reader=reader)
    assert (thread.descendants, thread.complete) == ([], False)


async def test_strangers_see_no_copy_of_what_is_not_published(domicile: Domicile, member: MakeMember) -> None:
    author, _ = await a_pair(domicile, member)
    await gather(domicile, GERMANY)
    with unreachable(domicile.exchange, "us-1"):
        assert (await domicile.profiles.show(author, at=GERMANY, signed_in=False)).profile is not None
        with pytest.raises(NotFound):
            await domicile.profiles.show(author, at=CHINA, signed_in=True)
