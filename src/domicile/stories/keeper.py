"""Whoever runs the network of a story: what they can look up of it, of the law of the day and of what is on record."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date

from domicile.audit.lawfulness import find_unlawful_homes
from domicile.audit.report import AuditReport, Violation
from domicile.audit.residency import audit
from domicile.database import Database, Params, sql
from domicile.engine import Engine
from domicile.ids import Country, MemberId, SiteName
from domicile.law.binding import bound
from domicile.law.consequences import in_words, precedents_for, sanctions_for
from domicile.law.duties import Step as Rung
from domicile.law.facts import Operator
from domicile.law.rule import Residency
from domicile.stories.stage import Stage

RULE, RUSSIA, AMERICA = "RU-18-5", Country("RU"), Country("US")


class Keeper:
    """`keeper["anna"]` is a member by their handle."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._members: dict[str, MemberId] = {}
        self._engine: Engine | None = None

    def __getitem__(self, handle: str) -> MemberId:
        return self._members[handle]

    @property
    def engine(self) -> Engine:
        """What is running."""
        assert self._engine is not None
        return self._engine

    def turn_to(self, day: date) -> None:
        """It is that day."""
        self.stage.clock.turn_to(day)

    @property
    def today(self) -> date:
        return self.stage.clock().date()

    async def audit(self) -> AuditReport:
        """Where everything is, as the audit finds it now."""
        return await audit(self.engine.sites, self.engine.hub, self.stage.clock())

    async def audited(self) -> bool:
        """Whether the audit finds every row at its owner's home."""
        return (await self.audit()).ok

    async def find_unlawful(self, on: date | None = None) -> list[Violation]:
        """The homes that the law of a day forbids: of today if none is named."""
        engine = self.engine
        operator = engine.operator.facts
        return await find_unlawful_homes(engine.sites, engine.law, on or self.today, engine.policy, operator)

    async def unlawful_homes(self, on: date | None = None) -> int:
        """How many members the law of a day does not let live where they do."""
        return sum(violation.count for violation in await self.find_unlawful(on))

    async def home_of(self, member: MemberId) -> SiteName:
        """Where a member lives now, by the hub."""
        return (await self.engine.router.home_of(member, ask_hub=True)).site

    async def claims(self, member: MemberId) -> set[tuple[str, str]]:
        """Whose law claims a member, and by what."""
        query = "SELECT jurisdiction, basis FROM claim WHERE member_id = %(member)s"
        rows = await self.engine.router.rows(member, query, {"member": member})
        return {(row.jurisdiction, row.basis) for row in rows}

    async def rows_with(self, text: str) -> int:
        """How many rows of all tables at all sites hold a text, plain or as bytes."""
        return sum([(await self.search(site, text))[text] for site in self.engine.sites])

    async def search(self, at: SiteName, *texts: str) -> Counter[str]:
        """How many rows of all tables of a site hold each of these texts, plain or as bytes; nothing is hidden."""
        found: Counter[str] = Counter()
        database = Database(at, self.engine.mightiest(at), size=1)
        await database.open()
        try:
            for query, params in self._searches(texts):
                (row,) = await database.run(query, params)
                found.update(dict(zip(texts, row, strict=True)))
        finally:
            await database.close()
        return found

    def _searches(self, texts: Sequence[str]) -> Iterator[tuple[str, Params]]:
        patterns = [f"%{form}%" for text in texts for form in (text, text.encode().hex())]
        counts = ", ".join(f"count(*) FILTER (WHERE x LIKE %s OR x LIKE %s) AS n{n}" for n in range(len(texts)))
        for table in self.engine.ownership.metadata.sorted_tables:
            name = sql.Identifier(*str(table.fullname).split(".")).as_string()
            query = f"SELECT {counts} FROM (SELECT t::text AS x FROM {name} t OFFSET 0) AS r WHERE x LIKE ANY (%s)"
            yield query, (*patterns, patterns)

    def bound_by(self, operator: Operator, day: date) -> bool:
        """Whether the rule binds this operator on a day."""
        found = bound(RUSSIA, Residency, operator, self.engine.law.on(day))
        return any(article.rule.id == RULE for article in found)

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
        """The fines that may follow a breach of the rule, by the law of today."""
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
