"""Packs made ready for deciding: `Law` holds them all, `LawOn` the rules in force on one day, indexed, with its caches.

Nothing here is read from outside: another day or another pack is another `LawOn`, whose caches are empty.
"""

from collections.abc import Hashable, Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple, TypeVar

import msgspec

from domicile.ids import Country
from domicile.law.decision import Citation, Decision, Verdict
from domicile.law.duties import AnyRule
from domicile.law.facts import Claim, Crossing, Operator
from domicile.law.finding import Finding
from domicile.law.hold import BITS, NONE, Test
from domicile.law.pack import Pack
from domicile.law.rule import Answer, Rule
from domicile.law.workdays import Calendar, calendar_of

REMEMBERED = 1 << 17
"""Entries that a cache holds before it starts anew."""
DAYS_COMPILED = 16

_VERDICTS = {"permit": Verdict.PERMITTED, "forbid": Verdict.FORBIDDEN, "unsettled": Verdict.UNSETTLED}

R = TypeVar("R", bound=Rule)
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Compiled:
    """One rule in force, with its citation made out and its subject test made ready."""

    __slots__ = ("_begun", "_doubted", "citation", "covers", "doubted", "jurisdiction", "rule", "settled")

    def __init__(self, jurisdiction: Country, rule: AnyRule, *, doubted: bool = False) -> None:
        self.jurisdiction = jurisdiction
        self.rule = rule
        self.citation = cite(jurisdiction, rule)
        self.covers = Test(rule.subject).covers
        self.settled = rule.in_force_known and not rule.unverified and not doubted
        self.doubted = doubted
        self._doubted: Compiled | None = None
        self._begun: dict[date, Compiled] = {}

    @property
    def in_doubt(self) -> "Compiled":
        """The same rule where it is not known whether it binds: it answers Unsettled. One and the same object."""
        if self._doubted is None:
            self._doubted = Compiled(self.jurisdiction, self.rule, doubted=True)
        return self._doubted

    def begun(self, day: date) -> "Compiled":
        """The same rule with its first day, which an event has fixed. One and the same object for a day."""
        if day not in self._begun:
            self._begun[day] = Compiled(self.jurisdiction, msgspec.structs.replace(self.rule, valid_from=day))
        return self._begun[day]

    def verdict(self, answer: Answer) -> Verdict:
        """The rule's answer; Unsettled where the pack does not know the rule for certain."""
        return _VERDICTS[answer] if self.settled else Verdict.UNSETTLED

    def finding(self, verdict: Verdict, **more: object) -> Finding:
        """This rule's finding, in its own words."""
        cited = self.citation
        sentence = f"{cited.rule} ({cited.act}, {cited.article}): {cited.summary}"
        values = {"citations": (cited,), "sentence": sentence, **more}
        return Finding(jurisdiction=self.jurisdiction, question=cited.rule, verdict=verdict, **values)  # type: ignore[arg-type]


def cite(jurisdiction: Country, rule: AnyRule) -> Citation:
    """The rule as a citation."""
    source = rule.citation
    return Citation(
        rule=rule.id,
        jurisdiction=jurisdiction,
        act=source.act,
        article=source.article,
        source=source.source,
        checked_on=source.checked_on,
        verified=source.verified,
        amended_by=source.amended_by,
        valid_from=rule.valid_from,
        confidence=rule.confidence,
        disputed=rule.disputed,
        unverified=rule.unverified,
        summary=rule.summary,
    )


class Ready:
    """A rule that speaks of one crossing by one operator: what is left to ask is the person's hold and consents."""

    __slots__ = ("article", "consents", "covers", "findings")

    def __init__(self, article: Compiled, consents: frozenset[str]) -> None:
        self.article = article
        self.consents = consents
        self.covers = article.covers
        self.findings: dict[frozenset[str], Finding] = {}


class Prepared(NamedTuple):
    """A crossing by an operator: the exporter's jurisdictions, the rules that speak of it, and where none does."""

    crossing: Crossing
    exporting: tuple[Country, ...]
    rules: dict[Country, tuple[Ready, ...]]
    silences: dict[Country, Finding]


class Held(NamedTuple):
    """The jurisdictions that hold a person, by which bits (see `hold`), and the countries whose law claims them.

    A country of which no pack speaks is among the countries, but not among the holds.
    """

    holds: dict[Country, int]
    countries: tuple[Country, ...]


class LawOn:
    """The law as it stands on `date`. Its caches belong to it, so that a new day or pack starts with empty ones."""

    def __init__(self, packs: Mapping[Country, Pack], on: date) -> None:
        self.date = on
        self.packs = packs
        self.decisions: dict[Hashable, Decision] = {}
        self.publications: dict[Country, tuple[Ready, ...]] = {}
        self.prepared: dict[tuple[Crossing, Operator], Prepared] = {}
        self.bound: dict[Hashable, tuple[Compiled, ...]] = {}
        self._calendars: dict[Country, Calendar] = {}
        self._groups: dict[Country, tuple[Country, ...]] = {}
        self._held: dict[frozenset[Claim], Held] = {}
        self._rules: dict[tuple[Country, type], tuple[Compiled, ...]] = {}
        self._waiting: dict[tuple[Country, type], tuple[Compiled, ...]] = {}
        for place, pack in packs.items():
            for rule in sorted(pack.rule, key=lambda rule: rule.id):
                if (kept := self._kept(rule)) is not None:
                    key = (place, type(rule))
                    kept[key] = (*kept.get(key, ()), Compiled(place, rule))

    def _kept(self, rule: AnyRule) -> dict[tuple[Country, type], tuple[Compiled, ...]] | None:
        """Where a rule belongs on this day: in force, waiting for an event, or neither."""
        if rule.valid_to is not None and rule.valid_to < self.date:
            return None
        if rule.valid_from is None:
            return self._waiting if rule.event else None
        return self._rules if rule.valid_from <= self.date else None

    def rules(self, jurisdiction: Country, kind: type[Rule]) -> tuple[Compiled, ...]:
        """The rules of one kind in force there, in order of id."""
        return self._rules.get((jurisdiction, kind), ())

    def waiting(self, jurisdiction: Country, kind: type[Rule]) -> tuple[Compiled, ...]:
        """The rules of one kind there that begin with an event and not on a fixed day, in order of id."""
        return self._waiting.get((jurisdiction, kind), ())

    def group(self, country: Country) -> tuple[Country, ...]:
        """The jurisdictions with a pack that rule in a country: itself and its blocs, perhaps none."""
        found = self._groups.get(country)
        if found is None:
            places = (p for p, pack in self.packs.items() if p == country or country in pack.bloc_members)
            found = remember(self._groups, country, tuple(places))
        return found

    def within(self, country: Country, places: tuple[str, ...]) -> bool:
        """Whether a country is among these countries and blocs."""
        return country in places or any(place in places for place in self.group(country))

    def held(self, claims: frozenset[Claim]) -> Held:
        """Who holds the person. A claim by a basis that the country's law does not know is no claim."""
        found = self._held.get(claims)
        if found is None:
            found = remember(self._held, claims, self._hold(claims))
        return found

    def _hold(self, claims: frozenset[Claim]) -> Held:
        holds: dict[Country, int] = {}
        countries = set()
        for claim in claims:
            group = self.group(claim.jurisdiction)
            claiming = [place for place in group if claim.basis in self.packs[place].claims_by]
            for place in claiming:
                holds[place] = holds.get(place, NONE) | BITS[claim.basis]
            if claiming or not group:
                countries.add(claim.jurisdiction)
        return Held(dict(sorted(holds.items())), tuple(sorted(countries)))

    def working_day_after(self, jurisdiction: Country, start: date, days: int) -> date:
        """The first day after so many whole working days, by the jurisdiction's own holidays; `start` for none."""
        day = self.calendar(jurisdiction).working_day(start, days)
        return day if day == start else day + timedelta(days=1)

    def calendar(self, jurisdiction: Country) -> Calendar:
        """How the jurisdiction counts days."""
        found = self._calendars.get(jurisdiction)
        if found is None:
            found = self._calendars[jurisdiction] = calendar_of(self.packs[jurisdiction])
        return found


def in_force(rule: Rule, on: date) -> bool:
    """Whether a rule with a fixed start is in force on a day."""
    begun = rule.valid_from is not None and rule.valid_from <= on
    return begun and (rule.valid_to is None or on <= rule.valid_to)


def remember(cache: dict[K, V], key: K, value: V) -> V:
    """Keep a value; a cache that is full starts anew."""
    if len(cache) >= REMEMBERED:
        cache.clear()
    cache[key] = value
    return value


class Law:
    """All packs. `on(date)` compiles the rules of a day once and keeps the last few days."""

    def __init__(self, packs: Mapping[Country, Pack]) -> None:
        self.packs = dict(sorted(packs.items()))
        self.on = lru_cache(maxsize=DAYS_COMPILED)(self._compile)

    def _compile(self, on: date) -> LawOn:
        return LawOn(self.packs, on)

    def rules(self, jurisdiction: Country, on: date | None = None) -> tuple[Citation, ...]:
        """The rules of one pack in force on a day, or every rule with every version; () where there is no pack."""
        pack = self.packs.get(jurisdiction)
        if pack is None:
            return ()
        rules = [rule for rule in pack.rule if on is None or in_force(rule, on)]
        return tuple(cite(jurisdiction, rule) for rule in sorted(rules, key=lambda r: (r.id, r.valid_from or date.max)))
