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
from domicile.border.safeguards import in_force, list_safeguards
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
from domicile.errors import Unavailable
from domicile.law.compiled import Law
from domicile.law.facts import Operator
from domicile.law.library import load_packs
from domicile.plan.planning import overlay
from domicile.running import Domicile

PacksOption = Annotated[
    Path | None, typer.Option("--packs", metavar="DIR", help="Packs under test, in the place of the live ones.")
]


def audit_command(
    on: OnOption = None,
    packs: PacksOption = None,
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Check that every row is where the law says, on a day and under changed packs if asked; exit 1 if not."""
    with failures(json):
        chosen, day = settings(data, config), parse_day(on)
        tested = load_packs(packs) if packs else None
        report = look_at_network(chosen, lambda domicile: _audit(domicile, day, tested))
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
    return report


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
    for violation in report.violations:
        out.print(f"[red]✗[/] {violation.site} {violation.table or ''}: {violation.text}", highlight=False)
    for note in report.notes:
        out.print(note, style="dim", highlight=False)
