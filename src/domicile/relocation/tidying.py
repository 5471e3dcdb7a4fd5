"""What the running network does by itself about remains: after members have left a site, and as backups grow old."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from domicile.database import Database
from domicile.errors import DomicileError
from domicile.ids import SiteName
from domicile.placement.sites import Site
from domicile.relocation.kept import backups_folder
from domicile.relocation.kept_backups import prune_backups
from domicile.relocation.scrub import Scrub

log = structlog.get_logger("domicile.remains")

QUIET = timedelta(minutes=1)
"""So long nobody has left a site before it is tidied: a large relocation is many batches."""

_LEFT = "SELECT max(seen_at) AS at FROM relocation WHERE state = 'done' AND source = %s"
_ERASED = "SELECT max(erased_at) AS at FROM erasure"


@dataclass
class Tidying:
    """A site where members left, or were erased, gets the cheap part of a scrub, once."""

    days: int
    _tidied: dict[SiteName, datetime] = field(default_factory=dict)

    async def tidy(
        self, sites: Iterable[Site], hub: Database, scrub: Callable[[SiteName], Scrub], now: datetime
    ) -> None:
        """What fails is tried again the next time."""
        for site in sites:
            try:
                await self._tidy(site, hub, scrub(site.name), now)
                for pruned in await asyncio.to_thread(prune_backups, backups_folder(site), self.days, now):
                    log.info("a backup has been kept long enough", site=site.name, taken_at=pruned.taken_at.isoformat())
            except (DomicileError, OSError) as error:
                log.warning("not tidied", site=site.name, error=type(error).__name__)

    async def _tidy(self, site: Site, hub: Database, scrub: Scrub, now: datetime) -> None:
        asked = [*await hub.run(_LEFT, (site.name,)), *await site.auditor.run(_ERASED)]
        last = max((row.at for row in asked if row.at is not None), default=None)
        if last is None or last == self._tidied.get(site.name) or now - last < QUIET:
            return
        if tables := await scrub.tidy():
            log.info("dead rows freed and statistics renewed after members left", site=site.name, tables=tables)
        self._tidied[site.name] = last
