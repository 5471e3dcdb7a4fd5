"""What the fence costs: one member's write with it and without it, on the same server in the same run.

    python benchmarks/fence.py

Inserts into `consent` are timed in turns, so that a busy machine slows both: as it stands, and with its trigger
switched off by the tables' owner. `bulk` is one statement of many rows, where nothing but the fence differs; `commit`
is one row and a commit, which is what a member waits for.
"""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from domicile.app import utc_now
from domicile.config import load_config
from domicile.database import Database
from domicile.ids import next_snowflake
from domicile.placement.embedded import discard
from domicile.placement.sites import embedded_credentials
from domicile.running import Domicile
from domicile.wiring import open_domicile

ROUNDS = 15
BULK = 20_000
COMMITS = 100
INSERT = (
    "INSERT INTO consent SELECT %s, n, 'abroad', 'wording', '{}', now(), NULL"
    " FROM generate_series(%s::bigint, %s::bigint) n"
)


async def main() -> None:
    folder = Path(tempfile.mkdtemp()) / "data"
    try:
        async with open_domicile(load_config(environment={}, data=folder, sites="de")) as domicile:
            await compare(domicile)
    finally:
        discard(folder)


async def compare(domicile: Domicile) -> None:
    assert domicile.embedded is not None
    site = next(iter(domicile.sites.values()))
    owner = Database("owner", embedded_credentials(domicile.config.data, domicile.embedded.servers[site.name]).owner)
    await owner.open()
    member = next_snowflake(utc_now())
    await site.app.run("INSERT INTO resident VALUES (%s, 'home', 1)", (member,))
    times: dict[tuple[str, bool], list[float]] = {(kind, on): [] for kind in ("bulk", "commit") for on in (True, False)}
    for _ in range(ROUNDS):
        for fenced in (True, False):
            await owner.run(f"ALTER TABLE consent {'ENABLE' if fenced else 'DISABLE'} TRIGGER fence")
            times["bulk", fenced].append(await timed(site.app, member, 1, BULK))
            times["commit", fenced].append(await timed(site.app, member, COMMITS, 1))
    await owner.close()
    for kind, rows in (("bulk", BULK), ("commit", COMMITS)):
        with_fence, without = (statistics.median(times[kind, on]) / rows * 1e6 for on in (True, False))
        print(
            f"{kind:>7}: {with_fence:7.1f} µs a row with the fence, {without:7.1f} without: {with_fence / without:.2f}"
        )


async def timed(app: Database, member: int, statements: int, rows: int) -> float:
    """Seconds for so many statements of so many rows each, taken away again."""
    began = time.perf_counter()
    for n in range(statements):
        await app.run(INSERT, (member, n * rows, n * rows + rows - 1))
    took = time.perf_counter() - began
    await app.run("DELETE FROM consent WHERE member_id = %s", (member,))
    return took


if __name__ == "__main__":
    asyncio.run(main())
