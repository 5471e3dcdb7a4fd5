"""Is every row where the law says? Asked of the servers' own catalogues, not of the code that placed the rows."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from domicile.audit.agreement import Agreement
from domicile.audit.catalogue import FoundTable, read_catalogue
from domicile.audit.copies import find_lawless_copies
from domicile.audit.files import FileAudit
from domicile.audit.halves import HalfAudit
from domicile.audit.leftovers import find_leftovers
from domicile.audit.report import AuditReport, Violation
from domicile.audit.residue import check_residue
from domicile.audit.rows import count_at_home, count_left_behind, count_rows, left_behind
from domicile.database import Database
from domicile.errors import Unavailable
from domicile.ids import SiteName
from domicile.placement.sites import Site


async def audit(sites: Mapping[SiteName, Site], hub: Database, on: datetime) -> AuditReport:
    """Check every row, copy and file of every site, its fence and its roles, and that sites and hub agree, as of `on`.

    A site that does not answer is a violation: nothing is known about it. The others are still checked.
    """
    report = AuditReport(sites=list(sites))
    audited = await asyncio.gather(*(_audit_site(site) for site in sites.values()))
    answering: dict[SiteName, _Audited] = {}
    for name, found in zip(sites, audited, strict=True):
        if found is None:
            report.violations.append(_silent(name))
            continue
        answering[name] = found
        report.rows_checked += found.rows
        report.violations += found.wrong
    there = {name: sites[name] for name in answering}
    try:
        await _compare(report, there, answering, hub, on, everybody=len(there) == len(sites))
    except Unavailable:
        report.violations.append(_silent("hub"))
    report.violations += await find_lawless_copies(there, len(there) == len(sites), on)
    report.residue, wrong = await check_residue(there, on)
    report.violations += wrong
    return report


@dataclass
class _Audited:
    """What was found at a site; `suspected` tables have rows of members who have moved away."""

    tables: list[FoundTable]
    wrong: list[Violation]
    rows: int = 0
    suspected: list[FoundTable] = field(default_factory=list)


async def _compare(
    report: AuditReport,
    sites: Mapping[SiteName, Site],
    audited: Mapping[SiteName, _Audited],
    hub: Database,
    on: datetime,
    *,
    everybody: bool,
) -> None:
    """What one site alone cannot tell: sites against each other, the hub, and the files."""
    agreement = Agreement(sites, hub, on)
    wrong, report.in_transit = await agreement.compare()
    report.violations += wrong
    report.violations += await find_leftovers(sites, hub, on)
    stores = [FileAudit(sites[name], hub, found.tables, on) for name, found in audited.items()]
    for wrong in await asyncio.gather(*(store.compare() for store in stores)):
        report.violations += wrong
    report.files_checked += sum(store.checked for store in stores)
    if everybody:  # else it is not known whether the other side is there
        halves = HalfAudit(sites, hub, {name: found.tables for name, found in audited.items()}, on)
        report.violations += await halves.compare()
    for name, found in audited.items():
        report.violations += await _find_left_behind(sites[name], found.suspected, agreement)


async def _audit_site(site: Site) -> _Audited | None:
    """What one site's own catalogue and rows tell; None when it does not answer."""
    for _ in range(2):  # the first may meet a connection that died while it lay idle
        with contextlib.suppress(Unavailable):
            return await _audit_once(site)
    return None


async def _audit_once(site: Site) -> _Audited:
    """All in one snapshot of the site."""
    async with site.auditor.snapshot() as session:
        audited = _Audited(*await read_catalogue(site.name, session))
        audited.rows, doubtful = await count_at_home(session, audited.tables)
        for table in doubtful:
            checked, misplaced, moved = await count_rows(site.name, session, table)
            audited.rows += checked
            audited.wrong += misplaced
            audited.suspected += [table] if moved else []
    return audited


async def _find_left_behind(site: Site, tables: list[FoundTable], agreement: Agreement) -> list[Violation]:
    """Rows of members who have moved away, unless a batch that is not closed has yet to erase them.

    The journal is asked between two looks: who was erased meanwhile is not there the second time.
    """
    wrong = []
    for table in tables:
        async with site.auditor.snapshot() as session:
            first = await count_left_behind(session, table)
        ways = await agreement.on_the_way(first)
        async with site.auditor.snapshot() as session:
            still = await count_left_behind(session, table)
        due = {member for member, way in ways.items() if way.source == site.name}
        if owners := {member: rows for member, rows in still.items() if member in first and member not in due}:
            wrong.append(left_behind(site.name, table, owners))
    return wrong


def _silent(name: str) -> Violation:
    return Violation("unreachable", name, None, 1, (), "does not answer, so that nothing is known about it")
