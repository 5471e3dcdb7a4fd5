"""Who is to leave which site for which: members by name, or whoever a plan says must move."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from domicile.cli.output import err, find_member, say
from domicile.cli.plan import network_of
from domicile.errors import InvalidInput
from domicile.ids import MemberId, SiteName, country_of_site
from domicile.plan.census import find_members
from domicile.plan.moves import Move
from domicile.plan.planning import compare_days
from domicile.running import Domicile


@dataclass(frozen=True)
class Departure:
    """Members who are to leave one site for another, and why; `move` is what the plan says of them, if it does."""

    source: SiteName
    target: SiteName
    members: Sequence[MemberId]
    reason: str
    move: Move | None = None


async def find_departures(domicile: Domicile, named: list[str], day: date | None, to: str | None) -> list[Departure]:
    """These members, or whoever must move by a day. Raises InvalidInput for a site that is not there."""
    target = SiteName(to) if to else None
    if target is not None and target not in domicile.sites:
        raise InvalidInput(f"there is no site {target}; there are {', '.join(domicile.sites)}")
    if day is not None:
        return await _planned(domicile, day, target)
    assert target is not None
    members = [await find_member(domicile, text) for text in named]
    homes = await domicile.router.homes_of(members, ask_hub=True)
    sources = sorted({home.site for home in homes.values()} - {target})
    return [
        Departure(source, target, [m for m in members if homes[m].site == source], "asked for by the operator")
        for source in sources
    ]


async def _planned(domicile: Domicile, day: date, target: SiteName | None) -> list[Departure]:
    """Whoever the plan for this day says must move, to a site in the country it names (or only to `target`)."""
    found = await compare_days(network_of(domicile), day, domicile.clock(), progress=say)
    departures = []
    for move in found.moves:
        where = target if target and country_of_site(target) == move.country else move.target
        if where is None or (target is not None and where != target):
            err.print(f"{move.members} members at {move.source} must move to {move.country}: not to a site named here")
            continue
        members = await find_members(domicile.sites[move.source], move.groups, found.census.joined)
        rules = ", ".join(f"{rule.act} {rule.article}" for rule in move.rules)
        departures.append(Departure(move.source, where, members, f"{rules} on {day}", move))
    return departures
