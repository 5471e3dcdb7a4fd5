"""`domicile plan`: what a date, or an edited pack, would ask of the network."""

from pathlib import Path
from typing import Annotated

import typer

from domicile.cli.inventory import TablesOption, read_tables
from domicile.cli.output import (
    ConfigOption,
    DataOption,
    JsonOption,
    failures,
    look_at_network,
    parse_day,
    print_json,
    say,
    settings,
)
from domicile.cli.plan_json import describe_plan
from domicile.cli.plan_text import show_plan
from domicile.errors import InvalidInput
from domicile.law.library import load_packs
from domicile.plan.planning import make_plan
from domicile.plan.prices import load_prices
from domicile.plan.report import Plan
from domicile.running import Domicile
from domicile.web.console.plan_page import render_plan

OnOption = Annotated[str, typer.Option("--on", metavar="DATE", help="The day whose law is asked, like 2025-07-01.")]
PacksOption = Annotated[
    Path | None, typer.Option("--packs", metavar="DIR", help="Packs under test, in the place of the live ones.")
]
PricesOption = Annotated[
    Path | None, typer.Option("--prices", metavar="FILE", help="What things cost; a made-up file if not given.")
]
HtmlOption = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Also write the plan as one page, with a map.")
]


def plan_command(
    on: OnOption,
    packs: PacksOption = None,
    data: DataOption = None,
    config: ConfigOption = None,
    tables: TablesOption = None,
    prices: PricesOption = None,
    html: HtmlOption = None,
    json: JsonOption = False,
) -> None:
    """What a date, or a changed pack, would ask: who moves where, rows, bytes, crossings, time. Changes nothing."""
    with failures(json):
        day = parse_day(on)
        assert day is not None
        tested, costs = load_packs(packs) if packs else None, load_prices(prices)
        collected = read_tables(tables).categories if tables else None

        async def work(domicile: Domicile) -> Plan:
            return await make_plan(domicile.to_plan(costs), day, domicile.clock(), tested, say, collected)

        chosen = settings(data, config)
        found = look_at_network(chosen, work)
        if html:
            _write(html, render_plan(found, chosen.sites, chosen.title))
        if json:
            print_json(describe_plan(found))
        else:
            show_plan(found)
        if not found.complete:
            raise typer.Exit(1)


def _write(file: Path, page: str) -> None:
    try:
        file.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{file} cannot be written: {error.strerror}") from None
    say(f"The page is {file}")
