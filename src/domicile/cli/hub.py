"""`domicile hub ...`"""

import typer

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
from domicile.placement.rebuild import Rebuilt, rebuild_directory
from domicile.running import Domicile

hub_app = typer.Typer(help="The directory: who is at home where.", no_args_is_help=True)


@hub_app.command()
def rebuild(data: DataOption = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Remake the directory from what the sites hold."""
    with failures(json):

        async def work(domicile: Domicile) -> Rebuilt:
            return await rebuild_directory(domicile.sites, domicile.directory)

        found = look_at_network(settings(data, config), work)
        if json:
            print_json({"ok": True, "homes": found.homes, "claims": found.claims})
        else:
            out.print(f"The directory holds {found.homes} homes and {found.claims} claims again.")


@hub_app.command()
def status(data: DataOption = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """How many homes, claims and feed entries the hub holds."""
    with failures(json):

        async def work(domicile: Domicile) -> dict[str, int]:
            return await domicile.directory.sizes()

        found = look_at_network(settings(data, config), work)
        if json:
            print_json({"ok": True, **found})
        else:
            out.print(", ".join(f"{count} {name}" for name, count in found.items()))
