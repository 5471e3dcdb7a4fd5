"""How fast a relocation may go: bytes a second, and how long members' writes may wait while it does.

The waits are those of all members' writes, as every process of the network measures them and tells the hub; so a
relocation slows down for a network that is busy for whatever reason. The size of a batch follows from how long the last
ones held up the writes of their own members: a part of that is the same for one member as for hundreds.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

SMALLEST, SMALL, FIRST, LARGEST = 10, 100, 500, 1_000
AIM_MS = 150.0
"""How long a batch may hold its members' writes up: half as much again is still under the quarter of a second."""
LONGEST_REST_S = 5.0


@dataclass
class Pace:
    """`bytes_a_second` and `p99_ms` are limits; `measure` tells the waits' p99 now, None if nobody measures."""

    bytes_a_second: float | None = None
    p99_ms: float | None = None
    largest: int = LARGEST
    measure: Callable[[], Awaitable[float | None]] | None = None
    batch_size: int = field(init=False, default=FIRST)
    _due: float = field(init=False, default=0.0)
    _turn: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)
    _no_fence: asyncio.Event = field(init=False, default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.batch_size = min(self.batch_size, self.largest)
        self._no_fence.set()

    @contextlib.asynccontextmanager
    async def fencing(self) -> AsyncIterator[None]:
        """A batch holds its members' writes up. One at a time, and meanwhile no stream of another takes its time."""
        async with self._turn:
            self._no_fence.clear()
            try:
                yield
            finally:
                self._no_fence.set()

    async def through(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The pieces, as fast as the limit allows, whoever else shares it; none while members wait at a fence."""
        async for piece in pieces:
            await self._no_fence.wait()
            if self.bytes_a_second is not None:
                now = time.monotonic()
                self._due = max(self._due, now) + len(piece) / self.bytes_a_second
                if self._due - now > 0.01:
                    await asyncio.sleep(self._due - now)
            yield piece

    async def rest(self) -> None:
        """Before a batch: wait while the members' writes wait longer than they may; then go on with smaller batches."""
        rest_s = 0.25
        while self.p99_ms is not None and self.measure is not None:
            waiting = await self.measure()
            if waiting is None or waiting <= self.p99_ms:
                return
            self.batch_size = max(SMALLEST, self.batch_size // 2)
            if rest_s > LONGEST_REST_S:
                return  # what holds them up is not us: go on, slowly
            await asyncio.sleep(rest_s)
            rest_s *= 2

    def learn(self, members: int, waited_ms: float) -> None:
        """A batch of so many members held their writes up for so long."""
        fitting = round(members * min(max(AIM_MS / max(waited_ms, 1.0), 0.6), 1.5))
        if waited_ms > AIM_MS:
            self.batch_size = max(min(self.batch_size, fitting), min(SMALL, self.batch_size))
        else:
            self.batch_size = min(max(self.batch_size, fitting), self.largest)
