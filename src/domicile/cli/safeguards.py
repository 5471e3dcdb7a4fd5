"""`domicile law safeguard ...`"""

from datetime import UTC, date, datetime, time
from hashlib import file_digest
from pathlib import Path
from typing import Annotated, Any

import typer

from domicile.border.safeguards import OnFile, file_safeguard, papers_on_file, withdraw_safeguard
from domicile.cli.files import write_file
from domicile.cli.output import (
    ConfigOption,
    DataOption,
    JsonOption,
    failures,
    look_at_network,
    out,
    parse_day,
    print_json,
    print_table,
    settings,
)
from domicile.errors import InvalidInput, NotFound
from domicile.ids import Country
from domicile.law.facts import Safeguard
from domicile.plan.calendar import write_papers
from domicile.running import Domicile

safeguard_app = typer.Typer(help="Contracts, notices and assessments on file.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The safeguard's id, as `list` shows it.")]


@safeguard_app.command(name="list")
def list_on_file(
    ics: Annotated[Path | None, typer.Option("--ics", help="Write their last days as a calendar, with alarms.")] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Every safeguard on file at every site, with the last day on which it counts."""
    with failures(json):
        papers, today = look_at_network(settings(data, config), _read)
        if ics is not None:
            write_file(ics, write_papers(papers, datetime.combine(today, time.min, UTC)))
        if json:
            print_json({"safeguards": [_shown(paper, today) for paper in papers]})
        else:
            _show("Safeguards on file", papers, today)


@safeguard_app.command()
def expiring(
    within: Annotated[int, typer.Option(min=0, help="Days ahead.")] = 90,
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Safeguards that stop counting soon, or did. Exit 1 if there are any, so that cron can tell you."""
    with failures(json):
        papers, today = look_at_network(settings(data, config), _read)
        soon = [p for p in papers if p.counts and p.last_day is not None and (p.last_day - today).days <= within]
        if json:
            print_json({"ok": not soon, "safeguards": [_shown(paper, today) for paper in soon]})
        elif soon:
            _show(f"Safeguards that stop counting within {within} days", soon, today)
        else:
            out.print(f"No safeguard on file stops counting within {within} days.")
        if soon:
            raise typer.Exit(1)


@safeguard_app.command()
def withdraw(
    name: NameArgument, data: DataOption = None, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Take a safeguard off file; the border hears of it with the next crossing."""
    with failures(json):

        async def work(domicile: Domicile) -> list[str]:
            return await _withdraw_everywhere(domicile, name)

        sites = look_at_network(settings(data, config), work)
        if json:
            print_json({"ok": True, "safeguard": name, "sites": sites})
        else:
            out.print(f"{name} is off file at {', '.join(sites)}.")


@safeguard_app.command(name="file")
def file_command(
    kind: Annotated[str, typer.Argument(help="What it is, like scc or rkn_notice.")],
    site: Annotated[str, typer.Option(help="The exporting site.")],
    importer: Annotated[str | None, typer.Option(help="To which country; to any if not given.")] = None,
    filed_on: Annotated[str | None, typer.Option(help="Since when; today if not given.")] = None,
    valid_until: Annotated[str | None, typer.Option(help="Until when.")] = None,
    name: Annotated[str | None, typer.Option(help="Its id; made from the others if not given.")] = None,
    document: Annotated[
        Path | None, typer.Option(help="The paper itself: its SHA-256 is kept, not the paper.", dir_okay=False)
    ] = None,
    note: Annotated[str, typer.Option(help="Where the paper is.")] = "",
    made_up: Annotated[bool, typer.Option("--made-up", help="Only for a demonstration.")] = False,
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Put a safeguard on file, or back on file after it was withdrawn."""
    with failures(json):
        day, until, digest = parse_day(filed_on), parse_day(valid_until), _digest(document) if document else ""

        async def work(domicile: Domicile) -> str:
            known = next((s for n, s in domicile.sites.items() if n == site), None)
            if known is None:
                raise InvalidInput(f"there is no site {site}; there are {', '.join(domicile.sites)}")
            now = domicile.clock()
            paper = Safeguard(
                kind=kind,
                exporter=known.country,
                importer=Country(importer.upper()) if importer else None,
                filed_on=day or now.date(),
                valid_until=until,
            )
            chosen = name or f"{paper.exporter}-{kind}-{paper.importer or 'any'}"
            await file_safeguard(known.app, chosen, paper, document=digest, made_up=made_up, note=note, now=now)
            return chosen

        chosen = look_at_network(settings(data, config), work)
        if json:
            print_json({"ok": True, "safeguard": chosen, "document": digest or None})
        else:
            out.print(f"{chosen} is on file at {site}.")


@safeguard_app.command()
def verify(
    name: NameArgument,
    document: Annotated[Path, typer.Argument(metavar="FILE", help="The paper that should be the one on file.")],
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Whether this paper is the one whose digest is on file. Exit 1 if not."""
    with failures(json):
        digest = _digest(document)
        papers, _ = look_at_network(settings(data, config), _read)
        same = [paper for paper in papers if paper.name == name]
        if not same:
            raise NotFound(f"no safeguard named {name} is on file; `law safeguard list` shows them")
        ok = any(paper.document == digest for paper in same)
        if json:
            print_json({"ok": ok, "safeguard": name, "document": digest})
        else:
            out.print(f"{document} is {'' if ok else 'not '}the paper on file as {name}.", highlight=False)
        if not ok:
            raise typer.Exit(1)


async def _read(domicile: Domicile) -> tuple[list[OnFile], date]:
    today = domicile.clock().date()
    return await papers_on_file(domicile.sites, domicile.law.on(today)), today


async def _withdraw_everywhere(domicile: Domicile, name: str) -> list[str]:
    done: list[str] = []
    for site_name, site in domicile.sites.items():
        try:
            await withdraw_safeguard(site.app, name, domicile.clock())
        except NotFound:
            continue
        done.append(site_name)
    if not done:
        raise NotFound(f"no safeguard named {name} is on file; `law safeguard list` shows them")
    return done


def _digest(document: Path) -> str:
    try:
        with document.open("rb") as paper:
            return file_digest(paper, "sha256").hexdigest()
    except OSError as error:
        raise InvalidInput(f"{document} cannot be read: {error.strerror}") from error


def _shown(paper: OnFile, today: date) -> dict[str, Any]:
    return {
        "site": paper.site,
        "safeguard_id": paper.name,
        "kind": paper.safeguard.kind,
        "exporter": paper.safeguard.exporter,
        "importer": paper.safeguard.importer,
        "scope": sorted(paper.safeguard.scope),
        "filed_on": paper.safeguard.filed_on,
        "valid_until": paper.safeguard.valid_until,
        "last_day": paper.last_day,
        "days_left": None if paper.last_day is None else (paper.last_day - today).days,
        "withdrawn_on": paper.withdrawn_on,
        "document": paper.document or None,
        "made_up": paper.made_up,
        "note": paper.note,
    }


def _show(title: str, papers: list[OnFile], today: date) -> None:
    rows: list[list[object]] = []
    for paper in papers:
        state = f"withdrawn {paper.withdrawn_on}" if not paper.counts else _left(paper.last_day, today)
        to = paper.safeguard.importer or "any country"
        marks = "made up" if paper.made_up else (paper.document[:12] or "no document")
        rows.append([paper.site, paper.name, to, paper.safeguard.filed_on, state, marks])
    print_table(title, ["site", "safeguard", "to", "filed on", "counts", "document"], rows)


def _left(last: date | None, today: date) -> str:
    if last is None:
        return "without end"
    days = (last - today).days
    if days < 0:
        return f"[red]ended {last}[/]"
    return f"[yellow]until {last}, {days} days[/]" if days <= 90 else f"until {last}"
