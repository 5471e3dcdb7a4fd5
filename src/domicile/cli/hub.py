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
from domicile.relocation.coordinator import Resumed
from domicile.relocation.recovery import Recovered
from domicile.running import Domicile

hub_app = typer.Typer(help="The directory: who is at home where.", no_args_is_help=True)


@hub_app.command()
def rebuild(data: DataOption = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Remake the directory from what the sites hold, and complete or undo the relocations it had open."""
    with failures(json):

        async def work(domicile: Domicile) -> tuple[Recovered, list[Resumed]]:
            return await domicile.recover_hub()

        found, resumed = look_at_network(settings(data, config), work)
        waiting = {one.batch.number: one.outcome for one in resumed if not one.closed}
        rebuilt = found.rebuilt
        if json:
            batches = {str(one.batch.number): one.outcome for one in resumed}
            print_json(
                {
                    "ok": not waiting,
                    "homes": rebuilt.homes,
                    "claims": rebuilt.claims,
                    "erased": rebuilt.erased,
                    "batches": batches,
                }
            )
        else:
            out.print(f"The directory holds {rebuilt.homes} homes and {rebuilt.claims} claims again.")
            for one in resumed:
                out.print(f"Batch {one.batch.number} of a relocation: {one.outcome}", highlight=False)
        if waiting:
            raise typer.Exit(1)


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
