"""A plan for a million members at one site, against one grouped scan of their claims in the same run.

.venv/bin/python benchmarks/plan.py [--members 1000000]
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from domicile.config import load_config
from domicile.database import sql
from domicile.ids import SEQUENCE_BITS, milliseconds
from domicile.placement.embedded import discard
from domicile.placement.sites import Site
from domicile.plan.census import Joined, take_census
from domicile.plan.planning import compare_days, make_plan
from domicile.running import Domicile
from domicile.wiring import open_domicile

T = TypeVar("T")

COUNTRIES = ("US", "RU", "DE", "IN", "BR", "FR", "CN", "GB", "TR", "JP")
WEIGHTS = (40, 13, 8, 10, 10, 5, 4, 5, 3, 2)
ON = date(2027, 8, 1)
REPEAT = 3
LIMIT = "SELECT jurisdiction, basis, count(*) FROM claim GROUP BY 1, 2"
BOTH = """SELECT state, count(*) FROM resident GROUP BY 1 UNION ALL SELECT basis, count(*) FROM claim GROUP BY 1
UNION ALL SELECT kind, count(*) FROM consent GROUP BY 1"""


async def main(members: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        config = load_config(environment={}, data=Path(folder) / "data", sites="us,de")
        try:
            async with open_domicile(config) as domicile:
                site = domicile.sites[config.site_names[0]]
                await load(site, members)
                await measure(domicile, site, members)
        finally:
            discard(config.data)


async def load(site: Site, members: int) -> None:
    """Members with claims, consents, a profile and posts, by COPY and set-wise inserts under the import role."""
    chance = Random(11)
    async with site.importer.transaction() as session:
        await session.copy_in(sql.Identifier("resident"), ("member_id", "state", "epoch"), residents(members))
        await session.copy_in(
            sql.Identifier("claim"),
            ("member_id", "jurisdiction", "basis", "assumed", "declared_at"),
            claims(members, chance),
        )
        consents = ("member_id", "consent_id", "kind", "wording", "rules", "given_at", "withdrawn_at")
        await session.copy_in(sql.Identifier("consent"), consents, consented(members, chance))
        await session.execute("INSERT INTO tally (member_id) SELECT member_id FROM resident")
        await session.execute(
            "INSERT INTO post (author_id, post_id, visibility, content)"
            " SELECT member_id, member_id + n, 0, 'good evening, this is a post of usual length'"
            " FROM resident, generate_series(1, 3) n"
        )
    await site.importer.run("SELECT domicile.analyze_tables()")


def member(number: int) -> int:
    return (milliseconds(datetime(2020, 1, 1, tzinfo=UTC)) + number * 100) << SEQUENCE_BITS


def residents(members: int) -> Iterator[tuple[object, ...]]:
    for number in range(members):
        yield member(number), "home", 1


def claims(members: int, chance: Random) -> Iterator[tuple[object, ...]]:
    now = datetime.now(UTC)
    for number, country in enumerate(chance.choices(COUNTRIES, WEIGHTS, k=members)):
        yield member(number), country, "residence", chance.random() < 0.5, now
        if chance.random() < 0.1:
            yield member(number), chance.choice(COUNTRIES), "citizenship", False, now


def consented(members: int, chance: Random) -> Iterator[tuple[object, ...]]:
    now = datetime.now(UTC)
    for number in range(members):
        for place, kind in enumerate(("publication", "abroad")):
            if chance.random() < 0.8:
                withdrawn = now if chance.random() < 0.05 else None
                yield member(number), place, kind, "I show my posts to everybody", ["RU-DIST"], now, withdrawn


async def measure(domicile: Domicile, site: Site, members: int) -> None:
    network = domicile.to_plan()
    scan = await best(lambda: site.auditor.run(LIMIT))
    scans = await best(lambda: site.auditor.run(BOTH))
    census = await best(lambda: take_census(domicile.sites, Joined(), lambda line: None))
    moves = await best(lambda: compare_days(network, ON, domicile.clock()))
    began = time.perf_counter()
    found = await make_plan(network, ON, domicile.clock())
    whole = time.perf_counter() - began
    moving = sum(planned.move.members for planned in found.moves)
    bases = {planned.held.basis for planned in found.moves if planned.held}
    print(
        f"{members:,} members; one grouped scan of claims {scan:.2f} s, of residents, claims and consents {scans:.2f} s"
    )
    print(f"census: {census:.2f} s, {census / scans:.1f} times the scans")
    print(f"census and law, who must move: {moves:.2f} s, {moves / scans:.1f} times the scans")
    print(f"whole plan: {whole:.1f} s; {moving:,} members in {len(found.moves)} moves, {found.rows:,} rows {bases}")


async def best(work: Callable[[], Awaitable[T]]) -> float:
    """The least seconds of some tries."""
    taken = []
    for _ in range(REPEAT):
        began = time.perf_counter()
        await work()
        taken.append(time.perf_counter() - began)
    return min(taken)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=1_000_000)
    asyncio.run(main(parser.parse_args().members))
