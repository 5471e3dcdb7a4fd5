"""What everybody's fate comes to: moves between sites, members who may move, and conflicts, each with how many."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

from domicile.ids import Country, SiteName, country_of_site
from domicile.law.decision import Citation, Missing
from domicile.plan.census import Group
from domicile.plan.days import Day
from domicile.plan.homes import Fates, facts_of_home

V = TypeVar("V")


@dataclass
class Move:
    """Groups at one site who must move to one country, for the same rules, from the day `due`.

    `target` is None where there is no site in that country. `missing` papers would let them stay. `only_on_trial`:
    they may stay, but for the packs or tables on trial.
    """

    source: SiteName
    target: SiteName | None
    country: Country
    rules: tuple[Citation, ...]
    missing: tuple[Missing, ...]
    reason: str
    due: date
    lawful_before: bool
    only_on_trial: bool
    groups: list[Group] = field(default_factory=list)

    @property
    def members(self) -> int:
        """How many move."""
        return sum(group.members for group in self.groups)


@dataclass
class MayMove:
    """Members whose home stays lawful, and who may live in `countries` too from then on: `rules` no longer bar it."""

    site: SiteName
    countries: tuple[Country, ...]
    rules: tuple[Citation, ...]
    members: int = 0


@dataclass
class Conflicted:
    """Members of whom laws ask different things. `lawful`: whether their home is lawful where it is."""

    site: SiteName
    lawful: bool
    moves: bool
    sentence: str
    rules: tuple[Citation, ...]
    members: int = 0


def find_moves(
    fates: Fates, sites: Sequence[SiteName], since: date, turns: Sequence[date], as_of: Callable[[date], Day], live: Day
) -> list[Move]:
    """Every move that the fates ask for, those that are due first ahead.

    `turns` are the days on which the law changes, `as_of` the law of such a day, `live` that of the last without what
    is on trial.
    """
    moves: dict[object, Move] = {}
    for group, fate in fates.items():
        if fate.country is None:
            continue
        here, person = country_of_site(group.site), facts_of_home(group.person)
        due = since
        if fate.lawful_before:
            due = next((day for day in turns if not as_of(day).home(person, here).allowed), since)
        spared = fate.lawful_before and live.home(person, here).allowed
        target = next((site for site in sites if country_of_site(site) == fate.country), None)
        key = (group.site, fate.country, fate.rules, fate.missing, due, fate.lawful_before, spared)
        if key not in moves:
            asked = (fate.country, fate.rules, fate.missing, fate.reason, due, fate.lawful_before, spared)
            moves[key] = Move(group.site, target, *asked)
        moves[key].groups.append(group)
    return sorted(moves.values(), key=lambda move: (move.due, -move.members, move.source, move.country))


def find_may_move(fates: Fates) -> list[MayMove]:
    """Whom a law that is relaxed lets live elsewhere, and does not ask to."""
    found: dict[object, MayMove] = {}
    for group, fate in fates.items():
        if fate.newly:
            key = (group.site, fate.newly, fate.rules)
            _put(found, key, MayMove(*key)).members += group.members
    return _by_members(found)


def find_conflicts(fates: Fates) -> list[Conflicted]:
    """Members of whom laws ask different things, also where their home is lawful: never silently resolved."""
    found: dict[object, Conflicted] = {}
    for group, fate in fates.items():
        if fate.conflict is not None:
            moves = fate.country is not None
            key = (group.site, fate.lawful, moves, fate.conflict.sentence, fate.conflict.citations)
            _put(found, key, Conflicted(*key)).members += group.members
    return _by_members(found)


def _put(found: dict[object, V], key: object, value: V) -> V:
    return found.setdefault(key, value)


def _by_members(found: dict[object, V]) -> list[V]:
    return sorted(found.values(), key=lambda entry: -entry.members)  # type: ignore[attr-defined]
