"""`domicile scrub`: what members who left, or were erased, have left in a server's freed space goes now."""

from dataclasses import asdict
from typing import Annotated

import typer

from domicile.cli.backup import SiteArgument
from domicile.cli.output import (
    ConfigOption,
    DataOption,
    JsonOption,
    failures,
    look_at_network,
    out,
    print_json,
    progress_bar,
    settings,
)
from domicile.errors import InvalidInput
from domicile.relocation.scrub import Scrubbed
from domicile.running import Domicile


def scrub_command(
    site: SiteArgument,
    full: Annotated[
        bool, typer.Option("--full", help="Write every table anew: nothing stays in it; each is shut meanwhile.")
    ] = False,
    reindex: Annotated[
        bool, typer.Option("--reindex", help="Without --full: make indexes anew, while the network serves.")
    ] = False,
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Free dead rows, renew statistics, overwrite old WAL of a site (or `hub`). Exit 1 if a part could not be done."""
    with failures(json):

        async def work(domicile: Domicile) -> Scrubbed:
            if site not in (*domicile.sites, "hub"):
                raise InvalidInput(f"there is no site {site}; there are {', '.join((*domicile.sites, 'hub'))}")
            with progress_bar() as show:
                return await domicile.scrub(site).scrub(domicile.clock(), show, full=full, reindex=reindex)

        done = look_at_network(settings(data, config), work)
        if json:
            print_json({"ok": not done.left, **asdict(done)})
        else:
            _show(done)
        if done.left:
            raise typer.Exit(1)


def _show(done: Scrubbed) -> None:
    how = "written anew" if done.full else "vacuumed"
    out.print(
        f"{done.tables} tables {how}, {done.size_before / 1e6:,.1f} MB before, {done.size_after / 1e6:,.1f} after"
    )
    if done.full:
        out.print(f"no table was shut for more than {done.longest_s:.2f} s", highlight=False)
    out.print(f"statistics renewed, {done.statistics_removed} of columns of empty tables removed", highlight=False)
    out.print(f"{done.wal_overwritten} WAL segments overwritten", highlight=False)
    if not done.full:
        out.print("What lay in the freed space of tables stays until new rows use it; --full ends that now.")
    for words in done.left:
        out.print("[yellow]Still there[/]: ", end="")
        out.print(words, markup=False, highlight=False)
    out.print("Backups, archived WAL, standbys and freed blocks of the disk are not reached from here.", style="dim")
