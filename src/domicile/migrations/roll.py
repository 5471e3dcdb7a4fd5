"""An upgrade rolled over a network that serves: the hub first, then the sites one by one, each in one transaction.

First every database is expanded; old and new versions then serve side by side. Only when no database and no running
process is at a version before a revision that contracts is that revision taken, in a second round. A database that
fails stays as it was and stops the roll; the others go on serving.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import Connection

from domicile.database import open_engine
from domicile.errors import DomicileError, InvalidInput, Misconfigured, Unavailable
from domicile.migrations.upgrade import PATIENCE_S, Revision, Revisions, Standing
from domicile.relocation.journal import AT_WORK

_ANNOUNCED = re.compile(r"domicile (\d+)(?: tables (\S+)/(\S+))?$")
_PROCESSES = "SELECT DISTINCT application_name FROM pg_stat_activity WHERE application_name LIKE 'domicile %%'"
_RELOCATIONS = "SELECT count(*) FROM relocation WHERE state = ANY (%(states)s) AND %(site)s IN (source, target)"


T = TypeVar("T")


@dataclass
class Step:
    """What became of one database. States: `current`, `migrated`, `waits`, `failed`, and `later` after a failure.

    With a roll that only looks: `behind` in the place of `migrated`. `why` says what waits or has failed.
    """

    name: str
    was: str | None = None
    now: str | None = None
    seconds: float = 0.0
    state: str = "later"
    why: str = ""


@dataclass
class Roll:
    """`owners`: the owner's connection string of every database. `only` one of them is migrated, if it is named."""

    revisions: Revisions
    owners: Mapping[str, str]
    only: str | None = None
    patience_s: float = PATIENCE_S
    say: Callable[[str], None] = lambda text: None
    steps: dict[str, Step] = field(init=False)

    def __post_init__(self) -> None:
        if self.only is not None and self.only not in self.owners:
            raise InvalidInput(f"there is no site {self.only}; there are {', '.join(sorted(self.owners))}")
        names = ["hub", *(name for name in self.owners if name != "hub")]
        self.steps = {name: Step(name) for name in names if self.only in (None, name)}

    @property
    def ok(self) -> bool:
        """Whether everything asked for is at this version."""
        return all(step.state in ("current", "migrated") for step in self.steps.values())

    def look(self) -> None:
        """Only say what is to come."""
        for name, step in self.steps.items():
            standing = self._look(name)
            step.was = step.now = standing.revision
            step.state = "failed" if standing.newer else "behind" if standing.pending else "current"
            numbers = ", ".join(f"{r.number}{' (contracts)' if r.contracts else ''}" for r in standing.pending)
            step.why = "made by a newer version" if standing.newer else f"to come: {numbers}" if numbers else ""

    def run(self) -> None:
        """Migrate. What became of each database is in `steps`; one that fails is the last."""
        standings = {name: self._look(name) for name in self.owners}
        if newer := [name for name, standing in standings.items() if standing.newer]:
            raise Misconfigured(f"{' and '.join(newer)} was made by a newer version of Domicile; migrate with that one")
        if self.only not in (None, "hub") and standings["hub"].expanding:
            raise Misconfigured("the hub comes first: migrate it, or everything")
        for step in self.steps.values():
            step.was = step.now = standings[step.name].revision
        rounds: tuple[Callable[[str], None], ...] = (self._expand, self._contract)
        for work in rounds:
            for name, step in self.steps.items():
                began = time.monotonic()
                try:
                    work(name)
                except DomicileError as error:
                    step.state, step.why = "failed", error.detail
                    return
                finally:
                    step.seconds += time.monotonic() - began

    def _expand(self, name: str) -> None:
        standing, step = self._look(name), self.steps[name]
        if standing.expanding:
            self._take(name, standing.expanding)
        elif not standing.pending:
            step.state = "current"
        if standing.pending[len(standing.expanding) :]:
            step.state = "waits"

    def _contract(self, name: str) -> None:
        """One revision after another: what comes after one that contracts may expand again."""
        while pending := self._look(name).pending:
            step = self.steps[name]
            if pending[0].contracts and (why := self._who_needs_it(name, pending[0])):
                step.state, step.why = "waits", f"revision {pending[0].number} contracts: {why}"
                return
            self._take(name, pending[:1])

    def _take(self, name: str, revisions: Sequence[Revision]) -> None:
        if name != "hub":
            self._wait_for_relocations(name)
        self.say(f"{name}: {', '.join(revision.number for revision in revisions)} …")
        self.revisions.apply(name, _kind(name), self.owners[name], revisions, self.patience_s)
        self.steps[name].now, self.steps[name].state, self.steps[name].why = revisions[-1].number, "migrated", ""

    def _wait_for_relocations(self, site: str) -> None:
        """Between sites with different tables nobody can move; what has begun comes to its end first."""
        end = time.monotonic() + self.patience_s
        at_work = {"site": site, "states": AT_WORK}
        while self._ask("hub", lambda hub: hub.exec_driver_sql(_RELOCATIONS, at_work).scalar()):
            if time.monotonic() > end:
                raise Unavailable(
                    f"{site} has a relocation open; let it end, or `relocate --resume`, and migrate again"
                )
            time.sleep(0.2)

    def _who_needs_it(self, name: str, revision: Revision) -> str:
        """Who still is at a version before a revision that contracts; nothing if nobody is."""
        kind = _kind(name)
        before = [known.number for known in self.revisions.of(kind)]
        needed = before[before.index(revision.number) - 1] if revision.number != before[0] else ""
        for other in self.owners:
            if _kind(other) == kind and (self._look(other).revision or "") < needed:
                return f"{other} is not at {needed} yet"
        old = {pid for pid, site, hub in self._processes() if (hub if kind == "hub" else site) < revision.number}
        return f"process {', '.join(sorted(old))} runs a version from before it; restart it first" if old else ""

    def _processes(self) -> Iterator[tuple[str, str, str]]:
        """Every process connected anywhere: its id, and the revisions of site and hub that it was made for."""
        for name in self.owners:
            names = self._ask(name, lambda connection: list(connection.exec_driver_sql(_PROCESSES).scalars()))
            for found in filter(None, map(_ANNOUNCED.match, names)):
                yield found[1], found[2] or "", found[3] or ""

    def _look(self, name: str) -> Standing:
        return self.revisions.look(name, _kind(name), self.owners[name])

    def _ask(self, name: str, work: Callable[[Connection], T]) -> T:
        engine = open_engine(self.owners[name])
        try:
            with engine.begin() as connection:
                return work(connection)
        finally:
            engine.dispose()


def _kind(name: str) -> str:
    return "hub" if name == "hub" else "site"
