"""What a pack's rules must satisfy together: dates, versions, categories, thresholds, references."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from domicile.law.categories import CATEGORIES
from domicile.law.countries import COUNTRIES
from domicile.law.duties import AnyRule, Sanction
from domicile.law.rule import Age, Gates, Publication, Residency, SignUp, Transfer

BLOCS = frozenset({"EU"})


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong: in which rule (its number in the file), at which key, and what to do."""

    rule: int | None
    key: str | None
    sentence: str


def faults(
    jurisdiction: str, members: tuple[str, ...], holidays: tuple[str, ...], zone: str, rules: tuple[AnyRule, ...]
) -> Iterator[Fault]:
    """Every fault of the pack as a whole, then rule by rule, then between versions of one rule."""
    yield from _unknown_places(None, "jurisdiction", (jurisdiction,))
    yield from _unknown_places(None, "bloc_members", members)
    for day in holidays:
        if not _is_month_day(day):
            yield Fault(None, "holidays", f"{day!r} is no day of the year; write month and day, such as 01-07")
    if not _is_time_zone(zone):
        yield Fault(None, "time_zone", f"{zone!r} is no time zone; write it like Europe/Berlin (IANA)")
    for number, rule in enumerate(rules):
        yield from _dates(number, rule)
        yield from _commencement(number, rule)
        yield from _thresholds(number, rule)
        yield from _ladder(number, rule)
        yield from _places(number, rule)
        yield from _categories(number, rule)
        yield from _gates(number, rule)
        yield from _evidence(number, rule)
    yield from _versions(rules)
    yield from _references(rules)


def _is_month_day(text: str) -> bool:
    if not re.fullmatch(r"\d\d-\d\d", text):
        return False
    try:
        date(2024, int(text[:2]), int(text[3:]))
    except ValueError:
        return False
    return True


def _is_time_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _dates(number: int, rule: AnyRule) -> Iterator[Fault]:
    if rule.commencement == "fixed" and rule.valid_from is None:
        yield Fault(
            number, None, f"rule {rule.id!r}: `valid_from` is missing; a rule that starts on a fixed day names it"
        )
    if rule.valid_from and rule.valid_to and rule.valid_to < rule.valid_from:
        yield Fault(
            number, "valid_to", f"rule {rule.id!r} ends on {rule.valid_to}, before it starts on {rule.valid_from}"
        )


def _commencement(number: int, rule: AnyRule) -> Iterator[Fault]:
    """A rule starts on a fixed day or with an event, not with both."""
    if rule.commencement == "fixed" and (rule.event or rule.after_months):
        key = "event" if rule.event else "after_months"
        yield Fault(number, key, f"rule {rule.id!r} starts on a fixed day; say `commencement` if it waits for an event")
    elif rule.commencement != "fixed" and rule.valid_from:
        yield Fault(number, "valid_from", f'rule {rule.id!r} has a day; say `commencement = "fixed"`, or leave it out')
    elif rule.commencement != "fixed" and rule.after_months and not rule.event:
        yield Fault(number, "after_months", f"rule {rule.id!r}: months after what? Name the `event`")
    if rule.existing_until and (rule.valid_from is None or rule.existing_until < rule.valid_from):
        yield Fault(number, "existing_until", f"rule {rule.id!r}: `existing_until` must lie after `valid_from`")


def _thresholds(number: int, rule: AnyRule) -> Iterator[Fault]:
    for threshold in rule.thresholds:
        low, high = threshold.at_least, threshold.below
        if low is None and high is None:
            yield Fault(number, "thresholds", f"rule {rule.id!r}: the threshold needs `at_least`, `below`, or both")
        elif low is not None and high is not None and low >= high:
            yield Fault(number, "thresholds", f"rule {rule.id!r}: no number is at least {low} and below {high}")
        if (threshold.metric == "turnover") != (threshold.currency is not None):
            yield Fault(number, "thresholds", f"rule {rule.id!r}: a turnover has a `currency`, and nothing else has")


def _ladder(number: int, rule: AnyRule) -> Iterator[Fault]:
    for step in rule.ladder if isinstance(rule, Sanction) else ():
        low, high = step.amount_min, step.amount_max
        if (low is not None or high is not None) != (step.currency is not None):
            yield Fault(number, "ladder", f"rule {rule.id!r}: an amount has a `currency`, and a currency an amount")
        if low is not None and high is not None and low > high:
            yield Fault(number, "ladder", f"rule {rule.id!r}: a fine of at least {low} cannot be at most {high}")


def _places(number: int, rule: AnyRule) -> Iterator[Fault]:
    for key in ("owner", "owner_not"):
        yield from _unknown_places(number, key, (getattr(rule, key),) if getattr(rule, key) else ())
    for key in ("homes", "homes_not", "importers", "importers_except", "countries", "countries_except", "against"):
        yield from _unknown_places(number, key, getattr(rule, key, ()))


def _unknown_places(number: int | None, key: str, names: tuple[str, ...]) -> Iterator[Fault]:
    for name in names:
        if name not in COUNTRIES and name not in BLOCS:
            yield Fault(number, key, f"{name!r} is no jurisdiction; write the two capital letters of ISO 3166-1, or EU")


def _categories(number: int, rule: AnyRule) -> Iterator[Fault]:
    for key in ("categories", "categories_except", "collects"):
        for name in getattr(rule, key, ()):
            if name not in CATEGORIES:
                close = get_close_matches(name, CATEGORIES, n=1)
                hint = f"; did you mean `{close[0]}`?" if close else "; see the list in fideslang's taxonomy"
                yield Fault(number, key, f"rule {rule.id!r}: {name!r} is no category{hint}")


def _gates(number: int, rule: AnyRule) -> Iterator[Fault]:
    gates: Gates = getattr(rule, "asks", ())
    for gate in gates:
        if not gate:
            yield Fault(number, "asks", f"rule {rule.id!r}: an empty gate can never open; list what opens it")
        for ask in gate:
            if (ask.safeguard is None) == (ask.consent is None):
                yield Fault(number, "asks", f"rule {rule.id!r}: an ask names either a `safeguard` or a `consent`")
            elif ask.safeguard and isinstance(rule, Publication | Age):
                yield Fault(number, "asks", f"rule {rule.id!r}: only a consent opens this gate, not a safeguard")
            elif ask.consent and not isinstance(rule, Transfer | Publication | Age):
                yield Fault(number, "asks", f"rule {rule.id!r}: only a safeguard opens this gate, not a consent")
    if isinstance(rule, Residency) and rule.homes and rule.homes_not:
        yield Fault(number, "homes_not", f"rule {rule.id!r}: give `homes` or `homes_not`, not both")


def _evidence(number: int, rule: AnyRule) -> Iterator[Fault]:
    """What is asked of a person can be asked, and be remembered as far as it must."""
    if isinstance(rule, Age) and rule.evidence == "assurance" and rule.keep == "nothing":
        text = 'who was found old enough is remembered as a yes; write `keep = "yes_no"`'
        yield Fault(number, "keep", f"rule {rule.id!r}: {text}")
    for method in rule.methods if isinstance(rule, SignUp) else ():
        name, _, place = method.partition(":")
        if not re.fullmatch(r"[a-z][a-z_]*", name):
            yield Fault(number, "methods", f"rule {rule.id!r}: {method!r} is no method; write it like `mobile_number`")
        elif place or ":" in method:
            yield from _unknown_places(number, "methods", (place,))


def _versions(rules: tuple[AnyRule, ...]) -> Iterator[Fault]:
    """Versions of one rule follow one another without overlap, and without a gap unless it is declared."""
    dated = [(rule.id, rule.valid_from, number) for number, rule in enumerate(rules) if rule.valid_from]
    ordered = sorted(dated)
    for (name, _, before), (other, start, after) in pairwise(ordered):
        if name != other:
            continue
        end = rules[before].valid_to
        if rules[before].kind_name != rules[after].kind_name:
            yield Fault(after, "kind", f"rule {name!r}: all its versions must be of one kind")
        elif end is None or end >= start:
            until = f"until {end}" if end else "without end"
            yield Fault(after, "valid_from", f"rule {name!r}: this version starts on {start}, but another runs {until}")
        elif end + timedelta(days=1) < start and not rules[after].gap_declared:
            yield Fault(
                after,
                "valid_from",
                f"rule {name!r}: nothing is in force from {end + timedelta(days=1)} to {start - timedelta(days=1)};"
                " if that is so, say `gap_declared = true`",
            )


def _references(rules: tuple[AnyRule, ...]) -> Iterator[Fault]:
    needs_ground = {rule.id for rule in rules if isinstance(rule, Transfer) and rule.needs_ground}
    starts = {rule.id: rule for rule in rules}
    for number, rule in enumerate(rules):
        if isinstance(rule, Transfer) and rule.ground_for and rule.ground_for not in needs_ground:
            yield Fault(
                number,
                "ground_for",
                f"rule {rule.id!r}: {rule.ground_for!r} is no rule of this pack that needs a ground",
            )
        for name in rule.punishes if isinstance(rule, Sanction) else ():
            if name not in starts:
                yield Fault(number, "punishes", f"rule {rule.id!r} punishes {name!r}, which is no rule of this pack")
        if rule.supersedes is None:
            continue
        old = starts.get(rule.supersedes)
        if old is None or old.id == rule.id:
            yield Fault(
                number, "supersedes", f"rule {rule.id!r} supersedes {rule.supersedes!r}, which is no other rule here"
            )
        elif rule.valid_from and (old.valid_to is None or old.valid_to >= rule.valid_from):
            yield Fault(number, "supersedes", f"rule {rule.id!r} supersedes {old.id!r}, which has not ended by then")
