"""One batch from its first order to its last: copied while served, fenced, caught up, compared, flipped, cleared.

Whatever goes wrong before the hub's decision is undone; whatever goes wrong after it is completed, here or by whoever
resumes the batch.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from domicile.errors import Conflict, DomicileError, NoRoom, Unavailable
from domicile.ids import MemberId
from domicile.relocation.agent import channel
from domicile.relocation.journal import FLIPPED, Batch, Journal, Superseded
from domicile.relocation.messages import (
    Begin,
    Close,
    Compare,
    Copied,
    Describe,
    Discard,
    Done,
    Drop,
    DropFiles,
    Erase,
    Erased,
    Export,
    Fence,
    Fenced,
    Files,
    Import,
    Keys,
    ListFiles,
    Members,
    Order,
    Reopen,
    Role,
    SealedKeys,
    SendFiles,
    Settle,
    Shape,
    Sums,
    TakeFiles,
    TakeKeys,
)
from domicile.relocation.moved import Different, Drift, Moved, Undone
from domicile.relocation.pace import Pace
from domicile.relocation.points import STREAMS
from domicile.relocation.rows import KEY_TABLE
from domicile.relocation.shape import differences
from domicile.transport.exchange import Exchange

log = structlog.get_logger("domicile.relocation")

A = TypeVar("A")

BEAT_S = 2.0
BUSY = "is being written to all the time, or is not at home"


@dataclass
class Passage:
    """`pace` says how fast it may work and when; `stay`, why a batch that has not flipped should not go on."""

    journal: Journal
    exchange: Exchange
    batch: Batch
    patience_s: float
    pace: Pace
    stay: Callable[[], str | None]
    on_step: Callable[[str], Awaitable[None]]
    moving: dict[MemberId, int] = field(init=False)
    moved: Moved = field(init=False, default_factory=Moved)
    _fenced_at: float = field(init=False, default=0.0)
    _files: set[tuple[MemberId, str]] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self.moving = dict(self.batch.members)

    async def carry(self) -> Moved:
        """Move the batch. Raises Undone, with the reason, or Superseded; else it is decided, and done if it can be."""
        began = time.monotonic()
        async with self._beating(), contextlib.AsyncExitStack() as turn:
            try:
                await self._pass("opened")
                shapes = await self._copy()
                await turn.enter_async_context(self.pace.fencing())
                await self._until_flip(shapes)
            except Exception as error:
                detail = error.detail if isinstance(error, DomicileError) else f"{type(error).__name__}"
                log.warning("a batch does not go on", batch=self.batch.number, detail=detail)
                if await self._conclude(detail) == "abandoned":
                    await self._undo()
                    raise Undone(detail, error) from error
            self.moved.members = sorted(self.moving)
            self.moved.left = dict.fromkeys(self.batch.members.keys() - self.moving.keys(), BUSY)
            try:
                await self._settle()
                self.moved.waited_ms = (time.monotonic() - self._fenced_at) * 1000
                await turn.aclose()
                await self._clear()
            except DomicileError as error:
                log.error("a batch waits to be resumed", batch=self.batch.number, detail=error.detail)
                self.moved.unfinished[self.batch.number] = error.detail
        self.moved.carrying_s = time.monotonic() - began
        return self.moved

    async def finish(self) -> str:
        """Complete the batch if it is flipped, undo it otherwise; its last state. Raises Superseded or Unavailable.

        A batch that is owed is completed at the source alone.
        """
        async with self._beating():
            state = await self._conclude("its coordinator fell silent")
            if state == "abandoned":
                await self._undo()
                return "undone"
            if state == "vouched":
                await self._settle_alone()
                return "owed"
            await self._settle(again=state == "owed")
            await self._clear(again=state == "owed")
            return "done"

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
        sums = await self._ask(role, Compare, Sums, plain=plain)
        self.moved.verifying_s = max(self.moved.verifying_s, time.monotonic() - began)
        return sums

    async def _pass(self, step: str) -> None:
        """A step before the decision: here a batch may still be told to stay."""
        await self.on_step(step)
        if why := self.stay():
            raise Unavailable(why)

    async def _describe(self) -> Mapping[Role, Shape]:
        source, target = await self._ask_both(Describe, Shape)
        if wrong := differences(source, target, (self.batch.source, self.batch.target)):
            more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
            raise Drift(f"{'; '.join(wrong[:5])}{more}: migrate the older site first")
        await self._pass("described")
        return {"source": source, "target": target}

    async def _begin(self) -> None:
        ready = await self._ask("target", Begin, Members, other=self.batch.source, members=self.moving)
        await self._pass("target begun")
        tracked = await self._ask("source", Begin, Members, other=self.batch.target, members=self.moving)
        await self._pass("source begun")
        await self._keep_only(set(ready.members) & set(tracked.members))

    async def _fence(self) -> Fenced:
        self._fenced_at = time.monotonic()
        fenced = await self._ask("source", Fence, Fenced)
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
        await self._ask("target", Drop, Done, members=others)
        await self._ask("source", Drop, Done, members=others)
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
        export = self._order(Export, "source", changed=changed)
        take = self._order(Import, "target", changed=changed, anew=anew)
        return await self._carry_stream(export, take, limited=not (changed or anew))

    async def _carry_stream(self, export: Order, take: Order, *, limited: bool) -> Copied:
        source, target = self.batch.source, self.batch.target
        async with contextlib.aclosing(self.exchange.receive(source, channel(type(export)), export)) as pieces:
            passing = self._tell(STREAMS[type(export).__name__], self.pace.through(pieces) if limited else pieces)
            return await self.exchange.send(target, channel(type(take)), take, passing, Copied)

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
        sealed = await self._ask("source", Keys, SealedKeys, public_key=public_key)
        await self._ask("target", TakeKeys, Copied, sealed=sealed)

    async def _copy_files(self) -> int:
        """Make the target's files the source's; how many came."""
        there = set((await self._ask("source", ListFiles, Files)).files)
        missing, gone = sorted(there - self._files), sorted(self._files - there)
        self._files = there
        if gone:
            await self._ask("target", DropFiles, Done, files=gone)
        if not missing:
            return 0
        send = self._order(SendFiles, "source", files=missing)
        copied = await self._carry_stream(send, self._order(TakeFiles, "target"), limited=not self._fenced_at)
        return copied.rows

    def _compare(self, source: Sums, target: Sums) -> None:
        """Both sites must have the same rows. Raises Different, naming the tables."""
        if source.tables != target.tables:
            names = source.tables.keys() | target.tables.keys()
            wrong = sorted(name for name in names if source.tables.get(name) != target.tables.get(name))
            raise Different(f"batch {self.batch.number}: {', '.join(wrong)} arrived otherwise than it left")
        self.moved.rows = sum(count for count, _ in source.tables.values())

    async def _conclude(self, why: str) -> str:
        """What the journal has decided; if nothing yet, that the batch is abandoned. Raises Superseded."""
        while True:
            state = await self._patiently(lambda: self.journal.state_of(self.batch))
            if state == "abandoned" or state in FLIPPED:
                return state
            if state != "open":
                raise Superseded(f"batch {self.batch.number} is {state}")
            with contextlib.suppress(Superseded):  # decided meanwhile, by a transaction whose answer was lost
                await self._patiently(lambda: self.journal.abandon(self.batch, why[:200]))

    async def _settle(self, *, again: bool = False) -> None:
        """The source first: until it answers nothing more, the target must not take a write.

        `again`: the target has settled long ago, without the source.
        """
        await self._ask("source", Settle, Done)
        await self.on_step("source settled")
        if not again:
            await self._ask("target", Settle, Done)
            await self.on_step("target settled")

    async def _settle_alone(self) -> None:
        """The operator vouches that the source answers nobody any more."""
        await self._ask("target", Settle, Done)
        await self._ask("target", Close, Done)
        await self._reach("owed", lambda: self.journal.owe(self.batch))

    async def _clear(self, *, again: bool = False) -> None:
        began = time.monotonic()
        erased = await self._ask("source", Erase, Erased)
        self.moved.erasing_s = time.monotonic() - began
        await self.on_step("erased")
        if erased.left:
            raise Different(f"batch {self.batch.number}: {erased.left} rows are left at {self.batch.source}")
        await (self._ask("source", Close, Done) if again else self._ask_both(Close, Done))
        await self.on_step("forgotten")
        self.moved.residue = erased.residue
        counts = {"erased": erased.rows, "files": erased.files, "left": erased.left, "residue": erased.residue}
        await self._close("done", counts)
        await self.on_step("done")

    async def _undo(self) -> None:
        """The source serves them again as soon as it can be told, whether or not the target can be."""
        await self.on_step("abandoned")
        try:
            await self._ask("source", Reopen, Done)
            await self.on_step("reopened")
        finally:
            await self._ask("target", Discard, Done)
            await self.on_step("discarded")
        await self._ask_both(Close, Done)
        await self.on_step("forgotten undone")
        await self._close("undone", {})
        await self.on_step("undone")

    async def _close(self, state: str, fields: Mapping[str, int]) -> None:
        """The sites have forgotten the batch by now, so that nobody need ever come back to it."""
        await self._reach(state, lambda: self.journal.close(self.batch, state, fields))

    async def _reach(self, state: str, change: Callable[[], Awaitable[None]]) -> None:
        async def attempt() -> None:
            try:
                await change()
            except Superseded:
                if await self.journal.state_of(self.batch) != state:  # else the answer of the first try was lost
                    raise

        await self._patiently(attempt)

    @contextlib.asynccontextmanager
    async def _beating(self) -> AsyncIterator[None]:
        """Tell the hub that this coordinator lives, while it works on the batch."""

        async def beat() -> None:
            while True:
                await asyncio.sleep(BEAT_S)
                with contextlib.suppress(Unavailable):
                    await self.journal.beat(self.batch)

        beating = asyncio.create_task(beat())
        try:
            yield
        finally:
            beating.cancel()
            with contextlib.suppress(asyncio.CancelledError, DomicileError):
                await beating

    def _order(self, order: type[Order], role: Role, **fields: object) -> Order:
        return order(batch=self.batch.number, token=self.batch.token, role=role, **fields)

    async def _ask(self, role: Role, order: type[Order], answer: type[A], **fields: object) -> A:
        """An order to the source or the target, repeated while that site comes back."""
        site = self.batch.source if role == "source" else self.batch.target
        message = self._order(order, role, **fields)
        return await self._patiently(lambda: self.exchange.ask(site, channel(order), message, answer))

    async def _ask_both(self, order: type[Order], answer: type[A], **fields: object) -> Sequence[A]:
        """The same to source and target at once; their answers in this order."""
        asked = (self._ask(role, order, answer, **fields) for role in ("source", "target"))
        answers = await asyncio.gather(*asked, return_exceptions=True)
        for found in answers:
            if isinstance(found, BaseException):
                raise found
        return [found for found in answers if not isinstance(found, BaseException)]

    async def _patiently(self, attempt: Callable[[], Awaitable[A]]) -> A:
        """Try until it is done or patience is at its end. Raises what the last attempt raised."""
        end, pause = time.monotonic() + self.patience_s, 0.05
        while True:
            try:
                return await attempt()
            except NoRoom:
                raise
            except Unavailable:
                if time.monotonic() + pause > end:
                    raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, 1.0)
