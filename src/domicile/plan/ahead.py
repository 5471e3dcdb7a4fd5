"""What is coming: safeguards that stop counting, and thresholds that are reached or come near."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from domicile.border.safeguards import OnFile
from domicile.border.stats import Nearness
from domicile.ids import Country
from domicile.plan.days import Day
from domicile.plan.duties import bound_rules

WARNED_AHEAD = timedelta(days=90)
NEAR = 0.8
"""A count this far towards a threshold is near it."""


@dataclass(frozen=True)
class Expiring:
    """A safeguard that stops counting. `rules` rest on it; `crossings` kinds of crossing are refused without it."""

    paper: OnFile
    last_day: date
    rules: tuple[str, ...]
    crossings: int


def find_expiring(papers: Sequence[OnFile], before: Day, after: Day, refused_for: Iterable[str]) -> list[Expiring]:
    """Safeguards that stop counting in the time planned for or within 90 days after, soonest first.

    `refused_for` names, once for each kind of crossing that is refused, the papers that it misses.
    """
    refusals = list(refused_for)
    found = [
        Expiring(paper, paper.last_day, _resting(paper, after), refusals.count(paper.safeguard.kind))
        for paper in papers
        if paper.counts and paper.last_day and before.law.date <= paper.last_day <= after.law.date + WARNED_AHEAD
    ]
    return sorted(found, key=lambda expiring: (expiring.last_day, expiring.paper.site, expiring.paper.name))


def _resting(paper: OnFile, day: Day) -> tuple[str, ...]:
    """The rules of where the paper is filed that ask for its kind."""
    articles = (article for place in day.law.group(paper.safeguard.exporter) for article in bound_rules(place, day))
    return tuple(
        article.rule.id
        for article in articles
        if any(ask.safeguard == paper.safeguard.kind for gate in getattr(article.rule, "asks", ()) for ask in gate)
    )


def find_near(nearness: Iterable[Nearness], after: Day, places: Iterable[Country]) -> list[Nearness]:
    """Thresholds of rules in force on the later day that are reached or near, or crossed by then at this growth."""
    wanted, on = set(places), after.law.date
    return [near for near in nearness if near.bound.jurisdiction in wanted and _matters(near, on)]


def _matters(near: Nearness, on: date) -> bool:
    if near.bound.valid_from is not None and near.bound.valid_from > on:
        return False
    current, crossed = near.reading.current, near.crossing.day
    return bool(current and current >= NEAR * near.bound.number) or (crossed is not None and crossed <= on)
