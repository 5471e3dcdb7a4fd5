"""Representatives, offices, licences and filings: what is asked on a day, what shows it, and by when it is due."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from domicile.ids import Country
from domicile.law.binding import bound, months_after, starts
from domicile.law.compiled import Compiled, LawOn
from domicile.law.decision import Citation
from domicile.law.duties import Period, Presence
from domicile.law.rule import Ask
from domicile.plan.changes import KINDS, Binds
from domicile.plan.days import Day

State = Literal["shown", "missing", "not known"]


@dataclass(frozen=True)
class PresenceDuty:
    """A representative, office, licence, registration or report that is asked. `due` is its last day.

    `state`: whether the papers that show it are on file; `not known` where the pack names none. `missing` are those
    that are not, each gate as `this or that`.
    """

    citation: Citation
    form: str
    duty: str
    begins: date | None
    new: bool
    due: date | None
    every: str | None
    binds: Binds
    state: State
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Filing:
    """A paper that must be filed with an authority within some days after a transfer begins."""

    citation: Citation
    paper: str
    within: str
    due: date
    on_file: bool


def find_presence(before: Day, after: Day, places: Iterable[Country]) -> list[PresenceDuty]:
    """What these jurisdictions ask this operator to have or to hold on the later day, by when it is due."""
    found = [duty for place in places for duty in _presence_of(place, before, after)]
    return sorted(found, key=lambda duty: (not duty.new, duty.due or date.max, duty.citation.rule))


def _presence_of(place: Country, before: Day, after: Day) -> Iterator[PresenceDuty]:
    earlier = {article.rule.id for article in bound(place, Presence, before.operator, before.law)}
    for article in bound(place, Presence, after.operator, after.law):
        rule = article.rule
        assert isinstance(rule, Presence)
        begins = starts(rule, after.operator)
        gates = [gate for gate in rule.asks if not any(_on_file(ask, after) for ask in gate)]
        new = rule.id not in earlier
        yield PresenceDuty(
            citation=article.citation,
            form=rule.form,
            duty=rule.duty,
            begins=begins,
            new=new,
            due=add_period(begins, rule.due, place, after.law) if begins and (rule.due or new) else None,
            every=str(rule.every) if rule.every else None,
            binds="binds" if article.settled else "may bind",
            state="not known" if not rule.asks else "missing" if gates else "shown",
            missing=tuple(" or ".join(ask.safeguard or f"consent {ask.consent}" for ask in gate) for gate in gates),
        )


def _on_file(ask: Ask, day: Day) -> bool:
    """Whether a paper of this kind counts on the day, at whatever site it is filed."""
    return any(
        paper.kind == ask.safeguard
        and paper.filed_on <= day.law.date
        and (paper.valid_until is None or day.law.date <= paper.valid_until)
        for paper in day.operator.safeguards
    )


def add_period(start: date, period: Period | None, place: Country, law: LawOn) -> date:
    """The last day of a period that runs from `start`; `start` itself without one. Hours count as begun days."""
    if period is None:
        return start
    if period.unit == "working_days":
        return law.working_day_after(place, start, period.n) - timedelta(days=1) if period.n else start
    if period.unit in ("months", "years"):
        return months_after(start, period.n * (12 if period.unit == "years" else 1))
    days = {"hours": -(-period.n // 24), "days": period.n, "weeks": 7 * period.n}[period.unit]
    return start + timedelta(days=days)


def find_filings(before: Day, after: Day, places: Iterable[Country]) -> list[Filing]:
    """Papers to be filed soon after data begins to leave, by rules of the places it leaves from that bind then."""
    found = [filing for place in places for filing in _filings_of(place, before, after)]
    return sorted(found, key=lambda filing: (filing.on_file, filing.due, filing.citation.rule))


def _filings_of(place: Country, before: Day, after: Day) -> Iterator[Filing]:
    for article in bound_rules(place, after):
        begins = max(starts(article.rule, after.operator) or before.law.date, before.law.date)
        for gate in getattr(article.rule, "asks", ()):
            for ask in gate:
                if ask.safeguard and (ask.file_within_days or ask.file_within_working_days):
                    period = _filing_period(ask)
                    due = add_period(begins, period, place, after.law)
                    within = f"{period} after the transfer begins"
                    yield Filing(article.citation, ask.safeguard, within, due, _on_file(ask, after))


def _filing_period(ask: Ask) -> Period:
    if ask.file_within_working_days:
        return Period(ask.file_within_working_days, "working_days")
    return Period(ask.file_within_days, "days")


def bound_rules(place: Country, day: Day) -> Iterator[Compiled]:
    """Every rule of a jurisdiction that binds this operator, or may."""
    for kind in KINDS:
        yield from bound(place, kind, day.operator, day.law)
