"""Incidents: whom they concern, which clocks they start, and what has been reported.

`Breaches` counts the members concerned, asks the law, and writes down both (see `breach_case` and `breach_log`). It
reports nothing to anybody by itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

import msgspec

from domicile.database import Database
from domicile.errors import Conflict, InvalidInput, NotFound
from domicile.ids import SiteName
from domicile.law.breaches import Incident, Risk, decide_breach
from domicile.law.categories import CATEGORIES
from domicile.law.compiled import Law
from domicile.law.facts import Operator
from domicile.placement.routing import Clock
from domicile.placement.sites import Site
from domicile.plan.breach_case import (
    CLOCK,
    INCIDENT,
    Assessment,
    Case,
    Closed,
    Opened,
    Recounted,
    RunningClock,
    Settled,
)
from domicile.plan.breach_count import Who, count_concerned
from domicile.plan.breach_log import IncidentLog

LONGEST_NOTE = 2000


@dataclass(frozen=True, slots=True)
class Report:
    """What the operator says of an incident: where, which categories of data, who is concerned, at what risk."""

    sites: tuple[SiteName, ...]
    categories: tuple[str, ...]
    who: Who
    risk: Risk | None = None
    note: str = ""


class Breaches:
    """The incidents of a network."""

    def __init__(
        self,
        sites: Mapping[SiteName, Site],
        hub: Database,
        law: Law,
        operator: Callable[[], Operator],
        clock: Clock,
    ) -> None:
        self._sites = sites
        self._law = law
        self._operator = operator
        self._clock = clock
        self._log = IncidentLog(sites, hub)

    async def open(self, report: Report, aware: datetime, key: str | None = None) -> Case:
        """Start every clock of an incident of which the operator is aware since `aware`.

        The same report again (or the same `key`) finds the incident that it made the first time, so that whoever got
        no answer can simply ask again. Raises InvalidInput, NotFound, Conflict, Unavailable.
        """
        now, aware = self._clock(), aware.astimezone(UTC)
        if aware > now:
            raise InvalidInput(f"{aware.isoformat()} is still to come")
        _check(report)
        key = key or _key(report, aware)
        name = f"{report.sites[0]}-{sha256(key.encode()).hexdigest()[:6]}"
        told = Opened(
            key=key,
            sites=report.sites,
            aware=aware,
            note=report.note,
            assessment=await self._assess(report, aware),
        )
        return await self._log.open(name, told, now)

    async def recount(self, name: str, report: Report) -> Case:
        """Assess an incident again, with what is known now. Clocks are added, never taken away or lengthened."""
        case = await self._open_case(name)
        _check(report)
        now = self._clock()
        assessment = await self._assess(report, case.aware)
        return await self._log.add(case, Recounted(at=now, note=report.note, assessment=assessment), now)

    async def cases(self) -> list[Case]:
        """Every incident, the latest first."""
        return await self._log.cases()

    async def find(self, name: str) -> Case:
        """One incident. Raises NotFound."""
        return await self._log.find(name)

    async def settle(self, name: str, clock: str, state: str, at: datetime | None = None, note: str = "") -> Case:
        """Say that a report was made, or that none is owed. Raises NotFound, Conflict, InvalidInput."""
        case, now = await self._open_case(name), self._clock()
        found = _find_clock(case, clock)
        if found.state not in CLOCK.before(state):
            raise Conflict(f"{found.duty.name} is {found.state} since {found.at} and cannot become {state}")
        when = at or now
        if not case.aware <= when <= now:
            raise InvalidInput(f"{when.isoformat()} is not between {case.aware.isoformat()} and now")
        if state == "waived" and not note:
            raise InvalidInput("say why nothing is owed: whoever looks at it later will ask")
        _check_note(note)
        return await self._log.add(case, Settled(clock=found.duty.name, state=state, at=when, note=note), now)

    async def close(self, name: str, note: str = "") -> Case:
        """End an incident; while clocks run, only with a note that says why they are no matter. Raises Conflict."""
        case = await self._open_case(name)
        if case.running and not note:
            left = ", ".join(clock.duty.name for clock in case.running)
            raise Conflict(f"{left} still run; mark them as done, or say in a note why they are no matter")
        _check_note(note)
        return await self._log.add(case, Closed(note=note), self._clock())

    async def _open_case(self, name: str) -> Case:
        case = await self._log.find(name)
        if case.state not in INCIDENT.before("closed"):
            raise Conflict(f"{name} is closed since {case.closed_at}")
        return case

    async def _assess(self, report: Report, aware: datetime) -> Assessment:
        concerned = await count_concerned(self._sites, report.sites, report.who)
        incident = Incident(
            aware=aware,
            affected=concerned.groups,
            at_most=concerned.at_most,
            unplaced=concerned.unplaced,
            risk=report.risk,
        )
        return Assessment(
            categories=report.categories,
            counted=report.who.counted,
            persons=concerned.persons,
            unplaced=concerned.unplaced,
            risk=report.risk,
            countries=concerned.countries,
            silent=concerned.silent,
            notification=decide_breach(incident, self._operator(), self._law),
        )


def _check(report: Report) -> None:
    if not report.sites:
        raise InvalidInput("name the site at which it happened")
    if not report.categories:
        raise InvalidInput("name the categories of data that are concerned, such as user.contact.email")
    for category in report.categories:
        if category not in CATEGORIES:
            raise InvalidInput(f"{category!r} is no category of personal data; `inventory` lists those collected here")
    _check_note(report.note)


def _check_note(note: str) -> None:
    if len(note) > LONGEST_NOTE:
        raise InvalidInput(f"a note has at most {LONGEST_NOTE} characters")


def _find_clock(case: Case, name: str) -> RunningClock:
    """A clock by its name, whatever its case. Raises NotFound."""
    found = next((clock for key, clock in case.clocks.items() if key.lower() == name.lower()), None)
    if found is None:
        raise NotFound(f"{case.name} has no clock {name}; it has {', '.join(case.clocks) or 'none'}")
    return found


def _key(report: Report, aware: datetime) -> str:
    """What makes two reports one: where, when, what and how many; not the note, nor the risk, which is judged later.

    Not who, either: a digest of ids tells them to whoever can try ids.
    """
    who = (report.who.counted, report.who.number or len(report.who.members))
    said = (sorted(report.sites), aware.isoformat(), sorted(report.categories), who)
    return sha256(msgspec.json.encode(said)).hexdigest()
