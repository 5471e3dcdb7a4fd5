"""`domicile hold ...` and `domicile residue ...`: what an authority wants preserved, and what had to stay behind."""

import zipfile
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from domicile.cli.output import (
    ConfigOption,
    DataOption,
    JsonOption,
    MemberArgument,
    failures,
    find_member,
    look_at_network,
    out,
    parse_day,
    print_json,
    print_table,
    settings,
)
from domicile.database import Row
from domicile.errors import InvalidInput, NotFound
from domicile.ids import MemberId, SiteName, parse_member_id, parse_number
from domicile.placement.residue import Hold, Residue, list_holds, list_residue
from domicile.relocation.holds import Demand
from domicile.relocation.kept_chain import is_whole, read_links
from domicile.relocation.opening import Opened, open_residue
from domicile.relocation.residue import Stayed
from domicile.running import Domicile

hold_app = typer.Typer(help="Holds: what an authority wants preserved of a member.", no_args_is_help=True)
residue_app = typer.Typer(help="Residue: what had to stay behind, sealed, and until when.", no_args_is_help=True)

NumberArgument = Annotated[str, typer.Argument(metavar="ID", help="The number, as `list` shows it.")]
SiteOption = Annotated[str | None, typer.Option(help="The site that it concerns.")]
ReasonOption = Annotated[str, typer.Option(help="Why; it is recorded. Name nobody.")]
UntilOption = Annotated[str | None, typer.Option(help="The last day, YYYY-MM-DD; the rule's own period if not given.")]
OfOption = Annotated[str | None, typer.Option("--member", help="Of one member only: id or handle.")]


@hold_app.command()
def place(
    member: MemberArgument,
    authority: Annotated[str, typer.Option(help="Who demands it.")],
    reason: ReasonOption,
    rule: Annotated[str, typer.Option(help="The rule of the packs, like US-2703-F.")] = "",
    citation: Annotated[str, typer.Option(help="The law in words, where the packs have no such rule.")] = "",
    until: UntilOption = None,
    open_ended: Annotated[bool, typer.Option("--open-ended", help="Until it is released.")] = False,
    category: Annotated[list[str] | None, typer.Option(help="A category of data; everything if not given.")] = None,
    secret: Annotated[bool, typer.Option("--secret", help="The member may not be told.")] = False,
    site: SiteOption = None,
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Preserve a member's data at a site (their home if not given); what is there now is sealed at once."""
    with failures(json):
        demand = Demand(
            authority=authority,
            reason=reason,
            rule=rule,
            citation=citation,
            until=parse_day(until),
            open_ended=open_ended,
            categories=tuple(category or ()),
            secret=secret,
        )

        async def work(domicile: Domicile) -> tuple[Hold, Stayed]:
            found = await _member(domicile, member)
            where = SiteName(site) if site else (await domicile.router.home_of(found, ask_hub=True)).site
            return await domicile.holds.place(where, found, demand)

        hold, sealed = look_at_network(settings(data, config), work)
        if json:
            print_json({"ok": True, **_hold(hold), "sealed_rows": sealed.rows, "sealed_files": sealed.files})
        else:
            _show_holds([hold])
            out.print(f"{sealed.rows} rows and {sealed.files} files are sealed as they are now.", highlight=False)


@hold_app.command(name="list")
def list_command(
    member: OfOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those that have ended.")] = False,
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """The holds at every site."""
    with failures(json):

        async def work(domicile: Domicile) -> list[Hold]:
            of = None if member is None else [await _member(domicile, member)]
            found = [await list_holds(name, site.auditor, of) for name, site in domicile.sites.items()]
            today = domicile.clock().date()
            return [hold for at_site in found for hold in at_site if everything or hold.in_force(today)]

        holds = look_at_network(settings(data, config), work)
        if json:
            print_json({"holds": [_hold(hold) for hold in holds]})
        else:
            _show_holds(holds)


@hold_app.command()
def renew(
    number: NumberArgument,
    reason: ReasonOption,
    until: UntilOption = None,
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Give a hold another last day."""
    with failures(json):

        async def work(domicile: Domicile) -> Hold:
            known = await _find_hold(domicile, number)
            return await domicile.holds.renew(known.site, known.id, reason, parse_day(until))

        _answer(look_at_network(settings(data, config), work), json)


@hold_app.command()
def release(
    number: NumberArgument,
    reason: ReasonOption,
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """End a hold: what it alone kept is destroyed."""
    with failures(json):

        async def work(domicile: Domicile) -> Hold:
            known = await _find_hold(domicile, number)
            return await domicile.holds.release(known.site, known.id, reason)

        _answer(look_at_network(settings(data, config), work), json)


@residue_app.command(name="list")
def list_residue_command(
    member: OfOption = None, data: DataOption = None, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """What had to stay at every site: under which rule, until when, how much; nothing of what it says."""
    with failures(json):

        async def work(domicile: Domicile) -> list[Residue]:
            of = None if member is None else [await _member(domicile, member)]
            today = domicile.clock().date()
            found = [await list_residue(name, site.auditor, today, of) for name, site in domicile.sites.items()]
            return [residue for at_site in found for residue in at_site]

        found = look_at_network(settings(data, config), work)
        if json:
            print_json({"residue": [describe_residue(residue) for residue in found]})
        else:
            show_residue(found)


@residue_app.command(name="open")
def open_command(
    number: NumberArgument,
    reason: ReasonOption,
    role: Annotated[str, typer.Option(help="The role of who opens it, like counsel.")],
    to: Annotated[Path, typer.Option("--to", help="The ZIP file to write.", dir_okay=False)],
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Open one residue into a file. It is written down first: who, in which role, and why."""
    with failures(json):

        async def work(domicile: Domicile) -> Opened:
            known = await _find_residue(domicile, number)
            owner = domicile.credentials[known.site].owner
            return await open_residue(domicile.sites[known.site], owner, known.id, reason, role, domicile.clock)

        if to.exists():
            raise InvalidInput(f"{to} exists already")
        opened = look_at_network(settings(data, config), work)
        _write(opened, to)
        if json:
            print_json({"ok": True, "file": to, "rows": opened.heading.rows, "files": opened.heading.files})
        else:
            out.print(f"{to}: {opened.heading.rows} rows and {opened.heading.files} files", highlight=False)


@residue_app.command()
def log(
    site: SiteOption = None, data: DataOption = None, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """What was done to holds and residue at each site, as a chain of hashes. Exit 1 if the chain is broken."""
    with failures(json):

        async def work(domicile: Domicile) -> dict[SiteName, tuple[list[Row], bool]]:
            some = {name: one for name, one in domicile.sites.items() if site in (None, name)}
            return {name: (await read_links(one.auditor), await is_whole(one.auditor)) for name, one in some.items()}

        chains = look_at_network(settings(data, config), work)
        links = [_link(name, row) for name, (rows, _) in chains.items() for row in rows]
        ok = all(whole for _, whole in chains.values())
        if json:
            print_json({"ok": ok, "entries": links})
        else:
            columns = ["site", "number", "at", "step", "member", "fields"]
            print_table("Holds and residue", columns, [list(link.values())[:6] for link in links])
            out.print("The chains are whole." if ok else "[bold red]A chain is broken.[/]")
        if not ok:
            raise typer.Exit(1)


def describe_residue(residue: Residue) -> dict[str, Any]:
    """A residue's heading, for JSON."""
    return {
        **asdict(residue),
        "id": str(residue.id),
        "member": str(residue.member),
        "hold": None if residue.hold is None else str(residue.hold),
    }


def show_residue(found: list[Residue]) -> None:
    """Headings as a table, then the laws that stand against them."""
    rows: list[list[object]] = [
        [r.site, r.id, r.member, r.cause, r.rule or r.citation, _end(r.until, held=r.held), r.rows, r.files]
        for r in found
    ]
    columns = ["site", "residue", "member", "because they", "rule", "until", "rows", "files"]
    print_table("Residue: sealed, served to nobody", columns, rows)
    for sentence in dict.fromkeys(sentence for residue in found for sentence in residue.conflicts):
        out.print("[yellow]![/] ", end="")
        out.print(sentence, markup=False, highlight=False)


def _show_holds(holds: list[Hold]) -> None:
    rows: list[list[object]] = [
        [h.site, h.id, h.member, h.authority, h.rule or h.citation, _end(h.until), h.state, "yes" if h.secret else "no"]
        for h in holds
    ]
    print_table("Holds", ["site", "hold", "member", "authority", "rule", "until", "state", "secret"], rows)


def _end(until: date | None, *, held: bool = False) -> str:
    return f"{until or 'no day said'}{', longer by a hold' if held else ''}"


def _hold(hold: Hold) -> dict[str, Any]:
    return {**asdict(hold), "id": str(hold.id), "member": str(hold.member)}


def _answer(hold: Hold, json: bool) -> None:
    if json:
        print_json({"ok": True, **_hold(hold)})
    else:
        _show_holds([hold])


def _link(site: SiteName, row: Row) -> dict[str, Any]:
    fields = msgspec.json.decode(row.fields)
    member = None if row.member_id is None else str(row.member_id)
    about = {"site": site, "number": row.number, "at": row.at, "step": row.step, "member": member, "fields": fields}
    return {**about, "digest": bytes(row.digest).hex()}


async def _member(domicile: Domicile, text: str) -> MemberId:
    """Also one who was erased: what had to stay of them is still here."""
    number = parse_member_id(text)
    return number if number is not None else await find_member(domicile, text)


async def _find_hold(domicile: Domicile, text: str) -> Hold:
    number = parse_number(text)
    for name, site in domicile.sites.items():
        for hold in await list_holds(name, site.auditor):
            if hold.id == number:
                return hold
    raise NotFound(f"no site knows a hold {text}; `hold list` shows them")


async def _find_residue(domicile: Domicile, text: str) -> Residue:
    number, today = parse_number(text), domicile.clock().date()
    for name, site in domicile.sites.items():
        for residue in await list_residue(name, site.auditor, today):
            if residue.id == number:
                return residue
    raise NotFound(f"no site has a residue {text}; `residue list` shows them")


def _write(opened: Opened, to: Path) -> None:
    """Readable by nobody else on this machine."""
    try:
        to.touch(mode=0o600)
        with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as packed:
            heading = describe_residue(opened.heading) | {"unopened": opened.unopened}
            packed.writestr("heading.json", msgspec.json.format(msgspec.json.encode(heading), indent=1))
            for table, rows in opened.tables.items():
                packed.writestr(f"data/{table}.json", msgspec.json.format(msgspec.json.encode(rows), indent=1))
            for digest, content in opened.files.items():
                packed.writestr(f"files/{digest}", content)
    except OSError as error:
        raise InvalidInput(f"{to} cannot be written: {error.strerror}") from error
