"""The residency audit against a sequential scan of the same tables, in one run, one after the other in turn.

    .venv/bin/python benchmarks/audit.py [--members 20000]

Warm: each is done once before it counts. The files in the sites' stores are matched with rows too; a scan reads none,
so the audit is timed with and without them.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from domicile.audit.files import FileAudit
from domicile.audit.report import AuditReport
from domicile.audit.residency import audit
from domicile.config import load_config
from domicile.network.seeding.load import seed
from domicile.placement.embedded import discard
from domicile.placement.ownership import VAULT
from domicile.placement.sites import Site
from domicile.running import Domicile
from domicile.wiring import open_domicile

REPEAT = 7


async def main(members: int, data: Path | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        config = load_config(environment={}, data=data or Path(folder) / "data")
        try:
            async with open_domicile(config) as domicile:
                if data is None or not (await audit(domicile.sites, domicile.hub, domicile.clock())).rows_checked:
                    await seed(domicile, members)
                await measure(domicile)
        finally:
            if data is None:
                discard(config.data)


async def measure(domicile: Domicile) -> None:
    scans, rows_alone, whole = [], [], []
    for turn in range(REPEAT + 1):
        measured = await scan(domicile), await audit_rows(domicile), await timed_audit(domicile)
        if turn:
            for times, seconds in zip((scans, rows_alone, whole), measured, strict=True):
                times.append(seconds)
    report = await checked(domicile)
    base = median(scans)
    print(
        f"{report.rows_checked:,} rows at {len(domicile.sites)} sites, medians of {REPEAT} turns:"
        f" sequential scan {base:.2f} s; audit {median(rows_alone):.2f} s, ratio {median(rows_alone) / base:.2f};"
        f" with {report.files_checked:,} files {median(whole):.2f} s, ratio {median(whole) / base:.2f}"
    )
    ratios = sorted(audited / scanned for audited, scanned in zip(rows_alone, scans, strict=True))
    print(f"ratios of single turns, without files: {', '.join(f'{ratio:.2f}' for ratio in ratios)}")


async def scan(domicile: Domicile) -> float:
    """Seconds to read the owner of every owned row once, the sites at the same time, as the audit does."""
    start = time.perf_counter()
    await asyncio.gather(*(scan_site(domicile, site) for site in domicile.sites.values()))
    return time.perf_counter() - start


async def scan_site(domicile: Domicile, site: Site) -> None:
    async with site.importer.transaction() as session:
        await session.execute("SET LOCAL enable_indexscan = off")
        await session.execute("SET LOCAL enable_indexonlyscan = off")
        await session.execute("SET LOCAL enable_bitmapscan = off")
        for owned in domicile.ownership.owned:
            schema = VAULT if owned.table.schema == VAULT else "public"
            await session.value(f"SELECT count(*), max({owned.owner}) FROM {schema}.{owned.table.name}")


async def timed_audit(domicile: Domicile) -> float:
    start = time.perf_counter()
    await checked(domicile)
    return time.perf_counter() - start


async def audit_rows(domicile: Domicile) -> float:
    """All of the audit but the matching of files with rows."""

    async def compare(self: FileAudit) -> list[object]:
        return []

    with patch.object(FileAudit, "compare", compare):
        return await timed_audit(domicile)


async def checked(domicile: Domicile) -> AuditReport:
    report = await audit(domicile.sites, domicile.hub, domicile.clock())
    assert report.ok, report.violations
    return report


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=20_000)
    parser.add_argument("--data", type=Path, help="a data folder to use, and to keep")
    given = parser.parse_args()
    asyncio.run(main(given.members, given.data))
