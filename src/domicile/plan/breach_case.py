"""An incident and its clocks, as the entries written of them tell: only added to, so that several copies are one.

Nothing in an entry is about a single person: counts, categories, times, and the rules.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from msgspec import Struct

from domicile.ids import Country, SiteName
from domicile.law.breaches import Duty, Notification, Risk
from domicile.lifecycle import Lifecycle

INCIDENT = Lifecycle("incident", {"open": ("closed",), "closed": ()})
CLOCK = Lifecycle("breach clock", {"running": ("made", "waived"), "waived": ("made",), "made": ()})
"""`made`: what it asks was done. `waived`: somebody judged that it does not bind, and said why; then it may be made."""

Counted = Literal["all", "number", "members"]
"""Who is concerned: everybody at home at the sites, so many of them, or members who are known one by one."""


class Assessment(Struct, frozen=True, kw_only=True):
    """What was known of an incident at one time, and what the law made of it.

    `countries`: members concerned by the country whose law claims them; whom two claim is counted twice. `silent`
    sites did not answer, so that nobody there was counted.
    """

    categories: tuple[str, ...]
    counted: Counted
    persons: int
    unplaced: int
    risk: Risk | None
    countries: Mapping[Country, int]
    silent: tuple[SiteName, ...]
    notification: Notification


class Opened(Struct, frozen=True, kw_only=True, tag="opened"):
    """The first entry. `key` tells a repeated request from another incident."""

    key: str
    sites: tuple[SiteName, ...]
    aware: datetime
    note: str
    assessment: Assessment


class Recounted(Struct, frozen=True, kw_only=True, tag="recounted"):
    """More, or something else, is known since `at`. Clocks that started go on."""

    at: datetime
    note: str
    assessment: Assessment


class Settled(Struct, frozen=True, kw_only=True, tag="settled"):
    """A clock's next state, and when that was (which may be before it was written down)."""

    clock: str
    state: str
    at: datetime
    note: str


class Closed(Struct, frozen=True, kw_only=True, tag="closed"):
    """The end, and why clocks that still ran are no matter."""

    note: str


Told = Opened | Recounted | Settled | Closed


class Entry(Struct, frozen=True, kw_only=True):
    """One entry. Its id follows from what it says, so that saying it twice is saying it once."""

    entry_id: str
    incident: str
    at: datetime
    told: Told


@dataclass(frozen=True, slots=True)
class RunningClock:
    """One duty of an incident. `binds` is false where a later count no longer asks for it."""

    duty: Duty
    state: str = CLOCK.start
    at: datetime | None = None
    note: str = ""
    binds: bool = True

    @property
    def task(self) -> str:
        """What is to be done, in a few words: `tell CERT-In`."""
        return {
            "assess": "look into it",
            "report": f"tell {self.duty.whom}",
            "follow_up": f"tell {self.duty.whom} what was found",
            "members": "tell the members concerned",
        }[self.duty.step]

    def overdue(self, now: datetime) -> bool:
        """Whether its time is over and nobody has done or waived it."""
        return self.state == CLOCK.start and self.duty.due is not None and self.duty.due < now


@dataclass(frozen=True)
class Case:
    """An incident as it stands."""

    name: str
    sites: tuple[SiteName, ...]
    key: str
    aware: datetime
    opened_at: datetime
    note: str
    state: str
    assessment: Assessment
    clocks: Mapping[str, RunningClock]
    closed_at: datetime | None = None
    closing_note: str = ""
    entries: int = 1

    @property
    def running(self) -> list[RunningClock]:
        """The clocks that nobody has stopped."""
        return [clock for clock in self.clocks.values() if clock.state == CLOCK.start]


def read_case(entries: Iterable[Entry]) -> Case | None:
    """The incident that these entries tell of, in whatever order; None without its first."""
    ordered = sorted(entries, key=lambda entry: (not isinstance(entry.told, Opened), entry.at, entry.entry_id))
    if not ordered or not isinstance(first := ordered[0].told, Opened):
        return None
    case = Case(
        name=ordered[0].incident,
        sites=first.sites,
        key=first.key,
        aware=first.aware,
        opened_at=ordered[0].at,
        note=first.note,
        state=INCIDENT.start,
        assessment=first.assessment,
        clocks={duty.name: RunningClock(duty) for duty in first.assessment.notification.duties},
        entries=len(ordered),
    )
    for entry in ordered[1:]:
        case = _follow(case, entry)
    return case


def _follow(case: Case, entry: Entry) -> Case:
    match entry.told:
        case Recounted() as told:
            return replace(case, assessment=told.assessment, clocks=_recount(case.clocks, told.assessment))
        case Settled() as told if (clock := case.clocks.get(told.clock)) and clock.state in CLOCK.before(told.state):
            settled = replace(clock, state=told.state, at=told.at, note=told.note)
            return replace(case, clocks={**case.clocks, told.clock: settled})
        case Closed() as told if case.state in INCIDENT.before("closed"):
            return replace(case, state="closed", closed_at=entry.at, closing_note=told.note)
        case _:  # two copies were told two things at once: the earlier holds
            return case


def _recount(clocks: Mapping[str, RunningClock], assessment: Assessment) -> dict[str, RunningClock]:
    """The clocks after another count: none is taken away, and none that has started gets more time."""
    found = {duty.name: duty for duty in assessment.notification.duties}
    kept = {
        name: replace(clock, duty=found.get(name, clock.duty), binds=name in found) for name, clock in clocks.items()
    }
    return kept | {name: RunningClock(duty) for name, duty in found.items() if name not in kept}
