"""`domicile migrate`: an upgrade rolled over the hub and the sites one by one, while they serve."""

import asyncio
from contextlib import AsyncExitStack
from typing import Annotated

import typer

from domicile.cli.output import (
    ConfigOption,
    DataOption,
    JsonOption,
    failures,
    has_network,
    out,
    print_json,
    print_table,
    run,
    say,
    settings,
)
from domicile.config import Config
from domicile.errors import InvalidInput, Misconfigured
from domicile.migrations.roll import Roll, Step
from domicile.migrations.upgrade import PATIENCE_S, Revisions
from domicile.placement.servers import open_servers
from domicile.wiring import refuse_unmet_duties


def migrate_command(
    check: Annotated[bool, typer.Option("--check", help="Only say what is to come; exit 1 if anything is.")] = False,
    site: Annotated[str | None, typer.Option("--site", help="Only this site, or hub.")] = None,
    patience: Annotated[float, typer.Option(help="Seconds to try a database whose tables others hold.")] = PATIENCE_S,
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Bring hub and sites to this version's tables, one by one, while they serve. Exit 1 if something remains."""
    with failures(json):
        if patience < 0:
            raise InvalidInput("--patience takes seconds, 0 or more")
        roll = run(_migrate(settings(data, config), check, site, patience))
        if json:
            print_json({"ok": roll.ok, "databases": [_document(step) for step in roll.steps.values()]})
        else:
            _show(roll)
        if not roll.ok:
            raise typer.Exit(1)


async def _migrate(config: Config, check: bool, site: str | None, patience_s: float) -> Roll:
    if not has_network(config):
        raise Misconfigured(f"{config.data} holds no network yet; `up` or `seed` makes one")
    async with AsyncExitStack() as stack:
        servers = await open_servers(config, stack, exclusive=False, progress=say)
        owners = {name: credential.owner for name, credential in servers.credentials.items()}
        roll = Roll(Revisions(), owners, site, patience_s, say)
        if check:
            await asyncio.to_thread(roll.look)
            return roll
        await refuse_unmet_duties(config)
        await asyncio.to_thread(roll.run)
        return roll


def _document(step: Step) -> dict[str, object]:
    return {
        "name": step.name,
        "from": step.was,
        "to": step.now,
        "seconds": round(step.seconds, 3),
        "state": step.state,
        "why": step.why,
    }


def _show(roll: Roll) -> None:
    rows: list[list[object]] = [
        [step.name, step.was, step.now, f"{step.seconds:.1f} s", step.state, step.why] for step in roll.steps.values()
    ]
    print_table("Revisions of tables", ["database", "from", "to", "took", "state", ""], rows)
    if any(step.state == "failed" for step in roll.steps.values()):
        out.print("What failed is as it was before, and serves; mend it and migrate again.")
    elif any(step.state == "waits" for step in roll.steps.values()):
        out.print("What waits is taken by `migrate` once nobody needs the tables of before any more.")
