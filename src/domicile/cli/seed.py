"""`domicile seed`: made-up members, so that there is something to look at."""

from pathlib import Path
from typing import Annotated

import typer

from domicile.cli.output import (
    ConfigOption,
    DataOption,
    JsonOption,
    SitesOption,
    failures,
    print_json,
    print_table,
    progress_bar,
    remember_sites,
    run,
    say,
    settings,
)
from domicile.config import Config
from domicile.network.seeding.load import SeedReport, seed
from domicile.network.seeding.safeguards import file_demo_safeguards
from domicile.wiring import open_domicile

GraphOption = Annotated[
    Path | None, typer.Option("--graph", help='A file with one "a b" pair a line; follows both ways.')
]


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
