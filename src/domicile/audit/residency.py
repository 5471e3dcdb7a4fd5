"""Is every row where the law says? Asked of the servers' own catalogues, not of the code that placed the rows."""

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import datetime

from domicile.audit.agreement import Agreement
from domicile.audit.catalogue import read_catalogue
from domicile.audit.report import AuditReport, Violation
from domicile.audit.rows import count_rows
from domicile.database import Database
from domicile.errors import Unavailable
from domicile.ids import SiteName
from domicile.placement.sites import Site


async def audit(sites: Mapping[SiteName, Site], hub: Database, on: datetime) -> AuditReport:
    """Check every row of every site, its fence and its roles, and that sites and hub agree, as of `on`.

    A site that does not answer is a violation: nothing is known about it. The others are still checked.
    """
    report = AuditReport(sites=list(sites))
    audited = await asyncio.gather(*(_audit_site(site) for site in sites.values()))
    answering = {}
    for (name, site), found in zip(sites.items(), audited, strict=True):
        if found is None:
            report.violations.append(_silent(name))
            continue
        answering[name] = site
        report.rows_checked += found[0]
        report.violations += found[1]
    try:
        wrong, report.in_transit = await Agreement(answering, hub, on).compare()
        report.violations += wrong
    except Unavailable:
        report.violations.append(_silent("hub"))
    return report


async def _audit_site(site: Site) -> tuple[int, list[Violation]] | None:
    """How many rows a site holds and what is wrong there; None when it does not answer."""
    for _ in range(2):  # the first may meet a connection that died while it lay idle
        with contextlib.suppress(Unavailable):
            return await _audit_once(site)
    return None


async def _audit_once(site: Site) -> tuple[int, list[Violation]]:
    """All in one snapshot of the site."""
    async with site.auditor.snapshot() as session:
        tables, wrong = await read_catalogue(site.name, session)
        rows = 0
        for table in tables:
            checked, misplaced = await count_rows(site.name, session, table)
            rows += checked
            wrong += misplaced
    return rows, wrong


def _silent(name: str) -> Violation:
    return Violation("unreachable", name, None, 1, (), "does not answer, so that nothing is known about it")
