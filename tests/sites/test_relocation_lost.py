"""A source that is lost for good after the flip: its members wait, until the operator vouches that it will not answer.

And what happens when it comes back all the same: it erases what it holds of them, and serves nobody from it.
"""

import contextlib
from datetime import timedelta
from pathlib import Path

import pytest

from crash_scene import Scene, act_out
from domicile.audit.residency import audit
from domicile.errors import Conflict, NotResident, Unavailable
from domicile.ids import MemberId
from domicile.network.posts import Draft
from domicile.placement.routing import wait_for_site
from domicile.relocation.points import LOST
from domicile.running import Domicile
from network_at import impatient, killed, make_member, network_at
from relocating import GERMANY, RUSSIA, check_one_home, texts_of

WHY = "the machine burnt down"
AT_ONCE = timedelta(0)


async def lose_source(domicile: Domicile, lost: contextlib.ExitStack) -> list[MemberId]:
    """Two members whose batch flips from ru-1 to de-1 in the moment in which ru-1 is lost."""
    members = [await make_member(domicile, "RU") for _ in range(2)]
    for member in members:
        await domicile.posts.write(member, Draft(text="before"))
    domicile.coordinator.patience_s = 0.5

    async def lose(point: str) -> None:
        lost.enter_context(killed(domicile, RUSSIA))

    await act_out(domicile, Scene(tuple(members), RUSSIA, GERMANY, "flipped"), lose)
    (waiting,) = await domicile.coordinator.resume(AT_ONCE)
    assert not waiting.closed and "ru-1" in waiting.outcome
    return members


async def state_at_source(domicile: Domicile, member: MemberId) -> tuple[str, int]:
    rows = await domicile.sites[RUSSIA].importer.run(
        "SELECT state, epoch FROM resident WHERE member_id = %s", (member,)
    )
    return rows[0].state, rows[0].epoch


async def test_members_of_a_lost_source_wait_until_the_operator_vouches_for_it(tmp_path: Path) -> None:
    async with network_at(tmp_path / "data", keep=True, sites="de,ru") as domicile:
        impatient(domicile)
        coordinator, journal = domicile.coordinator, domicile.journal
        with contextlib.ExitStack() as lost:
            anna, ben = await lose_source(domicile, lost)
            with pytest.raises((NotResident, Unavailable)):
                await domicile.posts.write(anna, Draft(text="too early"))

            passed: list[str] = []

            async def crash(point: str) -> None:
                """The coordinator fails at each new point, and the operator says it again."""
                passed.append(point)
                if point in LOST and passed.count(point) == 1:
                    raise Unavailable("a crash")

            journal.on_point = crash
            outcomes = [found.outcome for _ in LOST for found in await coordinator.resume_without(RUSSIA, WHY, AT_ONCE)]
            assert set(passed) >= set(LOST)
            assert outcomes[-1] in ("owed", "a crash") and await journal.unfinished() == []

            await domicile.tick()
            for member in (anna, ben):
                await domicile.posts.write(member, Draft(text="after"))
                assert await texts_of(domicile, member) == ["before", "after"]
            entry = [row for row in await journal.entries() if row.step == "vouch"]
            assert len(entry) == 1 and WHY in entry[0].fields and "ru-1" in entry[0].fields
            assert await coordinator.collect() == [], "it does not answer"
            assert [number for number, site in await journal.waiting()] == [entry[0].batch_id]

        await wait_for_site(domicile.sites[RUSSIA])
        assert await state_at_source(domicile, anna) == ("leaving", 1)
        await domicile.posts.write(anna, Draft(text="it is back"))
        await domicile.tick()
        for member in (anna, ben):
            await check_one_home(domicile, member)
        assert await journal.waiting() == [] and await journal.is_intact()
        with pytest.raises(Conflict, match="ru-1 answers"):
            await coordinator.resume_without(RUSSIA, WHY, AT_ONCE)

        with contextlib.ExitStack() as lost:  # once more, and everything ends before it is back
            clara, _ = await lose_source(domicile, lost)
            assert [found.outcome for found in await coordinator.resume_without(RUSSIA, WHY, AT_ONCE)] == ["owed"]

    async with network_at(tmp_path / "data", sites="de,ru") as domicile:
        assert await state_at_source(domicile, clara) == ("moved", 1), "set aside before anybody is served"
        await domicile.tick()
        await check_one_home(domicile, clara)
        report = await audit(domicile.sites, domicile.hub, domicile.clock())
        assert report.ok, report.violations
