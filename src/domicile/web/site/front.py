"""The front page: what this is, where the sites stand, how to try it, and what is being said."""

import importlib
import time
from dataclasses import dataclass
from typing import Any

from litestar import Response, get

from domicile.ids import SiteName
from domicile.network.timelines import make_bounds
from domicile.web.site.page import AnyRequest, open_page
from domicile.web.site.world_map import Place, place_sites
from domicile.wiring import Domicile

FEWEST_TOLD = 50
COUNT_EVERY_S = 60.0
EXCERPT = 5


@dataclass(frozen=True, slots=True)
class Standing:
    """A site on the front page, and how many members live there in words; few are never counted exactly."""

    place: Place
    members: str


_counted: dict[tuple[int, SiteName], tuple[float, str]] = {}


@get("/", include_in_schema=False)
async def show_front(request: AnyRequest) -> Response[str]:
    page = await open_page(request)
    domicile = page.domicile
    timeline = await domicile.timelines.public(make_bounds(EXCERPT), reader=None)
    standings = [
        Standing(place, await _members_at(domicile, place.site)) for place in place_sites(domicile.config.sites)
    ]
    return page.render("front.html", timeline=timeline, standings=standings, demo=_demo(domicile))


async def _members_at(domicile: Domicile, name: SiteName) -> str:
    """How many members live at a site, counted at most once a minute."""
    key = (id(domicile), name)
    known = _counted.get(key)
    if known is not None and time.monotonic() - known[0] < COUNT_EVERY_S:
        return known[1]
    words = await _count(domicile, name)
    _counted[key] = (time.monotonic(), words)
    return words


async def _count(domicile: Domicile, name: SiteName) -> str:
    site = domicile.sites.get(name)
    if site is None:
        return "not counted here"
    rows = await site.app.run("SELECT count(*) AS n FROM resident WHERE state IN ('home', 'leaving')")
    return members_in_words(int(rows[0].n))


def members_in_words(count: int) -> str:
    """`fewer than 50 members`: a small number says too much about the few."""
    return f"{count:,} members" if count >= FEWEST_TOLD else f"fewer than {FEWEST_TOLD} members"


def _demo(domicile: Domicile) -> Any:
    """The made-up members to log in with, only where this is a demonstration and they were seeded."""
    if not domicile.config.demo:
        return None
    try:
        return importlib.import_module("domicile.network.demo")
    except ModuleNotFoundError:
        return None
