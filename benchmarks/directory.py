"""The hub's directory look-up against a bare read by primary key, over many members.

    python benchmarks/directory.py [MEMBERS]        (a million unless said)

Both ask one connection pool of one server for random members in turns: `Directory.homes` of one member, and
`SELECT ... WHERE member_id = 1` written by hand, prepared, into a table of the same rows without triggers or feed.
"""

import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from domicile.config import load_config
from domicile.database import Database, sql
from domicile.ids import MemberId
from domicile.placement.embedded import discard
from domicile.placement.sites import superuser_conninfo
from domicile.running import Domicile
from domicile.wiring import open_domicile

MEMBERS = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
ROUNDS = 10
LOOKUPS = 300


async def main() -> None:
    folder = Path(tempfile.mkdtemp()) / "data"
    try:
        async with open_domicile(load_config(environment={}, data=folder, sites="de,ru")) as domicile:
            await fill(domicile)
            await compare(domicile)
    finally:
        discard(folder)


async def fill(domicile: Domicile) -> None:
    """The same rows in `home` (by COPY, with the feed's trigger off: it is not what is measured) and in `bare`."""
    assert domicile.embedded is not None
    admin = Database("hub", superuser_conninfo(domicile.embedded.servers["hub"], "domicile"), size=1)
    await admin.open()
    began = time.perf_counter()
    async with admin.transaction() as hub:
        await hub.execute("ALTER TABLE home DISABLE TRIGGER USER")
        rows = ((member << 16, "de-1" if member % 3 else "ru-1", 1) for member in range(1, MEMBERS + 1))
        await hub.copy_in(sql.Identifier("home"), ("member_id", "site", "epoch"), rows)
        await hub.execute("ALTER TABLE home ENABLE TRIGGER USER")
        await hub.execute("CREATE TABLE bare (member_id bigint PRIMARY KEY, site text NOT NULL, epoch int NOT NULL)")
        await hub.execute("INSERT INTO bare SELECT * FROM home")
        await hub.execute("GRANT SELECT ON bare TO domicile_app")
    await admin.run("VACUUM ANALYZE home, bare")
    await admin.close()
    print(f"{MEMBERS:,} members in {time.perf_counter() - began:.0f} s")


async def compare(domicile: Domicile) -> None:
    async def by_directory(member: MemberId) -> object:
        return await domicile.directory.homes([member])

    async def by_key(member: MemberId) -> object:
        return await domicile.hub.run("SELECT member_id, site, epoch FROM bare WHERE member_id = %s", (member,))

    times: dict[str, list[float]] = {"directory": [], "bare": []}
    for _ in range(ROUNDS):
        for name, look in (("bare", by_key), ("directory", by_directory)):
            times[name].append(await timed(look))
    directory, bare = (statistics.median(times[name]) / LOOKUPS * 1e6 for name in ("directory", "bare"))
    print(f"directory {directory:.0f} µs a look-up, bare primary key {bare:.0f}: {directory / bare:.2f}")


async def timed(look: Callable[[MemberId], Awaitable[object]]) -> float:
    members = [MemberId(random.randint(1, MEMBERS) << 16) for _ in range(LOOKUPS)]
    began = time.perf_counter()
    for member in members:
        if not await look(member):
            raise RuntimeError("a member was not found")
    return time.perf_counter() - began


if __name__ == "__main__":
    asyncio.run(main())
