"""The hub is lost, or restored as it was, in the middle of a relocation: the sites' own records decide.

At each step of the protocol the coordinator dies and the hub with it. Then `hub rebuild` must find everybody at exactly
one home, every acknowledged write, and the batch completed or undone.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crash_scene import Refused
from domicile.ids import SiteName
from domicile.migrations.upgrade import upgrade
from domicile.relocation.points import BACKWARD, FORWARD, STEPS
from domicile.running import Domicile
from network_at import SetClock, make_member, network_at, superuser
from relocating import Life, check_everything, check_nothing_left, check_one_home, texts_of, ways

CLOCK = SetClock()


class Died(BaseException):
    """What kills a coordinator between two steps: nothing of it catches this."""


@pytest.fixture(scope="module")
async def life(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Life]:
    folder = tmp_path_factory.mktemp("hubs") / "data"
    async with network_at(folder, sites="de,ru", clock=CLOCK) as domicile:
        domicile.coordinator.patience_s = 15.0
        yield await Life.begin(domicile)


async def die_at(life: Life, step: str) -> tuple[SiteName, SiteName]:
    """A relocation whose coordinator dies as it has passed this step, and from where to where it was."""
    source, target = await ways(life)

    async def at(passed: str) -> None:
        if passed == step:
            raise Died
        if step in BACKWARD and passed == "compared":
            raise Refused("the test refuses this batch")

    coordinator = life.domicile.coordinator
    coordinator.on_step = at
    try:
        with pytest.raises(BaseExceptionGroup) as died:
            await coordinator.relocate(life.moving, source, target, "a test")
        assert died.group_contains(Died)
    finally:
        coordinator.on_step = lambda step: asyncio.sleep(0)
    return source, target


async def lose_hub(domicile: Domicile) -> None:
    """Everything the hub holds is gone; its server answers, and knows nobody."""
    async with superuser(domicile, "hub") as hub:
        await hub.run("DROP OWNED BY domicile_owner CASCADE")
    await asyncio.to_thread(upgrade, "hub", "hub", domicile.credentials["hub"].owner)
    domicile.router._hints.clear()


async def check_recovered(life: Life, step: str, source: SiteName, target: SiteName) -> None:
    """Whoever has left the source is at the target, whoever has not is where they were, and life goes on."""
    domicile = life.domicile
    homes = await domicile.directory.homes(life.moving)
    settled = step in FORWARD and FORWARD.index(step) >= FORWARD.index("source settled")
    assert {home.site for home in homes.values()} == {target if settled else source}
    assert await domicile.journal.is_intact() and await domicile.journal.unfinished() == []
    for member in life.moving:
        await life.write(member)
        await check_one_home(domicile, member)
        assert await texts_of(domicile, member) == life.texts[member]
    await check_nothing_left(domicile)


@pytest.mark.parametrize("step", STEPS)
async def test_a_hub_that_goes_at_any_step_of_a_relocation_comes_back(
    request: pytest.FixtureRequest, life: Life, step: str
) -> None:
    """Each step with a hub that is lost or one that is restored, another every day; `--every-crash` tries both."""
    ways_to_go = [lost, restored]
    if not request.config.getoption("--every-crash"):
        ways_to_go = [ways_to_go[(STEPS.index(step) + datetime.now(UTC).toordinal()) % 2]]
    for go in ways_to_go:
        for member in life.moving:
            await life.write(member)
        source, target = await go(life, step)
        await check_recovered(life, step, source, target)


async def lost(life: Life, step: str) -> tuple[SiteName, SiteName]:
    source, target = await die_at(life, step)
    await lose_hub(life.domicile)
    _, resumed = await life.domicile.recover_hub()
    assert all(one.closed for one in resumed), resumed
    return source, target


async def restored(life: Life, step: str) -> tuple[SiteName, SiteName]:
    """Since the backup somebody has signed up, somebody was erased, and a batch has come as far as this step."""
    domicile = life.domicile
    erased = await make_member(domicile, "DE")
    folder, _ = await domicile.backups("hub").back_up(domicile.clock())
    joined = await make_member(domicile, "RU", handle=f"joined_{STEPS.index(step)}")
    await domicile.erasure.erase(erased)
    feed = (await domicile.directory.sizes())["feed"]
    ends = await die_at(life, step)
    await domicile.restore("hub", folder)
    assert all(one.closed for one in await domicile.coordinator.resume())
    homes = await domicile.directory.homes([joined, erased])
    assert homes.keys() == {joined} and await domicile.directory.erased([erased]) == {erased}
    assert await domicile.members.find_by_handle(f"joined_{STEPS.index(step)}") == joined
    assert (await domicile.directory.sizes())["feed"] > feed, "a number that a site has read is used again"
    return ends


async def test_a_hub_restored_as_it_was_in_the_middle_of_a_relocation_learns_how_it_ended(life: Life) -> None:
    """The backup has the batch as open; it was completed, and they have moved back since."""
    domicile = life.domicile
    folders: list[Path] = []
    source, target = await ways(life)

    async def at(step: str) -> None:
        if step in ("compared", "flipped"):
            folders.append((await domicile.backups("hub").back_up(domicile.clock()))[0])

    domicile.coordinator.on_step = at
    await domicile.coordinator.relocate(life.moving, source, target, "a test")
    domicile.coordinator.on_step = lambda step: asyncio.sleep(0)
    await domicile.restore("hub", folders[0])
    assert await domicile.journal.unfinished() == []
    await check_recovered(life, "done", source, target)
    await domicile.coordinator.relocate(life.moving, target, source, "and back")
    await domicile.restore("hub", folders[1])
    assert await domicile.journal.unfinished() == []
    await check_recovered(life, "done", target, source)
    await check_everything(life, CLOCK)
