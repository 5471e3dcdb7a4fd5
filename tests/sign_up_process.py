"""A sign-up in a process of its own, which is killed the moment it has done a step."""

import asyncio
import os
import signal
from pathlib import Path

import forks
from domicile.config import load_config
from domicile.network.forms import SignUp
from domicile.wiring import open_domicile


async def crash_sign_up(data: Path, handle: str, country: str, step: str) -> None:
    """Sign up; who does so dies after `step`."""
    process = await asyncio.to_thread(forks.start, _sign_up, str(data), handle, country, step, daemon=True)
    await asyncio.to_thread(process.join, 60)
    assert process.exitcode == -signal.SIGKILL


def _sign_up(data: str, handle: str, country: str, step: str) -> None:
    async def join() -> None:
        async with open_domicile(load_config(data=Path(data))) as domicile:
            domicile.members.on_step = lambda done: os.kill(os.getpid(), signal.SIGKILL) if done == step else None
            form = SignUp(username=handle, email=f"{handle}@crash.example.org", password=None, country=country)
            await domicile.members.sign_up(form)

    asyncio.run(join())
