"""The residency audit against a sequential scan of the same tables, in one run.

.venv/bin/python benchmarks/audit.py [--members 20000]
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from domicile.audit.residency import audit
from domicile.config import load_config
from domicile.network.seeding.load import seed
from domicile.placement.embedded import discard
from domicile.placement.ownership import VAULT
from domicile.placement.sites import Site
from domicile.running import Domicile
from domicile.wiring import open_domicile

REPEAT = 3


async def main(members: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        config = load_config(environment={}, data=Path(folder) / "data")
        try:
            async with open_domicile(config) as domicile:
                await seed(domicile, members)
                scans = [await scan(domicile) for _ in range(REPEAT)]
                audits = [await timed_audit(domicile) for _ in range(REPEAT)]
        finally:
            discard(config.data)
    rows = audits[0][0]
    best_scan, best_audit = min(scans), min(seconds for _, seconds in audits)
    print(
        f"{rows} rows at {len(config.sites)} sites: audit {best_audit:.2f} s, sequential scan {best_scan:.2f} s,"
        f" ratio {best_audit / best_scan:.2f} (the best of {REPEAT} each)"
    )


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


async def timed_audit(domicile: Domicile) -> tuple[int, float]:
    start = time.perf_counter()
    report = await audit(domicile.sites, domicile.hub, domicile.clock())
    assert report.ok, report.violations
    return report.rows_checked, time.perf_counter() - start


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=20_000)
    asyncio.run(main(parser.parse_args().members))
