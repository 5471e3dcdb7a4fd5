"""A story and how it is told: scenes in order of time, each with a real event, what the software did, and its checks.

The network of a story is invented and made anew in a folder of its own, under a clock of its own; nothing of it leaves
the machine. What happened in the world is quoted with its source; a check is about what happened here.
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Generic, Protocol, TypeVar

from domicile.errors import DomicileError, InvalidInput

S = TypeVar("S", bound="OnStage")
FEWEST, MOST = 200, 1_000_000
"""How small and how large the network of a story may be made."""


Progress = Callable[[str, int, int], None]
"""How far something long has come: (what, done, of how many)."""


class Unkept(Exception):
    """A check failed, and what comes after it in the scene makes no sense without it."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold after a step, in a sentence, and whether it did."""

    sentence: str
    ok: bool


@dataclass
class Step:
    """One step as it was told: what happened in the world, what the software did, and what was checked.

    For a map: `sites` that were opened, and `ways` from site to site with what went there, in words.
    """

    name: str
    on: date
    day: str
    event: str
    source: str
    told: list[str | Check] = field(default_factory=list)
    seconds: float = 0.0
    failure: str | None = None
    sites: list[str] = field(default_factory=list)
    ways: dict[tuple[str, str], str] = field(default_factory=dict)
    progress: Progress = field(default=lambda what, done, of: None, repr=False)

    @property
    def did(self) -> list[str]:
        """What the software did, in sentences."""
        return [sentence for sentence in self.told if isinstance(sentence, str)]

    @property
    def checks(self) -> list[Check]:
        """What was checked."""
        return [check for check in self.told if isinstance(check, Check)]

    @property
    def ok(self) -> bool:
        """Whether every check held, there was one, and nothing went wrong."""
        return self.failure is None and bool(self.checks) and all(check.ok for check in self.checks)

    def do(self, sentence: str) -> None:
        """Say what the software did."""
        self.told.append(sentence)

    def check(self, sentence: str, holds: object) -> None:
        """Note whether something holds; the story goes on either way."""
        self.told.append(Check(sentence, bool(holds)))

    def need(self, sentence: str, holds: object) -> None:
        """`check`, for what the rest of the step stands on. Raises Unkept."""
        self.check(sentence, holds)
        if not holds:
            raise Unkept(sentence)


@dataclass(frozen=True)
class Scene(Generic[S]):
    """A step to be told. `day` is the date as people say it, where more is not known; `event` is what is on record.

    `act` does it, on the stage that the story set up.
    """

    name: str
    on: date
    event: str
    source: str
    act: Callable[[S, Step], Awaitable[None]]
    day: str = ""


@dataclass(frozen=True)
class Story(Generic[S]):
    """A story. `stage` makes what its scenes play on: an async context manager, given a folder.

    `members` is how many its network has, told to `stage` too; None: it has a cast and nobody else. `endings` are the
    scenes of each ending that can be told alone.
    """

    name: str
    title: str
    note: str
    stage: Callable[..., Any]
    scenes: Sequence[Scene[S]]
    members: int | None = None
    endings: Mapping[str, Sequence[Scene[S]]] = field(default_factory=dict)

    def of(self, members: int) -> "Story[S]":
        """The same story of a network of another size. Raises InvalidInput where it has none."""
        if self.members is None:
            raise InvalidInput(f"{self.name} is told of a few members only: it has no --members")
        if not FEWEST <= members <= MOST:
            raise InvalidInput(f"--members is between {FEWEST:,} and {MOST:,}, not {members:,}")
        return replace(self, members=members)

    def ending(self, name: str) -> "Story[S]":
        """The story with one ending alone. Raises InvalidInput for one that it does not have."""
        if name not in self.endings:
            known = ", ".join(self.endings) or "one only"
            raise InvalidInput(f"{self.name} has no ending {name}; it has {known}")
        return replace(self, scenes=self.endings[name])


class OnStage(Protocol):
    """What a story's scenes play on."""

    def turn_to(self, day: date) -> None:
        """It is that day now."""


@dataclass
class Told:
    """A story as it was told."""

    story: str
    title: str
    note: str
    steps: list[Step]
    untold: list[str]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether every step was told and held."""
        return not self.untold and bool(self.steps) and all(step.ok for step in self.steps)


async def tell(
    story: Story[Any],
    folder: Any,
    begin: Callable[[Step], None] = lambda step: None,
    end: Callable[[Step], None] = lambda step: None,
    progress: Progress = lambda what, done, of: None,
) -> Told:
    """Tell a story in an empty folder. `begin` and `end` hear of each step as it is told, `progress` of what is long.

    After a step in which something went wrong the rest is left untold: it would stand on what is not there.
    """
    began = time.monotonic()
    steps: list[Step] = []
    size = () if story.members is None else (story.members,)
    async with story.stage(folder, *size) as stage:
        for scene in story.scenes:
            stage.turn_to(scene.on)
            step = Step(scene.name, scene.on, scene.day or scene.on.isoformat(), scene.event, scene.source)
            step.progress = progress
            begin(step)
            await _play(scene, stage, step)
            steps.append(step)
            end(step)
            if step.failure is not None:
                break
    untold = [scene.name for scene in story.scenes[len(steps) :]]
    return Told(story.name, story.title, story.note, steps, untold, time.monotonic() - began)


async def _play(scene: Scene[Any], stage: Any, step: Step) -> None:
    began = time.monotonic()
    try:
        await scene.act(stage, step)
    except Unkept as unkept:
        step.failure = f"the rest of this step stands on: {unkept}"
    except DomicileError as error:
        step.failure = error.detail
    step.seconds = time.monotonic() - began
