"""Whoever runs Thistle, in a story: what they start, plan, look up and decide."""

from contextlib import AsyncExitStack
from datetime import date

import msgspec
from sqlalchemy import MetaData

from domicile.audit.lawfulness import find_unlawful_homes
from domicile.audit.residency import audit
from domicile.engine import Engine
from domicile.errors import Misconfigured
from domicile.ids import Country, MemberId, SiteName
from domicile.law.binding import bound
from domicile.law.collection import CollectionDuty
from domicile.law.consequences import in_words, precedents_for, sanctions_for
from domicile.law.decision import Decision
from domicile.law.duties import Step as Rung
from domicile.law.facts import Basis, Claim, Operator, Person
from domicile.law.residency import decide_home
from domicile.law.rule import Residency
from domicile.placement.inventory import Acknowledgement, Inventory, record_acknowledgement, take_inventory
from domicile.placement.ownership import load_ownership
from domicile.plan.planning import Comparison, Network, compare_days
from domicile.plan.prices import load_prices
from domicile.stories.stage import Stage, set_stage
from domicile.stories.thistle import PHONE, SECOND, Thistle, to_first, to_second

RULE, RUSSIA, AMERICA = "RU-18-5", Country("RU"), Country("US")


def inventory_of(metadata: MetaData) -> Inventory:
    """What tables collect."""
    return take_inventory(load_ownership(metadata))


class House:
    """`house["anna"]` is a member by their handle."""

    def __init__(self, stage: Stage, stack: AsyncExitStack) -> None:
        self.stage = stage
        self._stack = stack
        self._members: dict[str, MemberId] = {}
        self._engine: Engine | None = None

    def __getitem__(self, handle: str) -> MemberId:
        return self._members[handle]

    @property
    def engine(self) -> Engine:
        """What is running."""
        assert self._engine is not None
        return self._engine

    @property
    def app(self) -> Thistle:
        """Thistle, as it is running."""
        return Thistle(self.engine)

    def turn_to(self, day: date) -> None:
        """It is that day."""
        self.stage.clock.turn_to(day)

    async def another(self) -> "House":
        """The same house on a stage of its own, on the same day."""
        folder = self.stage.folder.with_name(f"{self.stage.folder.name}-again")
        return House(await self._stack.enter_async_context(set_stage(folder, AMERICA, self.stage.clock)), self._stack)

    async def open(self, version: MetaData, sites: str, *, collects: bool = True) -> None:
        """Start a version. Raises Misconfigured if it refuses to."""
        upgrade = to_second if version is SECOND else to_first
        self._engine = await self.stage.start(version, upgrade, sites, collects=collects)

    async def refusal(self, version: MetaData, sites: str) -> str:
        """Start a version that should refuse: what it says; nothing if it starts."""
        try:
            await self.open(version, sites)
        except Misconfigured as refused:
            return refused.detail
        return ""

    async def join(self, handle: str, country: str) -> MemberId:
        """A new member. Raises NotPermitted where no site may be their home."""
        self._members[handle] = await self.app.join(handle, country)
        return self._members[handle]

    async def relocate(self, members: list[MemberId]) -> int:
        """Move members from us-1 to ru-1; how many have moved."""
        reason = "152-FZ art. 18(5)"
        moved = await self.engine.coordinator.relocate(members, SiteName("us-1"), SiteName("ru-1"), reason)
        return len(moved.members)

    async def acknowledge(self, reason: str) -> None:
        """Take the rule upon oneself for phone numbers."""
        said = Acknowledgement(PHONE, RULE, reason, "counsel", self.today)
        await record_acknowledgement([site.app for site in self.engine.sites.values()], said)

    # Looking things up

    @property
    def today(self) -> date:
        return self.stage.clock().date()

    async def acknowledged(self) -> list[tuple[str, str, str]]:
        """Every acknowledgement: rule, category, reason."""
        return [(said.rule, said.category, said.reason) for said in await self.engine.collecting.acknowledged()]

    async def first_day(self, category: str) -> date | None:
        """The first day on which any site collected it."""
        recorded = await self.engine.collecting.recorded()
        return min(
            (row.first_on for rows in recorded.values() for row in rows if row.category == category), default=None
        )

    async def duties(self) -> tuple[CollectionDuty, ...]:
        """The duties that come with what is collected."""
        return await self.engine.collecting.duties(self.engine.collecting.inventory.categories)

    async def audited(self) -> bool:
        """Whether the audit finds every row at its owner's home."""
        return (await audit(self.engine.sites, self.engine.hub, self.stage.clock())).ok

    async def unlawful_homes(self) -> int:
        """How many members the law of today does not let live where they do."""
        engine = self.engine
        operator = engine.operator.facts
        found = await find_unlawful_homes(engine.sites, engine.law, self.today, engine.policy, operator)
        return sum(violation.count for violation in found)

    async def claims(self, member: MemberId) -> set[tuple[str, str]]:
        """Whose law claims a member, and by what."""
        query = "SELECT jurisdiction, basis FROM claim WHERE member_id = %(member)s"
        rows = await self.engine.router.rows(member, query, {"member": member})
        return {(row.jurisdiction, row.basis) for row in rows}

    async def sealed_at(self, member: MemberId) -> list[SiteName]:
        """The sites at which a sealed number of this member lies."""
        query = "SELECT 1 FROM vault.secret WHERE member_id = %s AND phone IS NOT NULL"
        return [name for name, site in self.engine.sites.items() if await site.importer.run(query, (member,))]

    # The law

    def operator(self, collected: frozenset[str] | None) -> Operator:
        """Who runs Thistle, if this were collected (None: nobody asked what)."""
        return msgspec.structs.replace(self.engine.operator.facts, collected=collected)

    def binds(self, day: date, collected: frozenset[str] | None = None) -> bool:
        """Whether the rule binds on a day who collects this."""
        found = bound(RUSSIA, Residency, self.operator(collected), self.engine.law.on(day))
        return any(article.rule.id == RULE for article in found)

    def decide_home(self, country: str, day: date, collected: frozenset[str]) -> Decision:
        """Whether somebody who lives in a country may have their home in America."""
        person = Person(frozenset({Claim(Country(country), Basis.RESIDENCE)}))
        law = self.engine.law.on(day)
        return decide_home(person, AMERICA, law, self.engine.policy, self.operator(collected))

    async def plan(self, day: date, collected: frozenset[str]) -> Comparison:
        """What the law of a day would ask of the network as it stands, if this were collected."""
        engine = self.engine
        network = Network(
            sites=engine.sites,
            hub=engine.hub,
            ownership=engine.ownership,
            law=engine.law,
            policy=engine.policy,
            operator=engine.operator.stated,
            count=engine.meter.counts,
            capacity={},
            prices=load_prices(),
        )
        return await compare_days(network, day, self.stage.clock(), collected=collected)

    def on_record(
        self, year: int, month: int, outcome: str, amount: int | None = None, about: str | None = RULE
    ) -> bool:
        """Whether the pack of Russia records such an event of that month (`about`: under this rule)."""
        pack = self.engine.law.packs[RUSSIA]
        events = precedents_for(about, RUSSIA, self.engine.law) if about else pack.precedent
        return any(
            (event.began.year, event.began.month, event.outcome) == (year, month, outcome)
            and amount in (None, event.amount)
            for event in events
        )

    def rungs(self) -> list[Rung]:
        """What follows a breach of the rule, by the law of today."""
        found = sanctions_for(RULE, RUSSIA, self.engine.operator.facts, self.engine.law.on(self.today))
        return [step for _, step in found if step.step == "fine"]

    def rungs_in_words(self) -> list[str]:
        return [in_words(step) for step in self.rungs()]

    def fits(self, amount: int, *, repeat: bool) -> bool:
        """Whether a fine of this many roubles lies on a rung of today's ladder."""
        return any(
            (step.amount_min or 0) <= amount <= (step.amount_max or 0) and step.repeat is repeat
            for step in self.rungs()
        )
