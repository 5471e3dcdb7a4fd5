"""A coordinator in a process of its own, which at one point of a relocation dies, stops, or hangs a server."""

import asyncio
import os
import signal
from multiprocessing.process import BaseProcess
from pathlib import Path

import forks
from crash_scene import Scene, act_out
from domicile.config import load_config
from domicile.law.library import load_packs
from domicile.wiring import open_domicile
from network_at import impatient, stop_server

load_packs()  # by the server of which the processes are forks, for all of them
LONGEST_S = 120


def start_coordinator(data: Path, scene: Scene, victim: str) -> BaseProcess:
    """Act a scene out. At its point `victim`: `kill coordinator`, `stop coordinator`, or `hang NAME` of a server."""
    return forks.start(_coordinate, str(data), scene, victim, daemon=True)


def _coordinate(data: str, scene: Scene, victim: str) -> None:
    how, whom = victim.split()

    async def crash(point: str) -> None:
        if how == "hang":
            stop_server((Path(data) / "pg").resolve() / whom)
        else:
            os.kill(os.getpid(), signal.SIGKILL if how == "kill" else signal.SIGSTOP)

    async def work() -> None:
        async with open_domicile(load_config(data=Path(data), sites="de,ru")) as domicile:
            impatient(domicile)
            domicile.coordinator.patience_s = 5.0
            await act_out(domicile, scene, crash)

    signal.alarm(LONGEST_S)
    asyncio.run(work())
