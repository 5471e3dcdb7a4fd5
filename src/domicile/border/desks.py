"""The desks of the sites: today's, remembered until something changes that it rests on, and those of days ahead."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import msgspec

from domicile.border.licence import Desk
from domicile.border.operator import OperatorNow
from domicile.border.safeguards import STAMP, in_force, list_safeguards
from domicile.database import Row
from domicile.ids import SiteName, country_of_site
from domicile.law.compiled import Law
from domicile.law.facts import Count
from domicile.law.policy import Policy
from domicile.law.thresholds import band, list_bounds
from domicile.placement.routing import Clock, SiteReader
from domicile.placement.sites import Site

_encode = msgspec.json.Encoder(order="deterministic").encode
_PERSONS = "persons_since_january"


@dataclass(frozen=True)
class Basis:
    """What a desk was made from: it stands as long as these are equal."""

    papers: object
    counts: frozenset[Count]
    on: date


class Desks:
    """Makes desks for the sites of this process."""

    def __init__(
        self, sites: Mapping[SiteName, Site], law: Law, policy: Policy, operator: OperatorNow, clock: Clock
    ) -> None:
        self.sites = sites
        self.law = law
        self.policy = policy
        self.operator = operator
        self.clock = clock
        self._today: dict[SiteName, tuple[Basis, Desk]] = {}
        self._named: dict[SiteName, tuple[Basis, str]] = {}
        self._ahead: dict[SiteName, tuple[Basis, list[Desk]]] = {}

    async def at(self, reader: SiteReader) -> Desk:
        """The desk of the reader's site, as it stands in the database now."""
        return await self.today(reader.site.name, await reader.value(f"SELECT {STAMP}"))

    async def today(self, site: SiteName, papers: object) -> Desk:
        """The desk in memory if no paper (see `safeguards.STAMP`) and no count has changed since; else a new one."""
        basis = self._basis(papers)
        known = self._today.get(site)
        if known is not None and known[0] == basis:
            return known[1]
        (desk,) = await self._open(site, [basis.on])
        self._today[site] = (basis, desk)
        return desk

    async def ahead(self, site: SiteName, papers: object, days: int) -> list[Desk]:
        """Today's desk and those of so many days after it, as the law and the papers known now will stand then."""
        basis = self._basis(papers)
        known = self._ahead.get(site)
        if known is not None and known[0] == basis and len(known[1]) == days + 1:
            return known[1]
        desks = await self._open(site, [basis.on + timedelta(days=n) for n in range(days + 1)])
        self._ahead[site] = (basis, desks)
        return desks

    async def basis_of(self, site: SiteName, papers: object) -> str:
        """What licences of a site rest on beside the member and the day, in one short value; the site comes first.

        Its papers, packs, policy, what the operator said of themselves, and the counts as far as a law can tell them.
        """
        basis = self._basis(papers)
        known = self._named.get(site)
        if known is None or known[0] != basis:
            known = self._named[site] = (basis, self._name(await self.today(site, papers), papers))
        return known[1]

    def _name(self, desk: Desk, papers: object) -> str:
        persons = desk.operator.counted(_PERSONS, desk.exporter) or 0
        bounds = {bound.number for bound in list_bounds(self.law, desk.on) if bound.metric == _PERSONS}
        counts = sorted(self.operator.facts.counts, key=lambda count: (count.metric, count.jurisdiction, count.n))
        rests = (papers, self._unchanging, counts, band(persons, bounds))
        return f"{desk.site} {hashlib.sha256(_encode(rests)).hexdigest()[:24]}"

    @cached_property
    def _unchanging(self) -> str:
        rulings = sorted(self.policy.rulings.values(), key=lambda ruling: ruling.question)
        stated = self.operator.stated
        parts = (list(self.law.packs.values()), self.policy.name, rulings, stated)
        return hashlib.sha256(_encode(parts)).hexdigest()

    def _basis(self, papers: object) -> Basis:
        return Basis(papers, self.operator.facts.counts, self.clock().date())

    async def _open(self, site: SiteName, days: list[date]) -> list[Desk]:
        rows = await list_safeguards(self.sites[site].app)
        persons = Count(_PERSONS, country_of_site(site), await self._persons_at(site))
        return [self._desk(site, day, rows, persons) for day in days]

    def _desk(self, site: SiteName, day: date, papers: list[Row], persons: Count) -> Desk:
        operator = msgspec.structs.replace(
            self.operator.stated,
            safeguards=in_force(papers, day),
            counts=self.operator.facts.counts | {persons},
        )
        return Desk(site, country_of_site(site), day, self.law.on(day), operator, self.policy)

    async def _persons_at(self, site: SiteName) -> int:
        """How many persons' data may have left since 1 January: at most everybody here, by the planner's estimate."""
        rows = await self.sites[site].app.run(
            "SELECT greatest(reltuples, 0)::bigint AS n FROM pg_class WHERE oid = 'resident'::regclass"
        )
        return int(rows[0].n)
