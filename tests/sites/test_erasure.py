"""A member is erased: at home at once, at every site when it hears of it, and nobody else's words are touched."""

from unittest.mock import AsyncMock

import pytest

from domicile.errors import Conflict, NotFound, NotResident, Unavailable
from domicile.ids import MemberId, SiteName
from domicile.network.posts import Draft
from domicile.running import Domicile
from hub_down import hub_down
from network_at import MakeMember
from wire import unreachable

GERMANY, AMERICA = SiteName("de-1"), SiteName("us-1")


async def counted(domicile: Domicile, member: MemberId) -> tuple[int, int, int]:
    query = "SELECT posts, followers, following FROM tally WHERE member_id = %(member)s"
    row = (await domicile.router.rows(member, query, {"member": member}))[0]
    return row.posts, row.followers, row.following


async def everywhere(domicile: Domicile, member: MemberId) -> dict[str, int]:
    """In how many rows of which table of which site this member's id stands."""
    found = {}
    for name, site in domicile.sites.items():
        for owned in domicile.ownership.owned:
            for column in (owned.owner, *(c for c, what in owned.remotes.items() if what == "member")):
                query = f"SELECT count(*) AS n FROM {owned.name} WHERE {column} = %s"
                if n := (await site.importer.run(query, (member,)))[0].n:
                    found[f"{name} {owned.name}.{column}"] = n
    return found


async def test_an_erased_member_is_gone_everywhere_and_others_keep_their_words(
    domicile: Domicile, member: MakeMember
) -> None:
    handle = "soon_forgotten"
    gone, friend = await member("US", handle=handle, email="gone@example.org"), await member("US")
    here = await member("DE")
    post = await domicile.posts.write(gone, Draft(text="words of somebody who leaves"))
    kept = await domicile.posts.write(friend, Draft(text="an answer", reply_to=post.id))
    liked = await domicile.posts.write(friend, Draft(text="liked by many"))
    for follower, followed in ((gone, friend), (friend, gone), (here, gone)):
        await domicile.follows.follow(follower, followed)
    await domicile.reactions.react(gone, liked.id, "favourite")
    await domicile.reactions.react(friend, post.id, "favourite")
    await domicile.reactions.boost(friend, post.id)
    await domicile.tick()
    before = await counted(domicile, friend)

    receipt = await domicile.erasure.erase(gone)

    assert receipt.rows > 5
    assert set(receipt.done) == set(domicile.sites)
    assert receipt.open == ()
    assert set(await everywhere(domicile, gone)) == {"us-1 post.reply_author"}, "a pseudonym that leads nowhere"
    assert await counted(domicile, friend) == (before[0] - 1, before[1] - 1, before[2] - 1)
    shown = await domicile.posts.show(liked.id, reader=friend)
    assert shown.body is not None
    assert shown.body.favourites == 0
    assert (await domicile.posts.show(kept.id, reader=friend)).id == kept.id
    with pytest.raises(NotFound):
        await domicile.posts.show(post.id, reader=friend)
    with pytest.raises(NotFound):
        await domicile.router.home_of(gone, ask_hub=True)
    assert await member("US", handle=handle, email="gone@example.org"), "the names are free again"
    assert (await domicile.erasure.receipt(gone)).rows == receipt.rows


async def test_a_site_that_is_cut_off_stays_open_on_the_receipt_until_it_has_heard(
    domicile: Domicile, member: MakeMember, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, follower = await member("US"), await member("DE")
    await domicile.follows.follow(follower, gone)
    await domicile.tick()
    real = domicile.router.apply_feed

    async def deaf(name: SiteName) -> int:
        return 0 if name == GERMANY else await real(name)

    with monkeypatch.context() as patch:
        patch.setattr(domicile.router, "apply_feed", deaf)
        receipt = await domicile.erasure.erase(gone)
        assert receipt.open == (GERMANY,)
        assert (await counted(domicile, follower))[2] == 1
    await domicile.tick()
    assert (await domicile.erasure.receipt(gone)).open == ()
    assert (await counted(domicile, follower))[2] == 0
    assert await everywhere(domicile, gone) == {}


async def test_an_erasure_that_a_crash_cut_short_is_finished_before_the_site_serves(
    domicile: Domicile, member: MakeMember, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = await member("US")

    async def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(domicile.directory, "release", crash)
        with pytest.raises(KeyboardInterrupt):
            await domicile.erasure.erase(gone)
    assert (await domicile.directory.homes([gone])) != {}
    assert await domicile.erasure.resume(AMERICA) == 1
    assert await domicile.directory.homes([gone]) == {}
    assert await domicile.erasure.resume(AMERICA) == 0


async def test_an_erasure_that_the_hub_did_not_hear_of_is_finished_when_it_answers_again(
    domicile: Domicile, member: MakeMember, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks_again, waits = await member("US"), await member("US")

    async def no_answer(*_: object) -> None:
        raise Unavailable("the hub does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(domicile.directory, "release", no_answer)
        for gone in (asks_again, waits):
            with pytest.raises(Unavailable):
                await domicile.erasure.erase(gone)
    for _ in range(2):
        receipt = await domicile.erasure.erase(asks_again)
        assert receipt.rows > 5
        assert receipt.open == ()
    await domicile.tick()
    assert await domicile.directory.homes([waits]) == {}
    with pytest.raises(NotFound):
        await domicile.erasure.erase(MemberId(4711))


async def test_whoever_is_erased_where_they_moved_is_not_taken_for_on_the_move_while_the_hub_is_silent(
    domicile: Domicile, member: MakeMember, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are gone and the hub has not heard; the only copy of where they live is that of the site they left."""
    gone = await member("DE")
    await domicile.coordinator.relocate([gone], GERMANY, AMERICA, "a test")
    with monkeypatch.context() as patch:
        patch.setattr(domicile.directory, "release", AsyncMock(side_effect=Unavailable("the hub does not answer")))
        with pytest.raises(Unavailable):
            await domicile.erasure.erase(gone)
    for site in domicile.sites.values():
        await site.app.run("DELETE FROM route WHERE member_id = %s", (gone,))
    await domicile.sites[GERMANY].app.run("INSERT INTO route VALUES (%s, %s, 1)", (gone, GERMANY))
    async with hub_down(domicile):
        with pytest.raises(NotResident):
            await domicile.erasure.erase(gone)
    assert (await domicile.erasure.erase(gone)).home == AMERICA
    assert await everywhere(domicile, gone) == {}


async def test_whoever_moves_past_the_news_of_an_erasure_forgets_the_erased_too(
    domicile: Domicile, member: MakeMember, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their new home has heard of it before their rows came there; their old one has not when they leave it."""
    gone, friend = await member("DE"), await member("US")
    await domicile.follows.follow(friend, gone)
    post = await domicile.posts.write(gone, Draft(text="words of somebody who leaves"))
    await domicile.reactions.react(friend, post.id, "favourite")
    apply_feed = domicile.router.apply_feed

    async def hear(name: SiteName) -> int:
        if name == AMERICA:
            raise Unavailable("the hub does not answer this site")
        return await apply_feed(name)

    with monkeypatch.context() as patch:
        patch.setattr(domicile.router, "apply_feed", hear)
        assert (await domicile.erasure.erase(gone)).open == (AMERICA,)
        await domicile.coordinator.relocate([friend], AMERICA, GERMANY, "a test")
    await domicile.tick()
    assert await everywhere(domicile, gone) == {}
    assert await counted(domicile, friend) == (0, 0, 0)


async def test_nobody_is_erased_in_the_middle_of_a_move(domicile: Domicile, member: MakeMember) -> None:
    moving = await member("US")
    refused = []

    async def erase(step: str) -> None:
        if step in ("source begun", "fenced"):
            with pytest.raises(Conflict):
                await domicile.erasure.erase(moving)
            refused.append(step)

    domicile.coordinator.on_step, usual = erase, domicile.coordinator.on_step
    try:
        await domicile.coordinator.relocate([moving], AMERICA, GERMANY, "a test")
    finally:
        domicile.coordinator.on_step = usual
    assert refused == ["source begun", "fenced"]
    assert (await domicile.erasure.erase(moving)).home == GERMANY


async def test_while_a_site_is_unreachable_its_members_keep_working(domicile: Domicile, member: MakeMember) -> None:
    gone = await member("US")
    with unreachable(domicile.exchange, "de-1"):
        assert (await domicile.erasure.erase(gone)).home == AMERICA


async def test_that_somebody_lived_elsewhere_before_is_forgotten_too(domicile: Domicile, member: MakeMember) -> None:
    gone = await member("US")
    assert (await domicile.coordinator.relocate([gone], AMERICA, GERMANY, "a test")).members == [gone]
    (before,) = await domicile.sites[AMERICA].importer.run("SELECT state FROM resident WHERE member_id = %s", (gone,))
    assert before.state == "moved"
    assert (await domicile.erasure.erase(gone)).open == ()
    for site in domicile.sites.values():
        assert not await site.importer.run("SELECT FROM resident WHERE member_id = %s", (gone,))


async def test_a_parcel_whose_sender_is_erased_meanwhile_holds_up_nobody_else(
    domicile: Domicile, member: MakeMember, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, other, followed = await member("DE"), await member("DE"), await member("US")
    for follower in (gone, other):
        await domicile.follows.follow(follower, followed)
    real = domicile.exchange.ask

    async def erase_then_ask(site: SiteName, channel: str, message: object, answer: type) -> object:
        monkeypatch.undo()
        await domicile.erasure.erase(gone)
        return await real(site, channel, message, answer)

    monkeypatch.setattr(domicile.exchange, "ask", erase_then_ask)
    await domicile.tick()
    assert (await counted(domicile, followed))[1] >= 1
    await domicile.reconciler.round()
    assert (await counted(domicile, followed))[1] == 1
    assert not await everywhere(domicile, gone)


async def test_a_receipt_is_not_denied_while_the_site_that_has_it_is_silent(
    domicile: Domicile, member: MakeMember, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = await member("US")
    await domicile.erasure.erase(gone)

    async def silent(*_: object) -> list[object]:
        raise Unavailable("no connection to us-1")

    with monkeypatch.context() as patch:
        patch.setattr(domicile.sites[AMERICA].importer, "run", silent)
        with pytest.raises(Unavailable, match="us-1 has erased"):
            await domicile.erasure.receipt(gone)
    assert (await domicile.erasure.receipt(gone)).home == AMERICA
