"""Which duties come with what is newly collected, and which of them are not met.

A rule hangs on what is collected if it names categories: `collects` says that it binds only who collects one of them,
`categories` that it speaks only of those. What is collected before and after is compared rule by rule.
"""

from collections.abc import Iterator
from typing import get_args

import msgspec
from msgspec import Struct

from domicile.ids import Country
from domicile.law.binding import UNKNOWN, bound
from domicile.law.categories import covers
from domicile.law.compiled import Compiled, LawOn
from domicile.law.decision import Citation, Missing
from domicile.law.duties import AnyRule
from domicile.law.facts import Operator
from domicile.law.fulfilment import Reach, Standing, judge_duty, protects
from domicile.law.policy import Policy


class CollectionDuty(Struct, frozen=True, kw_only=True):
    """A rule that hangs on what is collected, the categories that bring it on, and whether it is met.

    `why` and `remedy` are sentences for the operator; `remedy` says what would satisfy an unmet one.
    """

    citation: Citation
    kind: str
    categories: tuple[str, ...]
    standing: Standing
    why: str
    remedy: str = ""
    missing: tuple[Missing, ...] = ()


def duties_of(
    old: frozenset[str],
    new: frozenset[str],
    reach: Reach,
    operator: Operator | None,
    on: LawOn,
    policy: Policy | None = None,
) -> tuple[CollectionDuty, ...]:
    """The duties that collecting `new` brings and collecting `old` did not, in every jurisdiction that is reached."""
    known = operator or UNKNOWN
    before = {key for key, _ in _hanging(old, reach, known, on)}
    after = msgspec.structs.replace(known, collected=new)
    return tuple(
        _duty(article, new - old, reach, after, on, policy)
        for key, article in _hanging(new, reach, known, on)
        if key not in before
    )


def unmet(duties: tuple[CollectionDuty, ...]) -> tuple[CollectionDuty, ...]:
    """Those that the first value collected would break."""
    return tuple(duty for duty in duties if duty.standing == "unmet")


_Key = tuple[Country, str, object]


def _hanging(collected: frozenset[str], reach: Reach, operator: Operator, on: LawOn) -> Iterator[tuple[_Key, Compiled]]:
    """The rules that bind who collects this and that hang on it: of each jurisdiction with a site or a claim."""
    collecting = msgspec.structs.replace(operator, collected=collected)
    located = {place for country in reach.sites for place in on.group(country)}
    holding = {place for person, _ in reach.residents for place in on.held(person.claims).holds}
    for place in sorted(located | holding):
        for kind in get_args(AnyRule):
            for article in bound(place, kind, collecting, on):
                if not _brought(article, collected):
                    continue
                if place in located or any(protects(article, person, on) for person, _ in reach.residents):
                    yield (place, article.rule.id, article.rule.valid_from), article


def _brought(article: Compiled, collected: frozenset[str]) -> tuple[str, ...]:
    """The categories that a rule hangs on, of those collected; none where it hangs on all it names no more."""
    rule = article.rule
    spoken, excepted = _spoken(article), getattr(rule, "categories_except", ())
    about = [c for c in collected if _any_covers(spoken, c) and not _any_covers(excepted, c)] if spoken else []
    if spoken and not about:
        return ()
    return tuple(sorted({*about, *(c for c in collected if _any_covers(rule.collects, c))}))


def _spoken(article: Compiled) -> tuple[str, ...]:
    spoken: tuple[str, ...] = getattr(article.rule, "categories", ())
    return spoken


def _any_covers(prefixes: tuple[str, ...], category: str) -> bool:
    return any(covers(prefix, category) for prefix in prefixes)


def _duty(
    article: Compiled, added: frozenset[str], reach: Reach, operator: Operator, on: LawOn, policy: Policy | None
) -> CollectionDuty:
    judged = judge_duty(article, reach, operator, on, policy)
    return CollectionDuty(
        citation=article.citation,
        kind=article.rule.kind_name,
        categories=tuple(sorted(c for c in added if _any_covers((*_spoken(article), *article.rule.collects), c))),
        standing=judged.standing,
        why=judged.why,
        remedy=judged.remedy,
        missing=judged.missing,
    )
