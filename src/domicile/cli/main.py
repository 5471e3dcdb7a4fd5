"""The command line: parse, open, call, print. Members, law and hub have files of their own."""

import asyncio
import contextlib
import signal
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.panel import Panel

from domicile import __version__
from domicile.audit.check import check_declaration
from domicile.cli.attest import attest_command
from domicile.cli.audit import audit_command
from domicile.cli.backup import backup_command, restore_command
from domicile.cli.breach import breach_app
from domicile.cli.clocks import clocks_command
from domicile.cli.hub import hub_app
from domicile.cli.importing import import_command
from domicile.cli.inventory import inventory_app
from domicile.cli.keeping import hold_app, residue_app
from domicile.cli.laws import law_app
from domicile.cli.members import member_app
from domicile.cli.migrate import migrate_command
from domicile.cli.output import (
    ConfigOption,
    DataOption,
    JsonOption,
    err,
    failures,
    out,
    print_json,
    print_table,
    progress_bar,
    remember_sites,
    run,
    say,
    settings,
)
from domicile.cli.plan import plan_command
from domicile.cli.reconcile import reconcile_command
from domicile.cli.relocate import relocate_command
from domicile.cli.replay import replay_command
from domicile.cli.scrub import scrub_command
from domicile.cli.stats import stats
from domicile.cli.tell import tell_command
from domicile.config import Config
from domicile.ids import SiteName, country_of_site
from domicile.logs import configure_logs
from domicile.network.demo import DEMO_HANDLES, DEMO_PASSWORD
from domicile.network.seeding.load import SeedReport, finish_seeding, seed
from domicile.network.seeding.safeguards import file_demo_safeguards
from domicile.network.size import count_network
from domicile.plan.opening import find_needs_of_a_site
from domicile.running import Domicile
from domicile.wiring import open_domicile

app = typer.Typer(
    name="domicile",
    help="A social network server that keeps every member's data in the country whose law claims it.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
)
app.command(name="reconcile")(reconcile_command)
app.command(name="relocate")(relocate_command)
app.command(name="replay")(replay_command)
app.command(name="attest")(attest_command)
app.command(name="backup")(backup_command)
app.command(name="restore")(restore_command)
app.command(name="scrub")(scrub_command)
app.command(name="migrate")(migrate_command)
member_app.command(name="tell")(tell_command)
member_app.command(name="import")(import_command)
app.add_typer(member_app, name="member")
app.add_typer(law_app, name="law")
app.add_typer(breach_app, name="breach")
law_app.command(name="clocks")(clocks_command)
app.add_typer(hub_app, name="hub")
app.add_typer(hold_app, name="hold")
app.add_typer(residue_app, name="residue")
app.add_typer(inventory_app, name="inventory")
app.command()(stats)
app.command(name="plan")(plan_command)
app.command(name="audit")(audit_command)

SitesOption = Annotated[str | None, typer.Option("--sites", help="Countries or site names, like de,ru,cn,us.")]
GraphOption = Annotated[
    Path | None, typer.Option("--graph", help='A file with one "a b" pair a line; follows both ways.')
]


def main() -> None:
    """The entry point of `./run` and of `domicile`."""
    configure_logs()
    app(prog_name="domicile")


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if show:
        out.print(__version__)
        raise typer.Exit


@app.command()
def up(
    sites: SitesOption = None,
    port: Annotated[int | None, typer.Option(help="The port of the one address.")] = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    seed_members: Annotated[int, typer.Option("--seed", help="Fill an empty network with so many members.")] = 0,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Start the sites, the hub and the web server; stop with Ctrl-C."""
    with failures(json=False):
        chosen = settings(data, config, sites=sites, port=port, host=host)
        run(_up(chosen, seed_members))


async def _up(config: Config, seed_members: int) -> None:
    from domicile.web.serving import serve  # the other commands need not wait for a web framework to load

    say(f"Starting {len(config.sites)} sites and the hub …")
    async with open_domicile(config, exclusive=True, progress=say) as domicile:
        for name in remember_sites(config):
            _say_opened(domicile, name)
        if config.demo:
            await file_demo_safeguards(domicile.sites, domicile.clock)
        await finish_seeding(domicile)
        if seed_members and not (await count_network(domicile.router)).members:
            with progress_bar() as show:
                await seed(domicile, seed_members, progress=show)
        ticking = asyncio.create_task(domicile.keep_ticking())
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        try:
            await serve(domicile, stop, ready=lambda: _greet(domicile))
        finally:
            ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticking
            say("Stopping …")


def _say_opened(domicile: Domicile, name: SiteName) -> None:
    """A site is new in a network that was there already: what the law asks of who has one in that country."""
    country = country_of_site(name)
    say(f"{name} is open: new members of {country} have their home there; nobody has been moved.")
    on = domicile.law.on(domicile.clock().date())
    for need in find_needs_of_a_site(country, domicile.operator.facts, on):
        say(f"  It asks: {need}")


def _greet(domicile: Domicile) -> None:
    url = domicile.config.url
    lines = [
        f"[bold]{domicile.config.title}[/] is up at [link={url}]{url}[/]",
        f"Sites: {', '.join(domicile.sites)}   Hub in {domicile.config.hub.country}",
        "",
        f"In a browser   {url}",
        f"With toot      toot login --instance {url}",
        f"Sign up        {url}/signup",
        f"The API        {url}/docs",
    ]
    if domicile.config.demo:
        here = {site.country for site in domicile.sites.values()}
        handles = ", ".join(handle for country, handle in DEMO_HANDLES.items() if country in here)
        lines += ["", f"Log in as {handles}", f"Password  {DEMO_PASSWORD}      (demonstration only)"]
    lines += ["", "Where is it?   ./run audit       Why?   ./run law explain demo_de", "Ctrl-C stops everything."]
    err.print(Panel("\n".join(lines), expand=False, border_style="green"), highlight=False)


@app.command(name="seed")
def seed_command(
    members: Annotated[int, typer.Option(help="How many members to make up.")],
    graph: GraphOption = None,
    sites: SitesOption = None,
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Fill the network with made-up members, each at home in their own country."""
    with failures(json):
        chosen = settings(data, config, sites=sites)
        report = run(_seed(chosen, members, graph))
        if json:
            print_json({"ok": True, **report.__dict__})
        else:
            rows: list[list[object]] = [[name, count] for name, count in report.by_site.items()]
            print_table(
                f"{report.members} members, {report.posts} posts, {report.follows} follows", ["site", "members"], rows
            )


async def _seed(config: Config, members: int, graph: Path | None) -> SeedReport:
    async with open_domicile(config, progress=say) as domicile:
        remember_sites(config)
        if config.demo:
            await file_demo_safeguards(domicile.sites, domicile.clock)
        with progress_bar() as show:
            return await seed(domicile, members, graph, show)


@app.command()
def check(
    declaration: Annotated[
        str, typer.Argument(metavar="MODULE:METADATA", help="Somebody's tables, like app.models:metadata.")
    ],
    json: JsonOption = False,
) -> None:
    """Read another app's tables: whose rows, which columns are personal, what is wrong."""
    with failures(json):
        report = check_declaration(declaration)
        if json:
            print_json({"ok": report.ok, **asdict(report)})
        else:
            rows: list[list[object]] = [
                [
                    t.name,
                    f"{t.kind}, stays" if t.stays else t.kind,
                    t.owner,
                    ", ".join(f"{p.column} ({p.category})" for p in t.personal),
                ]
                for t in report.tables
            ]
            print_table(declaration, ["table", "kind", "owner", "personal columns"], rows)
            for problem in report.problems:
                out.print(f"[red]✗[/] {problem}", highlight=False)
        if not report.ok:
            raise typer.Exit(1)
