"""`domicile check`: what another app's tables declare, before they are in use."""

from dataclasses import asdict
from typing import Annotated

import typer

from domicile.audit.check import check_declaration
from domicile.cli.output import JsonOption, failures, out, print_json, print_table


def check_command(
    declaration: Annotated[
        str, typer.Argument(metavar="MODULE:METADATA", help="Somebody's tables, like app.models:metadata.")
    ],
    json: JsonOption = False,
) -> None:
    """Read another app's tables: whose rows, which columns are personal, what is wrong."""
    with failures(json):
        report = check_declaration(declaration)
        if json:
            print_json({"ok": report.ok, **asdict(report)})
        else:
            rows: list[list[object]] = [
                [
                    t.name,
                    f"{t.kind}, stays" if t.stays else t.kind,
                    t.owner,
                    ", ".join(f"{p.column} ({p.category})" for p in t.personal),
                ]
                for t in report.tables
            ]
            print_table(declaration, ["table", "kind", "owner", "personal columns"], rows)
            for problem in report.problems:
                out.print(f"[red]✗[/] {problem}", highlight=False)
        if not report.ok:
            raise typer.Exit(1)
