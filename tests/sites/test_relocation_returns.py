"""A target that has lost its members after the flip: the source still has everything, and they are given back to it.

It lost them as it was restored from an older backup, or it is gone for good and the operator says so. Once the source
has erased them there is nothing to give back, and that is said.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from crash_scene import Scene, act_out
from domicile.audit.history import read_history
from domicile.audit.residency import audit
from domicile.errors import Unavailable
from domicile.ids import MemberId, SiteName
from domicile.network.posts import Draft
from domicile.placement.directory import Home
from domicile.placement.files import erase_files, list_files
from domicile.placement.routing import wait_for_site
from domicile.relocation.coordinator import Resumed
from domicile.relocation.points import GIVING_BACK
from domicile.relocation.rows import erase_rows
from domicile.running import Domicile
from network_at import impatient, killed, make_member, network_at
from pictures import picture
from relocating import GERMANY, RUSSIA, check_one_home, texts_of

AT_ONCE = timedelta(0)
WHY = "the machine burnt down"


class Died(BaseException):
    """What ends a coordinator: nothing of it catches this."""


@pytest.fixture(scope="module")
async def domicile(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Domicile]:
    async with network_at(tmp_path_factory.mktemp("returns") / "data", sites="de,ru") as running:
        impatient(running)
        running.coordinator.patience_s = 0.5
        yield running


async def make_mover(domicile: Domicile) -> MemberId:
    member = await make_member(domicile, "RU")
    await domicile.posts.write(member, Draft(text="before"))
    await domicile.media.upload(member, picture(len(str(member))), "a picture")
    return member


async def die_at(domicile: Domicile, step: str, members: list[MemberId]) -> None:
    """Move them from ru-1 to de-1, with a coordinator that dies as it has passed this step."""

    async def die(point: str) -> None:
        raise Died

    with pytest.raises(BaseExceptionGroup) as died:
        await act_out(domicile, Scene(tuple(members), RUSSIA, GERMANY, step), die)
    assert died.group_contains(Died)


@contextlib.asynccontextmanager
async def lost(domicile: Domicile) -> AsyncIterator[None]:
    """de-1 is killed, and nobody of it answers any more: what it had at work ends a moment later."""
    with killed(domicile, GERMANY):
        with contextlib.suppress(Unavailable):
            while True:
                await domicile.sites[GERMANY].importer.run("SELECT 1")
        yield


@contextlib.contextmanager
def crashing(domicile: Domicile) -> Iterator[list[str]]:
    """Whatever point a coordinator passes fails the first time; those that were passed."""
    passed: list[str] = []

    async def crash(point: str) -> None:
        passed.append(point)
        if passed.count(point) == 1:
            raise Unavailable("a crash")

    coordinator, journal = domicile.coordinator, domicile.journal
    before = coordinator.on_step, journal.on_point
    coordinator.on_step = journal.on_point = crash
    try:
        yield passed
    finally:
        coordinator.on_step, journal.on_point = before


async def insist(resume: Callable[[], Awaitable[list[Resumed]]]) -> str:
    """Resume until nothing waits any more; what became of the batch."""
    while True:
        with contextlib.suppress(Unavailable):
            (resumed,) = await resume()
            if resumed.closed:
                return resumed.outcome


async def check_served(domicile: Domicile, member: MemberId, home: Home, texts: list[str]) -> None:
    """They live there and nowhere else, with these texts and their pictures, and go on writing."""
    assert (await domicile.directory.homes([member]))[member] == home
    await domicile.tick()
    await check_one_home(domicile, member)
    assert await texts_of(domicile, member) == texts
    assert list_files(domicile.sites[home.site].media, [member])
    await domicile.posts.write(member, Draft(text="and it goes on"))


async def check_audit(domicile: Domicile) -> None:
    assert await domicile.journal.is_intact()
    assert await domicile.journal.unfinished() == [] == await domicile.journal.waiting()
    report = await audit(domicile.sites, domicile.hub, domicile.clock())
    assert report.ok, report.violations


async def homes_over_time(domicile: Domicile, member: MemberId) -> list[SiteName | None]:
    history = await read_history(domicile.sites, domicile.hub)
    return [change.site for change in history if change.member == member]


async def test_members_of_a_restored_target_live_at_the_source_again(domicile: Domicile) -> None:
    """Whatever crashes on the way, at each point, it is taken up again; who was erased meanwhile stays erased."""
    anna, ben = [await make_mover(domicile) for _ in range(2)]
    stays = await make_member(domicile, "DE")
    folder, _ = await domicile.backups(GERMANY).back_up(domicile.clock())
    await die_at(domicile, "target settled", [anna, ben])
    await domicile.tick()
    await domicile.posts.write(anna, Draft(text="written where it is lost"))
    await domicile.erasure.erase(ben)
    assert (await domicile.backups(GERMANY).restore(folder)).asked.lost == 1

    with crashing(domicile) as passed:
        assert await insist(lambda: domicile.coordinator.resume(AT_ONCE)) == "undone"
    assert set(passed) >= set(GIVING_BACK)
    await check_served(domicile, anna, Home(RUSSIA, 3), ["before"])
    assert await domicile.directory.homes([ben]) == {}
    assert list_files(domicile.sites[RUSSIA].media, [ben]) == []
    assert await homes_over_time(domicile, anna) == [RUSSIA, GERMANY, RUSSIA]
    entries = [entry.step for entry in await domicile.journal.entries()]
    assert entries.count("return") == 1
    await domicile.posts.write(stays, Draft(text="who was there before the backup is not touched"))
    await check_audit(domicile)

    assert (await domicile.coordinator.relocate([anna], RUSSIA, GERMANY, "once more")).members == [anna]
    await check_served(domicile, anna, Home(GERMANY, 4), ["before", "and it goes on"])
    assert await homes_over_time(domicile, anna) == [RUSSIA, GERMANY, RUSSIA, GERMANY]
    await check_audit(domicile)


async def test_what_the_source_has_erased_is_not_given_back(domicile: Domicile) -> None:
    """Then they are lost like whoever joined the target since its backup; nobody is served from nothing."""
    member = await make_mover(domicile)
    folder, _ = await domicile.backups(GERMANY).back_up(domicile.clock())
    await die_at(domicile, "erased", [member])
    async with lost(domicile):
        (waiting,) = await domicile.coordinator.resume_without(GERMANY, WHY, AT_ONCE)
        assert not waiting.closed and waiting.outcome.endswith("only de-1 may have them: restore it")
    await wait_for_site(domicile.sites[GERMANY])
    assert (await domicile.backups(GERMANY).restore(folder)).asked.lost == 1
    (resumed,) = await domicile.coordinator.resume(AT_ONCE)
    assert resumed.outcome == "done"
    report = await audit(domicile.sites, domicile.hub, domicile.clock())
    assert [violation.sample_ids for violation in report.violations] == [(member,)], "the hub knows them, and nobody is"
    await domicile.directory.release(member)


async def test_where_only_some_are_absent_nothing_is_decided(domicile: Domicile) -> None:
    """No restore does that; whoever deleted rows by hand must say what was meant."""
    anna, ben = [await make_mover(domicile) for _ in range(2)]
    await die_at(domicile, "target settled", [anna, ben])
    target = domicile.sites[GERMANY]
    async with target.importer.transaction() as session:
        await erase_rows(session, domicile.ownership, [ben])
        await session.execute("DELETE FROM resident WHERE member_id = %s", (ben,))
        await session.execute("DELETE FROM relocation")
    (waiting,) = await domicile.coordinator.resume(AT_ONCE)
    assert waiting.outcome.endswith("does not have 1 members who arrived there, and has 1 others: nothing was changed")
    homes = await domicile.directory.homes([anna, ben])
    assert set(homes.values()) == {Home(GERMANY, 2)}
    assert await texts_of(domicile, anna) == ["before"]

    await domicile.directory.release(ben)  # they were meant to be erased
    assert [resumed.outcome for resumed in await domicile.coordinator.resume(AT_ONCE)] == ["done"]
    await asyncio.to_thread(erase_files, target.media, [ben])
    await check_served(domicile, anna, Home(GERMANY, 2), ["before"])
    await check_audit(domicile)


@pytest.mark.parametrize("step", ["copied", "flipped", "source settled", "target settled"])
async def test_members_on_their_way_to_a_target_that_is_lost_live_at_the_source(domicile: Domicile, step: str) -> None:
    """It comes back all the same: what it holds of them goes before it serves anybody from it."""
    member = await make_mover(domicile)
    await die_at(domicile, step, [member])
    epoch = 1 if step == "copied" else 3
    async with lost(domicile):
        with crashing(domicile):
            assert await insist(lambda: domicile.coordinator.resume_without(GERMANY, WHY, AT_ONCE)) == "due"
        assert (await domicile.directory.homes([member]))[member] == Home(RUSSIA, epoch)
        await domicile.posts.write(member, Draft(text="served at once"))
        assert await domicile.coordinator.collect() == [], "it does not answer"
        assert await domicile.coordinator.resume(AT_ONCE) == [], "and nobody waits for it"

    await wait_for_site(domicile.sites[GERMANY])
    await domicile.welcome_back()
    await check_served(domicile, member, Home(RUSSIA, epoch), ["before", "served at once"])
    await check_audit(domicile)


async def test_a_lost_target_comes_back_with_the_network(tmp_path: Path) -> None:
    """Another process starts with it: whom it held is set aside before anybody is served, and then goes."""
    async with network_at(tmp_path / "data", keep=True, sites="de,ru") as domicile:
        impatient(domicile)
        domicile.coordinator.patience_s = 0.5
        member = await make_mover(domicile)
        await die_at(domicile, "target settled", [member])
        async with lost(domicile):
            (given_back,) = await domicile.coordinator.resume_without(GERMANY, WHY, AT_ONCE)
            assert given_back.outcome == "due"

    async with network_at(tmp_path / "data", sites="de,ru") as domicile:
        query = "SELECT state, epoch FROM resident WHERE member_id = %s"
        held = await domicile.sites[GERMANY].importer.run(query, (member,))
        assert [(row.state, row.epoch) for row in held] == [("moved", 2)]
        await check_served(domicile, member, Home(RUSSIA, 3), ["before"])
        await check_audit(domicile)
