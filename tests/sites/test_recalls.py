"""Recalls: what was changed, withdrawn, erased or moved, or what the law lets stay no longer, is asked back for."""

import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, time, timedelta

import pytest

from copying import (
    AMERICA,
    CHINA,
    GERMANY,
    RUSSIA,
    follow_all_the_same,
    gather,
    kept,
    registered,
    rows_with,
    settle,
)
from domicile.border.copying import Given, Keep
from domicile.border.safeguards import file_safeguard, withdraw_safeguard
from domicile.ids import Country, MemberId, SiteName
from domicile.law.facts import Safeguard
from domicile.network.posts import Draft
from domicile.network.profiles import ProfileChange
from domicile.network.timelines import make_bounds
from domicile.running import Domicile
from network_at import MakeMember, SetClock, make_member, network_at
from wire import unreachable

Change = Callable[[Domicile, MemberId, int], Awaitable[object]]


@pytest.fixture
def canary() -> str:
    return f"canary{secrets.token_hex(8)}"


@contextlib.asynccontextmanager
async def certified(domicile: Domicile, days: int = 365) -> AsyncIterator[str]:
    """A certificate that lets German data go to America, on file in Germany for so many days."""
    now = domicile.clock()
    paper = Safeguard(
        kind="dpf_certification",
        exporter=Country("DE"),
        importer=Country("US"),
        filed_on=now.date(),
        valid_until=now.date() + timedelta(days=days),
    )
    name = f"dpf-{secrets.token_hex(4)}"
    await file_safeguard(domicile.sites[GERMANY].app, name, paper, made_up=True, note="a test's", now=now)
    try:
        yield name
    finally:
        await domicile.sites[GERMANY].app.run("DELETE FROM safeguard WHERE safeguard_id = %s", (name,))


async def a_copy(
    domicile: Domicile, member: MakeMember, words: str, *, of: str = "US", at: SiteName = GERMANY
) -> tuple[MemberId, MemberId, int]:
    """An author, a reader at another site who follows them, and the number of a post of which that site has a copy."""
    author, reader = await member(of), await member(at[:2].upper())
    await domicile.follows.follow(reader, author)
    post = await domicile.posts.write(author, Draft(text=f"{words} and more"))
    await gather(domicile, at)
    assert await rows_with(domicile, at, words) == {"kept_copy"}
    return author, reader, post.id.snowflake


async def edit(domicile: Domicile, author: MemberId, number: int) -> None:
    (item,) = (await domicile.timelines.home(author, make_bounds(1))).items
    await domicile.posts.edit(author, item.id, Draft(text="other words"))


async def delete(domicile: Domicile, author: MemberId, number: int) -> None:
    (item,) = (await domicile.timelines.home(author, make_bounds(1))).items
    await domicile.posts.delete(author, item.id)


async def hide(domicile: Domicile, author: MemberId, number: int) -> None:
    """By whatever code: here, none of ours."""
    query = "UPDATE post SET visibility = 2 WHERE author_id = %s AND post_id = %s"
    await domicile.sites[AMERICA].app.run(query, (author, number))


async def withdraw(domicile: Domicile, author: MemberId, number: int) -> None:
    await domicile.members.withdraw_consent(author, "publication")


async def lock(domicile: Domicile, author: MemberId, number: int) -> None:
    await domicile.declarations.correct(author, "CN", "")


@pytest.mark.parametrize("change", [edit, delete, hide, withdraw, lock])
async def test_what_changes_at_home_is_gone_abroad(
    domicile: Domicile, member: MakeMember, canary: str, change: Change
) -> None:
    author, _, number = await a_copy(domicile, member, canary)
    await change(domicile, author, number)
    states = {row.number: row.state for row in await registered(domicile, author)}
    assert states[number] == "recalling", "in the transaction of the change"
    await settle(domicile)
    assert await rows_with(domicile, GERMANY, canary) == set()
    assert number not in [row.number for row in await registered(domicile, author)]


async def test_another_name_is_recalled_wherever_it_stands(domicile: Domicile, member: MakeMember, canary: str) -> None:
    author, reader, _ = await a_copy(domicile, member, canary)
    await domicile.profiles.change(author, ProfileChange(display_name="Somebody else"))
    assert {row.state for row in await registered(domicile, author)} == {"recalling"}
    await settle(domicile)
    assert await kept(domicile, GERMANY, author) == []
    await gather(domicile, GERMANY)
    with unreachable(domicile.exchange, "us-1"):
        (shown,) = (await domicile.timelines.home(reader, make_bounds(20))).items
    assert shown.profile is not None
    assert shown.profile.display_name == "Somebody else"


async def test_a_recall_that_cannot_be_delivered_stays_open_with_its_age(
    domicile: Domicile, member: MakeMember, clock: SetClock, canary: str
) -> None:
    author, _, number = await a_copy(domicile, member, canary)
    await edit(domicile, author, number)
    with unreachable(domicile.exchange, "de-1"):
        for _ in range(3):
            await settle(domicile)
            clock.advance(timedelta(hours=1))
        row = next(row for row in await registered(domicile, author) if row.number == number)
        assert (row.state, row.reason, row.attempts) == ("recalling", "changed", 3)
        assert timedelta(hours=3) <= clock() - row.asked_at < timedelta(hours=4)
        assert await rows_with(domicile, GERMANY, canary) == {"kept_copy"}
    await settle(domicile)
    assert await rows_with(domicile, GERMANY, canary) == set()
    assert number not in [row.number for row in await registered(domicile, author)]


async def test_a_consent_withdrawn_while_the_holder_is_cut_off_ends_with_the_licence(
    domicile: Domicile, member: MakeMember, clock: SetClock, canary: str
) -> None:
    """The holder hears nothing from anybody: what it was given ends by itself, and until then the recall is open."""
    author, _, _ = await a_copy(domicile, member, canary)
    await domicile.members.withdraw_consent(author, "publication")
    with unreachable(domicile.exchange, "de-1", "us-1"):
        await settle(domicile)
        clock.advance(timedelta(days=6, hours=23))
        await settle(domicile)
        assert {row.state for row in await registered(domicile, author)} == {"recalling"}
        assert await rows_with(domicile, GERMANY, canary) == {"kept_copy"}
        clock.advance(timedelta(hours=2))
        await settle(domicile)
        assert await rows_with(domicile, GERMANY, canary) == set()
        assert await registered(domicile, author) == [], "it has ended, and there is nothing left to recall"


async def test_an_erased_member_leaves_no_copy_at_any_site_that_has_heard(
    domicile: Domicile, member: MakeMember, canary: str
) -> None:
    author, _, _ = await a_copy(domicile, member, canary)
    with unreachable(domicile.exchange, "de-1", "us-1"):
        receipt = await domicile.erasure.erase(author)
    assert GERMANY in receipt.done
    assert await rows_with(domicile, GERMANY, canary) == set()
    assert await rows_with(domicile, AMERICA, canary) == set()


async def test_a_safeguard_withdrawn_takes_its_copies_back(
    domicile: Domicile, member: MakeMember, clock: SetClock, canary: str
) -> None:
    async with certified(domicile) as paper:
        author, _, _ = await a_copy(domicile, member, canary, of="DE", at=AMERICA)
        await settle(domicile)
        assert {row.state for row in await registered(domicile, author)} == {"held"}
        await withdraw_safeguard(domicile.sites[GERMANY].app, paper, domicile.clock())
        with unreachable(domicile.exchange, "us-1"):
            await settle(domicile)
        assert {(row.state, row.reason) for row in await registered(domicile, author)} == {("recalling", "law")}
        clock.advance(timedelta(minutes=1))
        await settle(domicile)
        assert await rows_with(domicile, AMERICA, canary) == set()
        assert await registered(domicile, author) == []


async def test_a_copy_ends_on_the_day_on_which_the_paper_no_longer_counts(
    domicile: Domicile, member: MakeMember, clock: SetClock, canary: str
) -> None:
    async with certified(domicile, days=2):
        author, _, _ = await a_copy(domicile, member, canary, of="DE", at=AMERICA)
        ends = datetime.combine(domicile.clock().date() + timedelta(days=3), time.min, UTC)
        assert {row.until for row in await registered(domicile, author)} == {ends}
        clock.set(ends + timedelta(seconds=1))
        with unreachable(domicile.exchange, "de-1", "us-1"):
            await settle(domicile)
        assert await rows_with(domicile, AMERICA, canary) == set()
        await gather(domicile, AMERICA)
        assert await registered(domicile, author) == []


@pytest.mark.parametrize("shown", [False, True])
async def test_a_copy_stays_after_a_move_only_where_the_new_home_lets_it(
    domicile: Domicile, member: MakeMember, canary: str, shown: bool
) -> None:
    """From America to Germany, with copies in Russia and Germany: nothing lets German data be kept in Russia."""
    author, _, _ = await a_copy(domicile, member, canary)
    await follow_all_the_same(domicile, await member("RU"), author)
    await domicile.profiles.change(author, ProfileChange(show_country=shown))
    await settle(domicile)
    await gather(domicile, GERMANY)
    await gather(domicile, RUSSIA)
    assert {row.holder for row in await registered(domicile, author)} == {"de-1", "ru-1"}
    moved = await domicile.coordinator.relocate([author], AMERICA, GERMANY, "a test")
    assert moved.members == [author]
    await domicile.copies.recalling.review(GERMANY)
    assert {(row.holder, row.state) for row in await registered(domicile, author)} == {("ru-1", "recalling")}
    assert await kept(domicile, GERMANY, author) == [], "at home there is no copy"
    await settle(domicile)
    assert await registered(domicile, author) == []
    assert await rows_with(domicile, RUSSIA, canary) == set()


@pytest.fixture(scope="module")
async def wide(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Domicile]:
    """Two American sites, a German one, and an isolated one in China."""
    sites = [{"name": "us-1"}, {"name": "us-2"}, {"name": "de-1"}, {"name": "cn-1", "isolated": True}]
    async with network_at(tmp_path_factory.mktemp("wide") / "data", sites=sites) as running:
        yield running


@pytest.mark.parametrize("shown", [False, True])
async def test_a_lawful_copy_survives_a_move_unless_it_tells_the_home(wide: Domicile, canary: str, shown: bool) -> None:
    author, reader = await make_member(wide, "US"), await make_member(wide, "DE")
    await wide.follows.follow(reader, author)
    await wide.profiles.change(author, ProfileChange(show_country=shown))
    post = await wide.posts.write(author, Draft(text=canary))
    await gather(wide, GERMANY)
    before = await kept(wide, GERMANY, author)
    assert len(before) == 2
    was = (await wide.router.home_of(author)).site
    to = SiteName("us-2" if was == "us-1" else "us-1")
    assert (await wide.coordinator.relocate([author], was, to, "a test")).members == [author]
    await wide.router.apply_feed(GERMANY)
    await settle(wide)
    assert await kept(wide, GERMANY, author) == ([] if shown else before)
    assert {row.law.split()[0] for row in await registered(wide, author)} == (set() if shown else {to})
    if not shown:
        await wide.posts.edit(author, post.id, Draft(text="changed at the new home"))
        await settle(wide)
        assert await rows_with(wide, GERMANY, canary) == set()


async def test_an_isolated_site_neither_holds_nor_gives_copies(wide: Domicile, canary: str) -> None:
    for country, site in (("CN", GERMANY), ("DE", CHINA)):
        author, reader = await make_member(wide, country), await make_member(wide, site[:2].upper())
        await follow_all_the_same(wide, reader, author)
        await wide.posts.write(author, Draft(text=canary))
        await gather(wide, site)
        home = (await wide.router.home_of(author)).site
        asked = Keep(site, wide.clock(), [author], [1], [0], ["0"])
        given = await wide.exchange.ask(home, "copies.keep", asked, Given)
        assert given == Given()
        assert await kept(wide, site, author) == []
