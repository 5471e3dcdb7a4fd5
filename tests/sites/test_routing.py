"""A stale route costs a question to the hub; it never shows an empty or old page, nor writes at the old site."""

import asyncio
import contextlib
import itertools

import pytest

from domicile.errors import Misdirected, NotFound, NotResident, Unavailable
from domicile.ids import MemberId, SiteName
from domicile.network.posts import Draft
from domicile.network.timelines import make_bounds
from domicile.placement.directory import Home
from domicile.placement.routing import SiteReader, SiteWriter
from domicile.running import Domicile
from hub_down import hub_down
from moving import move_by_hand
from network_at import MakeMember

MOVES = {"one move": ["us-1"], "two moves": ["us-1", "cn-1"], "there and back": ["us-1", "de-1"]}


async def posts_of(reader: SiteReader, member: MemberId) -> tuple[str, int]:
    return str(reader.site.name), int(
        str(await reader.value("SELECT count(*) FROM post WHERE author_id = %s", (member,)))
    )


def make_stale(domicile: Domicile, member: MemberId, home: Home) -> None:
    """Put back what this process believed before the moves."""
    domicile.router._hints[member] = home


@pytest.mark.parametrize("moves", MOVES.values(), ids=MOVES)
async def test_no_read_is_empty_or_old_and_no_write_lands_at_an_old_site(
    domicile: Domicile, member: MakeMember, moves: list[str]
) -> None:
    wanderer = await member("DE")
    await domicile.verifications.record(wanderer, "mobile_number", made_up=True)  # the law of China will ask
    await domicile.posts.write(wanderer, Draft(text="before"))
    homes = [await domicile.router.home_of(wanderer)]
    homes += [await move_by_hand(domicile, wanderer, to) for to in moves]
    for count, believed in enumerate(homes, start=1):
        make_stale(domicile, wanderer, believed)
        assert await domicile.router.read(wanderer, lambda r: posts_of(r, wanderer)) == (moves[-1], count)
        make_stale(domicile, wanderer, believed)
        written = await domicile.posts.write(wanderer, Draft(text=f"after, believing {believed}"))
        assert written.author == wanderer
    for name, site in domicile.sites.items():
        rows = await site.app.run("SELECT count(*) AS n FROM post WHERE author_id = %s", (wanderer,))
        assert rows[0].n == (1 + len(homes) if name == moves[-1] else 0)


@pytest.mark.parametrize("moves", [["de-1"], ["cn-1", "de-1"], ["de-1", "us-1"]], ids=MOVES)
async def test_a_readers_timeline_follows_those_who_moved(
    domicile: Domicile, member: MakeMember, moves: list[str]
) -> None:
    """The reader's site knows only the old route; nobody has told it yet."""
    author, reader = await member("US"), await member("DE")
    await domicile.follows.follow(reader, author)
    post = await domicile.posts.write(author, Draft(text="hello"))
    await domicile.timelines.home(reader, make_bounds(20))
    for to in moves:
        await move_by_hand(domicile, author, to)
    page = await domicile.timelines.home(reader, make_bounds(20))
    assert page.complete
    assert [item.id for item in page.items] == [post.id]


async def test_reads_while_a_member_wanders_all_the_time_are_whole(domicile: Domicile, member: MakeMember) -> None:
    wanderer = await member("DE")
    for n in range(3):
        await domicile.posts.write(wanderer, Draft(text=str(n)))
    wandering = True

    async def wander() -> None:
        for to in itertools.islice(itertools.cycle(["us-1", "ru-1", "de-1"]), 9):
            await move_by_hand(domicile, wanderer, to)

    async def read() -> int:
        done = 0
        while wandering:
            try:
                assert (await domicile.router.read(wanderer, lambda r: posts_of(r, wanderer)))[1] == 3
                done += 1
            except NotResident:
                pass  # on the move: refused, which is neither empty nor old
            await asyncio.sleep(0)
        return done

    reading = [asyncio.create_task(read()) for _ in range(4)]
    await wander()
    wandering = False
    assert sum(await asyncio.gather(*reading)) > 10


async def test_a_member_on_the_move_can_be_read_and_is_not_written(domicile: Domicile, member: MakeMember) -> None:
    german = await member("DE")
    site = domicile.sites[SiteName("de-1")]
    await site.importer.run("UPDATE resident SET state = 'leaving' WHERE member_id = %s", (german,))
    try:
        assert await domicile.router.read(german, lambda r: posts_of(r, german)) == ("de-1", 0)
        with pytest.raises(NotResident):
            await domicile.posts.write(german, Draft(text="too late"))
    finally:
        await site.importer.run("UPDATE resident SET state = 'home' WHERE member_id = %s", (german,))
    assert (await domicile.posts.write(german, Draft(text="in time"))).author == german


async def test_a_writer_locks_the_member_so_that_a_move_waits(domicile: Domicile, member: MakeMember) -> None:
    german = await member("DE")
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def slow(writer: SiteWriter) -> None:
        inside.set()
        await go_on.wait()
        await writer.execute("UPDATE account SET note = 'written' WHERE member_id = %s", (german,))

    writing = asyncio.create_task(domicile.router.transact(german, slow))
    await inside.wait()
    moving = asyncio.create_task(move_by_hand(domicile, german, "us-1"))
    await asyncio.sleep(0.1)
    assert not moving.done()
    go_on.set()
    await writing
    await moving
    american = domicile.sites[SiteName("us-1")].app
    assert (await american.run("SELECT note FROM account WHERE member_id = %s", (german,)))[0].note == "written"


async def test_what_fails_inside_a_write_leaves_nothing(domicile: Domicile, member: MakeMember) -> None:
    german = await member("DE")

    async def fail(writer: SiteWriter) -> None:
        await writer.execute("UPDATE account SET note = 'half' WHERE member_id = %s", (german,))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await domicile.router.transact(german, fail)
    rows = await domicile.sites[SiteName("de-1")].app.run("SELECT note FROM account WHERE member_id = %s", (german,))
    assert rows[0].note == ""


async def test_a_reader_cannot_write(domicile: Domicile, member: MakeMember) -> None:
    german = await member("DE")

    async def cheat(reader: SiteReader) -> None:
        await reader.fetch("UPDATE account SET note = 'x' WHERE member_id = %s RETURNING 1", (german,))

    with pytest.raises(Exception, match="25006"):
        await domicile.router.read(german, cheat)


async def test_a_member_nobody_knows_is_not_found_after_asking_the_hub(domicile: Domicile) -> None:
    with pytest.raises(NotFound):
        await domicile.router.home_of(MemberId(4711))


async def test_a_site_that_another_process_serves_is_named(domicile: Domicile, member: MakeMember) -> None:
    german = await member("DE")
    make_stale(domicile, german, Home(SiteName("fr-1"), 1))
    with pytest.raises(Misdirected) as refused:
        await domicile.router.read(german, lambda r: posts_of(r, german))
    assert refused.value.address == "fr-1"
    domicile.router.forget_route(german)


async def test_while_the_hub_is_down_members_read_and_write_by_the_sites_own_routes(
    domicile: Domicile, member: MakeMember
) -> None:
    german, american = await member("DE"), await member("US")
    await domicile.follows.follow(german, american)
    post = await domicile.posts.write(american, Draft(text="hello"))
    await domicile.timelines.home(german, make_bounds(20))
    async with hub_down(domicile):
        for someone in (german, american):
            domicile.router.forget_route(someone)
        page = await domicile.timelines.home(german, make_bounds(20))
        assert [item.id for item in page.items] == [post.id]
        assert (await domicile.posts.write(german, Draft(text="still here"))).author == german
        with pytest.raises(Unavailable):
            await domicile.members.find_by_handle("anybody")
        with pytest.raises(Unavailable):
            await member("DE", handle="while_down", email="down@example.org")
    await domicile.repair()
    assert await domicile.members.find_by_handle("while_down"), "the sign-up that was cut short was finished"


async def test_a_stale_route_is_refused_and_not_served_while_the_hub_is_down(
    domicile: Domicile, member: MakeMember
) -> None:
    wanderer = await member("DE")
    believed = await domicile.router.home_of(wanderer)
    await move_by_hand(domicile, wanderer, "us-1")
    make_stale(domicile, wanderer, believed)
    async with hub_down(domicile):
        with contextlib.suppress(Unavailable):
            assert await domicile.router.read(wanderer, lambda r: posts_of(r, wanderer)) == ("us-1", 0)
