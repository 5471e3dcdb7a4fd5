"""What may follow a breach: the ladders of the sanction rules that punish it, in money where that can be said."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from domicile.ids import Country
from domicile.law.binding import bound
from domicile.law.compiled import Compiled
from domicile.law.decision import Citation
from domicile.law.duties import Sanction, Step
from domicile.law.facts import Operator
from domicile.plan.days import Day
from domicile.plan.prices import Prices, Range

CUTS_OFF = frozenset({"block", "app_removal", "data_ban", "throttle", "suspension"})
"""Steps after which members in that country are lost, all or some."""


@dataclass(frozen=True)
class Rung:
    """One step of a ladder. `amount` is in the price file's currency, once; None: no money, or it cannot be said.

    `general`: the ladder names no rule, so that it may have nothing to do with these.
    """

    citation: Citation
    step: str
    what: str
    after: str | None
    amount: Range | None
    unsaid: str
    repeat: bool
    general: bool

    @property
    def cuts_off(self) -> bool:
        """Whether members there are lost by it."""
        return self.step in CUTS_OFF and not self.general


def find_rungs(place: Country, broken: Collection[str], day: Day, prices: Prices) -> list[Rung]:
    """What may follow in a jurisdiction from breaking these rules, ladder by ladder, one rung after another."""
    return [
        _rung(article, step, day.operator, prices)
        for article in bound(place, Sanction, day.operator, day.law)
        for step in _ladder(article.rule, broken)
    ]


def _ladder(rule: object, broken: Collection[str]) -> Iterator[Step]:
    assert isinstance(rule, Sanction)
    if not rule.punishes or not set(rule.punishes).isdisjoint(broken):
        yield from rule.ladder


def _rung(article: Compiled, step: Step, operator: Operator, prices: Prices) -> Rung:
    assert isinstance(article.rule, Sanction)
    amount, unsaid = _amount(step, operator, prices)
    after = str(step.after) if step.after else None
    general = not article.rule.punishes
    return Rung(article.citation, step.step, step.what, after, amount, unsaid, step.repeat, general)


def _amount(step: Step, operator: Operator, prices: Prices) -> tuple[Range | None, str]:
    """The money of a step: its amounts, or a share of a year's turnover, whichever may be more."""
    ends: list[float] = []
    unsaid = []
    for amount in (step.amount_min, step.amount_max):
        if amount is not None and step.currency:
            converted = prices.converted(amount, step.currency)
            unsaid += [] if converted is not None else [f"the price file has no rate for {step.currency}"]
            ends += [] if converted is None else [converted]
    if step.turnover_percent is not None:
        share = _share(step, operator, prices)
        unsaid += [] if share is not None else [f"up to {step.turnover_percent:g} % of a turnover that nobody said"]
        ends += [] if share is None else [share]
    if not ends:
        return None, "; ".join(dict.fromkeys(unsaid))
    low = min(ends) if step.amount_min is not None else 0.0
    return Range(low, max(ends)), "; ".join(dict.fromkeys(unsaid))


def _share(step: Step, operator: Operator, prices: Prices) -> float | None:
    """The share of a year's turnover, in the step's currency if it was said in that one."""
    said = sorted(operator.turnover, key=lambda entry: entry[0] != step.currency)
    converted = (prices.converted(turnover * (step.turnover_percent or 0) / 100, name) for name, turnover in said)
    return next((share for share in converted if share is not None), None)
