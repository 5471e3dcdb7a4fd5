"""Which rules bind an operator: by counts, designation, establishment, what is collected, and events that happened."""

from calendar import monthrange
from collections.abc import Iterator, Mapping
from datetime import date

from domicile.ids import Country
from domicile.law.categories import covers
from domicile.law.compiled import Compiled, LawOn, remember
from domicile.law.facts import Operator, Person
from domicile.law.rule import Rule, Threshold

UNKNOWN = Operator()


def bound(
    place: Country, kind: type[Rule], operator: Operator | None, on: LawOn, since: date | None = None
) -> tuple[Compiled, ...]:
    """The rules of one kind that bind this operator towards a person who joined on `since`.

    Where the operator did not say who owns or where they are established, the rule comes back in doubt: it answers
    Unsettled. A count that nobody made reaches every threshold.
    """
    key = (place, kind, operator, since)
    found = on.bound.get(key)
    if found is None:
        found = remember(on.bound, key, tuple(_bound(place, kind, operator or UNKNOWN, on, since)))
    return found


def _bound(place: Country, kind: type[Rule], known: Operator, on: LawOn, since: date | None) -> Iterator[Compiled]:
    articles = on.rules(place, kind)
    if known.events:
        articles = (*articles, *_begun(on.waiting(place, kind), known, on))
    for article in articles:
        rule = article.rule
        if rule.conditional and not binds(rule, place, known, on, since):
            continue
        yield article.in_doubt if _unsaid(rule, known) else article


def bound_towards(
    person: Person, holds: Mapping[Country, int], kind: type[Rule], operator: Operator | None, on: LawOn
) -> Iterator[Compiled]:
    """The rules of one kind that bind this operator towards a person whom the jurisdictions hold in this way."""
    for place, hold in holds.items():
        for article in bound(place, kind, operator, on, person.since):
            if article.covers(hold):
                yield article


def starts(rule: Rule, operator: Operator) -> date | None:
    """The first day of a rule: fixed, or after the event on which it waits; None if that has not happened."""
    if rule.valid_from is not None:
        return rule.valid_from
    day = operator.day_of(rule.event) if rule.event else None
    return None if day is None else months_after(day, rule.after_months)


def months_after(day: date, months: int) -> date:
    """The same day so many months later, or the last of that month if it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _begun(waiting: tuple[Compiled, ...], operator: Operator, on: LawOn) -> Iterator[Compiled]:
    for article in waiting:
        day = starts(article.rule, operator)
        if day is not None and day <= on.date:
            yield article.begun(day)


def _unsaid(rule: Rule, operator: Operator) -> bool:
    """Whether a condition turns on what the operator did not say."""
    owned = rule.owner is not None or rule.owner_not is not None
    placed = rule.established is not None or rule.unit is not None
    return (owned and operator.owner is None) or (placed and operator.established is None)


def binds(rule: Rule, place: Country, operator: Operator, on: LawOn, since: date | None = None) -> bool:
    """Whether every condition that the operator answered is met."""
    if rule.designation is not None and f"{place}:{rule.designation}" not in operator.designations:
        return False
    if rule.exempt is not None and f"{place}:{rule.exempt}" in operator.designations:
        return False
    if rule.owner is not None and operator.owner not in (None, rule.owner):
        return False
    if rule.owner_not is not None and operator.owner == rule.owner_not:
        return False
    if operator.established is not None:
        here = any(place in on.group(Country(name)) for name in operator.established)
        if rule.established is not None and (rule.established == "here") != here:
            return False
        if rule.unit is not None and rule.unit not in operator.established:
            return False
    if rule.existing_until and rule.valid_from and since and since < rule.valid_from and on.date <= rule.existing_until:
        return False
    if rule.collects and operator.collected is not None and not collects(rule, operator.collected):
        return False
    return all(_reached(threshold, current(threshold, place, operator)) for threshold in rule.thresholds)


def current(threshold: Threshold, place: Country, operator: Operator) -> int | None:
    """How many there are now of what a threshold counts; None if nobody counted."""
    if threshold.metric == "turnover":
        return operator.turned_over(threshold.currency)
    return operator.counted(threshold.metric, place)


def collects(rule: Rule, collected: frozenset[str]) -> bool:
    """Whether one of the rule's categories is collected, by prefix: `user.contact` covers its parts."""
    return any(covers(prefix, category) for prefix in rule.collects for category in collected)


def _reached(threshold: Threshold, count: int | None) -> bool:
    low, high = threshold.at_least, threshold.below
    return count is None or ((low is None or count >= low) and (high is None or count < high))
