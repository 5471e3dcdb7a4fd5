"""A plan as one page that needs nothing else: no script, nothing fetched, its only style allowed by its hash."""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from math import log10
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from domicile.config import SiteConfig
from domicile.ids import Country, SiteName
from domicile.law.finding import named
from domicile.plan.condensed import condense
from domicile.plan.options import Option
from domicile.plan.report import NOTE, Plan
from domicile.plan.words import in_bytes, in_money, in_time
from domicile.web.site.words import country_name
from domicile.web.world_map import Place, draw_land, draw_way, place_sites

WEB = Path(__file__).parent.parent


@dataclass(frozen=True)
class Dot:
    """A site on the map, or a country in which one is missing."""

    place: Place
    label: str
    missing: bool
    members: str


@dataclass(frozen=True)
class Arrow:
    """Members who move from dot to dot; `width` grows with how many."""

    path: str
    width: float
    words: str


@dataclass(frozen=True)
class Bar:
    """An option's money on the scale of its jurisdiction, from 0 to 100: `certain` up to low and high, and the risk."""

    option: Option
    low: float
    high: float
    risk: float
    costs: str
    risks: str


@dataclass(frozen=True)
class Day:
    """One day of the calendar and what falls on it."""

    day: date
    place: str
    what: str
    rule: str
    kind: str


def render_plan(plan: Plan, sites: tuple[SiteConfig, ...], title: str) -> str:
    """The whole page. `sites` say where the dots stand."""
    environment = Environment(
        loader=FileSystemLoader(WEB / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {
        "bytes": in_bytes,
        "time": in_time,
        "money": in_money,
        "country": country_name,
        "lack": named,
    }
    style = "\n".join((WEB / "static" / name).read_text() for name in ("site.css", "plan.css"))
    dots = _dots(plan, sites)
    return environment.get_template("plan.html").render(
        plan=plan,
        title=title,
        note=NOTE,
        style=Markup(style),  # noqa: S704 - our own file
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        land=draw_land(),
        dots=list(dots.values()),
        arrows=list(_arrows(plan, dots)),
        crossings=condense(plan.crossings),
        matters=[
            (place, _bars([*found])) for place, found in groupby(plan.options, lambda option: option.jurisdiction)
        ],
        calendar=sorted(_calendar(plan), key=lambda entry: (entry.day, entry.place, entry.rule)),
    )


def _dots(plan: Plan, sites: tuple[SiteConfig, ...]) -> dict[SiteName | Country, Dot]:
    """A dot for each site, and for each country that would need one, by site or else by country."""
    wanted = [state for state in plan.sites if state.missing]
    drawn = place_sites((*sites, *(SiteConfig(name=f"{state.country.lower()}-1") for state in wanted)))
    members = {state.site or state.country: state.members for state in plan.sites}
    dots: dict[SiteName | Country, Dot] = {}
    for place in drawn[: len(sites)]:
        here = members.get(place.site)
        dots[place.site] = Dot(place, place.site, False, "does not answer" if here is None else f"{here:,} members")
    for place, state in zip(drawn[len(sites) :], wanted, strict=True):
        dots[state.country] = Dot(place, f"{state.country} ?", True, f"{state.members_after:,} members would come")
    return dots


def _arrows(plan: Plan, dots: Mapping[SiteName | Country, Dot]) -> Iterable[Arrow]:
    most = max((planned.move.members for planned in plan.moves), default=1)
    for planned in plan.moves:
        move = planned.move
        a, b = dots[move.source].place, dots[move.target or move.country].place
        width = 1.5 + 3 * log10(1 + move.members) / log10(1 + most)
        words = f"{move.members:,} members from {move.source} to {move.target or move.country}"
        yield Arrow(draw_way(a, b), round(width, 1), words)


def _bars(options: list[Option]) -> list[Bar]:
    totals = {option: (option.total(certain=True), option.total(certain=False)) for option in options}
    scale = max((cost.high + risk.high for cost, risk in totals.values()), default=0) or 1.0
    return [
        Bar(
            option,
            round(100 * cost.low / scale, 2),
            round(100 * cost.high / scale, 2),
            round(100 * (cost.high + risk.high) / scale, 2),
            _span(option, certain=True),
            _span(option, certain=False),
        )
        for option, (cost, risk) in totals.items()
    ]


def _span(option: Option, *, certain: bool) -> str:
    total, whole = option.total(certain=certain), option.added_up(certain=certain)
    if not whole and total.high == 0:
        return "not known"
    low, high = in_money(total.low), in_money(total.high)
    return (low if low == high else f"{low} to {high}") + ("" if whole else " and more")


def _calendar(plan: Plan) -> Iterable[Day]:
    outlook = plan.outlook
    for planned in plan.moves:
        move = planned.move
        where = move.target or f"a site in {move.country} that is missing"
        rules = ", ".join(rule.rule for rule in move.rules)
        yield Day(move.due, move.country, f"{move.members:,} members of {move.source} belong to {where}", rules, "move")
    for duty in outlook.presence:
        if duty.due and duty.state != "shown" and duty.binds == "binds":
            yield Day(duty.due, duty.citation.jurisdiction, f"Due: {duty.duty}", duty.citation.rule, "duty")
    for filing in outlook.filings:
        if not filing.on_file:
            what = f"Due: file {filing.paper}, {filing.within}"
            yield Day(filing.due, filing.citation.jurisdiction, what, filing.citation.rule, "duty")
    for change in (*outlook.rules, *outlook.clocks):
        if change.binds != "does not bind":
            what = f"{change.kind} {change.what}: {'; '.join(change.words)}"
            yield Day(change.on, change.citation.jurisdiction, what, change.citation.rule, "rule")
    for expiring in outlook.expiring:
        paper = expiring.paper
        what = f"Last day of {paper.name} at {paper.site}"
        yield Day(expiring.last_day, paper.safeguard.exporter, what, ", ".join(expiring.rules), "paper")
