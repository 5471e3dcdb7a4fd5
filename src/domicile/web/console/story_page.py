"""A story as it was told, as one page that needs nothing else: a map, and what happened day by day."""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from domicile.config import SiteConfig
from domicile.ids import SiteName
from domicile.web.console.plan_page import WEB, Arrow
from domicile.web.site.words import country_name
from domicile.web.world_map import Place, draw_land, draw_way, place_sites

WIDTH = 3.0


class Told(Protocol):
    """What is shown: a story as `stories.telling` tells it."""

    @property
    def title(self) -> str: ...
    @property
    def ok(self) -> bool: ...
    @property
    def steps(self) -> Sequence[object]: ...


@dataclass(frozen=True)
class Dot:
    """A site of the story's network."""

    place: Place
    label: str
    missing: bool = False


def render_story(told: Told, sites: Iterable[str], ways: Mapping[tuple[str, str], str]) -> str:
    """The whole page. `ways` are what went from site to site, in words."""
    environment = Environment(
        loader=FileSystemLoader(WEB / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["country"] = country_name
    style = "\n".join((WEB / "static" / name).read_text() for name in ("site.css", "plan.css"))
    dots = {place.site: Dot(place, place.site) for place in place_sites(tuple(SiteConfig(name=name) for name in sites))}
    return environment.get_template("story.html").render(
        told=told,
        style=Markup(style),  # noqa: S704 - our own file
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        land=draw_land(),
        dots=list(dots.values()),
        arrows=list(_arrows(dots, ways)),
    )


def _arrows(dots: Mapping[SiteName, Dot], ways: Mapping[tuple[str, str], str]) -> Iterator[Arrow]:
    for (source, target), words in ways.items():
        yield Arrow(draw_way(dots[SiteName(source)].place, dots[SiteName(target)].place), WIDTH, words)
