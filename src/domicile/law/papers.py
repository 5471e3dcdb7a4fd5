"""Whether the paper that a gate asks for is on file for a flow of data, has waited long enough, and still counts."""

from datetime import date, timedelta
from typing import NamedTuple

from domicile.ids import Country
from domicile.law.binding import UNKNOWN, months_after
from domicile.law.categories import covers
from domicile.law.compiled import Compiled, LawOn, in_force
from domicile.law.decision import Missing
from domicile.law.facts import Operator, Safeguard
from domicile.law.rule import Ask


class Flow(NamedTuple):
    """From where to where data goes; `category` is None where the paper must only exist."""

    exporter: Country
    importer: Country
    category: str | None = None


def missing_paper(ask: Ask, article: Compiled, flow: Flow, operator: Operator | None, on: LawOn) -> Missing | None:
    """None if the paper is on file and has waited long enough; else the wait, or the paper itself."""
    papers = (operator or UNKNOWN).safeguards
    filed = [paper for paper in papers if paper.kind == ask.safeguard and _counts(paper, ask, flow, on)]
    ready = [on.working_day_after(article.jurisdiction, paper.filed_on, ask.wait_working_days) for paper in filed]
    if ready and min(ready) <= on.date:
        return None
    return Missing(
        kind="wait" if ready else "safeguard",
        what=ask.safeguard or "",
        rule=article.rule.id,
        importer=flow.importer,
        available_from=min(ready, default=None),
    )


def last_day(paper: Safeguard, on: LawOn) -> date | None:
    """The last day on which a paper counts: its own, or the end of the shortest term that a rule gives to its kind."""
    terms = [
        months_after(paper.filed_on, ask.valid_months) - timedelta(days=1)
        for pack in on.packs.values()
        for rule in pack.rule
        if in_force(rule, on.date)
        for gate in getattr(rule, "asks", ())
        for ask in gate
        if ask.safeguard == paper.kind
        and ask.valid_months
        and {paper.exporter, paper.importer} & {pack.jurisdiction, *pack.bloc_members}
    ]
    return min([*terms, *([paper.valid_until] if paper.valid_until else [])], default=None)


def _counts(paper: Safeguard, ask: Ask, flow: Flow, on: LawOn) -> bool:
    return (
        paper.exporter == flow.exporter
        and paper.importer in (None, flow.importer)
        and paper.filed_on <= on.date
        and (paper.valid_until is None or on.date <= paper.valid_until)
        and (not ask.valid_months or on.date < months_after(paper.filed_on, ask.valid_months))
        and (not paper.scope or flow.category is None or any(covers(prefix, flow.category) for prefix in paper.scope))
    )
