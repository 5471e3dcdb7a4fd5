"""`make_plan`: the census, the law on two days, what follows from the difference, and how long it would take."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial

import msgspec

from domicile.border.stats import read_stats
from domicile.database import Database
from domicile.errors import Unavailable
from domicile.ids import SiteName, country_of_site
from domicile.law.compiled import Law
from domicile.law.facts import Count, Operator
from domicile.law.policy import Policy
from domicile.placement.ownership import Ownership
from domicile.placement.sites import Site
from domicile.plan.census import Census, find_joined, take_census
from domicile.plan.copies import count_copies
from domicile.plan.crossings import find_crossings
from domicile.plan.days import Day, make_day, turning_days
from domicile.plan.homes import Fates, find_fates
from domicile.plan.matters import find_matters
from domicile.plan.moves import Move, find_conflicts, find_may_move, find_moves
from domicile.plan.options import Pricing, price_options
from domicile.plan.outlook import look_ahead
from domicile.plan.prices import Prices
from domicile.plan.proposals import find_proposals
from domicile.plan.report import Plan, SiteState
from domicile.plan.territory import find_territory
from domicile.plan.weighing import weigh_moves

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Network:
    """What a plan is made of: the sites, whose rows they hold, who runs them, and the packs that are live.

    `operator` is who they say they are, without papers and counts; `count` tells the counts on which packs turn.
    `capacity` is how many members a site is meant for, where somebody said so.
    """

    sites: Mapping[SiteName, Site]
    hub: Database
    ownership: Ownership
    law: Law
    policy: Policy
    operator: Operator
    count: Callable[[Law, Law], Awaitable[frozenset[Count]]]
    capacity: Mapping[SiteName, int]
    prices: Prices


def overlay(live: Law, tested: Law) -> Law:
    """The live packs, with those under test in the place of their namesakes."""
    return Law({**live.packs, **tested.packs})


@dataclass(frozen=True)
class Comparison:
    """The network as it stands under the law of two days."""

    since: date
    law: Law
    census: Census
    before: Day
    after: Day
    fates: Fates
    moves: list[Move]


async def compare_days(
    network: Network,
    on: date,
    now: datetime,
    tested: Law | None = None,
    progress: Progress = lambda line: None,
    collected: frozenset[str] | None = None,
) -> Comparison:
    """Who must move by `on`, compared with today; for a day in the past, with the day before it.

    Under the packs `tested`, if given, in the place of the live ones of the same jurisdictions, and if the network
    then collects these categories. Raises Unavailable when no site answers.
    """
    since = min(now.date(), on - timedelta(days=1))
    law = overlay(network.law, tested) if tested else network.law
    progress("Counting members at home, by what the law asks about …")
    census = await take_census(network.sites, find_joined((network.law, law)), progress)
    if not census.papers:
        raise Unavailable("no site answers, so that there is nothing to plan from")
    operator = msgspec.structs.replace(network.operator, counts=await network.count(network.law, law))
    then = operator if collected is None else msgspec.structs.replace(operator, collected=collected)

    def see(packs: Law, who: Operator, day: date) -> Day:
        return make_day(packs, day, network.policy, who, census)

    before, after, live = see(network.law, operator, since), see(law, then, on), see(network.law, operator, on)
    progress(f"Asking the law of {since} and of {on} about {len(census.groups)} groups …")
    fates = find_fates(census.groups, before, after, [*network.sites])
    turns = turning_days(law, network.operator, since, on)
    moves = find_moves(fates, [*network.sites], since, turns, partial(see, law, then), live)
    return Comparison(since, law, census, before, after, fates, moves)


async def make_plan(
    network: Network,
    on: date,
    now: datetime,
    tested: Law | None = None,
    progress: Progress = lambda line: None,
    collected: frozenset[str] | None = None,
) -> Plan:
    """What `on` asks of the network as it stands; see `compare_days`. Reads only. Raises Unavailable."""
    compared = await compare_days(network, on, now, tested, progress, collected)
    census, before, after, moves = compared.census, compared.before, compared.after, compared.moves
    isolated = frozenset(name for name, site in network.sites.items() if site.isolated)
    crossings = find_crossings(compared.fates, before, after, [*network.sites], isolated)
    countries = dict.fromkeys(site.country for site in network.sites.values())
    territory = find_territory(census, moves, countries, after.law)
    stats = await read_stats(network.sites, compared.law, after.operator, now, floor=0)
    outlook = look_ahead(before, after, census, territory, crossings, stats.nearness)
    planned = await weigh_moves(network.sites, network.hub, network.ownership, census.joined, moves, progress)
    pricing = Pricing(after, network.prices, now.date(), [*crossings])
    return Plan(
        since=compared.since,
        on=on,
        tested=tuple(tested.packs) if tested else (),
        newly_collected=tuple(sorted((collected or frozenset()) - (network.operator.collected or frozenset()))),
        sites=tuple(_site_states(network, census, moves)),
        silent=census.silent,
        members=sum(group.members for group in census.groups),
        moves=planned,
        may_move=tuple(find_may_move(compared.fates)),
        conflicts=tuple(find_conflicts(compared.fates)),
        proposed=tuple(await find_proposals(network.sites, network.ownership)),
        crossings=crossings,
        copies=await count_copies(network.sites, census, compared.fates, after),
        territory=territory,
        outlook=outlook,
        options=tuple(price_options(find_matters(planned, outlook.presence, territory), pricing)),
        prices=network.prices,
    )


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
