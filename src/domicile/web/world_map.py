"""The world with a dot for each site, in its country. `tools/make_map.mjs` makes the outlines."""

from dataclasses import dataclass
from functools import cache
from math import radians
from pathlib import Path

import msgspec
import pycountry

from domicile.config import SiteConfig
from domicile.ids import Country, SiteName, country_of_site

SCALE, MIDDLE, EQUATOR = 170, 480, 262
STEP = 16.0
"""How far apart the dots of two sites of one country stand."""


@dataclass(frozen=True, slots=True)
class Place:
    """A site on the map: its dot, and its country's outline (None: too small to draw)."""

    site: SiteName
    country: Country
    x: float
    y: float
    outline: str | None


def place_sites(sites: tuple[SiteConfig, ...]) -> list[Place]:
    """Where each site's dot stands: at its own coordinates, else in the middle of its country."""
    placed: list[Place] = []
    for site in sites:
        name = SiteName(site.name)
        country = country_of_site(name)
        land = _find_land(country)
        beside = sum(place.country == country for place in placed)
        known = site.longitude is not None and site.latitude is not None
        x, y = project(site.longitude or 0.0, site.latitude or 0.0) if known else project(*land.at)
        placed.append(Place(name, country, round(x + (0 if known else beside * STEP), 1), round(y, 1), land.outline))
    return placed


def project(longitude: float, latitude: float) -> tuple[float, float]:
    """Natural Earth I (Patterson, Savric, Jenny 2011), as d3-geo draws it on 960 x 480."""
    a, b = radians(longitude), radians(latitude)
    square = b * b
    fourth = square * square
    across = a * (0.8707 - 0.131979 * square + fourth * (-0.013791 + fourth * (0.003971 * square - 0.001529 * fourth)))
    up = b * (1.007226 + square * (0.015085 + fourth * (-0.044475 + 0.028874 * square - 0.005916 * fourth)))
    return MIDDLE + SCALE * across, EQUATOR - SCALE * up


class Land(msgspec.Struct):
    """A country's middle (longitude, latitude), and its outline if it is large enough to draw."""

    at: tuple[float, float] = (0.0, 0.0)
    outline: str | None = None


@cache
def _world() -> dict[str, Land]:
    """Every country by its number (ISO 3166-1 numeric)."""
    return msgspec.json.decode(Path(__file__).with_name("world.json").read_bytes(), type=dict[str, Land])


def _find_land(country: Country) -> Land:
    record = pycountry.countries.get(alpha_2=country)
    return _world().get(record.numeric, Land()) if record else Land()
