"""`domicile up`: start everything, greet, serve until told to stop."""

import asyncio
import contextlib
import signal
from typing import Annotated

import typer
from rich.panel import Panel

from domicile.cli.output import (
    ConfigOption,
    DataOption,
    SitesOption,
    err,
    failures,
    progress_bar,
    remember_sites,
    run,
    say,
    settings,
)
from domicile.config import Config
from domicile.ids import SiteName, country_of_site
from domicile.network.demo import DEMO_HANDLES, DEMO_PASSWORD
from domicile.network.seeding.load import finish_seeding, seed
from domicile.network.seeding.safeguards import file_demo_safeguards
from domicile.network.size import count_network
from domicile.plan.opening import find_needs_of_a_site
from domicile.running import Domicile
from domicile.web.serving import serve
from domicile.wiring import open_domicile


def up_command(
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
