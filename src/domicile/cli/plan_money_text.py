"""The options of a plan side by side, for people. Nothing is recommended."""

from collections.abc import Sequence
from itertools import groupby

from rich.markup import escape

from domicile.cli.lines import heading, line
from domicile.law.pack import Precedent
from domicile.plan.options import Line, Option
from domicile.plan.prices import NOTHING, Range
from domicile.plan.report import Plan
from domicile.plan.sanctions import Rung
from domicile.plan.words import in_money


def show_options(plan: Plan) -> None:
    """Print what could be done about each jurisdiction's demands."""
    for place, found in groupby(plan.options, key=lambda option: option.jurisdiction):
        years = f" over {plan.prices.years:g} years, in {plan.prices.currency}"
        heading(f"What can be done about {place}", years)
        for option in found:
            _show_option(option)
    if plan.options and plan.prices.made_up:
        line("The prices are made up: give your own with --prices FILE.", 2, "yellow")


def _show_option(option: Option) -> None:
    name = option.name.replace("_", " ")
    line(f"[bold]{name}[/]  {escape(option.what)}", 2)
    line(f"costs {_total(option, certain=True)}; at risk {_total(option, certain=False)}", 6)
    for part in option.lines:
        line(_part(part), 8, "dim")
    for need in option.needs:
        line(f"needs: {escape(need)}", 6)
    _show_ladder(option.follows)
    for told in option.precedents:
        line(f"happened: {escape(_told(told))}", 6, "dim")


def _total(option: Option, *, certain: bool) -> str:
    """What was added up; `and more` where a line was not."""
    total, whole = option.total(certain=certain), option.added_up(certain=certain)
    if not whole and total == NOTHING:
        return "not known"
    return _span(total) + ("" if whole else " and more")


def _part(part: Line) -> str:
    amount = _span(part.amount) if part.amount else "not added up"
    unsaid = f" ({part.unsaid})" if part.unsaid else ""
    return escape(f"{amount}  {part.what}{unsaid}")


def _show_ladder(rungs: Sequence[Rung]) -> None:
    for rung in rungs:
        after = f"after {rung.after}: " if rung.after else ""
        which = "may follow, in general" if rung.general else "may follow"
        line(f"{which}: {escape(after + rung.what)} ({escape(rung.citation.article)})", 6, "dim")


def _told(told: Precedent) -> str:
    day = str(told.began) if told.day_known else f"about {told.began:%Y-%m}"
    return f"{day} {told.what} [{told.source}]"


def _span(amount: Range) -> str:
    """`100,000 to 250,000`."""
    low, high = in_money(amount.low), in_money(amount.high)
    return low if low == high else f"{low} to {high}"
