"""What must stay at a site when a member leaves it or is erased: under which rule, until when, and what stands against.

A duty to keep attaches to the law that claims a person. That their data stood in a country whose law does not claim
them, that a law wants it kept where this site is not, and a rule that the pack does not know for certain: there the
law does not say, and the operator's policy answers whether it may be destroyed.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time

from msgspec import Struct

from domicile.ids import Country
from domicile.law.binding import bound
from domicile.law.categories import covers
from domicile.law.compiled import Compiled, LawOn
from domicile.law.deadline import due_at
from domicile.law.decision import Citation, Verdict
from domicile.law.duties import Deletion, Period, Retention
from domicile.law.facts import Operator, Person
from domicile.law.hold import NONE
from domicile.law.policy import KEPT_BY_PLACE, KEPT_ELSEWHERE, Policy
from domicile.law.retention import Clash, bound_in, find_clashes_with


class Leaving(Struct, frozen=True):
    """A member's data at a site in `site` is to be destroyed: they move to a site in `to`, or are erased (None)."""

    site: Country
    to: Country | None = None


class Keeping(Struct, frozen=True, kw_only=True):
    """What one rule says of it. `keeps`: it stays, sealed, through the day `until` (None: the rule gives no number).

    `carried`: what moves along fulfils the rule at the new home, so that only what does not move stays. `questions`
    are those that the law leaves open, with the policy's answer in `reason`; `conflicts` are laws that want it gone.
    """

    rule: Citation
    categories: tuple[str, ...]
    verdict: Verdict
    keeps: bool
    carried: bool
    until: date | None
    questions: tuple[str, ...]
    reason: str
    conflicts: tuple[Clash, ...]


def find_keepings(
    person: Person, leaving: Leaving, operator: Operator, on: LawOn, policy: Policy | None
) -> tuple[Keeping, ...]:
    """Every rule that has a say, in order of jurisdiction and id; also those that keep nothing, with the reason."""
    here = on.group(leaving.site)
    holds = {**dict.fromkeys(here, NONE), **on.held(person.claims).holds}
    found = (
        _judge(article, holds[place], person, leaving, operator, on, policy)
        for place in sorted(holds)
        for article in bound(place, Retention, operator, on, person.since)
        if _speaks(article, holds[place], place in here, leaving)
    )
    return tuple(found)


def find_limits(person: Person, site: Country, operator: Operator, on: LawOn) -> tuple[Compiled, ...]:
    """The rules that erase or limit, of every law that claims a person or rules where their data stands."""
    places = sorted({*on.group(site), *on.held(person.claims).holds})
    return tuple(article for article in bound_in(places, operator, on) if _limits(article))


def find_rule(site: Country, rule: str, on: LawOn) -> Compiled | None:
    """A rule by which a demand can hold data at a site in this country, if it is in force."""
    for place in on.group(site):
        for article in on.rules(place, Retention):
            if article.rule.id == rule and _retention(article).bound == "min":
                return article
    return None


def find_conflicts(
    person: Person, site: Country, rule: str | None, categories: tuple[str, ...], operator: Operator, on: LawOn
) -> tuple[str, ...]:
    """What stands against a hold, in sentences: laws that erase what it keeps."""
    limits = find_limits(person, site, operator, on)
    keeper = find_rule(site, rule, on) if rule else None
    if keeper is not None:
        return tuple(clash.sentence for clash in find_clashes_with(keeper, limits))
    return tuple(
        f"The hold keeps it; {article.rule.id} erases it after {article.rule.event_words}."
        for article in limits
        if isinstance(article.rule, Deletion)
        if any(covers(one, other) or covers(other, one) for one in categories for other in article.rule.categories)
    )


def last_day(day: date, period: Period, place: Country, on: LawOn) -> date:
    """The last day of a period that begins on a day, as the jurisdiction counts."""
    return due_at(datetime.combine(day, time(12), UTC), period, on.calendar(place)).date()


def _speaks(article: Compiled, hold: int, here: bool, leaving: Leaving) -> bool:
    """Whether a rule keeps data of this person when they leave in this way."""
    rule = _retention(article)
    event = rule.runs_from == "record" or (rule.runs_from == "closing" and leaving.to is None)
    excepted = leaving.site in rule.countries_except
    return rule.bound == "min" and event and not excepted and article.covers(hold, here)


def _judge(
    article: Compiled,
    hold: int,
    person: Person,
    leaving: Leaving,
    operator: Operator,
    on: LawOn,
    policy: Policy | None,
) -> Keeping:
    rule, place = _retention(article), article.jurisdiction
    inside = place in on.group(leaving.site)
    goes_on = leaving.to is not None and (not rule.kept_here or not inside or place in on.group(leaving.to))
    questions = tuple(_open_questions(article, hold, inside))
    permitted = next((q for q in questions if policy is not None and policy.permits(q)), None)
    keeps = permitted is None
    conflicts = find_clashes_with(article, find_limits(person, leaving.site, operator, on)) if keeps else ()
    return Keeping(
        rule=article.citation,
        categories=rule.categories,
        verdict=Verdict.UNSETTLED if questions else Verdict.REQUIRED,
        keeps=keeps,
        carried=goes_on,
        until=last_day(on.date, rule.period, place, on) if rule.period else None,
        questions=questions,
        reason=_reason(article, questions, permitted, policy),
        conflicts=conflicts,
    )


def _open_questions(article: Compiled, hold: int, inside: bool) -> Iterator[str]:
    if not article.settled:
        yield article.rule.id
    if not article.covers(hold):
        yield KEPT_BY_PLACE
    if _retention(article).kept_here and not inside:
        yield KEPT_ELSEWHERE


def _reason(article: Compiled, questions: tuple[str, ...], permitted: str | None, policy: Policy | None) -> str:
    said = f"{article.rule.id}: {article.citation.summary}"
    if not questions:
        return said
    if policy is None:
        return f"{said} The law does not say ({', '.join(questions)})."
    answer = "lets it be destroyed" if permitted else "keeps it"
    why = policy.reason(permitted or questions[0])
    return f"{said} The law does not say ({', '.join(questions)}). The policy {policy.name} {answer}: {why}"


def _limits(article: Compiled) -> bool:
    rule = article.rule
    return isinstance(rule, Deletion) or (isinstance(rule, Retention) and rule.bound == "max")


def _retention(article: Compiled) -> Retention:
    assert isinstance(article.rule, Retention)
    return article.rule
