"""A coordinator in a process of its own, which at one step kills or stops itself: what `kill -9` and SIGSTOP do."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

from domicile.config import load_config
from domicile.errors import Unavailable
from domicile.ids import MemberId, SiteName
from domicile.wiring import open_domicile

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["domicile.wiring", "coordinator_process"])


class Refused(Unavailable):
    """What a batch fails of, so that it is undone."""


def start_coordinator(
    data: Path, members: Sequence[MemberId], source: SiteName, target: SiteName, step: str, sign: int, undo: bool
) -> BaseProcess:
    """Begin to move members; at `step` the process gets `sign`. With `undo` the batch fails before the flip."""
    process = _context.Process(
        target=_coordinate, args=(str(data), list(members), source, target, step, int(sign), undo), daemon=True
    )
    process.start()
    return process


def _coordinate(
    data: str, members: list[MemberId], source: SiteName, target: SiteName, step: str, sign: int, undo: bool
) -> None:
    met = []

    async def at(passed: str) -> None:
        if passed == step and not met:  # there may be a second batch, of those who were busy
            met.append(step)
            os.kill(os.getpid(), sign)
        if undo and passed == "compared":
            raise Refused("the test refuses this batch")

    async def work() -> None:
        config = load_config(data=Path(data), sites="de,ru")
        async with open_domicile(config) as domicile:
            domicile.coordinator.on_step = at
            domicile.coordinator.patience_s = 5.0
            await domicile.coordinator.relocate(members, source, target, "a test")

    signal.alarm(60)
    asyncio.run(work())
