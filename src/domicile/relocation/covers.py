"""What of a member's data must stay at a site when it is to be destroyed: by the law of the day, and by holds.

Asked once for all members whose claims and holds are alike.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from domicile.border.persons import parse_claim
from domicile.database import Session, array
from domicile.ids import Country, MemberId, moment_of
from domicile.law.categories import covers
from domicile.law.compiled import Law, LawOn
from domicile.law.decision import Verdict
from domicile.law.facts import Operator, Person
from domicile.law.keeping import Keeping, Leaving, find_conflicts, find_keepings
from domicile.law.policy import Policy
from domicile.placement.ownership import OwnedTable, categories_of
from domicile.placement.residue import Hold, list_holds
from domicile.placement.routing import Clock
from domicile.placement.sites import Site
from domicile.relocation.rows import KEY_TABLE

EVERYTHING = "user"
"""The category that covers all others: then rows without a personal column stay too."""

_CLAIMS = """
SELECT member_id, array_agg(jurisdiction || ':' || basis || ':' || assumed::int ORDER BY 1) AS claims FROM claim
WHERE member_id = ANY (%s::bigint[]) GROUP BY member_id
"""


@dataclass(frozen=True, slots=True)
class Cover:
    """One rule or hold that covers a member's data. `staying_only`: only the tables that no relocation carries."""

    rule: str
    jurisdiction: str
    citation: str
    categories: tuple[str, ...]
    settled: bool
    until: date | None
    conflicts: tuple[str, ...]
    staying_only: bool = False
    hold: int | None = None

    def columns_of(self, owned: OwnedTable) -> tuple[str, ...]:
        """The columns of a table that stay: what is covered, and what is about nobody; none if nothing is covered."""
        if owned.name == KEY_TABLE or (self.staying_only and not owned.stays):
            return ()
        personal = {c.name: categories_of(c) for c in owned.table.columns if categories_of(c)}
        kept = {name for name, found in personal.items() if any(self._covers(category) for category in found)}
        if not kept and EVERYTHING not in self.categories:
            return ()
        return tuple(name for name in owned.columns if name in kept or name not in personal)

    def _covers(self, category: str) -> bool:
        return any(covers(prefix, category) for prefix in self.categories)


@dataclass(frozen=True)
class Covering:
    """Finds covers at the sites of this process. `operator` gives the facts as they are known now."""

    law: Law
    policy: Policy
    operator: Callable[[], Operator]
    clock: Clock

    def today(self) -> date:
        return self.clock().date()

    async def find(
        self, session: Session, site: Site, members: Sequence[MemberId], to: Country | None
    ) -> dict[MemberId, tuple[Cover, ...]]:
        """Whose data must stay if it is destroyed here now, because they are erased or have moved `to` a country."""
        if not members:
            return {}
        rows = await session.fetch(_CLAIMS, (array(members),))
        claims = {MemberId(row.member_id): frozenset(map(parse_claim, row.claims)) for row in rows}
        holds: dict[MemberId, list[Hold]] = {}
        for hold in await list_holds(site.name, session, members):
            if hold.in_force(self.today()):
                holds.setdefault(hold.member, []).append(hold)
        day = self.law.on(self.today())
        known: dict[Person, tuple[Cover, ...]] = {}
        found: dict[MemberId, tuple[Cover, ...]] = {}
        for member in members:
            person = Person(claims.get(member, frozenset()), since=moment_of(member).date())
            if person not in known:
                known[person] = tuple(self._by_law(person, Leaving(site.country, to), day))
            if all_of := (*known[person], *self.by_holds(person, site, holds.get(member, ()))):
                found[member] = all_of
        return found

    def _by_law(self, person: Person, leaving: Leaving, day: LawOn) -> Iterator[Cover]:
        for keeping in find_keepings(person, leaving, self.operator(), day, self.policy):
            if keeping.keeps:
                yield _of_keeping(keeping)

    def by_holds(self, person: Person, site: Site, holds: Collection[Hold]) -> Iterator[Cover]:
        """What these holds cover, with the laws that stand against each."""
        day = self.law.on(self.today())
        for hold in holds:
            conflicts = find_conflicts(person, site.country, hold.rule, hold.categories, self.operator(), day)
            yield Cover(
                rule=hold.rule,
                jurisdiction=hold.jurisdiction,
                citation=hold.citation,
                categories=hold.categories,
                settled=True,
                until=hold.until,
                conflicts=conflicts,
                hold=hold.id,
            )


async def claims_of(session: Session, member: MemberId) -> Person:
    """One member, as the law sees them here."""
    rows = await session.fetch(_CLAIMS, (array([member]),))
    claims = frozenset(map(parse_claim, rows[0].claims)) if rows else frozenset()
    return Person(claims, since=moment_of(member).date())


def tables_of(covers: Collection[Cover], tables: Sequence[OwnedTable]) -> Mapping[str, tuple[str, ...]]:
    """Every table of which some column stays, with the columns that any of the covers keeps."""
    found: dict[str, tuple[str, ...]] = {}
    for owned in tables:
        kept = {name for cover in covers for name in cover.columns_of(owned)}
        if kept:
            found[owned.name] = tuple(name for name in owned.columns if name in kept)
    return found


def _of_keeping(keeping: Keeping) -> Cover:
    rule = keeping.rule
    return Cover(
        rule=rule.rule,
        jurisdiction=rule.jurisdiction,
        citation=f"{rule.act}, {rule.article}",
        categories=keeping.categories,
        settled=keeping.verdict is Verdict.REQUIRED,
        until=keeping.until,
        conflicts=tuple(clash.sentence for clash in keeping.conflicts),
        staying_only=keeping.carried,
    )
