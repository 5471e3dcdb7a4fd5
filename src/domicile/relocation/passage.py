"""One batch from its first order to its last: copied while served, fenced, caught up, compared, flipped, cleared.

Whatever goes wrong before the hub's decision is undone; whatever goes wrong after it is completed (`conclusion`).
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import structlog

from domicile.errors import Conflict, DomicileError, Unavailable
from domicile.ids import MemberId
from domicile.relocation.conclusion import Conclusion
from domicile.relocation.journal import Batch, Journal, Superseded
from domicile.relocation.messages import (
    Begin,
    Compare,
    Copied,
    Describe,
    Done,
    Drop,
    DropFiles,
    Export,
    Fence,
    Fenced,
    Files,
    Import,
    Keys,
    ListFiles,
    Members,
    Order,
    Role,
    SealedKeys,
    SendFiles,
    Shape,
    Sums,
    TakeFiles,
    TakeKeys,
    channel,
)
from domicile.relocation.moved import Different, Drift, Moved, Undone
from domicile.relocation.ordering import Orders
from domicile.relocation.pace import Pace
from domicile.relocation.points import STREAMS
from domicile.relocation.rows import KEY_TABLE
from domicile.relocation.shape import differences
from domicile.transport.exchange import read_ahead

log = structlog.get_logger("domicile.relocation")

BUSY = "is being written to all the time, or is not at home"


@dataclass
class Passage:
    """`pace` says how fast it may work and when; `stay`, why a batch that has not flipped should not go on."""

    journal: Journal
    orders: Orders
    pace: Pace
    stay: Callable[[], str | None]
    on_step: Callable[[str], Awaitable[None]]
    moving: dict[MemberId, int] = field(init=False)
    moved: Moved = field(init=False, default_factory=Moved)
    _fenced_at: float = field(init=False, default=0.0)
    _files: set[tuple[MemberId, str]] = field(init=False, default_factory=set)
    _conclusion: Conclusion = field(init=False)

    def __post_init__(self) -> None:
        self.moving = dict(self.batch.members)
        self._conclusion = Conclusion(self.journal, self.orders, self.on_step, self.moved)

    @property
    def batch(self) -> Batch:
        return self.orders.batch

    async def carry(self) -> Moved:
        """Move the batch. Raises Undone, with the reason, or Superseded; else it is decided, and done if it can be."""
        began = time.monotonic()
        async with self.journal.beating(self.batch), contextlib.AsyncExitStack() as turn:
            try:
                await self._pass("opened")
                shapes = await self._copy()
                await turn.enter_async_context(self.pace.fencing())
                await self._until_flip(shapes)
            except Exception as error:
                detail = error.detail if isinstance(error, DomicileError) else f"{type(error).__name__}"
                log.warning("a batch does not go on", batch=self.batch.number, detail=detail)
                if await self._conclusion.decide(detail) == "abandoned":
                    await self._conclusion.undo()
                    raise Undone(detail, error) from error
            self.moved.members = sorted(self.moving)
            self.moved.left = dict.fromkeys(self.batch.members.keys() - self.moving.keys(), BUSY)
            try:
                await self._conclusion.settle()
                self.moved.waited_ms = (time.monotonic() - self._fenced_at) * 1000
                await turn.aclose()
                await self._conclusion.clear()
            except DomicileError as error:
                log.error("a batch waits to be resumed", batch=self.batch.number, detail=error.detail)
                self.moved.unfinished[self.batch.number] = error.detail
        self.moved.carrying_s = time.monotonic() - began
        return self.moved

    async def _copy(self) -> Mapping[Role, Shape]:
        """Rows, keys and files, while the members are served and written for; what the sites' tables look like."""
        shapes = await self._describe()
        await self._begin()
        copied = await self._stream()
        self.moved.size = copied.size
        await self.journal.note(self.batch, "copy", {"rows": copied.rows, "bytes": copied.size})
        await self._pass("copied")
        await self._move_keys(shapes["target"].public_key)
        await self._pass("keys moved")
        self.moved.files += await self._copy_files()
        await self._pass("files copied")
        return shapes

    async def _until_flip(self, shapes: Mapping[Role, Shape]) -> None:
        """Nothing is written for the members any more: catch up, compare, and let the hub decide."""
        changed = (await self._fence()).changed
        plain = shapes["source"].probe != shapes["target"].probe
        summing = [asyncio.create_task(self._sum("source", plain))]  # nothing changes there any more
        try:
            if changed:
                self.moved.size += (await self._catch_up()).size
            if KEY_TABLE in changed:
                await self._move_keys(shapes["target"].public_key)
            await self._pass("changes applied")
            summing.append(asyncio.create_task(self._sum("target", plain)))
            self.moved.files += await self._copy_files()
            await self._pass("files caught up")
            self._compare(*[await sums for sums in summing])
        finally:
            for sums in summing:
                sums.cancel()
            await asyncio.gather(*summing, return_exceptions=True)
        await self._pass("compared")
        await self.journal.flip(self.batch, len(self.moving), {"rows": self.moved.rows})
        await self.on_step("flipped")

    async def _sum(self, role: Role, plain: bool) -> Sums:
        began = time.monotonic()
        sums = await self.orders.ask(role, Compare, Sums, plain=plain)
        self.moved.verifying_s = max(self.moved.verifying_s, time.monotonic() - began)
        return sums

    async def _pass(self, step: str) -> None:
        """A step before the decision: here a batch may still be told to stay."""
        await self.on_step(step)
        if why := self.stay():
            raise Unavailable(why)

    async def _describe(self) -> Mapping[Role, Shape]:
        source, target = await self.orders.ask_both(Describe, Shape)
        if wrong := differences(source, target, (self.batch.source, self.batch.target)):
            more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
            raise Drift(f"{'; '.join(wrong[:5])}{more}: migrate the older site first")
        await self._pass("described")
        return {"source": source, "target": target}

    async def _begin(self) -> None:
        ready = await self.orders.ask("target", Begin, Members, other=self.batch.source, members=self.moving)
        await self._pass("target begun")
        tracked = await self.orders.ask("source", Begin, Members, other=self.batch.target, members=self.moving)
        await self._pass("source begun")
        await self._keep_only(set(ready.members) & set(tracked.members))

    async def _fence(self) -> Fenced:
        self._fenced_at = time.monotonic()
        fenced = await self.orders.ask("source", Fence, Fenced)
        await self._pass("fenced")
        await self._keep_only(set(fenced.members))
        return fenced

    async def _keep_only(self, kept: set[MemberId]) -> None:
        """Drop the others at the target, the source, and only then at the hub: until then no other batch takes them."""
        others = sorted(self.moving.keys() - kept)
        if not others:
            return
        if len(others) == len(self.moving):
            raise Unavailable(BUSY)
        await self.orders.ask("target", Drop, Done, members=others)
        await self.orders.ask("source", Drop, Done, members=others)
        await self.journal.drop_members(self.batch, others, "busy, or not at home")
        self.moving = {member: epoch for member, epoch in self.moving.items() if member in kept}

    async def _catch_up(self) -> Copied:
        """The changed rows. Where unique values have changed places among them, everything once more."""
        try:
            return await self._stream(changed=True)
        except Conflict as error:
            if isinstance(error, Superseded):
                raise
            return await self._stream(anew=True)

    async def _stream(self, *, changed: bool = False, anew: bool = False) -> Copied:
        """The source's rows into the target, as fast as the target takes them and the limit allows."""
        export = self.orders.order(Export, "source", changed=changed)
        take = self.orders.order(Import, "target", changed=changed, anew=anew)
        return await self._carry_stream(export, take, limited=not (changed or anew))

    async def _carry_stream(self, export: Order, take: Order, *, limited: bool) -> Copied:
        source, target = self.batch.source, self.batch.target
        async with (
            contextlib.aclosing(self.orders.exchange.receive(source, channel(type(export)), export)) as pieces,
            contextlib.aclosing(read_ahead(self.pace.through(pieces) if limited else pieces)) as coming,
        ):
            passing = self._tell(STREAMS[type(export).__name__], coming)
            return await self.orders.exchange.send(target, channel(type(take)), take, passing, Copied)

    async def _tell(self, point: str, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The pieces, unless the batch is told to stay; when the first one has been taken, `point` is passed."""
        untold = [point]
        async for piece in pieces:
            if why := self.stay():
                raise Unavailable(why)
            yield piece
            while untold:
                await self.journal.on_point(untold.pop())

    async def _move_keys(self, public_key: bytes) -> None:
        sealed = await self.orders.ask("source", Keys, SealedKeys, public_key=public_key)
        await self.orders.ask("target", TakeKeys, Copied, sealed=sealed)

    async def _copy_files(self) -> int:
        """Make the target's files the source's; how many came."""
        there = set((await self.orders.ask("source", ListFiles, Files)).files)
        missing, gone = sorted(there - self._files), sorted(self._files - there)
        self._files = there
        if gone:
            await self.orders.ask("target", DropFiles, Done, files=gone)
        if not missing:
            return 0
        send = self.orders.order(SendFiles, "source", files=missing)
        copied = await self._carry_stream(send, self.orders.order(TakeFiles, "target"), limited=not self._fenced_at)
        return copied.rows

    def _compare(self, source: Sums, target: Sums) -> None:
        """Both sites must have the same rows. Raises Different, naming the tables."""
        if source.tables != target.tables:
            names = source.tables.keys() | target.tables.keys()
            wrong = sorted(name for name in names if source.tables.get(name) != target.tables.get(name))
            raise Different(f"batch {self.batch.number}: {', '.join(wrong)} arrived otherwise than it left")
        self.moved.rows = sum(count for count, _ in source.tables.values())
