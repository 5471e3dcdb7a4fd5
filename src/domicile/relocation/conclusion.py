"""What follows the journal's decision about a batch, by its own coordinator or by whoever resumes it.

Flipped, it is completed: both sites settle, the source erases. Abandoned, it is undone. And where the target does not
have its members any more after the flip (it was restored as it was before, or is lost for good), they are given back:
until the source has erased them it holds all of them, and nobody else does.
"""

import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import structlog

from domicile.ids import MemberId
from domicile.relocation.journal import FLIPPED, RETURNED, Batch, Journal, Superseded
from domicile.relocation.messages import (
    Close,
    Discard,
    Done,
    Erase,
    Erased,
    GiveBack,
    ListWhole,
    Members,
    Reopen,
    Settle,
)
from domicile.relocation.moved import Absent, Different, Moved
from domicile.relocation.ordering import Orders

log = structlog.get_logger("domicile.relocation")

SILENT = "its coordinator fell silent"


@dataclass
class Conclusion:
    """Concludes the batch of `orders`; what it does is counted in `moved`."""

    journal: Journal
    orders: Orders
    on_step: Callable[[str], Awaitable[None]]
    moved: Moved = field(default_factory=Moved)

    @property
    def batch(self) -> Batch:
        return self.orders.batch

    async def finish(self) -> str:
        """Complete the batch if it is flipped, undo it otherwise; its last state. Raises Superseded or Unavailable.

        A batch that a lost site owes something is concluded at the other alone.
        """
        async with self.journal.beating(self.batch):
            state = await self.decide(SILENT)
            if state == "abandoned":
                await self.undo()
                return "undone"
            if state in RETURNED:
                return await self._follow_back(again=state == "due")
            if state == "vouched":
                await self._settle_alone()
                return "owed"
            try:
                await self.settle(again=state == "owed")
            except Absent as absent:
                if whole := await self._whole():
                    await self.journal.give_back(self.batch, whole, absent.detail)
                    return await self._follow_back()
                log.error("members are lost: the source has erased them", batch=self.batch.number, why=absent.detail)
            await self.clear(again=state == "owed")
            return "done"

    async def finish_without_target(self, why: str) -> str:
        """The operator's word that the target will not answer again: its members live at the source. The last state.

        Raises Conflict where the source has erased what it held: then the target alone has them.
        """
        async with self.journal.beating(self.batch):
            state = await self.decide(SILENT)
            if state == "flipped":
                await self.orders.ask("source", Settle, Done)
                await self.journal.give_back(self.batch, await self._whole(), why)
            if state == "abandoned":
                await self.orders.ask("source", Reopen, Done)
            else:
                await self.orders.ask("source", GiveBack, Erased)
            await self.orders.ask("source", Close, Done)
            await self._reach("due", lambda: self.journal.owe(self.batch, "due"))
            return "due"

    async def decide(self, why: str) -> str:
        """What the journal has decided; if nothing yet, that the batch is abandoned. Raises Superseded."""
        while True:
            state = await self.orders.patiently(lambda: self.journal.state_of(self.batch))
            if state == "abandoned" or state in (*FLIPPED, *RETURNED):
                return state
            if state != "open":
                raise Superseded(f"batch {self.batch.number} is {state}")
            with contextlib.suppress(Superseded):  # decided meanwhile, by a transaction whose answer was lost
                await self.orders.patiently(lambda: self.journal.abandon(self.batch, why[:200]))

    async def settle(self, *, again: bool = False) -> None:
        """The source first: until it answers nothing more, the target must not take a write.

        `again`: the target has settled long ago, without the source. Raises Absent.
        """
        await self.orders.ask("source", Settle, Done)
        await self.on_step("source settled")
        if not again:
            await self.orders.ask("target", Settle, Done)
            await self.on_step("target settled")

    async def _settle_alone(self) -> None:
        """The operator vouches that the source answers nobody any more."""
        await self.orders.ask("target", Settle, Done)
        await self.orders.ask("target", Close, Done)
        await self._reach("owed", lambda: self.journal.owe(self.batch, "owed"))

    async def clear(self, *, again: bool = False) -> None:
        """The source erases what it holds; then both forget the batch."""
        began = time.monotonic()
        erased = await self.orders.ask("source", Erase, Erased)
        self.moved.erasing_s = time.monotonic() - began
        await self.on_step("erased")
        self._refuse_left(erased, self.batch.source)
        await (self.orders.ask("source", Close, Done) if again else self.orders.ask_both(Close, Done))
        await self.on_step("forgotten")
        self.moved.residue = erased.residue
        await self._close("done", _counts(erased))
        await self.on_step("done")

    async def _whole(self) -> list[MemberId]:
        """Of whom the source still has everything. The orders of whoever began to erase find another token there."""
        return (await self.orders.ask("source", ListWhole, Members)).members

    async def _follow_back(self, *, again: bool = False) -> str:
        """The source serves them again, and then the target erases what it has of them.

        `again`: the source has served them since long ago.
        """
        if not again:
            await self.orders.ask("source", GiveBack, Erased)
            await self.on_step("served again")
        erased = await self.orders.ask("target", GiveBack, Erased)
        await self.on_step("given back")
        self._refuse_left(erased, self.batch.target)
        await (self.orders.ask("target", Close, Done) if again else self.orders.ask_both(Close, Done))
        await self._close("undone", _counts(erased))
        return "undone"

    async def undo(self) -> None:
        """The source serves them again as soon as it can be told, whether or not the target can be."""
        await self.on_step("abandoned")
        try:
            await self.orders.ask("source", Reopen, Done)
            await self.on_step("reopened")
        finally:
            await self.orders.ask("target", Discard, Done)
            await self.on_step("discarded")
        await self.orders.ask_both(Close, Done)
        await self.on_step("forgotten undone")
        await self._close("undone", {})
        await self.on_step("undone")

    def _refuse_left(self, erased: Erased, site: str) -> None:
        if erased.left:
            raise Different(f"batch {self.batch.number}: {erased.left} rows are left at {site}")

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

        await self.orders.patiently(attempt)


def _counts(erased: Erased) -> Mapping[str, int]:
    return {"erased": erased.rows, "files": erased.files, "left": erased.left, "residue": erased.residue}
