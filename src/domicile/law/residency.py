"""Where a person's data may have its home, and which home is proposed."""

from collections.abc import Sequence
from itertools import chain

from msgspec import Struct

from domicile.ids import Country
from domicile.law.binding import bound
from domicile.law.compiled import Compiled, LawOn, remember
from domicile.law.decision import Citation, Conflict, Decision, Verdict
from domicile.law.facts import Basis, Operator, Person
from domicile.law.finding import Finding, combine, open_gates, refusing, silence
from domicile.law.papers import Flow, missing_paper
from domicile.law.policy import NO_CLAIM, NO_PACK, SILENT_RESIDENCY, Policy
from domicile.law.rule import Residency


class HomeDecision(Struct, frozen=True, kw_only=True):
    """Which of the candidates may be home, and which is proposed (None: none may, or none fits)."""

    proposed: Country | None
    homes: tuple[Country, ...]
    decisions: tuple[tuple[Country, Decision], ...]
    conflicts: tuple[Conflict, ...]


def decide_home(
    person: Person, candidate: Country, on: LawOn, policy: Policy | None = None, operator: Operator | None = None
) -> Decision:
    """Whether the person's data may live in `candidate`. Required: there and nowhere else."""
    key = ("home", person, candidate, policy, operator)
    found = on.decisions.get(key)
    if found is None:
        found = remember(on.decisions, key, combine(_findings(person, candidate, on, operator), policy))
    return found


def rules_against_home(
    person: Person, candidate: Country, on: LawOn, policy: Policy | None = None, operator: Operator | None = None
) -> tuple[Citation, ...]:
    """The rules for which the person's data may not live in `candidate`; () where it may, or no rule says so."""
    return refusing(_findings(person, candidate, on, operator), policy)


def lawful_homes(
    person: Person,
    candidates: Sequence[Country],
    on: LawOn,
    policy: Policy | None = None,
    operator: Operator | None = None,
) -> tuple[Country, ...]:
    """The candidates that may be home, in the order given."""
    return tuple(place for place in candidates if decide_home(person, place, on, policy, operator).allowed)


def choose_home(
    person: Person,
    candidates: Sequence[Country],
    on: LawOn,
    policy: Policy | None = None,
    operator: Operator | None = None,
) -> HomeDecision:
    """Which candidates may be home and which is proposed: the country of residence first.

    Rule 14: a country that claims the person by citizenship alone is never proposed; the conflict is shown instead.
    """
    decisions = tuple((place, decide_home(person, place, on, policy, operator)) for place in candidates)
    homes = tuple(place for place, decision in decisions if decision.allowed)
    proposed = min((place for place in homes if _may_propose(person, place)), key=_rank(person, on), default=None)
    shown = [decision for place, decision in decisions if proposed in (None, place)]
    conflicts = tuple(dict.fromkeys(chain.from_iterable(decision.conflicts for decision in shown)))
    return HomeDecision(proposed=proposed, homes=homes, decisions=decisions, conflicts=conflicts)


def _may_propose(person: Person, place: Country) -> bool:
    bases = {claim.basis for claim in person.claims if claim.jurisdiction == place}
    return bases != {Basis.CITIZENSHIP}


class _rank:  # noqa: N801 - a sort key with the person's countries worked out once
    """Country of residence, then another of its bloc, then presence, then collection, then the operator's order."""

    def __init__(self, person: Person, on: LawOn) -> None:
        self._on = on
        self._by = {basis: {c.jurisdiction for c in person.claims if c.basis is basis} for basis in Basis}

    def __call__(self, place: Country) -> int:
        for number, basis in enumerate((Basis.RESIDENCE, Basis.PRESENCE, Basis.COLLECTION)):
            if place in self._by[basis]:
                return 2 * number
            blocs = {bloc for country in self._by[basis] for bloc in self._on.group(country)}
            if blocs & set(self._on.group(place)):
                return 2 * number + 1
        return 6


def _findings(person: Person, candidate: Country, on: LawOn, operator: Operator | None) -> list[Finding]:
    if not person.claims:
        return [silence(NO_CLAIM, candidate, "No law in the packs claims this person.")]
    found: list[Finding] = []
    held = on.held(person.claims)
    for place, hold in held.holds.items():
        articles = (a for a in bound(place, Residency, operator, on, person.since) if a.covers(hold))
        found.extend(judge_home(article, candidate, operator, on) for article in articles)
    spoken = {finding.jurisdiction for finding in found}
    for country in held.countries:
        group = on.group(country)
        if not group:
            found.append(silence(NO_PACK, country, f"There is no pack for {country}; its law is not known here."))
        elif not spoken.intersection(group):
            found.append(silence(SILENT_RESIDENCY, country, f"The pack of {country} has no residency rule in force."))
    return found or [silence(NO_CLAIM, candidate, "No law in the packs claims this person by what is known.")]


def judge_home(article: Compiled, candidate: Country, operator: Operator | None, on: LawOn) -> Finding:
    """What one rule on residency says of a home in `candidate`, for somebody whom it protects."""
    rule = article.rule
    assert isinstance(rule, Residency)
    inside = (not rule.homes or on.within(candidate, rule.homes)) and not on.within(candidate, rule.homes_not)
    if not inside:
        flow = Flow(candidate, article.jurisdiction)
        asks = () if article.doubted else rule.asks  # who may not be bound at all is asked for no papers yet
        missing = open_gates(asks, lambda ask: missing_paper(ask, article, flow, operator, on))
        return article.finding(article.verdict(rule.unmet if missing else rule.elsewhere), missing=missing)
    only_there = rule.elsewhere == "forbid" and article.settled
    return article.finding(Verdict.REQUIRED if only_there else Verdict.PERMITTED)
