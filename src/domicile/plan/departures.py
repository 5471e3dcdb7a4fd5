"""Who would leave which site for which if a plan were carried out: members and not only counts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from domicile.ids import MemberId, SiteName, country_of_site
from domicile.plan.census import find_members
from domicile.plan.moves import Move
from domicile.plan.planning import Network, compare_days


@dataclass(frozen=True)
class Departure:
    """Members who are to leave one site for another, and why; `move` is what the plan says of them, if it does."""

    source: SiteName
    target: SiteName
    members: Sequence[MemberId]
    reason: str
    move: Move | None = None


async def plan_departures(
    network: Network,
    day: date,
    now: datetime,
    target: SiteName | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> tuple[list[Departure], list[Move]]:
    """Whoever the plan for this day says must move, to a site in the country it names (or only to `target`).

    Also the moves that have no such site.
    """
    found = await compare_days(network, day, now, progress=progress)
    departures, nowhere = [], []
    for move in found.moves:
        where = target if target and country_of_site(target) == move.country else move.target
        if where is None or (target is not None and where != target):
            nowhere.append(move)
            continue
        members = await find_members(network.sites[move.source], move.groups, found.census.joined)
        rules = ", ".join(f"{rule.act} {rule.article}" for rule in move.rules)
        departures.append(Departure(move.source, where, members, f"{rules} on {day}", move))
    return departures, nowhere
