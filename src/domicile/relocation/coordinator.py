"""Moves members between two sites while the network serves, batch by batch; completes or undoes what a crash cut short.

It holds no password of any site: it speaks to the two sites' agents and to the journal at the hub.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from domicile.errors import Conflict, DomicileError, Unavailable
from domicile.ids import MemberId, SiteName
from domicile.relocation.conclusion import Conclusion
from domicile.relocation.departure import Departure
from domicile.relocation.journal import WAITING, Batch, Journal, Superseded
from domicile.relocation.messages import Describe, Shape, channel
from domicile.relocation.moved import Moved
from domicile.relocation.ordering import Orders
from domicile.relocation.pace import Pace
from domicile.relocation.passage import Passage
from domicile.relocation.wishes import Run, Wishes
from domicile.transport.exchange import Exchange

PATIENCE_S = 30.0
"""How long a site may be away in the middle of a batch before the batch is given up, or left to be resumed."""
SILENCE = timedelta(seconds=10)
"""How long a coordinator must have been silent before another takes its batch over."""
MOST_AT_ONCE = 4  # each holds a connection of the importer's pool for as long as it copies


@dataclass(frozen=True, slots=True)
class Resumed:
    """A batch that was taken over, and what became of it: `done`, `undone`, or why it waits.

    `owed`, `due`: served by one site; the other, given up for lost, is cleared when it comes back.
    """

    batch: Batch
    outcome: str

    @property
    def closed(self) -> bool:
        return self.outcome in ("done", "undone", *WAITING)


@dataclass
class Coordinator:
    """`on_step` is told each step of a batch as it ends: tests write, stop or crash there."""

    journal: Journal
    exchange: Exchange
    wishes: Wishes
    at_once: int = 2
    patience_s: float = PATIENCE_S
    on_step: Callable[[str], Awaitable[None]] = field(default=lambda step: asyncio.sleep(0))
    running: Run | None = None

    async def relocate(
        self,
        members: Sequence[MemberId],
        source: SiteName,
        target: SiteName,
        reason: str,
        progress: Callable[[Moved], None] = lambda moved: None,
        pace: Pace | None = None,
    ) -> Moved:
        """Move members from one site to another. Those who cannot move now are in `left`, with the reason."""
        began = time.monotonic()
        async with self.wishes.run() as self.running:
            pace = pace or Pace()
            pace.measure = pace.measure or self.journal.longest_wait_ms
            departure = Departure(self.journal, source, target, reason, pace, self.running, self._passage, progress)
            moved = await departure.move(members, min(self.at_once, MOST_AT_ONCE))
        moved.seconds = time.monotonic() - began
        if moved.rows:
            with contextlib.suppress(Unavailable):
                sizes = (len(moved.members), moved.rows, moved.size, moved.seconds)
                await self.journal.record_rate(source, target, *sizes)
        return moved

    def cancel(self) -> None:
        """Undo what has not flipped of the relocation at work here, and end it."""
        if self.running is not None:
            self.running.cancel()

    async def resume(self, silent_for: timedelta = SILENCE, patience_s: float | None = None) -> list[Resumed]:
        """Complete or undo every batch whose coordinator is silent; what became of each. Others are left to theirs."""
        found = [await self._finish(number, silent_for, patience_s) for number in await self.journal.unfinished()]
        return [resumed for resumed in found if resumed is not None]

    async def resume_without(self, lost: SiteName, why: str, silent_for: timedelta = SILENCE) -> list[Resumed]:
        """Conclude batches without a site, on the operator's word that it will not answer again.

        What has flipped from there is settled, what was on its way there is given back or undone. Raises Conflict if
        the site answers. Batches from there that have not flipped can only be undone there, and wait.
        """
        if await self._answers(lost):
            raise Conflict(f"{lost} answers: `relocate --resume` completes its batches; nothing was done without it")
        found = []
        for number in await self.journal.unfinished():
            batch = await self.journal.find(number)
            if batch.target == lost or (batch.source == lost and batch.state in ("flipped", "vouched")):
                found.append(await self._finish(number, silent_for, None, lost=lost, why=why))
        return [resumed for resumed in found if resumed is not None]

    async def collect(self) -> list[Resumed]:
        """A site that was given up for lost has come back: what it holds is erased before it serves anybody."""
        found = []
        for number, lost in await self.journal.waiting():
            if await self._answers(lost):
                found.append(await self._finish(number, timedelta(seconds=1), None))
        return [resumed for resumed in found if resumed is not None]

    async def _finish(
        self,
        number: int,
        silent_for: timedelta,
        patience_s: float | None,
        *,
        lost: SiteName | None = None,
        why: str = "",
    ) -> Resumed | None:
        """Take a batch over and finish it, without the `lost` site; None if it is another's."""
        try:
            batch = await self.journal.take_over(number, silent_for)
        except Superseded:
            return None
        try:
            orders = Orders(self.exchange, batch, self.patience_s if patience_s is None else patience_s)
            conclusion = Conclusion(self.journal, orders, self.on_step)
            if lost == batch.target:
                return Resumed(batch, await conclusion.finish_without_target(why))
            if lost == batch.source and batch.state == "flipped":
                await self.journal.vouch(batch, why)
            return Resumed(batch, await conclusion.finish())
        except DomicileError as error:
            return Resumed(batch, error.detail)

    async def _answers(self, site: SiteName) -> bool:
        order = Describe(batch=0, token=b"", role="source")
        with contextlib.suppress(Unavailable):
            await self.exchange.ask(site, channel(Describe), order, Shape)
            return True
        return False

    def _passage(self, batch: Batch, departure: Departure) -> Passage:
        orders = Orders(self.exchange, batch, self.patience_s)
        return Passage(self.journal, orders, departure.pace, departure.stay, self.on_step)
