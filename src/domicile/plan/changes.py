"""Rules that begin, change or end between two days, or under packs on trial, in words; and rules that still wait."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, get_args

import msgspec

from domicile.ids import Country
from domicile.law.binding import bound, starts
from domicile.law.comparison import differences
from domicile.law.compiled import Compiled, LawOn, cite
from domicile.law.decision import Citation
from domicile.law.duties import AnyRule
from domicile.law.facts import Operator
from domicile.law.rule import Rule
from domicile.plan.days import Day

What = Literal["begins", "changes", "ends", "comes and goes", "begins to bind"]
Binds = Literal["binds", "may bind", "does not bind"]

KINDS: tuple[type[Rule], ...] = get_args(AnyRule)
CLOCKS = frozenset({"content", "disclosure", "access", "retention", "deletion", "breach", "blocking"})
"""Kinds of rule about how soon, how long and to whom: what an operator does with the data that is there."""


NOTES = (
    *("valid_from", "valid_to", "citation", "summary", "gap_declared", "supersedes"),
    *("commencement", "commencement_note", "event", "after_months", "confidence"),
)
"""What a version of a rule says of itself and not of what it asks."""


@dataclass(frozen=True)
class RuleChange:
    """One rule that is not the same on both days. `words` say what differs; `on` is the first day of it."""

    what: What
    on: date
    kind: str
    citation: Citation
    words: tuple[str, ...]
    binds: Binds


@dataclass(frozen=True)
class Waiting:
    """A rule whose first day is not known: what it waits for, in the pack's words."""

    citation: Citation
    kind: str
    event: str | None
    after_months: int
    note: str


def find_changes(before: Day, after: Day, places: Iterable[Country]) -> list[RuleChange]:
    """What these jurisdictions say differently on the two days, in order of the day."""
    found = [change for place in places for change in _changes_of(place, before, after)]
    return sorted(found, key=lambda change: (change.on, change.citation.jurisdiction, change.citation.rule))


def _changes_of(place: Country, before: Day, after: Day) -> Iterator[RuleChange]:
    old, new = (rules_on(place, day.law, day.operator) for day in (before, after))
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if now is None and was is not None:
            yield _ended(place, was, before, after)
        elif was is None and now is not None:
            begins = max(now.rule.valid_from or before.law.date, before.law.date)
            yield _change("begins", begins, now, (now.citation.summary,), binding_of(now, after))
        elif was is not None and now is not None and (words := _words(was.rule, now.rule)):
            begins = max(now.rule.valid_from or before.law.date, before.law.date)
            yield _change("changes", begins, now, words, binding_of(now, after))
        elif was is not None and now is not None and _taken_on(was, now, before, after):
            yield _change("begins to bind", before.law.date, now, (now.citation.summary,), binding_of(now, after))
    yield from _passing(place, before, after, old.keys() | new.keys())


def rules_on(place: Country, law: LawOn, operator: Operator) -> dict[str, Compiled]:
    """Every rule of a jurisdiction in force on the day, by its id; also those that an event has begun."""
    found: dict[str, Compiled] = {}
    for kind in KINDS:
        for article in law.rules(place, kind):
            found[article.rule.id] = article
        for article in law.waiting(place, kind):
            day = starts(article.rule, operator)
            if day is not None and day <= law.date:
                found[article.rule.id] = article.begun(day)
    return found


def binding_of(article: Compiled, day: Day) -> Binds:
    """Whether a rule in force binds this operator, as far as the operator says who they are."""
    articles = bound(article.jurisdiction, type(article.rule), day.operator, day.law)
    found = next((a for a in articles if a.rule.id == article.rule.id), None)
    if found is None:
        return "does not bind"
    return "binds" if found.settled else "may bind"


def _taken_on(was: Compiled, now: Compiled, before: Day, after: Day) -> bool:
    """Whether a rule that has not changed binds from then on, as for tables that collect more."""
    return binding_of(was, before) == "does not bind" != binding_of(now, after)


def _ended(place: Country, was: Compiled, before: Day, after: Day) -> RuleChange:
    ends = was.rule.valid_to + timedelta(days=1) if was.rule.valid_to else before.law.date
    dropped = was.rule.id not in {rule.id for rule in after.law.packs[place].rule}
    words = "the packs under test do not have it" if dropped else was.citation.summary
    return _change("ends", ends, was, (words,), binding_of(was, before))


def _change(what: What, on: date, article: Compiled, words: tuple[str, ...], binds: Binds) -> RuleChange:
    return RuleChange(what, on, article.rule.kind_name, article.citation, words, binds)


def _words(was: AnyRule, now: AnyRule) -> tuple[str, ...]:
    """What the rule asks differently; dates and wording are told with the change, the pack's own notes are not."""
    if type(was) is not type(now):
        return (f"was of the kind {was.kind_name} and is now {now.kind_name}",)
    apart = {name: getattr(now, name) for name in NOTES}
    return tuple(differences(msgspec.structs.replace(was, **apart), now))


def _passing(place: Country, before: Day, after: Day, known: Iterable[str]) -> Iterator[RuleChange]:
    """Rules that begin after the one day and have ended before the other."""
    first, last, seen = before.law.date, after.law.date, set(known)
    for rule in after.law.packs[place].rule:
        begins = starts(rule, after.operator)
        if rule.id not in seen and begins and rule.valid_to and first < begins and rule.valid_to < last:
            words = (rule.summary, f"it ends after {rule.valid_to}")
            yield RuleChange("comes and goes", begins, rule.kind_name, cite(place, rule), words, "may bind")


def find_waiting(after: Day, places: Iterable[Country]) -> list[Waiting]:
    """Rules of these jurisdictions that have no first day yet, or whose force is not known."""
    return [
        Waiting(cite(place, rule), rule.kind_name, rule.event, rule.after_months, _note(rule))
        for place in places
        for rule in after.law.packs[place].rule
        if _waits(rule, after)
    ]


def _waits(rule: Rule, day: Day) -> bool:
    begins = starts(rule, day.operator)
    return begins is None or (begins <= day.law.date and not rule.in_force_known)


def _note(rule: Rule) -> str:
    if rule.valid_from is not None:
        return f"it is not known whether it is in force since {rule.valid_from}"
    return rule.commencement_note or rule.commencement.replace("_", " ")
