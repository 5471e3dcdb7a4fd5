"""Whether a network may collect what its tables declare: asked before a site serves and before its tables change.

Each site is asked for itself, since a migration rolls over the sites: what it has collected so far stands in its own
table, and who lives there decides which laws are reached. The first start of a site takes its inventory as it is.
"""

import contextlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import structlog

from domicile.border.operator import OperatorNow
from domicile.errors import Misconfigured, Unavailable
from domicile.ids import Country, SiteName
from domicile.law.categories import covers
from domicile.law.collection import CollectionDuty, duties_of
from domicile.law.compiled import Law
from domicile.law.consequences import in_words, sanctions_for
from domicile.law.decision import Citation
from domicile.law.facts import Basis, Claim, Person
from domicile.law.fulfilment import Reach
from domicile.law.policy import Policy
from domicile.placement.inventory import (
    Acknowledgement,
    Inventory,
    Recorded,
    is_recorded,
    read_acknowledgements,
    read_recorded,
    record_inventory,
)
from domicile.placement.routing import Clock
from domicile.placement.sites import Site

log = structlog.get_logger("domicile")

_RESIDENTS = """
SELECT DISTINCT (SELECT array_agg(c.jurisdiction || ':' || c.basis ORDER BY 1) FROM claim c
  WHERE c.member_id = r.member_id) AS claims FROM resident r WHERE r.state IN ('home', 'leaving')
"""


@dataclass(frozen=True, slots=True)
class Weighed:
    """An unmet duty that newly collected categories bring at a site, and which of them nobody acknowledged yet."""

    site: SiteName
    duty: CollectionDuty
    open: tuple[str, ...]


class Collecting:
    """What this network collects, and the duties that come with it. `proofs`: how members can prove who they are."""

    def __init__(
        self,
        sites: Mapping[SiteName, Site],
        inventory: Inventory,
        law: Law,
        policy: Policy,
        operator: OperatorNow,
        clock: Clock,
        proofs: Collection[str] = (),
    ) -> None:
        self.inventory = inventory
        self._sites = sites
        self._law = law
        self._policy = policy
        self._operator = operator
        self._clock = clock
        self._proofs = frozenset(proofs)

    async def check(self) -> None:
        """Refuse to collect a category with an unmet duty, unless it was acknowledged or is no news at its site.

        Raises Misconfigured with what the operator can do.
        """
        weighed: list[Weighed] = []
        for name, recorded in (await self.recorded()).items():
            if recorded:
                weighed += [found for found in await self._weigh(name, recorded) if found.open]
        if weighed:
            raise Misconfigured(self._refusal(weighed))

    async def record(self) -> None:
        """Write down at every site what it collects from today; say which duties a first start takes as they are."""
        today = self._clock().date()
        for name, recorded in (await self.recorded()).items():
            for found in [] if recorded else await self._weigh(name, recorded):
                log.warning(
                    "collected from the first start on, with a duty that is not met",
                    site=name,
                    rule=found.duty.citation.rule,
                    categories=", ".join(found.duty.categories),
                    why=found.duty.why,
                )
            with contextlib.suppress(Unavailable):
                await record_inventory(self._sites[name].app, self.inventory, today)

    async def duties(self, new: frozenset[str], old: frozenset[str] = frozenset()) -> tuple[CollectionDuty, ...]:
        """The duties that collecting `new` would bring all over the network, where `old` was collected so far."""
        await self._operator.refresh()
        reach = await self._reach(self._sites)
        return duties_of(old, new, reach, self._operator.facts, self._law.on(self._clock().date()), self._policy)

    async def recorded(self) -> dict[SiteName, list[Recorded]]:
        """What each site that answers has collected so far; nothing at a site that never started."""
        found: dict[SiteName, list[Recorded]] = {}
        for name, site in self._sites.items():
            with contextlib.suppress(Unavailable):
                found[name] = await read_recorded(site.app) if await is_recorded(site.app) else []
        return found

    async def acknowledged(self) -> list[Acknowledgement]:
        """What the operator acknowledged, as any site that answers knows it."""
        found: dict[Acknowledgement, None] = {}
        for site in self._sites.values():
            with contextlib.suppress(Unavailable):
                if await is_recorded(site.app):
                    found |= dict.fromkeys(await read_acknowledgements(site.app))
        return list(found)

    async def _weigh(self, name: SiteName, recorded: Iterable[Recorded]) -> list[Weighed]:
        """The unmet duties that are news at a site: of its own members, under the law of today."""
        old = frozenset(row.category for row in recorded if row.until is None)
        new = self.inventory.categories
        if new <= old:
            return []
        await self._operator.refresh()
        law, reach = self._law.on(self._clock().date()), await self._reach([name])
        duties = duties_of(old, new, reach, self._operator.facts, law, self._policy)
        said = await self.acknowledged()
        return [Weighed(name, duty, _unsaid(duty, said)) for duty in duties if duty.standing == "unmet"]

    async def _reach(self, names: Iterable[SiteName]) -> Reach:
        residents: set[tuple[Person, Country]] = set()
        for site in (self._sites[name] for name in names):
            with contextlib.suppress(Unavailable):
                for row in await site.app.run(_RESIDENTS):
                    residents.add((Person(frozenset(map(_claim, row.claims or ()))), site.country))
        return Reach(frozenset(site.country for site in self._sites.values()), frozenset(residents), self._proofs)

    def _refusal(self, weighed: list[Weighed]) -> str:
        """The operator's text: what would be collected, which rule stands against it, what would satisfy it."""
        lines = [
            "this version collects what the network did not collect before, and a duty that comes with it is not met"
        ]
        by_duty: dict[CollectionDuty, list[Weighed]] = {}
        for found in weighed:
            by_duty.setdefault(found.duty, []).append(found)
        for duty, found_at in by_duty.items():
            cited = duty.citation
            unsaid = dict.fromkeys(category for found in found_at for category in found.open)
            columns = ", ".join(column.name for category in unsaid for column in self.inventory.of(category))
            lines += [
                f"  {', '.join(unsaid)} ({columns}) at {', '.join(found.site for found in found_at)}",
                f"    {cited.rule} ({cited.act}, {cited.article}; {cited.jurisdiction}): {cited.summary}",
                f"    not met: {duty.why}",
                f"    would satisfy it: {duty.remedy}",
                *(f"    may follow: {rung}" for rung in self._may_follow(cited)),
                *(
                    f'    or acknowledge it: domicile inventory acknowledge {category} --rule {cited.rule} --reason "…"'
                    for category in unsaid
                ),
            ]
        return "\n".join(lines)

    def _may_follow(self, cited: Citation) -> list[str]:
        law = self._law.on(self._clock().date())
        found = sanctions_for(cited.rule, cited.jurisdiction, self._operator.facts, law)
        return [f"{in_words(step)} ({ladder.rule})" for ladder, step in found if step.step not in ("other", "warning")]


def _claim(text: str) -> Claim:
    jurisdiction, basis = text.split(":")
    return Claim(Country(jurisdiction), Basis(basis))


def is_acknowledged(rule: str, category: str, said: Iterable[Acknowledgement]) -> bool:
    """Whether the operator took this rule upon themselves for this category, or for a wider one."""
    return any(one.rule == rule and covers(one.category, category) for one in said)


def _unsaid(duty: CollectionDuty, said: Iterable[Acknowledgement]) -> tuple[str, ...]:
    said = list(said)
    return tuple(c for c in duty.categories if not is_acknowledged(duty.citation.rule, c, said))
