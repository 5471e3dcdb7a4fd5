"""`domicile law clocks`: how soon the operator must act, by every law in the packs that binds them."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from domicile.app import utc_now
from domicile.border.operator import state_operator
from domicile.cli.files import write_sheet
from domicile.cli.laws import describe_clash, describe_rule, show_clashes
from domicile.cli.lines import heading, line
from domicile.cli.output import (
    ConfigOption,
    DataOption,
    JsonOption,
    OnOption,
    failures,
    has_network,
    look_at_network,
    out,
    parse_day,
    print_json,
    settings,
)
from domicile.config import Config
from domicile.errors import NotFound
from domicile.ids import Country
from domicile.law.clocks import Clock, Term, clocks, waiting_clocks
from domicile.law.compiled import LawOn
from domicile.law.decision import Citation
from domicile.law.facts import Operator
from domicile.law.library import load_packs
from domicile.law.retention import Clash, find_clashes, find_clashes_between
from domicile.network.schema import metadata
from domicile.placement.ownership import load_ownership
from domicile.running import Domicile

KINDS = {
    "content": "An authority or a person wants content withheld",
    "disclosure": "An authority wants data",
    "access": "A member asks",
    "breach": "Data leaked",
    "deletion": "To be erased",
    "retention": "To be kept",
}
NOTE = "Recorded law, not legal advice."
SHORT = 24
"""A term in so many letters stands in the margin; a longer one below the rule."""
_SURE = {"H": "high", "M": "medium", "L": "low"}

CountriesOption = Annotated[
    list[str] | None, typer.Option("--country", metavar="CC", help="Only this country or bloc; may be repeated.")
]
CsvOption = Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write them to a CSV file too.")]


def clocks_command(
    on: OnOption = None,
    country: CountriesOption = None,
    csv: CsvOption = None,
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Hours and days to act on an order, to answer a member, to report a breach, to keep and to erase; by country."""
    with failures(json):
        chosen, day = settings(data, config), parse_day(on)
        law = load_packs(chosen.packs).on(day or utc_now().date())
        wanted = _places(country, law)
        operator, counted = find_operator(chosen)
        running, waiting = clocks(law, operator, wanted), waiting_clocks(law, operator, wanted)
        clashes = _clashes(law, operator, wanted)
        if csv is not None:
            rows = [describe_row(clock) for clock in (*running, *waiting)]
            write_sheet(csv, rows[0] if rows else (), rows)
        if json:
            cited = (*(clock.citation for clock in (*running, *waiting)), *(c for x in clashes for c in x.rules))
            print_json(
                {
                    "on": law.date,
                    "counted": counted,
                    "clocks": [describe_clock(clock) for clock in running],
                    "waiting": [describe_clock(clock) for clock in waiting],
                    "conflicts": [describe_clash(clash) for clash in clashes],
                    "rules": [describe_rule(rule) for rule in dict.fromkeys(cited)],
                    "note": NOTE,
                }
            )
        else:
            _show(law, running, waiting, clashes, counted)


def find_operator(config: Config) -> tuple[Operator, bool]:
    """The operator as the law sees them, and whether the network's counts are known; without one, none are."""
    if not has_network(config):
        return state_operator(config.operator, config.policy, load_ownership(metadata)), False

    async def ask(domicile: Domicile) -> Operator:
        return domicile.operator.facts

    return look_at_network(config, ask), True


def _places(names: list[str] | None, law: LawOn) -> tuple[Country, ...] | None:
    if not names:
        return None
    wanted = tuple(Country(name.upper()) for name in names)
    for country in wanted:
        if not law.group(country):
            raise NotFound(f"no pack speaks of {country}; there are packs for {', '.join(sorted(law.packs))}")
    return wanted


def _clashes(law: LawOn, operator: Operator, wanted: Sequence[Country] | None) -> tuple[Clash, ...]:
    """Within each law; between laws where the operator asked of several countries together."""
    if wanted is not None and len(wanted) > 1:
        return find_clashes_between(law, operator, wanted)
    return find_clashes(law, operator, wanted)


def describe_clock(clock: Clock) -> dict[str, Any]:
    """A clock for JSON, with what one must know of its rule."""
    rule = clock.citation
    return {
        "jurisdiction": clock.jurisdiction,
        "rule": rule.rule,
        "kind": clock.kind,
        "trigger": clock.trigger,
        "duty": clock.duty,
        "starts": clock.starts,
        "normal": _term(clock.normal),
        "urgent": _term(clock.urgent),
        "extension": _term(Term(clock.extension) if clock.extension else None),
        "follow_up": _term(Term(clock.follow_up) if clock.follow_up else None),
        "members": _term(clock.members),
        "warning": _term(Term(clock.warning) if clock.warning else None),
        "lasts": _term(Term(clock.lasts) if clock.lasts else None),
        "suspended_by": clock.suspended_by,
        "notice": clock.notice,
        "gag": clock.gag,
        "binds": clock.binds,
        "settled": clock.settled,
        "waits_for": clock.waits_for,
        "citation": f"{rule.act}, {rule.article}",
        "confidence": rule.confidence,
        "disputed": rule.disputed,
        "unverified": rule.unverified,
        "checked_on": rule.checked_on,
    }


def _term(term: Term | None) -> dict[str, Any] | None:
    if term is None:
        return None
    n, unit = (term.period.n, term.period.unit) if term.period else (None, None)
    return {"text": str(term), "n": n, "unit": unit, "words": term.words}


def describe_row(clock: Clock) -> dict[str, object]:
    """A clock as one flat row."""
    rule = clock.citation
    return {
        "jurisdiction": clock.jurisdiction,
        "kind": clock.kind,
        "rule": clock.rule,
        "trigger": clock.trigger,
        "duty": clock.duty,
        "within": clock.normal,
        "words": clock.normal.words,
        "counted_from": clock.starts,
        "urgent": clock.urgent.period if clock.urgent else None,
        "urgent_when": clock.urgent.words if clock.urgent else None,
        "extension": clock.extension,
        "follow_up": clock.follow_up,
        "members": clock.members,
        "warning": clock.warning,
        "lasts": clock.lasts,
        "suspended_by": clock.suspended_by,
        "who_is_told": clock.who_is_told,
        "gag": clock.gag,
        "binds": clock.binds,
        "settled": clock.settled,
        "waits_for": clock.waits_for,
        "act": rule.act,
        "article": rule.article,
        "source": rule.source,
        "checked_on": rule.checked_on,
        "verified": rule.verified,
        "confidence": rule.confidence,
        "disputed": rule.disputed,
        "unverified": rule.unverified,
    }


def _show(
    law: LawOn, running: Sequence[Clock], waiting: Sequence[Clock], clashes: Sequence[Clash], counted: bool
) -> None:
    line(f"[bold]Clocks on {law.date}[/]")
    if not counted:
        line("There is no network here to count: rules that bind from a size on are listed too.", style="dim")
    for place, of_place in groupby(running, key=lambda clock: clock.jurisdiction):
        heading(f"{escape(law.packs[place].name)} ({place})")
        for kind, of_kind in groupby(of_place, key=lambda clock: clock.kind):
            line(f"[underline]{KINDS[kind]}[/]", 1)
            _show_clocks(of_kind)
    if waiting:
        heading("Not running yet")
        _show_clocks(waiting)
    if clashes:
        heading("Laws that do not agree on keeping")
    show_clashes(clashes)
    heading("", f"[dim]{NOTE}[/]")


def _show_clocks(found: Iterable[Clock]) -> None:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=18, style="bold")
    table.add_column(ratio=1)
    for clock in found:
        table.add_row(escape(_within(clock)), "\n".join(_lines(clock)))
    out.print(Padding(table, (0, 0, 0, 2)), highlight=False)


def _within(clock: Clock) -> str:
    return in_margin(str(clock.normal))


def in_margin(text: str) -> str:
    """A term as it stands in the margin."""
    return text if len(text) <= SHORT else "in words"


def _lines(clock: Clock) -> Iterable[str]:
    """What the rule says, what else it counts, then where it is written and how sure that is."""
    rule = clock.citation
    yield f"{'' if clock.settled else '[yellow]?[/] '}{escape(rule.summary)}"
    if more := "; ".join(_more(clock)):
        yield escape(more)
    if clock.waits_for:
        yield f"[yellow]waits for {escape(clock.waits_for)}[/]"
    if rule.disputed:
        yield f"[yellow]disputed: {escape(rule.disputed)}[/]"
    yield f"[cyan]{escape(rule.rule)}[/] [dim]· {escape(cite_briefly(rule))}[/]"


def _more(clock: Clock) -> Iterable[str]:
    if clock.normal.words and (clock.normal.period or len(clock.normal.words) > SHORT):
        yield clock.normal.words
    if clock.urgent:
        when = f" ({clock.urgent.words})" if clock.urgent.words and clock.urgent.period else ""
        yield f"urgent: {clock.urgent}{when}"
    if clock.extension:
        yield f"can be extended by {clock.extension}"
    if clock.follow_up:
        yield f"a second report within {clock.follow_up}"
    if clock.members:
        yield f"members concerned: {clock.members}"
    if clock.warning:
        yield f"the first order comes {clock.warning} after a warning"
    if clock.lasts:
        yield f"for {clock.lasts} at most"
    if clock.suspended_by:
        yield f"may be stopped by {clock.suspended_by}"
    if clock.who_is_told and clock.notice != "unknown":
        yield clock.who_is_told
    if clock.gag:
        yield clock.gag
    if clock.binds:
        yield f"binds only: {clock.binds}"


def cite_briefly(rule: Citation) -> str:
    """`IT Rules 2021, r. 3(1)(d) · confidence high · checked 2026-11-21`."""
    doubt = " · content not verified" if rule.unverified else "" if rule.verified else " · from general knowledge"
    return f"{rule.act}, {rule.article} · confidence {_SURE[rule.confidence]}{doubt} · checked {rule.checked_on}"
