"""Members at work while others are moved: they write, read and favour, and remember what they were told."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from statistics import quantiles

from domicile.errors import DomicileError, Unavailable
from domicile.ids import MemberId, PostId
from domicile.network.posts import Draft
from domicile.network.questions import Authors
from domicile.network.timelines import make_bounds
from domicile.running import Domicile

PAUSE_S = 0.15
"""How long each of them waits before they do something again."""
GIVE_UP_S = 60.0


@dataclass(frozen=True, slots=True)
class Written:
    """A post that was acknowledged, and how long its author waited for that."""

    post: PostId
    text: str
    began: float
    waited_ms: float


@dataclass
class Bustle:
    """`movers` and `others` write; `readers`, who follow the movers, read them and favour what they read."""

    domicile: Domicile
    movers: Sequence[MemberId]
    others: Sequence[MemberId]
    readers: Sequence[MemberId]
    written: dict[MemberId, list[Written]] = field(default_factory=dict)
    favoured: Counter[PostId] = field(default_factory=Counter)
    reads: int = 0
    incomplete: int = 0
    unseen: list[PostId] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    _number: int = 0

    @contextlib.asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Everybody is at work until the block ends; what they have begun they bring to its end."""
        stop = asyncio.Event()
        async with at_work(self.domicile), asyncio.TaskGroup() as tasks:
            for member in (*self.movers, *self.others):
                tasks.create_task(self._keep_writing(member, stop))
            for reader in self.readers:
                tasks.create_task(self._keep_reading(reader, stop))
            try:
                yield
            finally:
                stop.set()

    async def _keep_writing(self, member: MemberId, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._write(member)
            await asyncio.sleep(PAUSE_S)

    async def _write(self, member: MemberId) -> None:
        """A post, sent again under the same key while the network cannot say, as an app does."""
        self._number += 1
        draft = Draft(text=f"post {self._number} at work", idempotency_key=f"work-{self._number}")
        began = time.monotonic()
        while True:
            try:
                post = await self.domicile.posts.write(member, draft)
                break
            except (Unavailable, TimeoutError):
                if time.monotonic() - began > GIVE_UP_S:
                    self.refused.append("no answer for a minute")
                    return
                await asyncio.sleep(0.02)
            except DomicileError as error:
                self.refused.append(error.detail)
                return
        waited_ms = (time.monotonic() - began) * 1000
        self.written.setdefault(member, []).append(Written(post.id, draft.text, began, waited_ms))

    async def _keep_reading(self, reader: MemberId, stop: asyncio.Event) -> None:
        turn = 0
        while not stop.is_set():
            author = self.movers[turn % len(self.movers)]
            turn += 1
            await self._read(reader, author)
            await asyncio.sleep(PAUSE_S)

    async def _read(self, reader: MemberId, author: MemberId) -> None:
        """The author's page must have what was acknowledged before, or say that it is not complete."""
        known = self.written.get(author, [])[-1:]
        try:
            page = await self.domicile.timelines.author(author, Authors(make_bounds(20)), reader=reader)
        except Unavailable:
            self.incomplete += 1
            return
        self.reads += 1
        if not page.complete:
            self.incomplete += 1
            return
        seen = {item.id for item in page.items}
        self.unseen += [one.post for one in known if one.post not in seen]
        if page.items and page.items[0].body is not None:
            with contextlib.suppress(DomicileError):
                await self._favour(reader, page.items[0].id)

    async def _favour(self, reader: MemberId, post: PostId) -> None:
        if not (await self.domicile.reactions.marks(reader, [post]))[post].favourite:
            await self.domicile.reactions.react(reader, post, "favourite")
            self.favoured[post] += 1

    def waits(self, members: Sequence[MemberId], since: float, until: float) -> list[float]:
        """How long these members' posts that were sent between two moments waited, in milliseconds."""
        return [
            one.waited_ms for member in members for one in self.written.get(member, []) if since <= one.began <= until
        ]


@contextlib.asynccontextmanager
async def at_work(domicile: Domicile) -> AsyncIterator[None]:
    """The network does its recurring work, as under `domicile up`, until the block ends."""
    ticking = asyncio.create_task(domicile.keep_ticking())
    try:
        yield
    finally:
        ticking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticking


def in_words(waits: Sequence[float]) -> str:
    """Waits for people: `1,024 posts, p50 12 ms, p99 95 ms, the longest 120 ms`."""
    if len(waits) < 2:
        return f"{len(waits)} posts"
    cut = quantiles(waits, n=100, method="inclusive")
    return f"{len(waits):,} posts, p50 {cut[49]:.0f} ms, p99 {cut[98]:.0f} ms, the longest {max(waits):.0f} ms"
