"""`domicile audit`: is every row, file and half of a pair where the law says?"""

import contextlib
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from domicile.audit.lawfulness import find_unlawful_homes
from domicile.audit.report import AuditReport
from domicile.audit.residency import audit
from domicile.audit.until import describe_remains
from domicile.border.safeguards import in_force, list_safeguards
from domicile.cli.canaries import look_for, parse_folders, read_file, show_search
from domicile.cli.output import (
    ConfigOption,
    DataOption,
    JsonOption,
    OnOption,
    failures,
    look_at_network,
    out,
    parse_day,
    print_json,
    settings,
)
from domicile.database import Row
from domicile.errors import InvalidInput, Unavailable
from domicile.law.compiled import Law
from domicile.law.facts import Operator
from domicile.law.library import load_packs
from domicile.placement.remains import read_remains
from domicile.plan.planning import overlay
from domicile.running import Domicile

PacksOption = Annotated[
    Path | None, typer.Option("--packs", metavar="DIR", help="Packs under test, in the place of the live ones.")
]


def audit_command(
    on: OnOption = None,
    packs: PacksOption = None,
    canaries: Annotated[
        Path | None,
        typer.Option("--canaries", metavar="FILE", help="Look everywhere for these values, one a line; - is stdin."),
    ] = None,
    folder: Annotated[
        list[str] | None,
        typer.Option("--folder", metavar="SITE=DIR", help="With --canaries: also in this folder, or server's data."),
    ] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Check that every row is where the law says, on a day and under changed packs if asked; exit 1 if not."""
    with failures(json):
        chosen, day = settings(data, config), parse_day(on)
        tested = load_packs(packs) if packs else None
        if folder and canaries is None:
            raise InvalidInput("--folder says where else to look for values: give them with --canaries")
        folders = parse_folders(folder or [], chosen.site_names)
        values = read_file(canaries, chosen.site_names) if canaries else []

        async def work(domicile: Domicile) -> AuditReport:
            report = await _audit(domicile, day, tested)
            if values:
                await look_for(domicile, values, folders, report)
            return report

        report = look_at_network(chosen, work)
        if json:
            print_json({"ok": report.ok, **asdict(report)})
        else:
            _show(report)
        if not report.ok:
            raise typer.Exit(1)


async def _audit(domicile: Domicile, day: date | None, tested: Law | None) -> AuditReport:
    """Where things are, now; whether that is lawful, on the day."""
    now = domicile.clock()
    report = await audit(domicile.sites, domicile.hub, now)
    law, on = overlay(domicile.law, tested) if tested else domicile.law, day or now.date()
    operator = await _operator_on(domicile, law, on)
    report.violations += await find_unlawful_homes(domicile.sites, law, on, domicile.policy, operator)
    await _tell_remains(domicile, report)
    return report


async def _tell_remains(domicile: Domicile, report: AuditReport) -> None:
    """What those who left have left behind, and by when it is gone: said of each site, judged of none."""
    for name, site in domicile.sites.items():
        with contextlib.suppress(Unavailable):
            remains = await read_remains(name, site.auditor)
            oldest = next(iter(domicile.kept_backups(name)), None)
            taken_at, until = (oldest.taken_at, oldest.until) if oldest else (None, None)
            report.remains.append(remains)
            report.notes = (*report.notes, describe_remains(remains, taken_at, until))


async def _operator_on(domicile: Domicile, law: Law, on: date) -> Operator:
    """The operator as the law of that day finds them: with the papers that count then, and today's counts."""
    papers: list[Row] = []
    for site in domicile.sites.values():
        with contextlib.suppress(Unavailable):
            papers += await list_safeguards(site.auditor)
    counts = await domicile.meter.counts(domicile.law, law)
    return msgspec.structs.replace(domicile.operator.stated, safeguards=in_force(papers, on), counts=counts)


def _show(report: AuditReport) -> None:
    verdict = "[bold green]all is in order[/]" if report.ok else "[bold red]not all is as it should be[/]"
    out.print(f"{report.rows_checked} rows and {report.files_checked} files checked: {verdict}")
    if report.residue:
        out.print(f"{report.residue} rows had to stay behind, sealed: `residue list` says why and until when")
    for violation in report.violations:
        out.print(f"[red]✗[/] {violation.site} {violation.table or ''}: {violation.text}", highlight=False)
    if report.canaries is not None:
        show_search(report.canaries)
    for note in report.notes:
        out.print(note, style="dim", highlight=False)
