"""What a plan says of duties, filings, clocks, papers, thresholds and rules that wait, for people."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from rich.markup import escape

from domicile.border.stats import Nearness
from domicile.cli.lines import heading, line
from domicile.law.decision import Citation
from domicile.plan.ahead import Expiring
from domicile.plan.changes import RuleChange, Waiting
from domicile.plan.duties import Filing, PresenceDuty
from domicile.plan.report import Plan

T = TypeVar("T")

SHOWN = 12


def show_law(plan: Plan) -> None:
    """Print these parts of a plan; a part with nothing in it is left out."""
    asked = [duty for duty in plan.outlook.presence if duty.binds == "binds" or duty.new]
    _show("Representatives, offices, licences", asked, _duty)
    doubtful = len(plan.outlook.presence) - len(asked)
    if doubtful:
        line(f"and {doubtful} that bind only some operators; say who you are in \\[operator], or see --json", 2, "dim")
    _show("Filings after a transfer begins", [filing for filing in plan.outlook.filings if not filing.on_file], _filing)
    _show("Rules that begin, change or end", plan.outlook.rules, _change)
    _show("Clocks that begin, change or end", plan.outlook.clocks, _change)
    _show("Safeguards that stop counting", plan.outlook.expiring, _expiring)
    _show("Thresholds reached or near", plan.outlook.near, _near)
    _show("Rules that wait for something", plan.outlook.waiting, _waiting)


def _show(title: str, found: Sequence[T], words: Callable[[T], str]) -> None:
    if not found:
        return
    heading(title)
    for entry in found[:SHOWN]:
        line(words(entry), 2)
    if len(found) > SHOWN:
        line(f"and {len(found) - SHOWN} more; --json has all", 2, "dim")


def _cited(citation: Citation) -> str:
    return escape(f"{citation.rule}: {citation.act}, {citation.article}")


def _duty(duty: PresenceDuty) -> str:
    state = {
        "shown": "[green]on file[/]",
        "missing": "[red]missing[/]",
        "not known": "(the pack names no paper for it)",
    }[duty.state]
    papers = f" {', '.join(duty.missing)}" if duty.missing else ""
    doubt = "" if duty.binds == "binds" else ", if it binds you"
    due = f", due {duty.due}" if duty.due else ""
    new = " [yellow]new[/]" if duty.new else ""
    return (
        f"{duty.citation.jurisdiction}{new} {escape(duty.duty)} {state}{papers}{due}{doubt} ({_cited(duty.citation)})"
    )


def _filing(filing: Filing) -> str:
    place = filing.citation.jurisdiction
    return f"{place} {filing.paper} within {filing.within}: {filing.due} ({_cited(filing.citation)})"


def _change(change: RuleChange) -> str:
    doubt = {"binds": "", "may bind": ", if it binds you", "does not bind": ", does not bind you"}[change.binds]
    words = escape("; ".join(change.words))
    what = f"{change.on} {change.citation.jurisdiction} {change.kind} {change.what}{doubt}"
    return f"{what}: {words} ({_cited(change.citation)})"


def _expiring(expiring: Expiring) -> str:
    paper = expiring.paper
    to = paper.safeguard.importer or "any country"
    rests = f"; {', '.join(expiring.rules)} rest on it" if expiring.rules else ""
    refused = f"; {expiring.crossings} kinds of crossing are refused without it" if expiring.crossings else ""
    return f"{expiring.last_day} {paper.name} at {paper.site}, for {to}{rests}{refused}"


def _near(near: Nearness) -> str:
    bound, current = near.bound, near.reading.current
    reached = current is not None and current >= bound.number
    when = "reached" if reached else f"at this growth on {near.crossing.day}" if near.crossing.day else "near"
    unit = f" {bound.currency}" if bound.currency else " " + bound.metric.replace("_", " ")
    end = "; the rule ends there" if bound.ends else ""
    return f"{bound.jurisdiction} {current or 0:,} of {bound.number:,}{unit}: {when}{end} ({_cited(bound.citation)})"


def _waiting(waiting: Waiting) -> str:
    after = f", then {waiting.after_months} months" if waiting.after_months else ""
    event = f" for {waiting.event}{after}" if waiting.event else ""
    what = f"{waiting.citation.jurisdiction} {waiting.kind} waits{event}"
    return f"{what} ({escape(waiting.note)}; {_cited(waiting.citation)})"
