"""The operator as the law sees them now: what they said of themselves, their papers at every site, and the counts.

For questions that are not one site's, such as where a new member may live. A crossing is decided at one site's desk,
from that site's papers as they stand at that moment.
"""

import contextlib
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Protocol

import msgspec
import structlog

from domicile.border.meter import Meter
from domicile.border.safeguards import in_force, list_safeguards, papers_on_file
from domicile.errors import Unavailable
from domicile.ids import Country, SiteName
from domicile.law.compiled import Law
from domicile.law.facts import Operator, Safeguard
from domicile.placement.ownership import Ownership
from domicile.placement.routing import Clock
from domicile.placement.sites import Site

log = structlog.get_logger("domicile")

WARNED_AHEAD = timedelta(days=90)


class Said(Protocol):
    """What the operator says of themselves; see `config.OperatorConfig`."""

    @property
    def owner(self) -> str | None: ...
    @property
    def established(self) -> tuple[str, ...] | None: ...
    @property
    def designations(self) -> tuple[str, ...]: ...
    @property
    def events(self) -> dict[str, date]: ...
    @property
    def turnover(self) -> dict[str, int]: ...


def state_operator(said: Said, policy: str, ownership: Ownership) -> Operator:
    """The operator from what they said, and what the declared columns say is collected."""
    return Operator(
        policy=policy,
        owner=Country(said.owner) if said.owner else None,
        established=None if said.established is None else frozenset(said.established),
        designations=frozenset(said.designations),
        events=frozenset(said.events.items()),
        turnover=frozenset(said.turnover.items()),
        collected=frozenset(category for _, _, category in ownership.personal_columns()),
    )


class OperatorNow:
    """`stated` is from the settings; `facts` adds what was on file and counted at the last `refresh`."""

    def __init__(self, stated: Operator, law: Law, sites: Mapping[SiteName, Site], meter: Meter, clock: Clock) -> None:
        self.stated = stated
        self.facts = stated
        self._law = law
        self._sites = sites
        self._meter = meter
        self._clock = clock
        self._papers: dict[SiteName, frozenset[Safeguard]] = {}
        self._warned: tuple[date, frozenset[Safeguard]] | None = None

    async def refresh(self) -> None:
        """Read papers and counts of every site; of a site that does not answer, those read last still count."""
        for name, site in self._sites.items():
            with contextlib.suppress(Unavailable):
                self._papers[name] = in_force(await list_safeguards(site.app), self._clock().date())
        papers = frozenset[Safeguard]().union(*self._papers.values())
        counts = await self._meter.counts()
        if (papers, counts) != (self.facts.safeguards, self.facts.counts):
            self.facts = msgspec.structs.replace(self.facts, safeguards=papers, counts=counts)

    async def warn_of_expiry(self) -> None:
        """Say once a day which safeguards stop counting within `WARNED_AHEAD`, or have stopped."""
        today = self._clock().date()
        if self._warned == (today, self.facts.safeguards):
            return
        self._warned = (today, self.facts.safeguards)
        for paper in await papers_on_file(self._sites, self._law.on(today)):
            if paper.counts and paper.last_day is not None and paper.last_day - today <= WARNED_AHEAD:
                log.warning("a safeguard stops counting", site=paper.site, kind=paper.safeguard.kind, on=paper.last_day)
