"""Whoever runs Thistle, in a story: what they start, plan, look up and decide."""

from contextlib import AsyncExitStack
from datetime import date

import msgspec
from sqlalchemy import MetaData

from domicile.engine import open_engine
from domicile.errors import Misconfigured
from domicile.ids import Country, MemberId, SiteName
from domicile.law.collection import CollectionDuty
from domicile.law.decision import Decision
from domicile.law.facts import Basis, Claim, Operator, Person
from domicile.law.residency import decide_home
from domicile.placement.inventory import Acknowledgement, Inventory, record_acknowledgement, take_inventory
from domicile.placement.ownership import load_ownership
from domicile.plan.planning import Comparison, compare_days
from domicile.stories.keeper import AMERICA, RULE, Keeper
from domicile.stories.stage import Stage, set_stage
from domicile.stories.thistle import PHONE, SECOND, Thistle, to_first, to_second


def inventory_of(metadata: MetaData) -> Inventory:
    """What tables collect."""
    return take_inventory(load_ownership(metadata))


class House(Keeper):
    """`house["anna"]` is a member by their handle."""

    def __init__(self, stage: Stage, stack: AsyncExitStack) -> None:
        super().__init__(stage)
        self._stack = stack

    @property
    def app(self) -> Thistle:
        """Thistle, as it is running."""
        return Thistle(self.engine)

    async def another(self) -> "House":
        """The same house on a stage of its own, on the same day."""
        folder = self.stage.folder.with_name(f"{self.stage.folder.name}-again")
        return House(await self._stack.enter_async_context(set_stage(folder, AMERICA, self.stage.clock)), self._stack)

    async def open(self, version: MetaData, sites: str, *, collects: bool = True) -> None:
        """Start a version. Raises Misconfigured if it refuses to."""
        upgrade = to_second if version is SECOND else to_first
        clock = self.stage.clock
        self._engine = await self.stage.start(
            sites, lambda config: open_engine(config, version, upgrade, clock, collects=collects)
        )

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

    async def sealed_at(self, member: MemberId) -> list[SiteName]:
        """The sites at which a sealed number of this member lies."""
        query = "SELECT 1 FROM vault.secret WHERE member_id = %s AND phone IS NOT NULL"
        return [name for name, site in self.engine.sites.items() if await site.importer.run(query, (member,))]

    # The law

    def binds(self, day: date, collected: frozenset[str] | None = None) -> bool:
        """Whether the rule binds on a day who collects this (None: nobody asked what)."""
        return self.bound_by(self.operator(collected), day)

    def operator(self, collected: frozenset[str] | None) -> Operator:
        """Who runs Thistle, if this were collected."""
        return msgspec.structs.replace(self.engine.operator.facts, collected=collected)

    def decide_home(self, country: str, day: date, collected: frozenset[str]) -> Decision:
        """Whether somebody who lives in a country may have their home in America."""
        person = Person(frozenset({Claim(Country(country), Basis.RESIDENCE)}))
        law = self.engine.law.on(day)
        return decide_home(person, AMERICA, law, self.engine.policy, self.operator(collected))

    async def plan(self, day: date, collected: frozenset[str]) -> Comparison:
        """What the law of a day would ask of the network as it stands, if this were collected."""
        return await compare_days(self.engine.to_plan(), day, self.stage.clock(), collected=collected)
