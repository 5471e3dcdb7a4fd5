"""Every number of persons (or of money) on which a rule of the packs turns."""

from collections.abc import Iterable, Iterator
from datetime import date

from msgspec import Struct

from domicile.ids import Country
from domicile.law.compiled import Law, cite
from domicile.law.decision import Citation
from domicile.law.rule import Metric


class Bound(Struct, frozen=True, kw_only=True):
    """One end of a threshold. `ends`: the rule binds below `number` and ends there; else it begins at `number`.

    `valid_from` is None where the rule waits for an event.
    """

    jurisdiction: Country
    citation: Citation
    metric: Metric
    number: int
    ends: bool
    valid_from: date | None
    currency: str | None
    window: str | None


def list_bounds(law: Law, today: date) -> tuple[Bound, ...]:
    """The bounds of all rules in force or to come, by jurisdiction, metric, number and rule."""
    found = (bound for place in law.packs for bound in _bounds_of(law, place, today))
    return tuple(sorted(found, key=_place))


def _place(bound: Bound) -> tuple[object, ...]:
    start = bound.valid_from or date.max
    return bound.jurisdiction, bound.metric, bound.currency or "", bound.number, bound.citation.rule, start


def _bounds_of(law: Law, place: Country, today: date) -> Iterator[Bound]:
    for rule in law.packs[place].rule:
        if rule.valid_to is not None and rule.valid_to < today:
            continue
        for threshold in rule.thresholds:
            for number, ends in ((threshold.at_least, False), (threshold.below, True)):
                if number is not None:
                    yield Bound(
                        jurisdiction=place,
                        citation=cite(place, rule),
                        metric=threshold.metric,
                        number=number,
                        ends=ends,
                        valid_from=rule.valid_from,
                        currency=threshold.currency,
                        window=threshold.window,
                    )


def countries_of(law: Law, jurisdiction: Country) -> frozenset[Country]:
    """The countries in which a jurisdiction counts: those of a bloc, or itself."""
    pack = law.packs.get(jurisdiction)
    return frozenset(pack.bloc_members if pack and pack.bloc_members else (jurisdiction,))


def band(count: int, bounds: Iterable[int]) -> int:
    """The highest bound that a count has reached, or 0: all that the law can tell of it.

    Decisions are remembered by the facts they were made from; a count that changes by one must not forget them all.
    """
    return max((bound for bound in bounds if bound <= count), default=0)
