"""The law packs, rule by rule, and what this network cannot prove. Never a word of compliance (rule 15)."""

from dataclasses import dataclass
from datetime import date

from litestar import Response, get
from litestar.params import FromPath

from domicile.errors import NotFound
from domicile.ids import Country
from domicile.law.pack import Pack
from domicile.web.site.page import AnyRequest, open_page


@dataclass(frozen=True, slots=True)
class Listed:
    """A pack, and how many of its rules were checked against a text."""

    pack: Pack
    checked: int

    @property
    def rules(self) -> int:
        return len(self.pack.rule)


@get("/law", include_in_schema=False)
async def show_law(request: AnyRequest) -> Response[str]:
    page = await open_page(request)
    return page.render("law.html", packs=[_listed(pack) for pack in page.domicile.law.packs.values()])


@get("/law/{code:str}", include_in_schema=False)
async def show_pack(request: AnyRequest, code: FromPath[str]) -> Response[str]:
    """Every rule of one pack: in force today, not yet or dormant, and no longer."""
    page = await open_page(request)
    pack = page.domicile.law.packs.get(Country(code.upper()))
    if pack is None:
        raise NotFound("no pack for this country", "There is no law pack for this country here.")
    today = page.domicile.clock().date()
    rules = sorted(pack.rule, key=lambda rule: (rule.kind_name, rule.id, rule.valid_from or date.max))
    titles = {0: "In force today", 1: "Not in force yet, or dormant", -1: "No longer in force"}
    groups = [
        (title, [rule for rule in rules if _stands(rule.valid_from, rule.valid_to, today) == when])
        for when, title in titles.items()
    ]
    return page.render("pack.html", listed=_listed(pack), pack=pack, groups=groups, today=today)


@get("/about", include_in_schema=False)
async def show_about(request: AnyRequest) -> Response[str]:
    page = await open_page(request)
    return page.render("about.html")


def _listed(pack: Pack) -> Listed:
    return Listed(pack, sum(rule.citation.verified and not rule.unverified for rule in pack.rule))


def _stands(start: date | None, end: date | None, today: date) -> int:
    """0 in force, 1 still to come (or without a date), -1 over."""
    if start is None or start > today:
        return 1
    return -1 if end is not None and end < today else 0
