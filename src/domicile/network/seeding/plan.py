"""Who lives where: a believable mix of countries, in which neighbours often share one."""

from collections.abc import Sequence
from random import Random

from domicile.ids import Country, SiteName, country_of_site
from domicile.network.seeding.graph import Graph

WEIGHTS = {Country("DE"): 0.24, Country("RU"): 0.22, Country("CN"): 0.26, Country("US"): 0.28}
OTHERS = 0.25  # the weight of a country that is not listed
NEIGHBOURHOOD = 25
LOYALTY = 0.7  # how many live in the country of their neighbourhood


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
    """A home for every member of the graph."""
    neighbourhoods = share_out(-(-graph.size // NEIGHBOURHOOD), sites)
    chance.shuffle(neighbourhoods)
    homes = share_out(graph.size, sites)
    chance.shuffle(homes)  # for those who live elsewhere
    for place, member in enumerate(graph.reach):
        if chance.random() < LOYALTY:
            homes[member] = neighbourhoods[place // NEIGHBOURHOOD]
    return homes


def choose_demo(graph: Graph, homes: Sequence[SiteName]) -> dict[Country, int]:
    """In each country the member with the most ties, so that a demonstration has much to show."""
    best: dict[Country, int] = {}
    for member, site in enumerate(homes):
        country = country_of_site(site)
        if country not in best or _ties(graph, member) > _ties(graph, best[country]):
            best[country] = member
    return best


def _ties(graph: Graph, member: int) -> int:
    return len(graph.following[member]) + len(graph.followers[member])
