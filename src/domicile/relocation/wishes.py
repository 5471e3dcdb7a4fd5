"""What operators wish of the relocations at work, wherever these run: pause, go on, stop what has not flipped.

Kept at the hub, and looked at by every coordinator once a second.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from domicile.database import Database
from domicile.errors import Unavailable

LOOK_S = 1.0
CANCELLED = "cancelled by the operator"


class Run:
    """What is wished of one relocation at work. `cancel` is also for whoever runs it, on Ctrl-C."""

    def __init__(self, paused: bool, cancellations: int) -> None:
        self.cancelled = False
        self._cancellations = cancellations
        self._going = asyncio.Event()
        self.hear(paused, cancellations)

    @property
    def paused(self) -> bool:
        return not self._going.is_set()

    def hear(self, paused: bool, cancellations: int) -> None:
        """What the hub says at present."""
        if cancellations > self._cancellations:
            self.cancel()
        if self.cancelled or not paused:
            self._going.set()
        else:
            self._going.clear()

    def cancel(self) -> None:
        """Undo what has not flipped, and end."""
        self.cancelled = True
        self._going.set()

    def stay(self) -> str | None:
        """Why a batch that has not flipped should not go on."""
        return CANCELLED if self.cancelled else None

    async def wait_while_paused(self) -> None:
        await self._going.wait()


class Wishes:
    """The wishes kept at the hub."""

    def __init__(self, hub: Database) -> None:
        self.hub = hub

    async def pause(self) -> None:
        """No relocation begins another batch, until `go_on`."""
        await self.hub.run("UPDATE relocation_wish SET paused = true")

    async def go_on(self) -> None:
        await self.hub.run("UPDATE relocation_wish SET paused = false")

    async def cancel(self) -> None:
        """Every relocation at work now undoes what has not flipped, and ends."""
        await self.hub.run("UPDATE relocation_wish SET paused = false, cancellations = cancellations + 1")

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[Run]:
        """A relocation at work, which hears what is wished from now on."""
        run = Run(*await self._read())
        looking = asyncio.create_task(self._look(run))
        try:
            yield run
        finally:
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await looking

    async def _look(self, run: Run) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            with contextlib.suppress(Unavailable):
                run.hear(*await self._read())

    async def _read(self) -> tuple[bool, int]:
        rows = await self.hub.run("SELECT paused, cancellations FROM relocation_wish")
        return rows[0].paused, rows[0].cancellations
