"""One relocation that passes a certain point, where something happens: acted out by whatever process coordinates it."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from domicile.errors import DomicileError, Unavailable
from domicile.ids import MemberId, SiteName
from domicile.network.profiles import ProfileChange
from domicile.relocation.points import BACKWARD
from domicile.running import Domicile
from pictures import picture

UNDOING = ("Reopen at", "Discard at", "abandon in", "undone in")
DROPPING = ("Drop at", "drop in")
RESUMING = ("take over in",)


class Refused(Unavailable):
    """What a batch fails of, so that it is undone."""


@dataclass(frozen=True)
class Scene:
    """`members` move from `source` to `target`, and at `point` ("" for none) something happens."""

    members: tuple[MemberId, ...]
    source: SiteName
    target: SiteName
    point: str

    @property
    def undo(self) -> bool:
        """The batch is to fail before the flip."""
        return self.point in BACKWARD or self.point.startswith(UNDOING)

    @property
    def resume(self) -> bool:
        """The coordinator is one who takes over what another has left."""
        return self.point.startswith(RESUMING)

    @property
    def drop(self) -> bool:
        """Somebody is to be held up by a writer, and dropped from the batch."""
        return self.point.startswith(DROPPING)


async def act_out(domicile: Domicile, scene: Scene, crash: Callable[[str], Awaitable[None]]) -> list[str]:
    """Relocate, or resume, and call `crash` at the first passing of the scene's point; what was passed, in order."""
    passed: list[str] = []

    async def at(point: str) -> None:
        passed.append(point)
        if point in ("opened", "files copied"):  # a portrait is replaced: a file comes, and one goes
            await portray(domicile, scene.members[0])
        if point == scene.point and passed.count(point) == 1:
            await crash(point)
        if scene.undo and point == "compared":
            raise Refused("the test refuses this batch")

    coordinator, journal = domicile.coordinator, domicile.journal
    steps, points = coordinator.on_step, journal.on_point
    coordinator.on_step = journal.on_point = at
    try:
        if scene.resume:
            with contextlib.suppress(Unavailable):  # the command would say so, and exit with 1
                await coordinator.resume(timedelta(0))
        else:
            await coordinator.relocate(scene.members, scene.source, scene.target, "a test")
    finally:
        coordinator.on_step, journal.on_point = steps, points
    return passed


async def portray(domicile: Domicile, member: MemberId) -> None:
    """Replace the portrait, also when a server has just gone away: half of it would be a file without a row."""
    for _ in range(100):
        with contextlib.suppress(DomicileError):
            digest = await domicile.media.store_portrait(member, picture(random.randrange(256)), (20, 20))
            await domicile.profiles.change(member, ProfileChange(avatar=digest))
            return
        await asyncio.sleep(0.05)
