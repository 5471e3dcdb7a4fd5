"""The world with a dot for each site, in its country. `tools/make_map.mjs` makes the outlines."""

import re
from dataclasses import dataclass
from functools import cache
from math import hypot, radians
from pathlib import Path

import msgspec
import pycountry

from domicile.config import SiteConfig
from domicile.ids import Country, SiteName, country_of_site

SCALE, MIDDLE, EQUATOR = 170, 480, 262
STEP = 16.0
"""How far apart the dots of two sites of one country stand."""
BENT = 0.18
"""How far an arrow is bent, of its length."""
SHORT = 14
"""How far before the dot it ends, so that the arrowhead shows."""


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


def draw_way(a: Place, b: Place) -> str:
    """The path of an arrow from dot to dot, bent to the left of its way: one back does not cover it."""
    length = hypot(b.x - a.x, b.y - a.y) or 1.0
    x, y = (a.x + b.x) / 2 + (b.y - a.y) * BENT, (a.y + b.y) / 2 - (b.x - a.x) * BENT
    short = min(0.5, SHORT / length)
    return f"M{a.x},{a.y} Q{x:.1f},{y:.1f} {b.x + (x - b.x) * short:.1f},{b.y + (y - b.y) * short:.1f}"


def draw_land() -> str:
    """The path of all land."""
    found = re.search(r' d="([^"]+)"', (Path(__file__).parent / "static" / "world.svg").read_text())
    assert found is not None
    return found[1]


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
