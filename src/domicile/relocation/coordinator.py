"""Moves members between two sites while the network serves, batch by batch; completes or undoes what a crash cut short.

It holds no password of any site: it speaks to the two sites' agents and to the journal at the hub.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from domicile.errors import DomicileError, Unavailable
from domicile.ids import MemberId, SiteName
from domicile.relocation.departure import Departure
from domicile.relocation.journal import Batch, Journal, Superseded
from domicile.relocation.moved import Moved
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
    """A batch that was taken over, and what became of it: `done`, `undone`, or why it still waits."""

    batch: Batch
    outcome: str

    @property
    def closed(self) -> bool:
        return self.outcome in ("done", "undone")


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
        found = []
        for number in await self.journal.unfinished():
            try:
                batch = await self.journal.take_over(number, silent_for)
            except Superseded:
                continue
            try:
                passage = self._passage(batch)
                passage.patience_s = self.patience_s if patience_s is None else patience_s
                found.append(Resumed(batch, await passage.finish()))
            except DomicileError as error:
                found.append(Resumed(batch, error.detail))
        return found

    def _passage(self, batch: Batch, departure: Departure | None = None) -> Passage:
        return Passage(
            self.journal,
            self.exchange,
            batch,
            self.patience_s,
            pace=departure.pace if departure else Pace(),
            stay=departure.stay if departure else lambda: None,
            on_step=self.on_step,
        )
