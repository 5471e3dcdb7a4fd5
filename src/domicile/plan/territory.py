"""The jurisdictions that a plan looks at: those that claim members, those where a site stands, and where one would."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from domicile.ids import Country
from domicile.law.compiled import LawOn
from domicile.law.facts import Claim
from domicile.plan.census import Census
from domicile.plan.moves import Move


@dataclass(frozen=True)
class Territory:
    """`claimed`: how many members each jurisdiction claims. `exporting`: where data leaves from, with its blocs."""

    claimed: Mapping[Country, int]
    exporting: frozenset[Country]
    countries: frozenset[Country]

    @property
    def jurisdictions(self) -> tuple[Country, ...]:
        """Every jurisdiction that matters, those that claim most members first."""
        return tuple(sorted({*self.claimed, *self.exporting}, key=lambda place: (-self.claimed.get(place, 0), place)))


def find_territory(census: Census, moves: Iterable[Move], countries: Iterable[Country], law: LawOn) -> Territory:
    """What the network touches; `countries` have a site already."""
    by_claims: Counter[frozenset[Claim]] = Counter()
    for group in census.groups:
        by_claims[group.person.claims] += group.members
    claimed: Counter[Country] = Counter()
    for claims, members in by_claims.items():
        for place in law.held(claims).holds:
            claimed[place] += members
    places = frozenset((*countries, *(move.country for move in moves)))
    exporting = frozenset(place for country in places for place in law.group(country))
    return Territory(claimed, exporting, places)
