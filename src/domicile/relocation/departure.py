"""Members who leave one site for another, by batches: those who cannot move now stay, and it is said why."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import structlog

from domicile.errors import DomicileError, NoRoom, NotFound
from domicile.ids import MemberId, SiteName
from domicile.relocation.journal import Batch, Journal
from domicile.relocation.moved import Drift, Moved, Undone
from domicile.relocation.pace import Pace
from domicile.relocation.passage import BUSY, Passage
from domicile.relocation.wishes import Run

log = structlog.get_logger("domicile.relocation")

ROUNDS = 3
"""How often members are tried who were busy the time before."""


@dataclass
class Departure:
    """`passage` makes the passage of a batch; `progress` is told after each batch what was moved so far."""

    journal: Journal
    source: SiteName
    target: SiteName
    reason: str
    pace: Pace
    run: Run
    passage: Callable[[Batch, "Departure"], Passage]
    progress: Callable[[Moved], None]
    moved: Moved = field(default_factory=Moved)
    _waiting: deque[MemberId] = field(default_factory=deque)
    _refused: str | None = None

    async def move(self, members: Sequence[MemberId], at_once: int) -> Moved:
        """Move them all, so many batches at once."""
        self._waiting.extend(dict.fromkeys(members))
        for _ in range(ROUNDS):
            async with asyncio.TaskGroup() as tasks:
                for _ in range(at_once):
                    tasks.create_task(self._work())
            self._waiting.extend(member for member, why in self.moved.left.items() if why == BUSY)
        return self.moved

    def stay(self) -> str | None:
        """Why a batch that has not flipped should not go on."""
        return self._refused or self.run.stay()

    async def _work(self) -> None:
        while self._waiting:
            await self.run.wait_while_paused()
            await self.pace.rest()
            size = min(self.pace.batch_size, len(self._waiting))
            members = [self._waiting.popleft() for _ in range(size)]
            for member in members:
                self.moved.left.pop(member, None)
            self.moved.add(await self._move(members))
            self.progress(self.moved)

    async def _move(self, members: list[MemberId]) -> Moved:
        """One batch; if a row of it cannot be taken, its halves, down to the member whose row it is."""
        if why := self.stay():
            return _left(members, why)
        try:
            batch = await self.journal.open_batch(self.source, self.target, members, self.reason)
        except DomicileError as error:
            return _left(
                members, "lives elsewhere, or is on the way already" if isinstance(error, NotFound) else error.detail
            )
        moved = _left(set(members) - batch.members.keys(), "lives elsewhere, or is on the way already")
        moved.batches = 1
        try:
            passage = self.passage(batch, self)
            moved.add(await passage.carry())
            self.pace.learn(len(moved.members), moved.waited_ms)
        except Undone as error:
            moved.add(await self._try_halves(batch, error))
        except DomicileError as error:
            moved.left |= dict.fromkeys(batch.members, error.detail)
            moved.unfinished[batch.number] = error.detail
        return moved

    async def _try_halves(self, batch: Batch, error: Undone) -> Moved:
        if isinstance(error.cause, Drift | NoRoom):
            self._refused = error.detail
        halves = sorted(batch.members)
        if len(halves) == 1 or not error.of_a_row:
            return _left(halves, error.detail)
        moved = await self._move(halves[: len(halves) // 2])
        moved.add(await self._move(halves[len(halves) // 2 :]))
        return moved


def _left(members: Iterable[MemberId], why: str) -> Moved:
    return Moved(left=dict.fromkeys(members, why))
