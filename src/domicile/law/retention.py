"""What must be kept and what may not be kept longer: where rules of one or several laws cannot both be obeyed.

A duty to keep attaches to the law that claims a person, not to the deployment: India's year is no ground to keep what
a German wants erased. Two laws that claim the same person may still contradict each other; that is surfaced with both
citations and never resolved here.
"""

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Literal

from msgspec import Struct

from domicile.ids import Country
from domicile.law.binding import bound, bound_towards
from domicile.law.categories import covers
from domicile.law.clocks import Term, places
from domicile.law.compiled import Compiled, LawOn
from domicile.law.decision import Citation
from domicile.law.duties import Deletion, Period, Retention
from domicile.law.facts import Operator, Person

_HOURS = {"hours": 1, "days": 24, "weeks": 168}
_MONTHS = {"months": 1, "years": 12}


class Clash(Struct, frozen=True, kw_only=True):
    """A rule that keeps against a rule that limits or erases, for `categories`.

    `certain`: by their numbers, the one outlasts the other. Else one of them has no number that could be compared, or
    they count from different events in units that do not compare.
    """

    kind: Literal["longer_than_allowed", "kept_against_erasure"]
    categories: tuple[str, ...]
    certain: bool
    sentence: str
    keeps: Citation
    limits: Citation

    @property
    def rules(self) -> tuple[Citation, Citation]:
        """Both rules."""
        return self.keeps, self.limits


def find_clashes(
    on: LawOn, operator: Operator | None = None, jurisdictions: Iterable[Country] | None = None
) -> tuple[Clash, ...]:
    """The clashes within each jurisdiction's own law (a bloc and its member are one), in order of jurisdiction."""
    chosen = on.packs if jurisdictions is None else jurisdictions
    found = (_clash(bound_in(on.group(place), operator, on), None) for place in sorted(chosen))
    return tuple(dict.fromkeys(clash for clashes in found for clash in clashes))


def find_clashes_between(on: LawOn, operator: Operator | None, jurisdictions: Iterable[Country]) -> tuple[Clash, ...]:
    """The clashes for a person whom all these jurisdictions claim."""
    return tuple(_clash(bound_in(places(on, jurisdictions), operator, on), None))


def find_clashes_for(
    person: Person, on: LawOn, operator: Operator | None = None, category: str | None = None
) -> tuple[Clash, ...]:
    """The clashes about one category (or any) of data of one person, among all laws that claim them."""
    holds = on.held(person.claims).holds
    kept = (article for kind in (Retention, Deletion) for article in bound_towards(person, holds, kind, operator, on))
    return tuple(_clash(kept, category))


def find_clashes_with(keeper: Compiled, limiters: Iterable[Compiled]) -> tuple[Clash, ...]:
    """What stands against one rule that keeps: certainly, or in another country's law."""
    found = (clash for limiter in limiters if limiter is not keeper for clash in _clash((keeper, limiter), None))
    mine = (clash for clash in found if clash.keeps == keeper.citation)
    return tuple(c for c in mine if c.certain or c.keeps.jurisdiction != c.limits.jurisdiction)


def bound_in(jurisdictions: Iterable[Country], operator: Operator | None, on: LawOn) -> Iterator[Compiled]:
    """The rules on keeping and erasing that bind the operator in these jurisdictions."""
    for place in jurisdictions:
        for kind in (Retention, Deletion):
            yield from bound(place, kind, operator, on)


def _clash(articles: Iterable[Compiled], category: str | None) -> Iterator[Clash]:
    for one, other in combinations(articles, 2):
        for keeper, limiter in ((one, other), (other, one)):
            keeps, limits = keeper.rule, limiter.rule
            if not isinstance(keeps, Retention) or keeps.bound != "min":
                continue
            if isinstance(limits, Deletion) or (isinstance(limits, Retention) and limits.bound == "max"):
                yield from _compare(keeper, limiter, keeps, limits, category)


def _compare(
    keeper: Compiled, limiter: Compiled, keeps: Retention, limits: Retention | Deletion, category: str | None
) -> Iterator[Clash]:
    categories = tuple(_shared(keeps.categories, limits.categories, category))
    least = keeps.period
    most = limits.period if isinstance(limits, Retention) else limits.deadline
    outlasts = None if least is None or most is None else is_longer(least, most)
    if not categories or outlasts is False:
        return
    erases = isinstance(limits, Deletion)
    yield Clash(
        kind="kept_against_erasure" if erases else "longer_than_allowed",
        categories=categories,
        certain=bool(outlasts),
        sentence=_sentence(keeper, limiter, keeps, limits),
        keeps=keeper.citation,
        limits=limiter.citation,
    )


def _sentence(keeper: Compiled, limiter: Compiled, keeps: Retention, limits: Retention | Deletion) -> str:
    where = f" in {keeper.jurisdiction}" if keeps.kept_here else ""
    least = Term(keeps.period, keeps.period_words)
    text = f"{keeps.id} keeps it{where} for at least {least} from {keeps.starts_at}; {limits.id} "
    if isinstance(limits, Deletion):
        return f"{text}erases it after {limits.event_words} ({Term(limits.deadline, limits.deadline_words)})."
    if limits.period is None:
        return f"{text}limits it: {limits.period_words}, from {limits.starts_at}."
    return f"{text}keeps it for at most {limits.period} from {limits.starts_at}."


def _shared(some: Iterable[str], others: Iterable[str], category: str | None) -> Iterator[str]:
    """The categories of which both rules speak, the narrower name of each pair."""
    shared = {max(one, other, key=len) for one in some for other in others if covers(one, other) or covers(other, one)}
    for name in sorted(shared):
        if category is None or covers(name, category) or covers(category, name):
            yield name


def is_longer(one: Period, other: Period) -> bool | None:
    """Whether a period is longer than another; None where that depends on the months or holidays it falls on."""
    for sizes in (_HOURS, _MONTHS):
        if one.unit in sizes and other.unit in sizes:
            return one.n * sizes[one.unit] > other.n * sizes[other.unit]
    if one.unit == other.unit == "working_days":
        return one.n > other.n
    (least, most), (other_least, other_most) = _days(one), _days(other)
    return True if least > other_most else False if most <= other_least else None


def _days(period: Period) -> tuple[float, float]:
    """How many days a period can have, at least and at most. A working day may be preceded by a long holiday."""
    if period.unit in _MONTHS:
        months = period.n * _MONTHS[period.unit]
        return months * 365 / 12 - 3, months * 366 / 12 + 3
    if period.unit == "working_days":
        return period.n, period.n * 3 + 15
    return (period.n * _HOURS[period.unit] / 24,) * 2
