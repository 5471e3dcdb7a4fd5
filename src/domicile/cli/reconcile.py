"""`domicile reconcile`: rows about two people, of which one side has lost or kept what the other has not."""

import typer

from domicile.border.reconciling import Reconciled
from domicile.cli.output import (
    ConfigOption,
    DataOption,
    JsonOption,
    failures,
    look_at_network,
    out,
    print_json,
    print_table,
    settings,
)
from domicile.running import Domicile


def reconcile_command(data: DataOption = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Compare both sides of follows, replies, mentions and reactions, and repair them; exit 1 if some still differ."""
    with failures(json):

        async def work(domicile: Domicile) -> Reconciled:
            return await domicile.reconciler.round()

        report = look_at_network(settings(data, config), work)
        if json:
            print_json(_as_json(report))
        else:
            _show(report)
        if not report.ok:
            raise typer.Exit(1)


def _as_json(report: Reconciled) -> dict[str, object]:
    pairs = {
        name: {"compared": compared, "resent": report.resent[name], "removed": report.removed[name]}
        for name, compared in sorted(report.compared.items())
    }
    counts = {"pruned": report.pruned, "recounted": report.recounted, "failed": report.failed, "left": report.left}
    return {"ok": report.ok, "pairs": pairs, **counts, "missing": sorted(report.missing)}


def _show(report: Reconciled) -> None:
    rows: list[list[object]] = [
        [name, compared, report.resent[name], report.removed[name]]
        for name, compared in sorted(report.compared.items())
    ]
    print_table("Rows about two people", ["pair", "compared", "sent again", "removed"], rows)
    out.print(f"{report.pruned} tombstones gone, {report.recounted} counts set right", highlight=False)
    for name in sorted(report.missing):
        out.print(f"[red]✗[/] {name} does not answer: what it holds was not compared", highlight=False)
    if report.left or report.failed:
        out.print(f"[red]✗[/] {report.left} pairs still differ, {report.failed} repairs failed", highlight=False)
