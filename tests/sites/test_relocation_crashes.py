"""Relocation survives everything that can die or hang in the middle of it, while members write, read and are answered.

Each point (`relocation.points`) is met by each victim: the coordinator, killed, or stopped, overtaken by another and
continued; the PostgreSQL of source, target and hub, killed, or hanging while another coordinator takes over and then
continued. The usual run takes some of these cases, others every day; `--every-crash` takes them all.
"""

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from coordinator_process import start_coordinator
from crash_scene import Scene, act_out
from domicile.errors import Unavailable
from domicile.ids import MemberId, SiteName
from domicile.placement.supervisor import inhabitants, postmaster_pid
from domicile.relocation.points import INSIDE, NOT_ANSWERED, ORDERS, POINTS, STEPS, STREAMS
from domicile.running import Domicile
from network_at import SetClock, continue_server, hanging, impatient, network_at
from relocating import (
    GERMANY,
    RUSSIA,
    Life,
    check_everything,
    everybody_answers,
    home_of,
    kill_server,
    resume_all,
)

COORDINATOR = ("kill coordinator", "stop coordinator")
VICTIMS = (*COORDINATOR, *(f"{how} {whom}" for how in ("kill", "hang") for whom in ("source", "target", "hub")))
STEPS_A_DAY, INSIDE_A_DAY = 8, 8
CLOCK = SetClock()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "victim" in metafunc.fixturenames:
        cases = every_case() if metafunc.config.getoption("--every-crash") else cases_of_the_day()
        metafunc.parametrize(("point", "victim"), cases, ids=[f"{victim} at {point}" for point, victim in cases])


def every_case() -> list[tuple[str, str]]:
    """In an order of the day: each case begins with what the ones before it left."""
    cases = [(point, victim) for victim in VICTIMS for point in POINTS]
    random.Random(datetime.now(UTC).toordinal()).shuffle(cases)
    return cases


def cases_of_the_day() -> list[tuple[str, str]]:
    """All victims as often as each other; in some weeks all points with all of them."""
    day = random.Random(datetime.now(UTC).toordinal())
    points = day.sample(STEPS, STEPS_A_DAY) + day.sample([*INSIDE, *STREAMS.values()], INSIDE_A_DAY)
    day.shuffle(points)
    return [(point, VICTIMS[number % len(VICTIMS)]) for number, point in enumerate(points)]


@pytest.fixture(scope="module")
async def life(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Life]:
    folder = tmp_path_factory.mktemp("crashes") / "data"
    async with network_at(folder, sites="de,ru", clock=CLOCK) as domicile:
        impatient(domicile)
        domicile.coordinator.patience_s = 15.0
        yield await Life.begin(domicile)


async def test_each_point_is_reached_and_no_other_order_is_known(life: Life) -> None:
    """So the cases below are all there are."""
    source, target = await ways(life)
    assert orders_of(life.domicile) == {order for orders in ORDERS.values() for order in orders} | {
        "Describe",
        "ListWhole",
        "GiveBack",
    }
    passed: list[str] = []
    async with life.busy(source):
        passed += await act_out(life.domicile, Scene(tuple(life.moving), source, target, "drop in"), nothing)
    source, target = await ways(life)
    passed += await act_out(life.domicile, Scene(tuple(life.moving), source, target, "undone in"), nothing)
    await life.domicile.journal.open_batch(source, target, life.moving, "left alone")
    passed += await act_out(life.domicile, Scene(tuple(life.moving), source, target, "take over in"), nothing)
    assert set(passed) == set(POINTS)
    await check_everything(life, CLOCK)


async def test_a_crash(life: Life, point: str, victim: str) -> None:
    source, target = await ways(life)
    scene = Scene(tuple(life.moving), source, target, point)
    how, whom = victim.split()
    name = {"source": source, "target": target}.get(whom, whom)
    async with life.going_on():
        if scene.resume:
            await leave_open(life, scene)
        async with life.busy(source) if scene.drop else contextlib.nullcontext():
            if whom == "coordinator":
                await crash_coordinator(life, scene, victim)
            elif how == "kill":
                await crash_server(life, scene, name)
            else:
                await hang_server(life, scene, name)
        await everybody_answers(life.domicile)
        await resume_all(life.domicile)
    await check_everything(life, CLOCK)


async def test_anything_hangs_in_the_middle_of_anything(request: pytest.FixtureRequest, life: Life) -> None:
    """Not at a point but at any instant: in a statement, in a stream, in a commit."""
    for number in range(60 if request.config.getoption("--every-crash") else 2):
        source, target = await ways(life)
        process = start_coordinator(data_of(life), Scene(tuple(life.moving), source, target, ""), "stop coordinator")
        async with life.going_on():
            await batch_opened(life.domicile)
            await asyncio.sleep(random.uniform(0, 0.25))
            if number % 2:
                await overtake_while_hanging(life, random.choice((source, target, SiteName("hub"))))
            else:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid or 0, signal.SIGSTOP)
                await resume_all(life.domicile)
                os.kill(process.pid or 0, signal.SIGCONT)
            await asyncio.to_thread(process.join, 60)
            assert process.exitcode is not None, "the coordinator that was overtaken goes on for ever"
            await everybody_answers(life.domicile)
            await resume_all(life.domicile)
        await check_everything(life, CLOCK)


async def crash_server(life: Life, scene: Scene, name: str) -> None:
    async def crash(point: str) -> None:
        kill_server(life.domicile, name)
        if point.endswith(NOT_ANSWERED):
            raise Unavailable("the answer was lost with the server")

    passed = await act_out(life.domicile, scene, crash)
    assert scene.point in passed, f"{scene.point} was never reached"


async def hang_server(life: Life, scene: Scene, name: str) -> None:
    """Another coordinator comes while the server hangs; then it goes on, as does the first coordinator."""
    folder = (data_of(life) / "pg").resolve() / name
    process = start_coordinator(data_of(life), scene, f"hang {name}")
    try:
        await until(lambda: is_stopped(postmaster_pid(folder)) or not process.is_alive())
        assert is_stopped(postmaster_pid(folder)), f"{scene.point} was never reached"
        await overtake(life)
        continue_server(inhabitants(folder))
        await resume_all(life.domicile)
        await asyncio.to_thread(process.join, 60)
        assert process.exitcode == 0, "the coordinator that was overtaken goes on for ever, or fell over it"
    finally:
        continue_server(inhabitants(folder))
        process.kill()


async def overtake_while_hanging(life: Life, name: str) -> None:
    with hanging(life.domicile, name):
        await overtake(life)


async def overtake(life: Life) -> None:
    """What `relocate --resume` can do while a server hangs: something or nothing, but soon."""
    async with asyncio.timeout(40):
        with contextlib.suppress(Unavailable):
            await life.domicile.coordinator.resume(timedelta(0), patience_s=random.uniform(0.1, 1.5))


async def crash_coordinator(life: Life, scene: Scene, victim: str) -> None:
    process = start_coordinator(data_of(life), scene, victim)
    try:
        await until(lambda: not process.is_alive() or is_stopped(process.pid or 0))
        if victim == "stop coordinator":
            assert process.is_alive(), f"{scene.point} was never reached"
            await resume_all(life.domicile)
            os.kill(process.pid or 0, signal.SIGCONT)
            await asyncio.to_thread(process.join, 60)
            assert process.exitcode == 0, "the coordinator that was overtaken goes on for ever, or fell over it"
        else:
            assert process.exitcode == -signal.SIGKILL, f"{scene.point} was never reached"
    finally:
        process.kill()


async def leave_open(life: Life, scene: Scene) -> None:
    """A batch whose coordinator has died in the middle of it."""
    midway = Scene(scene.members, scene.source, scene.target, random.choice(("copied", "fenced", "flipped")))
    await crash_coordinator(life, midway, "kill coordinator")


async def nothing(point: str) -> None:
    """No crash."""


def orders_of(domicile: Domicile) -> set[str]:
    """Every order that a site takes."""
    exchange = domicile.exchange
    channels = {channel for _, channel in (*exchange._handlers, *exchange._sources, *exchange._sinks)}
    return {channel.removeprefix("relocation.") for channel in channels if channel.startswith("relocation.")}


async def until(true: Callable[[], bool]) -> None:
    """Return when it is true."""
    for _ in range(6000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the coordinator never came to the point")


def is_stopped(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just died
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].startswith("T")
    return False


async def batch_opened(domicile: Domicile) -> None:
    for _ in range(6000):
        if await domicile.journal.unfinished():
            return
        await asyncio.sleep(0.002)
    raise AssertionError("the coordinator never began")


async def ways(life: Life) -> tuple[SiteName, SiteName]:
    """From where those who move live to the other site; whoever stayed behind in an earlier crash joins them first."""
    await resume_all(life.domicile)  # there is something only if the case before failed
    homes: dict[MemberId, SiteName] = {member: await home_of(life.domicile, member) for member in life.moving}
    source = homes[life.moving[0]]
    target = RUSSIA if source == GERMANY else GERMANY
    for member, home in homes.items():
        if home != source:
            assert (await life.domicile.coordinator.relocate([member], home, source, "to the others")).members
    return source, target


def data_of(life: Life) -> Path:
    return life.domicile.config.data
