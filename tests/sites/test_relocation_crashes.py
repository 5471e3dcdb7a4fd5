"""Relocation survives everything that can die in the middle of it, while members write, read and are answered.

Each step of the protocol is met by each victim: the coordinator (kill -9; or stopped, overtaken by another and then
continued) and the PostgreSQL of source, target and hub. The usual run takes one victim a step, another every day;
`--every-crash` takes them all.
"""

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from coordinator_process import Refused, start_coordinator
from domicile.ids import MemberId, SiteName
from domicile.relocation.passage import BACKWARD, FORWARD, STEPS
from domicile.running import Domicile
from network_at import SetClock, network_at
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

VICTIMS = ("source", "target", "hub", "killed", "stopped")
CLOCK = SetClock()


@pytest.fixture(scope="module")
async def life(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Life]:
    folder = tmp_path_factory.mktemp("crashes") / "data"
    async with network_at(folder, sites="de,ru", clock=CLOCK) as domicile:
        domicile.coordinator.patience_s = 15.0
        yield await Life.begin(domicile)


def chosen(request: pytest.FixtureRequest, step: str) -> list[str]:
    """The victims of this run."""
    if request.config.getoption("--every-crash"):
        return list(VICTIMS)
    return [VICTIMS[(STEPS.index(step) + datetime.now(UTC).toordinal()) % len(VICTIMS)]]


@pytest.mark.parametrize("step", FORWARD)
async def test_a_crash_on_the_way_there(request: pytest.FixtureRequest, life: Life, step: str) -> None:
    for victim in chosen(request, step):
        await crash(life, step, victim, undo=False)


@pytest.mark.parametrize("step", BACKWARD)
async def test_a_crash_on_the_way_back(request: pytest.FixtureRequest, life: Life, step: str) -> None:
    for victim in chosen(request, step):
        await crash(life, step, victim, undo=True)


async def test_a_coordinator_stopped_in_the_middle_of_anything(request: pytest.FixtureRequest, life: Life) -> None:
    """Not at a step but at any instant: in a transaction, in a stream, in a commit."""
    for _ in range(40 if request.config.getoption("--every-crash") else 4):
        source, target = await ways(life)
        process = start_coordinator(data_of(life), life.moving, source, target, "", signal.SIGSTOP, undo=False)
        async with life.going_on():
            await batch_opened(life.domicile)
            await asyncio.sleep(random.uniform(0, 0.25))
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid or 0, signal.SIGSTOP)
            await resume_all(life.domicile)
            os.kill(process.pid or 0, signal.SIGCONT)
            await asyncio.to_thread(process.join, 30)
        await check_everything(life, CLOCK)


async def crash(life: Life, step: str, victim: str, *, undo: bool) -> None:
    source, target = await ways(life)
    async with life.going_on():
        if victim in ("killed", "stopped"):
            await crash_coordinator(life, source, target, step, victim, undo=undo)
        else:
            name = {"source": source, "target": target, "hub": "hub"}[victim]
            await crash_server(life, source, target, step, name, undo=undo)
        await everybody_answers(life.domicile)
        await resume_all(life.domicile)
    await check_everything(life, CLOCK)


async def crash_server(life: Life, source: SiteName, target: SiteName, step: str, name: str, *, undo: bool) -> None:
    passed: list[str] = []

    async def at(now: str) -> None:
        passed.append(now)
        if now == step and passed.count(now) == 1:
            kill_server(life.domicile, name)
        if undo and now == "compared":
            raise Refused("the test refuses this batch")

    life.domicile.coordinator.on_step = at
    try:
        await life.domicile.coordinator.relocate(life.moving, source, target, "a test")
    finally:
        life.domicile.coordinator.on_step = lambda step: asyncio.sleep(0)
    assert step in passed, f"{step} was never reached"


async def crash_coordinator(
    life: Life, source: SiteName, target: SiteName, step: str, victim: str, *, undo: bool
) -> None:
    sign = signal.SIGKILL if victim == "killed" else signal.SIGSTOP
    process = start_coordinator(data_of(life), life.moving, source, target, step, sign, undo=undo)
    try:
        await dead_or_stopped(process)
        await resume_all(life.domicile)
        if victim == "stopped":
            os.kill(process.pid or 0, signal.SIGCONT)
            await asyncio.to_thread(process.join, 30)
            assert process.exitcode is not None, "the coordinator that was overtaken goes on for ever"
        else:
            assert process.exitcode == -signal.SIGKILL, f"{step} was never reached"
    finally:
        process.kill()


async def dead_or_stopped(process: BaseProcess) -> None:
    """Return when the process has met its signal."""
    for _ in range(3000):
        if not process.is_alive() or _is_stopped(process):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the coordinator never came to the step")


def _is_stopped(process: BaseProcess) -> bool:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just died
        return Path(f"/proc/{process.pid}/stat").read_text().rsplit(") ", 1)[1].startswith("T")
    return True


async def batch_opened(domicile: Domicile) -> None:
    for _ in range(3000):
        if await domicile.journal.unfinished():
            return
        await asyncio.sleep(0.002)
    raise AssertionError("the coordinator never began")


async def ways(life: Life) -> tuple[SiteName, SiteName]:
    """From where those who move live to the other site; whoever stayed behind in an earlier crash joins them first."""
    homes: dict[MemberId, SiteName] = {member: await home_of(life.domicile, member) for member in life.moving}
    source = homes[life.moving[0]]
    target = RUSSIA if source == GERMANY else GERMANY
    for member, home in homes.items():
        if home != source:
            assert (await life.domicile.coordinator.relocate([member], home, source, "to the others")).members
    return source, target


def data_of(life: Life) -> Path:
    return life.domicile.config.data
