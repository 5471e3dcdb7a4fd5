"""`domicile breach ...`: an incident, the clocks it starts in every country at once, and what has been reported."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar, get_args

import typer

from domicile.cli.breach_text import describe_case, describe_rows, show_case, show_cases
from domicile.cli.files import write_file, write_sheet
from domicile.cli.output import (
    ConfigOption,
    DataOption,
    JsonOption,
    failures,
    look_at_network,
    print_json,
    settings,
)
from domicile.config import Config
from domicile.errors import InvalidInput, NotFound
from domicile.ids import MemberId, SiteName, parse_member_id
from domicile.law.breaches import Risk
from domicile.plan.breach import Breaches, Report
from domicile.plan.breach_case import Case
from domicile.plan.breach_count import Who
from domicile.plan.calendar import write_incident
from domicile.running import Domicile

T = TypeVar("T")

breach_app = typer.Typer(help="Incidents, and the reports that laws ask for. Not legal advice.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="ID", help="The incident, as `breach list` shows it.")]
SiteOption = Annotated[list[str], typer.Option("--site", help="Where it happened, like ru-1; may be repeated.")]
CategoriesOption = Annotated[str, typer.Option(help="Categories of data, with commas, like user.contact.email.")]
AffectedOption = Annotated[str | None, typer.Option(help="`all` who live there, or how many are concerned.")]
MembersOption = Annotated[
    Path | None,
    typer.Option(help="Who is concerned: a file with an id or a handle a line; it is not kept."),
]
RiskOption = Annotated[
    str | None, typer.Option(help="To the persons: none, risk, high_risk; if not given: not judged.")
]
NoteOption = Annotated[str, typer.Option(help="A sentence for later; nothing about single persons.")]
AtOption = Annotated[str | None, typer.Option("--at", help="When, like 2026-11-24T09:30Z; now if not given.")]


@breach_app.command(name="open")
def open_command(
    site: SiteOption,
    categories: CategoriesOption,
    aware: Annotated[str, typer.Option(help="When you became aware, like 2026-11-24T09:30Z or +03:00; or `now`.")],
    affected: AffectedOption = None,
    members: MembersOption = None,
    risk: RiskOption = None,
    note: NoteOption = "",
    key: Annotated[str | None, typer.Option(help="Tells this incident from another that looks the same.")] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Start every clock: which authorities and members to tell by when, from the members concerned. Safe to repeat."""
    with failures(json):
        since, named = None if aware == "now" else parse_moment(aware), _read_lines(members)

        async def work(domicile: Domicile) -> Case:
            report = await _report(domicile, site, categories, affected, named, risk, note)
            return await breaches_of(domicile).open(report, since or domicile.clock(), key)

        _answer(settings(data, config), work, json)


@breach_app.command()
def recount(
    name: NameArgument,
    categories: Annotated[str | None, typer.Option(help="If they are others than before.")] = None,
    affected: AffectedOption = None,
    members: MembersOption = None,
    risk: RiskOption = None,
    note: NoteOption = "",
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Assess it again with what is known now. Clocks are added; none is taken away or gets more time."""
    with failures(json):
        named = _read_lines(members)

        async def work(domicile: Domicile) -> Case:
            breaches = breaches_of(domicile)
            case = await breaches.find(name)
            what, judged = categories or ",".join(case.assessment.categories), risk or case.assessment.risk
            report = await _report(domicile, case.sites, what, affected, named, judged, note)
            return await breaches.recount(name, report)

        _answer(settings(data, config), work, json)


@breach_app.command(name="list")
def list_command(data: DataOption = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Every incident, with the next clock that runs out."""
    with failures(json):

        async def work(domicile: Domicile) -> tuple[list[Case], datetime]:
            return await breaches_of(domicile).cases(), domicile.clock()

        cases, now = look_at_network(settings(data, config), work)
        if json:
            print_json({"incidents": [describe_case(case, now) for case in cases]})
        else:
            show_cases(cases, now)


@breach_app.command()
def show(
    name: NameArgument,
    ics: Annotated[Path | None, typer.Option("--ics", help="Write the clocks as a calendar, with alarms.")] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write the clocks as a CSV file.")] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """One incident: what is left of each clock, who is told, by which article."""
    with failures(json):

        async def work(domicile: Domicile) -> tuple[Case, datetime]:
            return await breaches_of(domicile).find(name), domicile.clock()

        case, now = look_at_network(settings(data, config), work)
        if ics is not None:
            write_file(ics, write_incident(case, now))
        if csv is not None:
            rows = describe_rows(case, now)
            write_sheet(csv, rows[0] if rows else (), rows)
        _print(case, now, json)


@breach_app.command()
def done(
    name: NameArgument,
    clock: Annotated[str, typer.Argument(help="The clock, like RU-BREACH.report.")],
    at: AtOption = None,
    note: NoteOption = "",
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Write down that a report was made, or that the members were told."""
    _settle(name, clock, "made", at, note, settings(data, config), json)


@breach_app.command()
def waive(
    name: NameArgument,
    clock: Annotated[str, typer.Argument(help="The clock, like EU-33.members.")],
    note: Annotated[str, typer.Option(help="Why nothing is owed.")],
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Write down that a clock does not bind, and why: a person has judged so."""
    _settle(name, clock, "waived", None, note, settings(data, config), json)


@breach_app.command()
def close(
    name: NameArgument,
    note: NoteOption = "",
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """End an incident. While clocks run it needs a note that says why they are no matter."""
    with failures(json):

        async def work(domicile: Domicile) -> Case:
            return await breaches_of(domicile).close(name, note)

        _answer(settings(data, config), work, json)


def breaches_of(domicile: Domicile) -> Breaches:
    """The incidents of a running Domicile."""
    return Breaches(domicile.sites, domicile.hub, domicile.law, lambda: domicile.operator.facts, domicile.clock)


def parse_moment(text: str) -> datetime:
    """An instant as ISO 8601 writes it, with its zone: a clock of four hours leaves no room for guessing one."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{text!r} is no time; write it like 2026-11-24T09:30Z") from None
    if moment.tzinfo is None:
        raise InvalidInput(f"{text!r} has no time zone; write it like {text}Z (UTC) or {text}+03:00")
    return moment.astimezone(UTC)


def _settle(name: str, clock: str, state: str, at: str | None, note: str, config: Config, json: bool) -> None:
    with failures(json):
        when = parse_moment(at) if at else None

        async def work(domicile: Domicile) -> Case:
            return await breaches_of(domicile).settle(name, clock, state, when, note)

        _answer(config, work, json)


async def _report(
    domicile: Domicile,
    sites: Sequence[str],
    categories: str,
    affected: str | None,
    members: list[str] | None,
    risk: str | None,
    note: str,
) -> Report:
    named = tuple(dict.fromkeys(part.strip() for part in categories.split(",") if part.strip()))
    places = tuple(dict.fromkeys(SiteName(site) for site in sites))
    return Report(places, named, await _who(domicile, affected, members), _risk(risk), note)


def _risk(text: str | None) -> Risk | None:
    known: tuple[Risk, ...] = get_args(Risk)
    if text is None:
        return None
    found = next((risk for risk in known if risk == text), None)
    if found is None:
        raise InvalidInput(f"{text!r} is no risk; it is one of {', '.join(known)}")
    return found


async def _who(domicile: Domicile, affected: str | None, members: list[str] | None) -> Who:
    if (affected is None) == (members is None):
        raise InvalidInput("say who is concerned: `--affected all`, `--affected 1200`, or `--members FILE`")
    if members is not None:
        return Who("members", members=await _find_members(domicile, members))
    if affected == "all":
        return Who()
    if affected is None or not affected.isdecimal() or len(affected) > 12:
        raise InvalidInput("`--affected` is `all`, or how many persons")
    return Who("number", int(affected))


def _read_lines(file: Path | None) -> list[str] | None:
    if file is None:
        return None
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} cannot be read: {getattr(error, 'strerror', 'it is not UTF-8')}") from error


async def _find_members(domicile: Domicile, lines: list[str]) -> frozenset[MemberId]:
    """The members on a list. An error names the line and not what stands there."""
    found = set()
    for number, line in enumerate(lines, start=1):
        if text := line.strip():
            try:  # an id is not looked up: whoever was erased since then is concerned all the same
                found.add(parse_member_id(text) or await domicile.members.find_by_handle(text))
            except (NotFound, InvalidInput):
                raise InvalidInput(f"line {number} of the list is no id, and nobody here has this handle") from None
    return frozenset(found)


def _answer(config: Config, work: Callable[[Domicile], Awaitable[Case]], json: bool) -> None:
    async def timed(domicile: Domicile) -> tuple[Case, datetime]:
        return await work(domicile), domicile.clock()

    case, now = look_at_network(config, timed)
    _print(case, now, json)


def _print(case: Case, now: datetime, json: bool) -> None:
    if json:
        print_json(describe_case(case, now))
    else:
        show_case(case, now)
