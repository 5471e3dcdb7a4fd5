"""`make_plan`: the census, the law on two days, what follows from the difference, and how long it would take."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import chain

import msgspec

from domicile.border.safeguards import read_on_file
from domicile.border.stats import read_stats
from domicile.database import Database
from domicile.errors import Unavailable
from domicile.ids import SiteName, country_of_site
from domicile.law.compiled import Law
from domicile.law.facts import Count, Operator
from domicile.law.policy import Policy
from domicile.placement.ownership import Ownership
from domicile.placement.sites import Site
from domicile.plan.ahead import find_expiring, find_near
from domicile.plan.census import Census, find_joined, take_census
from domicile.plan.changes import find_changes, find_waiting
from domicile.plan.crossings import find_crossings
from domicile.plan.days import Day, make_day, turning_days
from domicile.plan.duties import find_filings, find_presence
from domicile.plan.holdings import find_holdings
from domicile.plan.homes import find_fates
from domicile.plan.moves import Move, find_conflicts, find_may_move, find_moves
from domicile.plan.report import Copies, Plan, PlannedMove, SiteState
from domicile.plan.speed import estimate_moves
from domicile.plan.territory import find_territory

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Network:
    """What a plan is made of: the sites, whose rows they hold, who runs them, and the packs that are live.

    `operator` is who they say they are, without papers and counts; `count` tells the counts on which these packs turn.
    `capacity` is how many members a site is meant for, where somebody said so.
    """

    sites: Mapping[SiteName, Site]
    hub: Database
    ownership: Ownership
    law: Law
    policy: Policy
    operator: Operator
    count: Callable[[Law], Awaitable[frozenset[Count]]]
    capacity: Mapping[SiteName, int]


def overlay(live: Law, tested: Law) -> Law:
    """The live packs, with those under test in the place of their namesakes."""
    return Law({**live.packs, **tested.packs})


async def make_plan(
    network: Network, on: date, now: datetime, tested: Law | None = None, progress: Progress = lambda line: None
) -> Plan:
    """What `on` asks of the network as it stands, compared with today; of a day in the past, with the day before it.

    Under the packs `tested`, if given, in the place of the live ones of the same jurisdictions. Reads only. Raises
    Unavailable when no site answers.
    """
    since = min(now.date(), on - timedelta(days=1))
    law = overlay(network.law, tested) if tested else network.law
    progress("Counting members at home, by what the law asks about …")
    census = await take_census(network.sites, find_joined((network.law, law)), progress)
    if not census.papers:
        raise Unavailable("no site answers, so that there is nothing to plan from")
    eyes = _Eyes(network, census, {packs: await network.count(packs) for packs in (network.law, law)})
    before, after = eyes.see(network.law, since), eyes.see(law, on)
    progress(f"Asking the law of {since} and of {on} about {len(census.groups)} groups …")
    fates = find_fates(census.groups, before, after, [*network.sites])
    turns = turning_days(law, network.operator, since, on)
    live = eyes.see(network.law, on)
    moves = find_moves(fates, [*network.sites], since, turns, lambda day: eyes.see(law, day), live)
    isolated = frozenset(name for name, site in network.sites.items() if site.isolated)
    crossings = find_crossings(fates, before, after, [*network.sites], isolated)
    countries = dict.fromkeys(site.country for site in network.sites.values())
    territory = find_territory(census, moves, countries, after.law)
    stats = await read_stats(network.sites, law, after.operator, now, floor=0)
    papers = [paper for name, rows in census.papers.items() for paper in read_on_file(name, rows, after.law)]
    lacking = [{lack.what for lack in crossing.missing} for crossing in crossings if crossing.change == "refused"]
    return Plan(
        since=since,
        on=on,
        tested=tuple(tested.packs) if tested else (),
        sites=tuple(_site_states(network, census, moves)),
        silent=census.silent,
        members=sum(group.members for group in census.groups),
        moves=await _weigh(network, census, moves, progress),
        may_move=tuple(find_may_move(fates)),
        conflicts=tuple(find_conflicts(fates)),
        crossings=crossings,
        copies=Copies(),
        territory=territory,
        changes=tuple(find_changes(before, after, territory.jurisdictions)),
        presence=tuple(find_presence(before, after, territory.jurisdictions)),
        filings=tuple(find_filings(before, after, sorted(territory.exporting))),
        expiring=tuple(find_expiring(papers, before, after, chain.from_iterable(lacking))),
        near=tuple(find_near(stats.nearness, after, territory.jurisdictions)),
        waiting=tuple(find_waiting(after, territory.jurisdictions)),
    )


@dataclass(frozen=True)
class _Eyes:
    """Any day as the network stands now, under any of the packs whose counts are known."""

    network: Network
    census: Census
    counts: Mapping[Law, frozenset[Count]]

    def see(self, packs: Law, day: date) -> Day:
        operator = msgspec.structs.replace(self.network.operator, counts=self.counts[packs])
        return make_day(packs, day, self.network.policy, operator, self.census)


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
