"""Whom a breach must be reported to, and by when: all clocks that one incident starts, under every law concerned."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from msgspec import Struct

from domicile.ids import Country
from domicile.law.binding import bound
from domicile.law.clocks import Clock, Term, places, waiting_clocks
from domicile.law.compiled import Compiled, Law, LawOn
from domicile.law.deadline import due_at
from domicile.law.decision import Citation
from domicile.law.duties import Breach
from domicile.law.facts import Claim, Operator
from domicile.law.hold import NONE

Risk = Literal["none", "risk", "high_risk"]
Step = Literal["assess", "report", "follow_up", "members"]
_RISKS: dict[str, int] = {"any": 0, "none": 0, "risk": 1, "high_risk": 2}


class Affected(Struct, frozen=True):
    """So many persons with the same claims, whose data stood in `home`."""

    claims: frozenset[Claim]
    home: Country
    persons: int


class Incident(Struct, frozen=True, kw_only=True):
    """What the law asks of an incident. `aware`: when the operator knew. `risk` to the persons; None: not judged yet.

    `at_most`: only their number is known and not who they are, so that each group may hold so many of them. `unplaced`
    persons more are concerned of whom nobody knows where they live: they count towards every rule's number.
    """

    aware: datetime
    affected: tuple[Affected, ...]
    at_most: int | None = None
    unplaced: int = 0
    risk: Risk | None = None


class Duty(Struct, frozen=True, kw_only=True):
    """One clock that the incident starts: whom to tell (or what to find out) by when.

    `due` is None where the law has only `words`. `persons` of those the rule protects are concerned (`at_most` so
    many, if only a number is known), by country in `countries`. `judge`: in words, what must be so for it to bind, for
    a person to say. `settled`: the pack knows what the rule says and that it binds.
    """

    jurisdiction: Country
    step: Step
    whom: str
    due: datetime | None
    words: str | None
    persons: int
    at_most: bool
    countries: tuple[tuple[Country, int], ...]
    judge: str | None
    settled: bool
    citation: Citation

    @property
    def name(self) -> str:
        """How the clock is called: the rule and the step."""
        return f"{self.citation.rule}.{self.step}"

    @property
    def urgency(self) -> tuple[int, float, Country, str]:
        """For sorting: what is due at once or soon, then by when it is due, then what nobody knows the time of."""
        if self.due is None:
            return 0 if self.settled else 2, 0.0, self.jurisdiction, self.name
        return 1, self.due.timestamp(), self.jurisdiction, self.name


class Spared(Struct, frozen=True, kw_only=True):
    """A rule in force that does not bind, as the incident is too small or too harmless for it, and why."""

    jurisdiction: Country
    why: str
    citation: Citation


class Notification(Struct, frozen=True, kw_only=True):
    """Everything that an incident starts: `duties` in order of their urgency.

    `waiting` are rules that do not run yet. `silent`: countries whose members are concerned, and of whose law no rule
    in the packs speaks: nobody here knows what they ask.
    """

    duties: tuple[Duty, ...]
    spared: tuple[Spared, ...]
    waiting: tuple[Clock, ...]
    silent: tuple[Country, ...]


def decide_breach(incident: Incident, operator: Operator, law: Law) -> Notification:
    """The clocks of every breach rule in force that binds the operator and protects somebody concerned.

    A jurisdiction's rules are those of its own civil day at that instant. A follow-up is counted from the start of the
    clock, not from the first report: that is earlier. A risk that nobody has judged binds.
    """
    today = law.on(incident.aware.date())
    duties: list[Duty] = []
    spared: list[Spared] = []
    spoken: set[Country] = set()
    for place in _places(incident, today):
        on = law.on(today.calendar(place).day_of(incident.aware))
        for article in bound(place, Breach, operator, on):
            countries = _concerned(article, incident, on)
            if not countries:
                continue
            spoken |= countries.keys()
            persons = _persons(article, incident, on)
            if why := _spares(_breach(article), incident, persons):
                spared.append(Spared(jurisdiction=place, why=why, citation=article.citation))
            else:
                duties += _duties(article, incident, persons, countries, on)
    homes = {group.home for group in incident.affected}
    concerned = homes.union(*(today.held(group.claims).countries for group in incident.affected))
    return Notification(
        duties=tuple(sorted(duties, key=lambda duty: duty.urgency)),
        spared=tuple(spared),
        waiting=tuple(clock for clock in waiting_clocks(today, operator, concerned) if clock.kind == "breach"),
        silent=tuple(sorted(concerned - spoken)),
    )


def _places(incident: Incident, on: LawOn) -> tuple[Country, ...]:
    """The jurisdictions that claim somebody, or in which somebody's data stood."""
    claiming = (place for group in incident.affected for place in on.held(group.claims).holds)
    return places(on, {*claiming, *(group.home for group in incident.affected)})


def _covered(article: Compiled, incident: Incident, on: LawOn) -> Iterator[tuple[Affected, set[Country]]]:
    """The persons whom the rule protects, with the countries (of a bloc's) that claim them or have their data."""
    for group in incident.affected:
        hold = on.held(group.claims).holds.get(article.jurisdiction, NONE)
        here = article.jurisdiction in on.group(group.home)
        if not article.covers(hold, here):
            continue
        claimed = {claim.jurisdiction for claim in group.claims if article.jurisdiction in on.group(claim.jurisdiction)}
        countries = (claimed or {group.home}).difference(article.rule.countries_except)
        if countries:
            yield group, countries


def _persons(article: Compiled, incident: Incident, on: LawOn) -> int:
    found = sum(group.persons for group, _ in _covered(article, incident, on))
    return found if incident.at_most is None else min(found, incident.at_most)


def _concerned(article: Compiled, incident: Incident, on: LawOn) -> dict[Country, int]:
    """Persons whom the rule protects, by country."""
    counts: Counter[Country] = Counter()
    for group, countries in _covered(article, incident, on):
        counts.update(dict.fromkeys(countries, group.persons))
    most = incident.at_most
    return {country: n if most is None else min(n, most) for country, n in sorted(counts.items()) if n}


def _spares(rule: Breach, incident: Incident, persons: int) -> str | None:
    """Why a rule does not bind, or None."""
    if persons + incident.unplaced < rule.affected_at_least:
        return f"{persons + incident.unplaced:,} persons, and it binds from {rule.affected_at_least:,}"
    lowest = min(_RISKS[rule.risk], _RISKS[rule.members_risk]) if rule.tells_members else _RISKS[rule.risk]
    if incident.risk is not None and _RISKS[incident.risk] < lowest:
        return f"the risk was judged as {incident.risk.replace('_', ' ')}"
    return None


def _duties(
    article: Compiled, incident: Incident, persons: int, countries: dict[Country, int], on: LawOn
) -> Iterator[Duty]:
    rule = _breach(article)
    for step, whom, term, risk in _steps(rule):
        if incident.risk is not None and _RISKS[incident.risk] < _RISKS[risk]:
            continue
        start, calendar = incident.aware, on.calendar(article.jurisdiction)
        yield Duty(
            jurisdiction=article.jurisdiction,
            step=step,
            whom=whom,
            due=due_at(start, term.period, calendar) if term.period else None,
            words=term.words,
            persons=persons,
            at_most=incident.at_most is not None,
            countries=tuple(countries.items()),
            judge="; ".join(_judged(rule, risk, incident)) or None,
            settled=article.settled,
            citation=article.citation,
        )


def _steps(rule: Breach) -> Iterator[tuple[Step, str, Term, str]]:
    """What a rule asks: the step, whom to tell, how soon, and from which risk."""
    authority, first = rule.authority or "the authority", Term(rule.deadline, rule.deadline_words)
    if rule.tells_authority:
        yield "report", authority, first, rule.risk
        if rule.follow_up:
            yield "follow_up", authority, Term(rule.follow_up), rule.risk
    if rule.tells_members:
        yield "members", "the members concerned", Term(rule.members_deadline, rule.members_words), rule.members_risk
    if not rule.tells_authority and not rule.tells_members:
        yield "assess", "nobody yet: look into it", first, rule.risk


def _judged(rule: Breach, risk: str, incident: Incident) -> Iterator[str]:
    if rule.only_when:
        yield f"only when {rule.only_when}"
    if risk != "any" and incident.risk is None:
        yield f"only if there is a {risk.replace('_', ' ')} to them, which nobody has judged yet"


def _breach(article: Compiled) -> Breach:
    assert isinstance(article.rule, Breach)
    return article.rule
