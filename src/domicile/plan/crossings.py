"""Crossings that become refused or conditional, or newly permitted, between two days, for each group of members.

Compared is what the network does: relaying what members show, direct reading of public posts, and keeping opaque ids.
Members who must move are followed: their data then leaves from the new home, and what is shown to them goes there.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from domicile.border.explanation import QUESTIONS
from domicile.border.licence import OPAQUE_IDS
from domicile.ids import Country, SiteName, country_of_site
from domicile.law.decision import Citation, Decision, Missing
from domicile.law.facts import Act, Audience, Crossing, Operator, Person
from domicile.law.rule import Transfer
from domicile.plan.census import Group
from domicile.plan.days import Day
from domicile.plan.homes import Fates

Change = Literal["refused", "conditional", "permitted"]

WAYS: tuple[tuple[Act, str, str, Audience], ...] = (
    *((Act.RELAY, *question) for question in QUESTIONS),
    (Act.DIRECT, *QUESTIONS[0]),
    (Act.COPY, "opaque ids", OPAQUE_IDS, "none"),
)
"""What may cross: act, in words, category, audience."""


@dataclass(frozen=True)
class Place:
    """Where a home stands or will stand: a site, or a country that has none yet (`site` None)."""

    country: Country
    site: SiteName | None


@dataclass(frozen=True)
class Route:
    """Readers at a place, on the one day and on the other: the same place, or they must move too."""

    before: Place
    after: Place

    @property
    def moves(self) -> bool:
        return self.before != self.after


@dataclass(frozen=True)
class ChangedCrossing:
    """One kind of crossing whose answer changes. `missing` would open it; `needs` is what it rests on from then on."""

    change: Change
    home: Place
    home_before: Place
    route: Route
    act: Act
    what: str
    category: str
    audience: Audience
    rules: tuple[Citation, ...]
    missing: tuple[Missing, ...]
    needs: tuple[str, ...]
    reason: str


def find_crossings(
    fates: Fates, before: Day, after: Day, sites: Sequence[SiteName], isolated: frozenset[SiteName]
) -> dict[ChangedCrossing, int]:
    """Every change, with how many members' data it concerns; those that concern most first."""
    places = {name: Place(country_of_site(name), name) for name in sites}
    homes = {group: _home_after(fate.country, places[group.site], places) for group, fate in fates.items()}
    routes = {Route(place, place): None for place in places.values()}
    routes |= {Route(places[group.site], home): None for group, home in homes.items()}
    living_before, living_after = Counter[Place](), Counter[Place]()
    for group, home in homes.items():
        living_before[places[group.site]] += group.members
        living_after[home] += group.members
    comparing = _Comparing(_Border(before, living_before), _Border(after, living_after), isolated)
    found: dict[ChangedCrossing, int] = {}
    for (person, was, home), members in _merged(homes, places).items():
        for route in routes:
            for change in comparing.compare(person, was, home, route):
                found[change] = found.get(change, 0) + members
    order = {"refused": 0, "conditional": 1, "permitted": 2}
    return dict(sorted(found.items(), key=lambda entry: (order[entry[0].change], -entry[1])))


def _home_after(country: Country | None, place: Place, places: Mapping[SiteName, Place]) -> Place:
    if country is None:
        return place
    return next((there for there in places.values() if there.country == country), Place(country, None))


def _merged(homes: Mapping[Group, Place], places: Mapping[SiteName, Place]) -> dict[tuple[Person, Place, Place], int]:
    merged: dict[tuple[Person, Place, Place], int] = {}
    for group, home in homes.items():
        key = (Person(group.person.claims, group.person.consents), places[group.site], home)
        merged[key] = merged.get(key, 0) + group.members
    return merged


class _Border:
    """The border's answers on one day, when so many live at each place."""

    def __init__(self, day: Day, living: Mapping[Place, int]) -> None:
        self.day = day
        self.living = living
        self._desks: dict[Place, Operator] = {}

    def decide(
        self, person: Person, home: Place, reader: Place, act: Act, category: str, audience: Audience
    ) -> Decision | None:
        """None where no border is crossed. What is public must also be published by its author there."""
        if home.country == reader.country:
            return self.day.publication(person) if audience == "public" else None
        return self.day.crossing(person, _crossing(home, reader, act, category, audience), self._desk(home))

    def against(
        self, person: Person, home: Place, reader: Place, act: Act, category: str, audience: Audience
    ) -> tuple[Citation, ...]:
        """The rules for which it may not cross."""
        return self.day.against_crossing(person, _crossing(home, reader, act, category, audience), self._desk(home))

    def _desk(self, home: Place) -> Operator:
        if home not in self._desks:
            self._desks[home] = self.day.desk(home.site, home.country, self.living.get(home, 0))
        return self._desks[home]


class _Comparing:
    """The border's answers on both days, side by side."""

    def __init__(self, before: _Border, after: _Border, isolated: frozenset[SiteName]) -> None:
        self.before = before
        self.after = after
        self.isolated = isolated

    def compare(self, person: Person, was: Place, home: Place, route: Route) -> Iterator[ChangedCrossing]:
        """What changes for these members' data on its way to the readers of a route."""
        if route.after.country == home.country or self._apart(home, route.after):
            return
        for act, what, category, audience in WAYS:
            old = self.before.decide(person, was, route.before, act, category, audience)
            new = self.after.decide(person, home, route.after, act, category, audience)
            assert new is not None
            change, needs = self._change(old, new)
            if change:
                against = self.after.against(person, home, route.after, act, category, audience)
                rules = against if change == "refused" else new.citations
                asked = (act, what, category, audience, rules, new.missing, needs, new.reason)
                yield ChangedCrossing(change, home, was, route, *asked)

    def _change(self, old: Decision | None, new: Decision) -> tuple[Change | None, tuple[str, ...]]:
        """What becomes of a crossing, and the new papers that it rests on. Inside a country everything was allowed."""
        was_allowed = old is None or old.allowed
        if was_allowed != new.allowed:
            return ("refused" if was_allowed else "permitted"), ()
        if not new.allowed:
            return None, ()
        known = {citation.rule for citation in old.citations} if old else set()
        added = (citation for citation in new.citations if citation.rule not in known)
        needs = tuple(dict.fromkeys(paper for citation in added for paper in asked_by(self.after.day, citation)))
        return ("conditional" if needs else None), needs

    def _apart(self, home: Place, reader: Place) -> bool:
        return home.site in self.isolated or reader.site in self.isolated


def _crossing(home: Place, reader: Place, act: Act, category: str, audience: Audience) -> Crossing:
    return Crossing(exporter=home.country, importer=reader.country, act=act, category=category, audience=audience)


def asked_by(day: Day, citation: Citation) -> tuple[str, ...]:
    """The papers and consents that a rule asks for, one gate each: `scc or bcr`."""
    rules = (article.rule for article in day.law.rules(citation.jurisdiction, Transfer))
    gates = (gate for rule in rules if rule.id == citation.rule and isinstance(rule, Transfer) for gate in rule.asks)
    return tuple(" or ".join(ask.safeguard or f"consent {ask.consent}" for ask in gate) for gate in gates)
