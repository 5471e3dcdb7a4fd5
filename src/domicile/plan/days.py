"""The two days that a plan compares: the law of each as it finds this operator, with the papers that count then."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

import msgspec

from domicile.border.safeguards import in_force
from domicile.ids import Country, SiteName
from domicile.law.binding import starts
from domicile.law.compiled import Law, LawOn
from domicile.law.decision import Citation, Decision
from domicile.law.facts import Count, Crossing, Operator, Person, Safeguard
from domicile.law.policy import Policy
from domicile.law.publication import decide_publication
from domicile.law.residency import HomeDecision, choose_home, decide_home, rules_against_home
from domicile.law.rule import Residency
from domicile.law.transfer import decide_crossing, rules_against_crossing
from domicile.plan.census import Census


@dataclass(frozen=True)
class Day:
    """One day's law, and the operator as it finds them. `operator` has the papers of every site."""

    law: LawOn
    policy: Policy
    operator: Operator
    papers: Mapping[SiteName, frozenset[Safeguard]]

    def home(self, person: Person, country: Country) -> Decision:
        """Whether these members may live in a country."""
        return decide_home(person, country, self.law, self.policy, self.operator)

    def choose(self, person: Person, countries: Iterable[Country]) -> HomeDecision:
        """Which of the countries may be home, and which is proposed."""
        return choose_home(person, tuple(countries), self.law, self.policy, self.operator)

    def against_home(self, person: Person, country: Country) -> tuple[Citation, ...]:
        """The rules for which they may not."""
        return rules_against_home(person, country, self.law, self.policy, self.operator)

    def established_in(self, country: Country) -> "Day":
        """The same day for an operator who has an establishment in this country too."""
        places = (self.operator.established or frozenset()) | {country}
        return replace(self, operator=msgspec.structs.replace(self.operator, established=places))

    def desk(self, site: SiteName | None, country: Country, members: int) -> Operator:
        """The operator as the border of a site knows them, at which so many live: by its own papers.

        None for a site that is not there yet: it has no papers. At most everybody has had data leave this year.
        """
        papers = self.papers.get(site, frozenset()) if site else frozenset()
        counts = {count for count in self.operator.counts if count.metric != "persons_since_january"}
        counts.add(Count("persons_since_january", country, members))
        return msgspec.structs.replace(self.operator, safeguards=papers, counts=frozenset(counts))

    def crossing(self, person: Person, crossing: Crossing, operator: Operator) -> Decision:
        """Whether something may cross, as the border would answer."""
        return decide_crossing(person, crossing, operator, self.law, self.policy)

    def publication(self, person: Person) -> Decision:
        """Whether what these members mark as public may be shown to everybody."""
        return decide_publication(person, self.law, self.policy)

    def against_crossing(self, person: Person, crossing: Crossing, operator: Operator) -> tuple[Citation, ...]:
        """The rules for which it may not."""
        return rules_against_crossing(person, crossing, operator, self.law, self.policy)


def make_day(law: Law, on: date, policy: Policy, operator: Operator, census: Census) -> Day:
    """A day under these packs. `operator` is who they say they are, with the counts known today."""
    papers = {name: in_force(rows, on) for name, rows in census.papers.items()}
    everywhere = frozenset[Safeguard]().union(*papers.values())
    return Day(law.on(on), policy, msgspec.structs.replace(operator, safeguards=everywhere), papers)


def turning_days(law: Law, operator: Operator, since: date, until: date) -> list[date]:
    """The days after `since` and up to `until` on which a residency rule begins or has just ended."""
    rules = (rule for pack in law.packs.values() for rule in pack.rule if isinstance(rule, Residency))
    return sorted({day for rule in rules for day in _turns(rule, operator) if since < day <= until})


def _turns(rule: Residency, operator: Operator) -> Iterator[date]:
    begins = starts(rule, operator)
    if begins is not None:
        yield begins
    for last in (rule.valid_to, rule.existing_until):
        if last is not None:
            yield last + timedelta(days=1)
