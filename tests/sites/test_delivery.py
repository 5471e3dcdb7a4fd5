"""Halves of pairs: they wait for a site that does not answer, and neither repetition nor disorder does them harm."""

import asyncio
import random
import secrets
from datetime import timedelta

import pytest

from domicile.border.delivery import Parcel, Receipt
from domicile.ids import MemberId, SiteName, next_snowflake
from domicile.network.follows import FollowHalf, Relation
from domicile.network.posts import Draft
from domicile.running import Domicile
from domicile.transport.exchange import encode
from moving import move_by_hand
from network_at import MakeMember, SetClock
from wire import no_parcels, tapped, unreachable

AMERICA = SiteName("us-1")


async def relation(domicile: Domicile, member: MemberId, other: MemberId) -> Relation:
    return (await domicile.follows.relations(member, [other]))[0]


async def waiting(domicile: Domicile, site: SiteName, member: MemberId) -> int:
    rows = await domicile.sites[site].app.run("SELECT count(*) AS n FROM outbox WHERE member_id = %s", (member,))
    return int(rows[0].n)


async def counts(domicile: Domicile, member: MemberId) -> tuple[int, int]:
    home = await domicile.router.home_of(member)
    query = "SELECT followers, following FROM tally WHERE member_id = %s"
    row = (await domicile.sites[home.site].app.run(query, (member,)))[0]
    return row.followers, row.following


async def test_a_follow_waits_while_the_other_site_is_down_and_arrives_when_it_is_back(
    domicile: Domicile, member: MakeMember, clock: SetClock
) -> None:
    american, german = await member("US"), await member("DE")
    with unreachable(domicile.exchange, "de-1"):
        await domicile.follows.follow(american, german)
        clock.advance(timedelta(hours=1))
        await domicile.tick()
        assert (await relation(domicile, american, german)).requested
        assert await waiting(domicile, AMERICA, american) == 1
    assert not (await relation(domicile, german, american)).followed_by
    clock.advance(timedelta(hours=1))
    await domicile.tick()
    assert (await relation(domicile, american, german)).following
    assert (await relation(domicile, german, american)).followed_by
    assert (await counts(domicile, american), await counts(domicile, german)) == ((0, 1), (1, 0))
    assert await waiting(domicile, AMERICA, american) == 0


async def test_an_answer_that_is_lost_on_its_way_back_is_asked_for_again(
    domicile: Domicile, member: MakeMember, clock: SetClock
) -> None:
    american, german = await member("US"), await member("DE")
    handler = domicile.exchange._handlers[SiteName("de-1"), "parcel"]

    async def swallow(body: bytes) -> bytes:
        await handler(body)
        raise TimeoutError

    domicile.exchange.serve(SiteName("de-1"), "parcel", swallow)
    try:
        await domicile.follows.follow(american, german)
    finally:
        domicile.exchange.serve(SiteName("de-1"), "parcel", handler)
    assert (await relation(domicile, american, german)).requested
    assert (await relation(domicile, german, american)).followed_by, "applied, and the sender does not know it"
    clock.advance(timedelta(hours=1))
    await domicile.tick()
    assert (await relation(domicile, american, german)).following
    assert await counts(domicile, german) == (1, 0)


@pytest.mark.parametrize("seed", range(12))
async def test_duplicates_and_disorder_end_in_what_the_highest_version_says(
    domicile: Domicile, member: MakeMember, seed: int
) -> None:
    luck = random.Random(seed)
    german, sender = await member("DE"), await member("US")
    epoch = (await domicile.router.home_of(german)).epoch
    halves = [FollowHalf(next_snowflake(domicile.clock()) + n, luck.random() < 0.6) for n in range(luck.randint(1, 6))]
    arriving = [half for half in halves for _ in range(luck.randint(1, 3))]
    luck.shuffle(arriving)
    parcels = [Parcel(sender, german, epoch, "follow", encode(half)) for half in arriving]
    asked = (domicile.exchange.ask(SiteName("de-1"), "parcel", parcel, Receipt) for parcel in parcels)
    receipts = [await one for one in asked] if seed % 2 else await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(receipt, Receipt) and receipt.outcome == "applied" for receipt in receipts), receipts
    wanted = max(halves, key=lambda half: half.version).wanted
    assert (await relation(domicile, german, sender)).followed_by is wanted
    assert await counts(domicile, german) == (int(wanted), 0)
    notices = await domicile.notifications.page(german, before=2**63 - 1, after=0, upward=False, limit=20)
    assert [notice.kind for notice in notices] == ["follow"] * int(wanted)
    report = await domicile.reconciler.round()
    assert report.removed["follow"] == int(wanted), "the American follows nobody: no truth stands behind any of it"
    assert await counts(domicile, german) == (0, 0)


@pytest.mark.parametrize("seed", range(4))
async def test_both_sides_agree_after_any_to_and_fro(domicile: Domicile, member: MakeMember, seed: int) -> None:
    luck = random.Random(seed)
    american, german = await member("US"), await member("DE")
    for _ in range(8):
        step = luck.choice(["follow", "unfollow", "remove", "follow"])
        related = await relation(domicile, german, american)
        if step == "remove" and related.followed_by:
            await domicile.follows.remove_follower(german, american)
        elif step == "unfollow":
            await domicile.follows.unfollow(american, german)
        elif step == "follow":
            await domicile.follows.follow(american, german)
        follows = (await relation(domicile, american, german)).following
        assert (await relation(domicile, german, american)).followed_by is follows, step
        assert (await counts(domicile, american), await counts(domicile, german)) == ((0, follows), (follows, 0))


async def test_a_parcel_finds_a_recipient_who_has_moved(domicile: Domicile, member: MakeMember) -> None:
    american, german = await member("US"), await member("DE")
    believed = await domicile.router.home_of(german)
    await move_by_hand(domicile, german, "us-1")
    domicile.router._hints[german] = believed
    with tapped(domicile.exchange) as wire:
        await domicile.follows.follow(american, german)
    assert [site for site, channel, _ in wire.asked if channel == "parcel"] == ["de-1", "us-1"]
    assert (await relation(domicile, american, german)).following


async def test_versions_grow_at_a_home_whose_clock_is_behind(
    domicile: Domicile, member: MakeMember, clock: SetClock
) -> None:
    """A member undoes at their new home, where it is hours earlier, what they did at the old one."""
    named = f"named_{secrets.token_hex(6)}"
    american, german = await member("US"), await member("DE", handle=named)
    post = await domicile.posts.write(german, Draft(text="question"))
    await domicile.follows.follow(american, german)
    await domicile.reactions.react(american, post.id, "favourite")
    naming = await domicile.posts.write(american, Draft(text=f"@{named} look", reply_to=post.id))
    await move_by_hand(domicile, american, "de-1")
    clock.advance(-timedelta(hours=5))
    await domicile.follows.unfollow(american, german)
    await domicile.reactions.undo(american, post.id, "favourite")
    await domicile.posts.edit(american, naming.id, Draft(text="look, without a name"))
    assert not (await relation(domicile, german, american)).followed_by
    assert await _held(domicile, german) == (0, [True])
    await domicile.follows.follow(american, german)
    await domicile.posts.edit(american, naming.id, Draft(text=f"@{named} again"))
    assert (await relation(domicile, german, american)).followed_by
    assert await _held(domicile, german) == (0, [False])
    await domicile.posts.delete(american, naming.id)
    assert (await domicile.posts.thread(post.id, reader=german)).descendants == []
    assert await _held(domicile, german) == (0, [True])


async def _held(domicile: Domicile, german: MemberId) -> tuple[int, list[bool]]:
    """The favourites of a German's only post, and which mentions of them were taken back."""
    rows = await domicile.sites[SiteName("de-1")].app.run(
        "SELECT (SELECT favourites FROM post WHERE author_id = %(member)s) AS favourites,"
        " ARRAY(SELECT removed FROM mention_stub WHERE member_id = %(member)s) AS removed",
        {"member": german},
    )
    return rows[0].favourites, rows[0].removed


async def test_what_is_done_to_a_post_ends_with_it(domicile: Domicile, member: MakeMember, clock: SetClock) -> None:
    american, german = await member("US"), await member("DE")
    post = await domicile.posts.write(american, Draft(text="soon deleted"))
    with no_parcels(domicile.exchange, "us-1"):
        await domicile.reactions.react(german, post.id, "favourite")
        await domicile.reactions.boost(german, post.id)
        await domicile.posts.write(german, Draft(text="an answer", reply_to=post.id))
        assert await waiting(domicile, SiteName("de-1"), german) == 3
    await domicile.posts.delete(american, post.id)
    clock.advance(timedelta(hours=1))
    await domicile.tick()
    rows = await domicile.sites[SiteName("de-1")].app.run(
        "SELECT (SELECT count(*) FROM reaction WHERE member_id = %(member)s) AS reactions,"
        " ARRAY(SELECT reply_gone FROM post WHERE author_id = %(member)s) AS answers,"
        " (SELECT posts FROM tally WHERE member_id = %(member)s) AS posts",
        {"member": german},
    )
    assert tuple(rows[0]) == (0, [True], 1)
    assert await waiting(domicile, SiteName("de-1"), german) == 0


async def test_a_parcel_waits_for_a_recipient_who_is_on_the_move(
    domicile: Domicile, member: MakeMember, clock: SetClock
) -> None:
    american, german = await member("US"), await member("DE")
    site = domicile.sites[SiteName("de-1")]
    await site.importer.run("UPDATE resident SET state = 'leaving' WHERE member_id = %s", (german,))
    await domicile.follows.follow(american, german)
    assert await waiting(domicile, AMERICA, american) == 1
    await site.importer.run("UPDATE resident SET state = 'home' WHERE member_id = %s", (german,))
    clock.advance(timedelta(hours=1))
    await domicile.tick()
    assert (await relation(domicile, american, german)).following


async def test_parcels_move_along_with_their_sender(domicile: Domicile, member: MakeMember, clock: SetClock) -> None:
    american, german = await member("US"), await member("DE")
    with unreachable(domicile.exchange, "de-1"):
        await domicile.follows.follow(american, german)
    await move_by_hand(domicile, american, "de-1")
    clock.advance(timedelta(hours=1))
    await domicile.tick()
    assert (await relation(domicile, american, german)).following
    assert await waiting(domicile, SiteName("de-1"), american) == 0


async def test_a_parcel_that_the_law_does_not_let_go_stays_at_home(domicile: Domicile, member: MakeMember) -> None:
    """A Russian member's id may not be kept in Germany while no notice is on file."""
    russian, german = await member("RU"), await member("DE")
    with tapped(domicile.exchange) as wire:
        await domicile.follows.follow(russian, german)
    assert not [body for _, channel, body in wire.asked if channel == "parcel"]
    assert (await relation(domicile, russian, german)).requested
    assert not (await relation(domicile, german, russian)).requested_by


async def test_an_erased_recipient_ends_the_wait(domicile: Domicile, member: MakeMember) -> None:
    american = await member("US")
    with pytest.raises(Exception, match="no such member"):
        await domicile.follows.follow(american, MemberId(4711))
    assert await waiting(domicile, AMERICA, american) == 0


async def test_a_reply_and_its_deletion_reach_the_thread_once_each(domicile: Domicile, member: MakeMember) -> None:
    german, french = await member("DE"), await member("FR")
    post = await domicile.posts.write(german, Draft(text="question"))
    reply = await domicile.posts.write(french, Draft(text="answer", reply_to=post.id))
    thread = await domicile.posts.thread(post.id, reader=german)
    assert [item.id for item in thread.descendants] == [reply.id]
    await domicile.posts.delete(french, reply.id)
    assert (await domicile.posts.thread(post.id, reader=german)).descendants == []
    body = (await domicile.posts.show(post.id, reader=german)).body
    assert body is not None
    assert body.replies == 0


async def test_pressing_twice_at_once_counts_once(domicile: Domicile, member: MakeMember) -> None:
    american, german = await member("US"), await member("DE")
    post = await domicile.posts.write(american, Draft(text="good news"))
    boosts = await asyncio.gather(*(domicile.reactions.boost(german, post.id) for _ in range(4)))
    assert len({boost.id for boost in boosts}) == 1
    await asyncio.gather(*(domicile.reactions.react(german, post.id, "favourite") for _ in range(4)))
    await asyncio.gather(*(domicile.follows.follow(german, american) for _ in range(4)))
    body = (await domicile.posts.show(post.id, reader=american)).body
    assert body is not None
    assert (body.boosts, body.favourites) == (1, 1)
    assert (await counts(domicile, german), await counts(domicile, american)) == ((0, 1), (1, 0))


async def test_a_boost_that_is_deleted_as_a_post_is_a_boost_no_longer(domicile: Domicile, member: MakeMember) -> None:
    american, german = await member("US"), await member("DE")
    post = (await domicile.posts.write(american, Draft(text="good news"))).id
    boosting = await domicile.reactions.boost(german, post)
    await domicile.posts.delete(german, boosting.id)
    assert (await domicile.reactions.marks(german, [post]))[post].boost is None
    body = (await domicile.posts.show(post, reader=american)).body
    assert body is not None
    assert body.boosts == 0
    await domicile.reactions.undo(german, post, "boost")
    assert (await domicile.reactions.boost(german, post)).id != boosting.id


async def test_what_somebody_was_told_is_taken_back_with_its_cause(domicile: Domicile, member: MakeMember) -> None:
    american, german = await member("US"), await member("DE")
    post = (await domicile.posts.write(american, Draft(text="good news"))).id
    await domicile.follows.follow(german, american)
    await domicile.reactions.react(german, post, "favourite")
    assert await told(domicile, american) == ["favourite", "follow"]
    await domicile.posts.delete(american, post)
    await domicile.follows.remove_follower(american, german)
    assert await told(domicile, american) == []
    await domicile.follows.follow(german, american)
    assert await told(domicile, american) == ["follow"]


async def told(domicile: Domicile, member: MemberId) -> list[str]:
    shown = await domicile.notifications.page(member, before=(1 << 63) - 1, after=0, upward=False, limit=9)
    return sorted(notice.kind for notice in shown)


async def test_an_epoch_that_the_site_has_not_reached_is_answered_as_moved(
    domicile: Domicile, member: MakeMember
) -> None:
    german = await member("DE")
    parcel = Parcel(MemberId(1), german, 9, "follow", encode(FollowHalf(1, True)))
    receipt = await domicile.exchange.ask(SiteName("de-1"), "parcel", parcel, Receipt)
    assert receipt.outcome == "moved"
