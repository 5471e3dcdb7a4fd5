"""Moves with what they carry and how long that would take."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from domicile.database import Database
from domicile.ids import SiteName
from domicile.placement.ownership import Ownership
from domicile.placement.sites import Site
from domicile.plan.census import Joined
from domicile.plan.holdings import Held, find_holdings
from domicile.plan.moves import Move
from domicile.plan.speed import Estimate, estimate_moves


@dataclass(frozen=True)
class PlannedMove:
    """A move with what it carries and how long it would take. `held` None: the site fell silent meanwhile."""

    move: Move
    held: Held | None
    estimate: Estimate


async def weigh_moves(
    sites: Mapping[SiteName, Site],
    hub: Database,
    ownership: Ownership,
    joined: Joined,
    moves: Sequence[Move],
    progress: Callable[[str], None],
) -> tuple[PlannedMove, ...]:
    """Rows, bytes and time of every move."""
    if not moves:
        return ()
    progress(f"Counting the rows of {sum(move.members for move in moves):,} members who would move …")
    held = await find_holdings(sites, ownership, joined, moves)
    progress("Measuring how fast rows go from site to site …")
    estimates = await estimate_moves(sites, hub, moves, held)
    return tuple(map(PlannedMove, moves, held, estimates))
