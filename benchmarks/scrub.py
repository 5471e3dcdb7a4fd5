"""What members who moved away leave in the files of the site they left, and what a scrub takes away; in one run.

    .venv/bin/python benchmarks/scrub.py [--members 4000]

A thousand members of de-1, under handles that nobody's post mentions, move to ru-1. The handles are looked for in
de-1's files: after the move, after a plain scrub, and after a full one. The speed is that of one reading of
everything with all thousand values.
"""

import argparse
import asyncio
import secrets
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from domicile.audit.canaries import Canary
from domicile.audit.search import Search
from domicile.config import load_config
from domicile.ids import MemberId, SiteName
from domicile.network.seeding.load import seed
from domicile.placement.embedded import discard
from domicile.running import Domicile
from domicile.wiring import open_domicile

GERMANY, RUSSIA = SiteName("de-1"), SiteName("ru-1")
MOVING = 1000
PLACES = ("rows", "heap", "index", "statistics", "wal", "wal pages")


async def main(members: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        config = load_config(environment={}, data=Path(folder) / "data", sites="de,ru")
        try:
            async with open_domicile(config) as domicile:
                await seed(domicile, members)
                await measure(domicile)
        finally:
            discard(config.data)


async def measure(domicile: Domicile) -> None:
    rows = await domicile.sites[GERMANY].importer.run(
        "UPDATE account SET handle = %s || right(member_id::text, 12) WHERE member_id IN"
        " (SELECT member_id FROM account ORDER BY member_id LIMIT %s) RETURNING member_id, handle",
        (f"k{secrets.token_hex(4)}", MOVING),
    )
    moving = [MemberId(row.member_id) for row in rows]
    canaries = [Canary(number, row.handle) for number, row in enumerate(rows, start=1)]
    print(f"values of {len(canaries)} found at de-1:  " + "  ".join(PLACES))
    await tell(domicile, "before the move", canaries)
    await domicile.coordinator.relocate(moving, GERMANY, RUSSIA, "benchmark")
    await tell(domicile, "after the move", canaries)
    for words, full in (("after a scrub", False), ("after scrub --full", True)):
        start = time.perf_counter()
        done = await domicile.scrub(GERMANY).scrub(domicile.clock(), quietly, full=full)
        seconds = time.perf_counter() - start
        shut = f", a table shut for {done.longest_s:.2f} s at most" if full else ""
        print(f"  {words}: {done.size_before / 1e6:.0f} MB of tables in {seconds:.2f} s{shut}")
        await tell(domicile, words, canaries)


async def tell(domicile: Domicile, words: str, canaries: list[Canary]) -> None:
    search = Search(canaries, quietly)
    start = time.perf_counter()
    await search.look_at(domicile.grounds({})[0])
    seconds = time.perf_counter() - start
    search.end()
    values: Counter[str] = Counter()
    for place in PLACES:
        values[place] = len({found.line for found in search.report.found if found.place == place})
    megabytes = sum(part.size for part in search.report.searched) / 1e6
    counts = "  ".join(f"{values[place]:>{len(place)}}" for place in PLACES)
    print(f"{words:>32}:  {counts}   ({megabytes:.0f} MB at {megabytes / seconds:.0f} MB/s)")


def quietly(what: str, done: int, total: int) -> None:
    pass


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=4000)
    asyncio.run(main(parser.parse_args().members))
