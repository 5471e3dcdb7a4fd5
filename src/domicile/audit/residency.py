"""Every row where the law says? Asked of each server's own catalogue, not of the code that placed the rows."""

from collections.abc import Mapping
from datetime import datetime

from domicile.audit.report import AuditReport
from domicile.database import Database
from domicile.ids import SiteName
from domicile.placement.sites import Site


async def audit(sites: Mapping[SiteName, Site], hub: Database, on: datetime) -> AuditReport:
    """Audit every site against the hub, as of `on`."""
    return AuditReport(sites=list(sites))
