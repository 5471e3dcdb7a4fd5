"""Moves members between two sites while the network serves, batch by batch; completes or undoes what a crash cut short.

It holds no password of any site: it speaks to the two sites' agents and to the journal at the hub. Whatever happens
before the flip is undone; whatever happens after it is completed.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

import structlog

from domicile.errors import DomicileError, NotFound, Unavailable
from domicile.ids import MemberId, SiteName
from domicile.relocation.agent import channel
from domicile.relocation.journal import Batch, Journal, Superseded
from domicile.relocation.messages import (
    Begin,
    Close,
    Compare,
    Copied,
    Describe,
    Discard,
    Done,
    Drop,
    Erase,
    Erased,
    Export,
    Fence,
    File,
    Files,
    Import,
    Keys,
    ListFiles,
    Members,
    Order,
    Reopen,
    Role,
    SealedKeys,
    SendFile,
    Settle,
    Shape,
    Sums,
    TakeFile,
    TakeKeys,
)
from domicile.relocation.shape import differences
from domicile.transport.exchange import Exchange

log = structlog.get_logger("domicile.relocation")

A = TypeVar("A")

FORWARD = (
    "opened",
    "described",
    "target begun",
    "source begun",
    "copied",
    "files copied",
    "fenced",
    "changes applied",
    "keys moved",
    "files caught up",
    "compared",
    "flipped",
    "source settled",
    "target settled",
    "erased",
    "done",
    "closed",
)
BACKWARD = ("abandoned", "discarded", "reopened", "undone")
STEPS = FORWARD + BACKWARD
"""Every point at which a crash may fall; `on_step` is told each as it is passed."""

PATIENCE_S = 30.0
"""How long a site may be away in the middle of a batch before the batch is given up, or left to be resumed."""
SILENCE = timedelta(seconds=10)
"""How long a coordinator must have been silent before another takes its batch over."""


class Drift(DomicileError):
    """The two sites' tables are not the same; migrate the older one first."""

    default_safe = "This cannot be moved at the moment."


class Different(DomicileError):
    """What arrived is not what left. Nothing was moved."""

    default_safe = "This cannot be moved at the moment."


@dataclass
class Moved:
    """What a relocation has done. `waited_ms` is the longest that any batch's members could not write."""

    members: list[MemberId] = field(default_factory=list)
    left: dict[MemberId, str] = field(default_factory=dict)
    rows: int = 0
    size: int = 0
    files: int = 0
    seconds: float = 0.0
    waited_ms: float = 0.0
    verifying_s: float = 0.0
    erasing_s: float = 0.0

    def add(self, other: "Moved") -> None:
        self.members += other.members
        self.left |= other.left
        self.rows, self.size, self.files = self.rows + other.rows, self.size + other.size, self.files + other.files
        self.waited_ms = max(self.waited_ms, other.waited_ms)
        self.verifying_s += other.verifying_s
        self.erasing_s += other.erasing_s


@dataclass
class Coordinator:
    """`on_step` is told each step of a batch as it ends: tests write, stop or crash there."""

    journal: Journal
    exchange: Exchange
    batch_size: int = 500
    at_once: int = 2
    on_step: Callable[[str], Awaitable[None]] = field(default=lambda step: asyncio.sleep(0))

    async def relocate(
        self,
        members: Sequence[MemberId],
        source: SiteName,
        target: SiteName,
        reason: str,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Moved:
        """Move members from one site to another. Those who cannot move now are in `left`, with the reason."""
        total, began = Moved(), time.monotonic()
        waiting = [list(members[i : i + self.batch_size]) for i in range(0, len(members), self.batch_size)]

        async def work() -> None:
            while waiting:
                total.add(await self._move(waiting.pop(0), source, target, reason))
                progress(len(total.members) + len(total.left), len(members))

        async with asyncio.TaskGroup() as tasks:
            for _ in range(self.at_once):
                tasks.create_task(work())
        total.seconds = time.monotonic() - began
        if total.rows:
            await self.journal.record_rate(source, target, len(total.members), total.rows, total.size, total.seconds)
        return total

    async def resume(self, silent_for: timedelta = SILENCE) -> list[Batch]:
        """Complete or undo every batch whose coordinator is silent; those that were. Others are left to theirs."""
        done = []
        for found in await self.journal.unfinished():
            try:
                batch = await self.journal.take_over(found.number, silent_for)
            except Superseded:
                continue
            await self._finish(batch)
            done.append(batch)
        return done

    async def _move(self, members: list[MemberId], source: SiteName, target: SiteName, reason: str) -> Moved:
        """One batch; if a row of it cannot be taken, its halves, down to the member whose row it is."""
        try:
            batch = await self.journal.open_batch(source, target, members, reason)
        except NotFound as error:
            return Moved(left=dict.fromkeys(members, error.detail))
        moved = Moved(left={m: "lives elsewhere, or is on the way already" for m in members if m not in batch.members})
        await self.on_step("opened")
        try:
            moved.add(await self._carry(batch))
        except DomicileError as error:
            if len(batch.members) == 1 or isinstance(error, Unavailable | Superseded | Drift):
                moved.left |= dict.fromkeys(batch.members, error.detail)
                return moved
            halves = sorted(batch.members)
            for half in (halves[: len(halves) // 2], halves[len(halves) // 2 :]):
                moved.add(await self._move(half, source, target, reason))
        return moved

    async def _carry(self, batch: Batch) -> Moved:
        """A batch from its first order to its last. Before the flip any failure undoes it and is raised."""
        try:
            moved, fenced_at = await self._until_flip(batch)
        except Superseded:
            raise
        except DomicileError as error:
            log.warning("a batch is undone", batch=batch.number, detail=error.detail)
            if await self._is_flipped(batch):  # the hub answered no more, but had decided
                await self._finish(batch)
                raise
            await self._undo(batch, error.detail)
            raise
        await self._settle(batch)
        moved.waited_ms = (time.monotonic() - fenced_at) * 1000
        await self._clear(batch, moved)
        return moved

    async def _until_flip(self, batch: Batch) -> tuple[Moved, float]:
        moved = Moved()
        shapes = await self._describe(batch)
        await self._begin(batch)
        copied = await self._stream(batch, changed=False)
        await self.journal.note(batch, "copy", {"rows": copied.rows, "bytes": copied.size})
        await self.on_step("copied")
        moved.files += await self._copy_files(batch)
        await self.on_step("files copied")
        fenced_at = time.monotonic()
        await self._fence(batch)
        caught_up = await self._stream(batch, changed=True)
        await self.on_step("changes applied")
        sealed = await self._ask(batch, "source", Keys, SealedKeys, public_key=shapes["target"].public_key)
        await self._ask(batch, "target", TakeKeys, Copied, sealed=sealed)
        await self.on_step("keys moved")
        moved.files += await self._copy_files(batch)
        await self.on_step("files caught up")
        comparing_at = time.monotonic()
        counts = await self._compare(batch, plain=shapes["source"].probe != shapes["target"].probe)
        moved.verifying_s = time.monotonic() - comparing_at
        await self.on_step("compared")
        current = await self.journal.find(batch.number)
        await self.journal.flip(batch, {"rows": counts})
        await self.on_step("flipped")
        moved.members = sorted(current.members)
        moved.rows, moved.size = counts, copied.size + caught_up.size
        moved.left = dict.fromkeys(batch.members.keys() - current.members.keys(), "was being written to; try again")
        return moved, fenced_at

    async def _describe(self, batch: Batch) -> Mapping[Role, Shape]:
        source, target = await asyncio.gather(
            self._ask(batch, "source", Describe, Shape), self._ask(batch, "target", Describe, Shape)
        )
        if wrong := differences(source.tables, target.tables):
            raise Drift(
                f"{', '.join(wrong)} differ between {batch.source} and {batch.target}; migrate the older site first"
            )
        await self.on_step("described")
        return {"source": source, "target": target}

    async def _begin(self, batch: Batch) -> None:
        members = dict(batch.members)
        ready = await self._ask(batch, "target", Begin, Members, other=batch.source, members=members)
        await self.on_step("target begun")
        tracked = await self._ask(batch, "source", Begin, Members, other=batch.target, members=members)
        await self.on_step("source begun")
        await self._keep_only(batch, set(ready.members) & set(tracked.members), "busy or not at home")

    async def _fence(self, batch: Batch) -> None:
        fenced = await self._ask(batch, "source", Fence, Members)
        await self.on_step("fenced")
        await self._keep_only(batch, set(fenced.members), "did not yield")

    async def _keep_only(self, batch: Batch, kept: set[MemberId], why: str) -> None:
        """Drop the others: at the hub, at the target, at the source, in this order."""
        moving = (await self.journal.find(batch.number)).members
        others = sorted(moving.keys() - kept)
        if not others:
            return
        if len(others) == len(moving):
            raise Unavailable(f"batch {batch.number}: nobody in it is free to move now ({why})")
        await self.journal.drop_members(batch, others, why)
        await self._ask(batch, "target", Drop, Done, members=others)
        await self._ask(batch, "source", Drop, Done, members=others)

    async def _stream(self, batch: Batch, *, changed: bool) -> Copied:
        """The source's rows into the target, as fast as the target takes them."""
        export = Export(batch=batch.number, token=batch.token, role="source", changed=changed)
        take = Import(batch=batch.number, token=batch.token, role="target", changed=changed)
        async with contextlib.aclosing(self.exchange.receive(batch.source, channel(Export), export)) as pieces:
            return await self.exchange.send(batch.target, channel(Import), take, pieces, Copied)

    async def _copy_files(self, batch: Batch) -> int:
        there = await self._ask(batch, "source", ListFiles, Files)
        here = await self._ask(batch, "target", ListFiles, Files)
        copied = 0
        for member, digest in sorted(set(there.files) - set(here.files)):
            file = await self._ask(batch, "source", SendFile, File, member=member, digest=digest)
            if file.content is not None:
                await self._ask(batch, "target", TakeFile, Done, member=member, digest=digest, content=file.content)
                copied += 1
        return copied

    async def _compare(self, batch: Batch, *, plain: bool) -> int:
        """How many rows there are, the same at both sites. Raises Different, naming the tables."""
        source, target = await asyncio.gather(
            self._ask(batch, "source", Compare, Sums, plain=plain),
            self._ask(batch, "target", Compare, Sums, plain=plain),
        )
        if source.tables != target.tables:
            names = source.tables.keys() | target.tables.keys()
            wrong = sorted(name for name in names if source.tables.get(name) != target.tables.get(name))
            raise Different(f"batch {batch.number}: {', '.join(wrong)} arrived otherwise than it left")
        return sum(count for count, _ in source.tables.values())

    async def _settle(self, batch: Batch) -> None:
        """The source first: until it answers nothing more, the target must not take a write."""
        await self._ask(batch, "source", Settle, Done)
        await self.on_step("source settled")
        await self._ask(batch, "target", Settle, Done)
        await self.on_step("target settled")

    async def _clear(self, batch: Batch, moved: Moved) -> None:
        began = time.monotonic()
        erased = await self._ask(batch, "source", Erase, Erased)
        moved.erasing_s = time.monotonic() - began
        await self.on_step("erased")
        if erased.left:
            raise Different(f"batch {batch.number}: {erased.left} rows are left at {batch.source} after the erasure")
        fields = {"erased": erased.rows, "files": erased.files, "left": erased.left}
        await self.journal.close(batch, "done", fields)
        await self.on_step("done")
        await self._close(batch)

    async def _undo(self, batch: Batch, why: str) -> None:
        if (await self.journal.find(batch.number)).state == "open":
            await self.journal.abandon(batch, why[:200])
        await self.on_step("abandoned")
        await self._ask(batch, "target", Discard, Done)
        await self.on_step("discarded")
        await self._ask(batch, "source", Reopen, Done)
        await self.on_step("reopened")
        await self.journal.close(batch, "undone", {})
        await self.on_step("undone")
        await self._close(batch)

    async def _finish(self, batch: Batch) -> None:
        """Complete a flipped batch, undo any other."""
        if await self._is_flipped(batch):
            await self._settle(batch)
            await self._clear(batch, Moved())
        else:
            await self._undo(batch, "its coordinator fell silent")

    async def _is_flipped(self, batch: Batch) -> bool:
        return await _patiently(lambda: self._state(batch)) == "flipped"

    async def _state(self, batch: Batch) -> str:
        return (await self.journal.find(batch.number)).state

    async def _close(self, batch: Batch) -> None:
        await self._ask(batch, "target", Close, Done)
        await self._ask(batch, "source", Close, Done)
        await self.on_step("closed")

    async def _ask(self, batch: Batch, role: Role, order: type[Order], answer: type[A], **fields: object) -> A:
        """An order to the source or the target, repeated while that site comes back."""
        site = batch.source if role == "source" else batch.target
        message = order(batch=batch.number, token=batch.token, role=role, **fields)
        return await _patiently(lambda: self.exchange.ask(site, channel(order), message, answer))


async def _patiently(attempt: Callable[[], Awaitable[A]]) -> A:
    """Try until it is done or `PATIENCE_S` has passed. Raises what the last attempt raised."""
    end, pause = time.monotonic() + PATIENCE_S, 0.05
    while True:
        try:
            return await attempt()
        except Unavailable:
            if time.monotonic() + pause > end:
                raise
        await asyncio.sleep(pause)
        pause = min(2 * pause, 1.0)
