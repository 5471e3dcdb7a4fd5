"""`make_plan`: the census, the law on two days, what follows from the difference, and how long it would take."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from domicile.database import Database
from domicile.errors import Unavailable
from domicile.ids import SiteName, country_of_site
from domicile.law.compiled import Law
from domicile.law.facts import Operator
from domicile.law.policy import Policy
from domicile.placement.ownership import Ownership
from domicile.placement.sites import Site
from domicile.plan.census import Census, find_joined, take_census
from domicile.plan.crossings import find_crossings
from domicile.plan.days import Day, make_day, turning_days
from domicile.plan.holdings import find_holdings
from domicile.plan.homes import find_fates
from domicile.plan.moves import Move, find_conflicts, find_may_move, find_moves
from domicile.plan.report import Copies, Plan, PlannedMove, SiteState
from domicile.plan.speed import estimate_moves

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Network:
    """What a plan is made of: the sites, whose rows they hold, who runs them, and the packs that are live.

    `capacity` is how many members a site is meant for, where somebody said so.
    """

    sites: Mapping[SiteName, Site]
    hub: Database
    ownership: Ownership
    law: Law
    policy: Policy
    operator: Operator
    capacity: Mapping[SiteName, int]


def overlay(live: Law, tested: Law) -> Law:
    """The live packs, with those under test in the place of their namesakes."""
    return Law({**live.packs, **tested.packs})


async def make_plan(
    network: Network, on: date, today: date, tested: Law | None = None, progress: Progress = lambda line: None
) -> Plan:
    """What `on` asks of the network as it stands, compared with today; of a day in the past, with the day before it.

    Under the packs `tested`, if given, in the place of the live ones of the same jurisdictions. Reads only. Raises
    Unavailable when no site answers.
    """
    since = min(today, on - timedelta(days=1))
    law = overlay(network.law, tested) if tested else network.law
    progress("Counting members at home, by what the law asks about …")
    census = await take_census(network.sites, find_joined((network.law, law)), progress)
    if not census.papers:
        raise Unavailable("no site answers, so that there is nothing to plan from")

    def as_of(day: date, packs: Law = law) -> Day:
        return make_day(packs, day, network.policy, network.operator, census)

    before, after = as_of(since, network.law), as_of(on)
    progress(f"Asking the law of {since} and of {on} about {len(census.groups)} groups …")
    fates = find_fates(census.groups, before, after, [*network.sites])
    turns = turning_days(law, network.operator, since, on)
    moves = find_moves(fates, [*network.sites], since, turns, as_of, as_of(on, network.law))
    isolated = frozenset(name for name, site in network.sites.items() if site.isolated)
    crossings = find_crossings(fates, before, after, [*network.sites], isolated)
    planned = await _weigh(network, census, moves, progress)
    return Plan(
        since=since,
        on=on,
        tested=tuple(tested.packs) if tested else (),
        sites=tuple(_site_states(network, census, moves)),
        silent=census.silent,
        members=sum(group.members for group in census.groups),
        moves=planned,
        may_move=tuple(find_may_move(fates)),
        conflicts=tuple(find_conflicts(fates)),
        crossings=crossings,
        copies=Copies(),
    )


async def _weigh(network: Network, census: Census, moves: list[Move], progress: Progress) -> tuple[PlannedMove, ...]:
    """Rows, bytes and time of every move."""
    if not moves:
        return ()
    progress(f"Counting the rows of {sum(move.members for move in moves):,} members who would move …")
    held = await find_holdings(network.sites, network.ownership, census.joined, moves)
    progress("Measuring how fast rows go from site to site …")
    estimates = await estimate_moves(network.sites, network.hub, moves, held)
    return tuple(map(PlannedMove, moves, held, estimates))


def _site_states(network: Network, census: Census, moves: list[Move]) -> Iterable[SiteState]:
    for name in network.sites:
        country, capacity = country_of_site(name), network.capacity.get(name)
        if name in census.silent:
            yield SiteState(name, country, None, None, capacity)
            continue
        gone = sum(move.members for move in moves if move.source == name)
        come = sum(move.members for move in moves if move.target == name)
        members = census.members(name)
        yield SiteState(name, country, members, members - gone + come, capacity)
    for country in dict.fromkeys(move.country for move in moves if move.target is None):
        come = sum(move.members for move in moves if move.target is None and move.country == country)
        yield SiteState(None, country, 0, come)
