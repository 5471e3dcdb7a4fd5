"""`domicile inventory ...`: what is collected, since when, and the duties that come with it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from domicile.audit.check import find_metadata, with_engine_tables
from domicile.cli.inventory_json import describe_acknowledgement, describe_inventory
from domicile.cli.inventory_text import show_inventory
from domicile.cli.output import (
    ConfigOption,
    DataOption,
    JsonOption,
    failures,
    look_at_network,
    out,
    print_json,
    settings,
)
from domicile.cli.record import record_command
from domicile.errors import InvalidInput, NotFound
from domicile.law.categories import CATEGORIES
from domicile.placement.inventory import Acknowledgement, Inventory, record_acknowledgement, take_inventory
from domicile.placement.ownership import load_ownership
from domicile.running import Domicile

inventory_app = typer.Typer(help="What is collected, since when, and the duties that come with it.")
inventory_app.command(name="record")(record_command)

TablesOption = Annotated[
    str | None, typer.Option("--tables", metavar="MODULE:METADATA", help="Tables not yet in use: what would change.")
]


@inventory_app.callback(invoke_without_command=True)
def inventory(
    context: typer.Context,
    tables: TablesOption = None,
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """What is collected, since when and where, and the duties that come with it.

    With --tables, what those tables would change. Exit 1 if a duty is not met and nobody acknowledged it.
    """
    if context.invoked_subcommand is not None:
        return
    with failures(json):
        planned = read_tables(tables) if tables else None

        async def work(domicile: Domicile) -> dict[str, Any]:
            return await describe_inventory(domicile, planned)

        found = look_at_network(settings(data, config), work)
        if json:
            print_json(found)
        else:
            show_inventory(found)
        if not found["ok"]:
            raise typer.Exit(1)


@inventory_app.command()
def acknowledge(
    category: Annotated[str, typer.Argument(help="What is newly collected, like user.contact.phone_number.")],
    rule: Annotated[str, typer.Option(help="The rule that is not met, like RU-18-5.")],
    reason: Annotated[str, typer.Option(help="Why it is collected all the same; kept on record.")],
    by: Annotated[str, typer.Option(help="In which role you decide this; no name.")] = "operator",
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Take a duty that is not met upon yourself, so that the network starts; the reason and the day are recorded."""
    with failures(json):
        _check(category, reason, by)

        async def work(domicile: Domicile) -> Acknowledgement:
            if not any(one.id == rule for pack in domicile.law.packs.values() for one in pack.rule):
                raise NotFound(f"no pack has a rule {rule}; the refusal names it, and `law show CC` lists them")
            said = Acknowledgement(category, rule, reason.strip(), by.strip(), domicile.clock().date())
            await record_acknowledgement([site.app for site in domicile.sites.values()], said)
            return said

        said = look_at_network(settings(data, config), work)
        if json:
            print_json({"ok": True, **describe_acknowledgement(said)})
        else:
            out.print(f"{rule} is acknowledged for {category} from {said.acknowledged_on} on.", highlight=False)


def read_tables(where: str) -> Inventory:
    """The inventory of an app's tables, named as MODULE:METADATA. Raises InvalidInput and Misconfigured."""
    return take_inventory(load_ownership(with_engine_tables(find_metadata(where, Path.cwd()))))


def _check(category: str, reason: str, by: str) -> None:
    if category not in CATEGORIES:
        raise InvalidInput(f"{category!r} is no category of personal data; `inventory` lists those collected")
    if not reason.strip() or len(reason) > 2000:
        raise InvalidInput("an acknowledgement needs a reason, of at most 2000 characters")
    if not by.strip() or "@" in by or len(by) > 80:
        raise InvalidInput("--by is a role, such as `data protection officer`: no name and no address")
