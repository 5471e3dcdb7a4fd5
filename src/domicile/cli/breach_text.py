"""An incident as JSON, as rows of a sheet, and for people: what is left of each clock comes first."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from domicile.cli.clocks import NOTE, cite_briefly, describe_clock, in_margin
from domicile.cli.laws import describe_rule
from domicile.cli.lines import heading, line
from domicile.cli.output import out
from domicile.plan.breach_case import Case, RunningClock

_COUNTED = {"all": "everybody at home there", "number": "by your number", "members": "by your list"}
SOON = timedelta(hours=12)


def describe_case(case: Case, now: datetime) -> dict[str, Any]:
    """An incident for JSON."""
    known = case.assessment
    return {
        "id": case.name,
        "state": case.state,
        "sites": case.sites,
        "aware": case.aware,
        "opened_at": case.opened_at,
        "closed_at": case.closed_at,
        "note": case.note,
        "closing_note": case.closing_note,
        "categories": known.categories,
        "risk": known.risk,
        "affected": {
            "counted": known.counted,
            "persons": known.persons,
            "unplaced": known.unplaced,
            "countries": known.countries,
            "silent_sites": known.silent,
        },
        "overdue": [clock.duty.name for clock in case.clocks.values() if clock.overdue(now)],
        "clocks": [_describe(clock, now) for clock in in_order(case)],
        "not_bound": [
            {"jurisdiction": s.jurisdiction, "rule": s.citation.rule, "why": s.why} for s in known.notification.spared
        ],
        "waiting": [describe_clock(clock) for clock in known.notification.waiting],
        "unknown_law": known.notification.silent,
        "about": NOTE,
    }


def in_order(case: Case) -> Sequence[RunningClock]:
    """The clocks as they should be looked at: those that run before the others, then by when they are due."""
    return sorted(case.clocks.values(), key=lambda clock: (clock.state != "running", clock.duty.urgency))


def _describe(clock: RunningClock, now: datetime) -> dict[str, Any]:
    duty = clock.duty
    return {
        "clock": duty.name,
        "jurisdiction": duty.jurisdiction,
        "step": duty.step,
        "whom": duty.whom,
        "due": duty.due,
        "words": duty.words,
        "left_s": int((duty.due - now).total_seconds()) if duty.due and clock.state == "running" else None,
        "overdue": clock.overdue(now),
        "state": clock.state,
        "at": clock.at,
        "note": clock.note,
        "binds": clock.binds,
        "judge": duty.judge,
        "persons": duty.persons,
        "at_most": duty.at_most,
        "countries": dict(duty.countries),
        "settled": duty.settled,
        "rule": describe_rule(duty.citation),
    }


def describe_rows(case: Case, now: datetime) -> list[dict[str, object]]:
    """The clocks of an incident as flat rows."""
    return [
        {
            "incident": case.name,
            **{name: value for name, value in _describe(clock, now).items() if name not in ("rule", "countries")},
            "countries": ", ".join(f"{country} {n}" for country, n in clock.duty.countries),
            "act": clock.duty.citation.act,
            "article": clock.duty.citation.article,
            "confidence": clock.duty.citation.confidence,
            "disputed": clock.duty.citation.disputed,
            "checked_on": clock.duty.citation.checked_on,
        }
        for clock in in_order(case)
    ]


def show_cases(cases: Iterable[Case], now: datetime) -> None:
    """Print one line for each incident."""
    table = Table(title="Incidents", title_justify="left", header_style="bold")
    for column in ("incident", "aware", "persons", "state", "next"):
        table.add_column(column, overflow="fold")
    for case in cases:
        table.add_row(
            case.name, f"{case.aware:%Y-%m-%d %H:%M}", f"{case.assessment.persons:,}", case.state, _next(case, now)
        )
    out.print(table, highlight=False)


def _next(case: Case, now: datetime) -> str:
    if case.state != "open":
        return ""
    running = [clock for clock in in_order(case) if clock.state == "running"]
    timed = [clock for clock in running if clock.duty.due is not None]
    if not running:
        return "[green]all done[/]"
    clock = timed[0] if timed else running[0]
    return f"{_left(clock, now)} {escape(clock.duty.name)}"


def show_case(case: Case, now: datetime) -> None:
    """Print an incident."""
    known, told = case.assessment, case.assessment.notification
    line(f"[bold]{case.name}[/]  {case.state}, aware since {case.aware:%Y-%m-%d %H:%M} UTC, at {', '.join(case.sites)}")
    risk = known.risk.replace("_", " ") if known.risk else "not judged"
    line(f"{', '.join(known.categories)}; risk: {risk}")
    by_country = ", ".join(f"{country} {n:,}" for country, n in known.countries.items())
    line(f"{known.persons:,} persons ({_COUNTED[known.counted]}), claimed by: {by_country or 'no known law'}")
    _show_doubts(case)
    _show_clocks("Clocks", [clock for clock in in_order(case) if clock.state == "running"], now)
    _show_clocks("Done", [clock for clock in in_order(case) if clock.state != "running"], now)
    if told.spared:
        heading("Does not bind")
    for spared in told.spared:
        line(f"{spared.jurisdiction} {escape(spared.citation.rule)}: {escape(spared.why)}", 2)
    if told.waiting:
        heading("Would bind, but does not run yet")
    for waiting in told.waiting:
        line(f"{waiting.jurisdiction} {escape(waiting.rule)}: waits for {escape(waiting.waits_for or '')}", 2)
    heading("", f"[dim]{NOTE}[/]")


def _show_doubts(case: Case) -> None:
    known = case.assessment
    for text in (case.note, case.closing_note):
        if text:
            line(escape(text), style="italic")
    if known.unplaced:
        line(f"[yellow]{known.unplaced:,} of them are not at home where anybody could count them[/]")
    if known.silent:
        line(f"[red]{', '.join(known.silent)} did not answer: nobody there was counted[/]")
    if known.notification.silent:
        line(f"[yellow]What the law of {', '.join(known.notification.silent)} asks is not in the packs: ask counsel[/]")


def _show_clocks(title: str, clocks: Sequence[RunningClock], now: datetime) -> None:
    if not clocks:
        return
    heading(title)
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=18, style="bold")
    table.add_column(ratio=1)
    for clock in clocks:
        table.add_row(_left(clock, now), "\n".join(_lines(clock)))
    out.print(Padding(table, (0, 0, 0, 2)), highlight=False)


def _lines(clock: RunningClock) -> Iterable[str]:
    duty = clock.duty
    by = f" by [bold]{duty.due:%Y-%m-%d %H:%M} UTC[/]" if duty.due else ""
    most = "at most " if duty.at_most else ""
    yield f"{duty.jurisdiction}: {escape(clock.task)}{by} ({most}{duty.persons:,} persons)"
    if duty.words and (duty.due or in_margin(duty.words) != duty.words):
        yield escape(duty.words)
    if duty.judge:
        yield f"[yellow]for you to judge: {escape(duty.judge)}[/]"
    if not clock.binds:
        yield "[yellow]a later count no longer asks for it[/]"
    if not duty.settled:
        yield "[yellow]the pack is not certain of this rule[/]"
    if clock.note:
        yield f"[italic]{escape(clock.note)}[/]"
    if duty.citation.disputed:
        yield f"[yellow]disputed: {escape(duty.citation.disputed)}[/]"
    yield f"[cyan]{escape(duty.name)}[/] [dim]· {escape(cite_briefly(duty.citation))}[/]"


def _left(clock: RunningClock, now: datetime) -> str:
    """What is left of a clock, or what has become of it."""
    duty = clock.duty
    if clock.state != "running":
        at = f" {clock.at:%m-%d %H:%M}" if clock.at else ""
        return f"[green]done[/]{at}" if clock.state == "made" else f"[dim]waived[/]{at}"
    if duty.due is None:
        return f"[red]{escape(in_margin(duty.words or 'no number'))}[/]"
    left = duty.due - now
    if left < timedelta():
        return f"[red]overdue {in_time(-left)}[/]"
    return f"[{'yellow' if left < SOON else 'green'}]{in_time(left)}[/]"


def in_time(time: timedelta) -> str:
    """`12 d 3 h`, `3 h 20 min`, `20 min`."""
    days, hours, minutes = time.days, time.seconds // 3600, time.seconds // 60 % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"
