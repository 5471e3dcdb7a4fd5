"""`domicile backup` and `domicile restore`: one site, or the hub, sealed under its own key."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from domicile.cli.output import (
    ConfigOption,
    DataOption,
    JsonOption,
    failures,
    look_at_network,
    on_network,
    out,
    print_json,
    print_table,
    run,
    say,
    settings,
)
from domicile.config import Config
from domicile.relocation.backup import Manifest, Restored
from domicile.relocation.kept_backups import KeptBackup, prune_backups
from domicile.running import Domicile
from domicile.wiring import open_domicile

SiteArgument = Annotated[str, typer.Argument(metavar="SITE", help="The site, like ru-1, or hub.")]


def backup_command(
    site: SiteArgument,
    to: Annotated[
        Path | None, typer.Option("--to", help="Another folder; outside the site's own it needs a reason.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why a backup leaves the site's place; recorded with it.")] = "",
    list_only: Annotated[bool, typer.Option("--list", help="Take none: list those there are, and until when.")] = False,
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Back a site or the hub up: PostgreSQL's own dump and the files, sealed under its key. Works while `up` runs.

    Then backups that were kept for `backups.days` are deleted.
    """
    with failures(json):
        chosen = settings(data, config)

        async def find(domicile: Domicile) -> list[KeptBackup]:
            return domicile.kept_backups(site)

        async def work(domicile: Domicile) -> tuple[Path, Manifest, list[KeptBackup]]:
            backups = domicile.backups(site)
            folder, manifest = await backups.back_up(domicile.clock(), to, reason)
            return folder, manifest, prune_backups(backups.folder, chosen.backups.days, domicile.clock())

        if list_only:
            _list(look_at_network(chosen, find), json)
            return
        folder, manifest, pruned = on_network(chosen, work)
        if json:
            print_json(
                {
                    "ok": True,
                    "folder": folder,
                    "members": manifest.members,
                    "sizes": manifest.sizes,
                    "deleted": [backup.folder for backup in pruned],
                }
            )
        else:
            for backup in pruned:
                out.print(f"The backup of {backup.taken_at:%Y-%m-%d %H:%M} UTC was deleted: its time is over.")
            size = sum(manifest.sizes.values()) / 1e6
            out.print(f"{folder}: {manifest.members:,} members, {size:,.1f} MB, sealed", highlight=False)
            out.print("Keep its key apart from it: without that key nobody can open it.", style="dim")


def _list(backups: list[KeptBackup], json: bool) -> None:
    if json:
        print_json({"ok": True, "backups": [asdict(backup) for backup in backups]})
        return
    rows: list[list[object]] = [
        [
            b.folder,
            f"{b.taken_at:%Y-%m-%d %H:%M}",
            f"{b.until:%Y-%m-%d}" if b.until else "there is a newer one",
            b.forced,
        ]
        for b in backups
    ]
    print_table("Backups", ["folder", "taken (UTC)", "kept until", "elsewhere, because"], rows)


def restore_command(
    site: SiteArgument,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The backup.", file_okay=False)],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: what the site holds now is replaced.")] = False,
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Take a backup back. What is restored then asks what has changed since. `up` must not run."""
    with failures(json):
        if not yes and not json:
            typer.confirm(f"Replace everything that {site} holds with {folder}?", abort=True)
        found = run(_restore(settings(data, config), site, folder))
        asked = found.asked
        if json:
            print_json(
                {
                    "ok": True,
                    "members": found.members,
                    "erased": asked.erased,
                    "lost": asked.lost,
                    "unknown": asked.unknown,
                }
            )
        else:
            _show(site, found)


def _show(site: str, found: Restored) -> None:
    asked = found.asked
    out.print(f"{site} is as it was on {found.taken_at:%Y-%m-%d %H:%M} UTC: {found.members:,} members.")
    if site == "hub":
        out.print("The sites were asked: what has happened since is in the directory again.")
        return
    out.print(f"{asked.erased} who live elsewhere now, or were erased since, were erased here again.")
    if asked.lost:
        out.print(f"[yellow]{asked.lost} members joined or arrived since then: their rows are lost.[/]")
    if asked.unknown:
        out.print(f"[yellow]{asked.unknown} members are unknown to the hub: `hub rebuild` enters them.[/]")


async def _restore(config: Config, site: str, folder: Path) -> Restored:
    async with open_domicile(
        config, exclusive=config.hub.dsn is None, progress=say, collects=False, restoring=True
    ) as domicile:
        return await domicile.restore(site, folder)
