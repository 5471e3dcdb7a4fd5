"""The front page: what this is, where the sites stand, how to try it, and what is being said."""

import time
from dataclasses import dataclass

from litestar import Response, get

from domicile.errors import NotFound, Unavailable
from domicile.ids import Country
from domicile.network.demo import DEMO_HANDLES, DEMO_PASSWORD
from domicile.network.size import Size, count_sites
from domicile.network.timelines import make_bounds
from domicile.running import Domicile
from domicile.web.site.page import AnyRequest, open_page
from domicile.web.world_map import Place, place_sites

FEWEST_TOLD = 50
LOOK_EVERY_S = 60.0
EXCERPT = 5


@dataclass(frozen=True, slots=True)
class Standing:
    """A site on the front page, and how many members live there in words; few are never counted exactly."""

    place: Place
    members: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What changes slowly, looked up at most once a minute. `demo`: made-up members to log in as, by country."""

    looked_at: float
    standings: list[Standing]
    demo: dict[Country, str]


@get("/", include_in_schema=False)
async def show_front(request: AnyRequest) -> Response[str]:
    page = await open_page(request)
    timeline = await page.domicile.timelines.public(make_bounds(EXCERPT), reader=None)
    return page.render("front.html", timeline=timeline, facts=await _facts(request), demo_password=DEMO_PASSWORD)


async def _facts(request: AnyRequest) -> Facts:
    known: Facts | None = request.app.state.get("front")
    if known is None or time.monotonic() - known.looked_at > LOOK_EVERY_S:
        known = request.app.state["front"] = await _look(request.app.state.domicile)
    return known


async def _look(domicile: Domicile) -> Facts:
    sizes = await count_sites(domicile.router)
    standings = [Standing(place, _in_words(sizes.get(place.site))) for place in place_sites(domicile.config.sites)]
    demo = await _find_demo(domicile) if domicile.config.demo else {}
    return Facts(time.monotonic(), standings, demo)


def _in_words(size: Size | None) -> str:
    return "does not answer now" if size is None else members_in_words(size.members)


def members_in_words(count: int) -> str:
    """`fewer than 50 members`: a small number says too much about the few."""
    return f"{count:,} members" if count >= FEWEST_TOLD else f"fewer than {FEWEST_TOLD} members"


async def _find_demo(domicile: Domicile) -> dict[Country, str]:
    """The made-up members that were seeded; none in a network without them."""
    found = {}
    for country, handle in DEMO_HANDLES.items():
        try:
            await domicile.members.find_by_handle(handle)
        except (NotFound, Unavailable):
            continue
        found[country] = handle
    return found
