"""Who lives where: a believable mix of countries, in which friends often share one."""

from collections.abc import Collection, Sequence
from random import Random

from domicile.errors import InvalidInput
from domicile.ids import Country, SiteName, country_of_site
from domicile.network.seeding.graph import Graph

WEIGHTS = {Country("DE"): 0.24, Country("RU"): 0.22, Country("CN"): 0.26, Country("US"): 0.28}
OTHERS = 0.25  # the weight of a country that is not listed
TOGETHER = 0.55  # of all follows stay in a country, if that can be had
TRIES = 12  # a member
MOST_TRIES = 500_000


def share_out(count: int, sites: Sequence[SiteName]) -> list[SiteName]:
    """So many places at the sites, in proportion to their countries' weights and as mixed as can be."""
    countries = [country_of_site(site) for site in sites]
    weights = [WEIGHTS.get(country, OTHERS) / countries.count(country) for country in countries]
    given = [0] * len(sites)
    places = []
    for _ in range(count):
        poorest = min(range(len(sites)), key=lambda i: (given[i] + 1) / weights[i])
        given[poorest] += 1
        places.append(sites[poorest])
    return places


def house(graph: Graph, sites: Sequence[SiteName], chance: Random) -> list[SiteName]:
    """A home for every member of the graph. Two members change places when that leaves both among more friends."""
    order = list(dict.fromkeys(sites))
    homes = [order.index(site) for site in share_out(graph.size, order)]
    chance.shuffle(homes)
    near = [[0] * len(order) for _ in homes]  # friends by site
    for one, other in graph.follows:
        near[one][homes[other]] += 1
        near[other][homes[one]] += 1
    together = sum(homes[one] == homes[other] for one, other in graph.follows)
    for _ in range(min(TRIES * graph.size, MOST_TRIES)):
        if together >= TOGETHER * len(graph.follows):
            break
        one, other = chance.randrange(graph.size), chance.randrange(graph.size)
        here, there = homes[one], homes[other]
        if near[one][there] + near[other][here] > near[one][here] + near[other][there]:
            together += _move(graph, homes, near, one, there) + _move(graph, homes, near, other, here)
    return [order[home] for home in homes]


def _move(graph: Graph, homes: list[int], near: list[list[int]], member: int, to: int) -> int:
    """How many more follows stay in a country when a member lives elsewhere."""
    gain = near[member][to] - near[member][homes[member]]
    for friend in (*graph.following[member], *graph.followers[member]):
        near[friend][homes[member]] -= 1
        near[friend][to] += 1
    homes[member] = to
    return gain


def find_lodgers(
    homes: Sequence[SiteName], site: SiteName, count: int, chance: Random, others: Collection[int] = ()
) -> list[int]:
    """So many of those at home at a site, to live in another country: neighbours in the graph, who know each other."""
    here = [member for member, home in enumerate(homes) if home == site and member not in others]
    if not 0 <= count <= len(here):
        raise InvalidInput(f"{count} of {len(here)} members at home in {site} cannot live abroad")
    first = chance.randrange(len(here)) if here else 0
    return [here[(first + place) % len(here)] for place in range(count)]


def choose_demo(graph: Graph, homes: Sequence[SiteName], lodgers: Collection[int] = ()) -> dict[Country, int]:
    """In each country the member with the most ties who lives there, so that a demonstration has much to show."""
    best: dict[Country, int] = {}
    for member, site in enumerate(homes):
        if member in lodgers:
            continue
        country = country_of_site(site)
        if country not in best or _ties(graph, member) > _ties(graph, best[country]):
            best[country] = member
    return best


def _ties(graph: Graph, member: int) -> int:
    return len(graph.following[member]) + len(graph.followers[member])
