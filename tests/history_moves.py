"""A move of members in a history: plain, refused, crashed or overtaken at a step, with life going on in its middle."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from crash_scene import Refused
from domicile.errors import DomicileError
from domicile.ids import MemberId, SiteName
from domicile.relocation.points import BACKWARD, FORWARD, STEPS
from history_world import World
from relocating import kill_server, resume_all

Mishap = Literal["none", "refused", "dies", "overtaken", "source", "target", "hub"]
KILLS = ("source", "target", "hub")


class Died(BaseException):
    """A coordinator ends here, without a last word, as a process does that is killed."""


@dataclass
class Move:
    """`mishap` befalls it at `step`. `life` goes on from the step `living`, beside the move."""

    world: World
    members: Sequence[MemberId]
    source: SiteName
    target: SiteName
    mishap: Mishap
    step: str
    living: str
    life: Callable[[], Awaitable[None]]

    async def run(self) -> None:
        """Move, with whatever befalls it; complete or undo what is left; look where everybody is now."""
        coordinator = self.world.domicile.coordinator
        self._passed: list[str] = []
        self._beside: list[asyncio.Task[None]] = []
        coordinator.on_step = self._at
        self.world.done[f"move, {self.mishap}"] += 1
        moved = None
        try:
            with contextlib.suppress(DomicileError):
                moved = await self._relocate()
        finally:
            coordinator.on_step = lambda step: asyncio.sleep(0)
        await self.world.recover()
        await asyncio.gather(*self._beside)
        await self.world.find_homes([member for member in self.members if member in self.world.model.people])
        here = [member for member in self.members if member in self.world.model.people]
        self.world.touched |= set(here)
        if self.mishap == "none" and not self._beside:
            assert moved is not None and moved.members == sorted(self.members), moved
            assert {self.world.model.people[member].home for member in here} == {self.target}

    async def _relocate(self) -> object:
        try:
            return await self.world.domicile.coordinator.relocate(self.members, self.source, self.target, "a history")
        except BaseExceptionGroup as group:
            if group.split(Died)[1] is not None:
                raise
        return None

    async def _at(self, step: str) -> None:
        self._passed.append(step)
        first = self._passed.count(step) == 1
        if step == self.living and first:
            self._beside.append(asyncio.ensure_future(self.life()))
            await asyncio.sleep(0.01)
        if step == self.step and first and self.mishap != "none":
            await self._befall()
        if self.mishap != "none" and self.step in BACKWARD and step == "compared":
            raise Refused("the history refuses this batch")

    async def _befall(self) -> None:
        domicile = self.world.domicile
        if self.mishap in KILLS:
            kill_server(domicile, {"source": self.source, "target": self.target, "hub": "hub"}[self.mishap])
        elif self.mishap == "overtaken":
            await resume_all(domicile)
        elif self.mishap == "dies":
            raise Died
        elif self.step in FORWARD[: FORWARD.index("flipped")]:
            raise Refused("the history refuses this batch")


__all__ = ["KILLS", "STEPS", "Mishap", "Move"]
