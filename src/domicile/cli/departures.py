"""Who is to leave which site for which: members by name, or whoever a plan says must move."""

from datetime import date

from domicile.cli.output import err, find_member, say
from domicile.errors import InvalidInput
from domicile.ids import SiteName
from domicile.plan.departures import Departure, plan_departures
from domicile.running import Domicile


async def find_departures(domicile: Domicile, named: list[str], day: date | None, to: str | None) -> list[Departure]:
    """These members, or whoever must move by a day. Raises InvalidInput for a site that is not there."""
    target = SiteName(to) if to else None
    if target is not None and target not in domicile.sites:
        raise InvalidInput(f"there is no site {target}; there are {', '.join(domicile.sites)}")
    if day is not None:
        found, nowhere = await plan_departures(domicile.to_plan(), day, domicile.clock(), target, say)
        for move in nowhere:
            err.print(f"{move.members} members at {move.source} must move to {move.country}: not to a site named here")
        return found
    assert target is not None
    members = [await find_member(domicile, text) for text in named]
    homes = await domicile.router.homes_of(members, ask_hub=True)
    sources = sorted({home.site for home in homes.values()} - {target})
    return [
        Departure(source, target, [m for m in members if homes[m].site == source], "asked for by the operator")
        for source in sources
    ]
