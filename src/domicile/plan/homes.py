"""Who must move, who may, and who is caught between laws: the law asked once for each group of members.

Rule 14: citizenship alone never moves anybody. Whoever would have to move by citizenship alone is shown as a conflict
and stays.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import msgspec

from domicile.ids import Country, SiteName, country_of_site
from domicile.law.decision import Citation, Conflict, Missing
from domicile.law.facts import Basis, Person
from domicile.law.rule import Residency
from domicile.plan.census import Group
from domicile.plan.days import Day

BY_CITIZENSHIP = "By citizenship alone a law asks for a home elsewhere; citizenship alone moves nobody."
NOWHERE = "The laws that claim them leave no country in which they may live."

Fates = dict[Group, "Fate"]


@dataclass(frozen=True)
class Fate:
    """What a day asks of one group.

    `country` is where their home must be from then on, by `rules`; None: they stay. `missing` papers would let them
    stay. `newly` are countries that may be home on that day and could not before. `conflict` says which laws differ.
    """

    country: Country | None = None
    rules: tuple[Citation, ...] = ()
    missing: tuple[Missing, ...] = ()
    reason: str = ""
    lawful: bool = True
    lawful_before: bool = True
    newly: tuple[Country, ...] = ()
    conflict: Conflict | None = None


def find_fates(groups: Iterable[Group], before: Day, after: Day, sites: Sequence[SiteName]) -> Fates:
    """The law's word on every group; groups that differ by consents alone are asked about once."""
    countries = tuple(dict.fromkeys(country_of_site(site) for site in sites))
    known: dict[tuple[Country, Person], Fate] = {}
    fates = {}
    for group in groups:
        key = (country_of_site(group.site), facts_of_home(group.person))
        if key not in known:
            known[key] = _find_fate(key[1], key[0], before, after, countries)
        fates[group] = known[key]
    return _gather(fates, after, countries)


def _gather(fates: Fates, after: Day, countries: tuple[Country, ...]) -> Fates:
    """One missing site is enough for a bloc: whoever may live where more of the same bloc go, goes there too."""
    going: Counter[Country] = Counter()
    for group, fate in fates.items():
        if fate.country is not None and fate.country not in countries:
            going[fate.country] += group.members
    wanted = sorted(going, key=lambda place: (-going[place], place))

    def gathered(group: Group, fate: Fate) -> Fate:
        if fate.country is None or fate.country not in going:
            return fate
        blocs = set(after.law.group(fate.country))
        larger = (place for place in wanted if not blocs.isdisjoint(after.law.group(place)))
        first = next((place for place in larger if after.choose(group.person, [place]).proposed), fate.country)
        return replace(fate, country=first)

    return {group: gathered(group, fate) for group, fate in fates.items()}


def facts_of_home(person: Person) -> Person:
    """The facts that a home turns on: consents are not among them."""
    return msgspec.structs.replace(person, consents=frozenset())


def _find_fate(person: Person, here: Country, before: Day, after: Day, countries: tuple[Country, ...]) -> Fate:
    decision, was = after.home(person, here), before.home(person, here)
    fate = Fate(lawful_before=was.allowed, conflict=next(iter(decision.conflicts), None))
    if decision.allowed:
        homes = after.choose(person, countries).homes if was.allowed else ()
        newly = tuple(place for place in homes if not before.home(person, place).allowed)
        return replace(fate, newly=newly, rules=before.against_home(person, newly[0]) if newly else ())
    against = after.against_home(person, here)
    fate = replace(fate, lawful=False, rules=against, missing=decision.missing, reason=decision.reason)
    located = without_citizenship(person)
    if after.home(located, here).allowed:
        return replace(fate, conflict=Conflict(sentence=BY_CITIZENSHIP, citations=against))
    proposed = _propose(person, located, against, after, countries)
    if proposed is None:
        return replace(fate, conflict=Conflict(sentence=NOWHERE, citations=against))
    return replace(fate, country=proposed)


def without_citizenship(person: Person) -> Person:
    """The person as seen by the laws of where they are, without those that claim them by citizenship alone."""
    located = {claim.jurisdiction for claim in person.claims if claim.basis is not Basis.CITIZENSHIP}
    claims = frozenset(claim for claim in person.claims if claim.jurisdiction in located)
    return msgspec.structs.replace(person, claims=claims)


def _propose(
    person: Person, located: Person, against: tuple[Citation, ...], after: Day, countries: tuple[Country, ...]
) -> Country | None:
    """Where they must go: a country with a site, else one that their law names or where they are.

    If all laws together leave none, those of where they are decide, and the citizenship stays as a conflict.
    """
    nearby = sorted({claim.jurisdiction for claim in located.claims})
    others = tuple(place for place in dict.fromkeys([*nearby, *_named(against, after)]) if place not in countries)
    for asked in (person, located):
        for candidates in (countries, others):
            proposed = after.choose(asked, candidates).proposed
            if proposed is not None:
                return proposed
    return None


def _named(against: tuple[Citation, ...], after: Day) -> Iterator[Country]:
    """The countries in which these rules let a home be."""
    named = {citation.rule for citation in against}
    packs = after.law.packs
    rules = chain.from_iterable(packs[place].rule for place in {citation.jurisdiction for citation in against})
    for rule in rules:
        if isinstance(rule, Residency) and rule.id in named:
            for place in map(Country, rule.homes):
                yield from (
                    sorted(packs[place].bloc_members) if place in packs and packs[place].bloc_members else [place]
                )
