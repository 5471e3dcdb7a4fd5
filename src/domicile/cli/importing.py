"""`domicile member import`: an archive of Mastodon, of Twitter or of our own becomes a member's own posts."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from domicile.cli.output import (
    ConfigOption,
    DataOption,
    JsonOption,
    MemberArgument,
    failures,
    find_member,
    on_network,
    out,
    print_json,
    print_table,
    progress_bar,
    settings,
)
from domicile.errors import InvalidInput
from domicile.network.imports.found import REASONS
from domicile.network.imports.importing import NAMES, Report, Wishes
from domicile.running import Domicile


def import_command(
    member: MemberArgument,
    file: Annotated[
        Path, typer.Argument(help="ZIP or tar.gz of Mastodon, Twitter/X or Domicile; or one of Mastodon's CSV lists.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be taken in, and write nothing.")] = False,
    widest: Annotated[
        str,
        typer.Option("--widest", metavar="VISIBILITY", help="Show no post to more: public, unlisted, private, direct."),
    ] = "public",
    same_handles: Annotated[
        bool,
        typer.Option("--same-handles", help="Follow who has the same handle here as a followed account elsewhere."),
    ] = False,
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Take in what a member wrote elsewhere, at their home, under its old dates; again: only what is not there yet.

    Nobody is told, nothing is shown to more people than it was. What is left out is counted, with the reason.
    """
    with failures(json):
        wishes = Wishes(widest=widest, same_handles=same_handles, dry_run=dry_run)

        async def work(domicile: Domicile) -> Report:
            number = await find_member(domicile, member)
            with file.open("rb") as opened, progress_bar() as show:
                return await domicile.imports.take_in(number, opened, file.name, wishes, show)

        try:
            report = on_network(settings(data, config), work)
        except OSError as error:
            raise InvalidInput(f"{file} cannot be read: {error.strerror}") from error
        if json:
            print_json(report_json(report))
        else:
            _print_report(report)


def report_json(report: Report) -> dict[str, Any]:
    """The report with each reason in words too."""
    skipped = [{**msgspec.structs.asdict(entry), "words": REASONS[entry.reason]} for entry in report.skipped]
    return {"ok": True, **msgspec.structs.asdict(report), "skipped": skipped}


def _print_report(report: Report) -> None:
    would = " would be" if report.dry_run else ""
    out.print(f"An archive of {NAMES[report.kind]}:{would} taken in:", highlight=False)
    for name in ("posts", "media", "follows", "favourites", "bookmarks"):
        out.print(f"  {name:11}{getattr(report, name)}", highlight=False)
    if report.profile:
        out.print(f"  profile    {', '.join(report.profile)}", highlight=False)
    out.print(f"There already: {report.known} posts.", highlight=False)
    rows: list[list[object]] = [[entry.what, entry.count, REASONS[entry.reason]] for entry in report.skipped]
    if rows:
        print_table("Left out", ["what", "how many", "why"], rows)
    if report.left_out:
        out.print(f"Never taken in: {', '.join(report.left_out)}.", highlight=False)
