"""A member's own settings, consents, and where their data lives and may go."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from litestar import Response, get, post
from litestar.response import Redirect

from domicile.border.explanation import Explanation, explain_member
from domicile.errors import InvalidFields, InvalidInput
from domicile.ids import Country, SiteName, country_of_site, parse_number
from domicile.law.decision import Citation, Decision
from domicile.law.explain import who_can_compel
from domicile.law.facts import Act, Person
from domicile.law.signup import ConsentAsked, decide_signup
from domicile.network.forms import WORDING
from domicile.network.media import AVATAR, HEADER
from domicile.network.profiles import Own, ProfileChange
from domicile.placement.residue import list_told
from domicile.placement.whereabouts import CopyAbroad, list_copies
from domicile.web.site.page import AnyRequest, Fields, Form, Page, open_page, redirect
from domicile.web.site.words import countries, reader_locale


@dataclass(frozen=True, slots=True)
class Destination:
    """What of a member may be shown in one country today, and why or why not."""

    country: Country
    answers: list[tuple[str, Decision]]
    kept: list[tuple[str, Decision]]


@dataclass(frozen=True, slots=True)
class CopiesThere:
    """Copies of one kind that one site holds under one licence. `wanted_back`: recalled, and not yet gone."""

    site: SiteName
    country: Country
    view: str
    sections: tuple[str, ...]
    rules: tuple[str, ...]
    wanted_back: bool
    count: int
    until: datetime


@get("/settings", include_in_schema=False)
async def show_settings(request: AnyRequest) -> Response[str]:
    page = await open_page(request)
    return await _settings(page, saved=page.query("saved") == "1")


@post("/settings", include_in_schema=False)
async def change_settings(request: AnyRequest) -> Response[str] | Redirect:
    """Change the profile; if one field is wrong, nothing is changed."""
    page = await open_page(request)
    member = page.require_member()
    form = await page.form(most_bytes=2 * page.domicile.config.limits.media_bytes)
    change = ProfileChange(
        display_name=form.text("display_name"),
        note=form.text("note"),
        locked=form.ticked("locked"),
        discoverable=form.ticked("discoverable"),
        show_country=form.ticked("show_country"),
    )
    try:
        change.avatar = await _portrait(page, form, "avatar", AVATAR)
        change.header = await _portrait(page, form, "header", HEADER)
        await page.domicile.profiles.change(member, change)
    except InvalidFields as error:
        wrong = {name: [sentence for _, sentence in found] for name, found in error.fields.items()}
        return await _settings(page, form=form, errors=wrong, status=422)
    return redirect("/settings?saved=1")


@post("/settings/consents", include_in_schema=False)
async def change_consent(request: AnyRequest) -> Redirect:
    """Give or withdraw one consent, in the wording shown."""
    page = await open_page(request)
    member = page.require_member()
    form = await page.form()
    if form.ticked("give"):
        await page.domicile.members.give_consent(member, form.text("kind"))
    else:
        await page.domicile.members.withdraw_consent(member, form.text("kind"))
    return redirect("/settings?saved=1#consents")


@get("/settings/data", include_in_schema=False)
async def show_data(request: AnyRequest) -> Response[str]:
    """Where this member's data lives, by whose law, and which countries it may be shown in today."""
    page = await open_page(request)
    return await _show_data(page)


@post("/settings/data/declaration", include_in_schema=False)
async def correct_declaration(request: AnyRequest) -> Response[str] | Redirect:
    """Declare another country's law; nothing moves, but a relocation may be proposed."""
    page = await open_page(request)
    member = page.require_member()
    form = await page.form()
    try:
        await page.domicile.declarations.correct(member, form.text("country"), form.text("citizenship"))
    except InvalidFields as error:
        return await _show_data(page, {name: [said for _, said in wrong] for name, wrong in error.fields.items()}, 422)
    return redirect("/settings/data?saved=1#proposals")


@post("/settings/data/decline", include_in_schema=False)
async def decline_proposal(request: AnyRequest) -> Redirect:
    """Say no to a proposed relocation."""
    page = await open_page(request)
    member = page.require_member()
    form = await page.form()
    await page.domicile.declarations.decline(member, parse_number(form.text("proposal")) or 0)
    return redirect("/settings/data#proposals")


async def _show_data(page: Page, errors: Fields | None = None, status: int = 200) -> Response[str]:
    found = await explain_member(page.domicile.door, page.require_member())
    country = country_of_site(found.site)
    declared, proposals = await page.domicile.declarations.show(page.require_member())
    return page.render(
        "data.html",
        status,
        errors=errors or {},
        saved=page.query("saved") == "1",
        declared=declared,
        proposals=proposals,
        notice=await page.domicile.notices.current(page.require_member()),
        cited=_cited(found),
        countries=countries(reader_locale(page.request.headers.get("accept-language", ""))),
        found=found,
        country=country,
        home=dict(found.home.decisions).get(country),
        destinations=_destinations(found),
        copies=_copies_there(await list_copies(page.domicile.router, found.member)),
        kept=[staying for staying in found.staying if staying.keeping.keeps],
        residue=await list_told(page.domicile.sites, found.on, found.member),
        compellable=who_can_compel(country, page.domicile.law),
    )


def _cited(found: Explanation) -> dict[str, Citation]:
    """The rules that proposals and copies rest on, as today's answers cite them."""
    decisions = [decision for _, decision in found.home.decisions]
    decisions += [answered.decision for answered in found.crossings if answered.act is not Act.DIRECT]
    return {citation.rule: citation for decision in decisions for citation in decision.citations}


def _destinations(found: Explanation) -> list[Destination]:
    """The answers for showing (relay) and for keeping (copy), by country."""
    by_country: dict[Country, Destination] = {}
    for answered in found.crossings:
        there = by_country.setdefault(answered.importer, Destination(answered.importer, [], []))
        if answered.act is Act.RELAY:
            there.answers.append((answered.what, answered.decision))
        elif answered.act is Act.COPY and answered.what != "opaque ids":
            there.kept.append((answered.what, answered.decision))
    return [*by_country.values()]


def _copies_there(copies: Iterable[CopyAbroad]) -> list[CopiesThere]:
    """Copies by site and licence, with the day by which the last of them ends."""
    grouped: dict[tuple[SiteName, str, tuple[str, ...], tuple[str, ...], bool], list[datetime]] = {}
    for copy in copies:
        key = (copy.site, copy.view, copy.sections, copy.rules, copy.recalling)
        grouped.setdefault(key, []).append(copy.until)
    return [
        CopiesThere(key[0], country_of_site(key[0]), *key[1:], len(ends), max(ends)) for key, ends in grouped.items()
    ]


async def _settings(
    page: Page, *, saved: bool = False, form: Form | None = None, errors: Fields | None = None, status: int = 200
) -> Response[str]:
    own = await page.domicile.profiles.own(page.require_member())
    asked = await _consents(page, own)
    return page.render("settings.html", status, own=own, asked=asked, saved=saved, form=form, errors=errors or {})


async def _consents(page: Page, own: Own) -> list[tuple[str, str, ConsentAsked | None]]:
    """The consents to offer this member: those a law asks for, those already given, and always publication."""
    found = await explain_member(page.domicile.door, own.member)
    on = page.domicile.law.on(found.on)
    country, person = country_of_site(found.site), Person(frozenset(found.claims))
    decision = decide_signup(person, country, on, page.domicile.policy, page.domicile.operator.facts)
    asked = {consent.kind: consent for consent in decision.consents}
    kinds = {"publication", *asked, *own.preferences.consents}
    return [(kind, words, asked.get(kind)) for kind, words in WORDING.items() if kind in kinds]


async def _portrait(page: Page, form: Form, name: str, size: tuple[int, int]) -> str | None:
    """The digest of a picture that was uploaded, if one was. Raises InvalidFields."""
    raw = form.file(name)
    if raw is None:
        return None
    try:
        return await page.domicile.media.store_portrait(page.require_member(), raw, size)
    except InvalidFields:
        raise
    except InvalidInput as error:
        raise InvalidFields({name: [("ERR_INVALID", error.safe.removeprefix("Validation failed: File "))]}) from None
