"""How long the moves would take: from the last move measured between two sites, else from a probe.

A probe copies 10,000 made-up rows, as wide as the members' own, out of one site and into a temporary table at the
other, through this process, as a move would. Where the target does not exist yet, both ends are the source.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from domicile.database import Database
from domicile.errors import Unavailable
from domicile.ids import SiteName
from domicile.placement.sites import Site
from domicile.plan.holdings import Held
from domicile.plan.moves import Move

PROBED = 10_000
WIDEST = 8_000
"""Bytes; wider values would be stored out of line, unlike a usual row."""

Basis = Literal["measured", "probe", "unknown", "nothing to move"]

_ROWS = """SELECT g::bigint, g::bigint * 65536, repeat('x', %s) FROM generate_series(1, %s) g"""
_TABLE = """CREATE TEMPORARY TABLE probe (owner bigint, number bigint, words text, PRIMARY KEY (owner, number))
  ON COMMIT DROP"""
_MEASURED = """SELECT rows / seconds AS rows, greatest(bytes, 1) / seconds AS bytes FROM move_rate
WHERE source = %s AND target = %s ORDER BY measured_at DESC LIMIT 1"""


@dataclass(frozen=True)
class Rate:
    """Rows and bytes a second between two sites."""

    rows: float
    bytes: float
    basis: Basis


@dataclass(frozen=True)
class Estimate:
    """Seconds for one move; `basis` says whence the rate comes. None: it could not be found out."""

    seconds: float | None
    rate: Rate | None


async def estimate_moves(
    sites: Mapping[SiteName, Site], hub: Database, moves: Sequence[Move], held: Sequence[Held | None]
) -> list[Estimate]:
    """The time of each move, one after another."""
    rates: dict[tuple[SiteName, SiteName], Rate | None] = {}
    estimates = []
    for move, found in zip(moves, held, strict=True):
        pair = (move.source, move.target or move.source)
        if pair not in rates:
            rates[pair] = await _find_rate(sites, hub, pair, found)
        rate = rates[pair]
        seconds = found.rows / rate.rows + found.file_bytes / rate.bytes if rate and found else None
        estimates.append(Estimate(seconds, rate))
    return estimates


async def _find_rate(
    sites: Mapping[SiteName, Site], hub: Database, pair: tuple[SiteName, SiteName], held: Held | None
) -> Rate | None:
    try:
        measured = await hub.run(_MEASURED, pair)
        if measured:
            return Rate(measured[0].rows, measured[0].bytes, "measured")
    except Unavailable:
        pass  # a hub that does not answer leaves the probe
    width = min(WIDEST, held.bytes // held.rows) if held and held.rows else 100
    try:
        return await probe(sites[pair[0]], sites[pair[1]], width)
    except Unavailable:
        return None


async def probe(source: Site, target: Site, width: int) -> Rate:
    """Copy made-up rows of this many bytes. Raises Unavailable."""
    async with (
        source.importer.transaction("BEGIN READ ONLY") as reading,
        target.importer.transaction() as writing,
    ):
        await writing.execute(_TABLE)
        began = time.perf_counter()
        passed = await reading.copy_to(_ROWS, writing, "COPY probe", (max(1, width), PROBED))
        took = time.perf_counter() - began
    return Rate(PROBED / took, passed / took, "probe")
