"""Joining: first whose law applies, and what follows from it; only then anything personal is typed.

We ask whether a country's law applies, never for a passport (rule 14). The country is an answer, not a guess: what the
address suggests is only marked in the list.
"""

from dataclasses import dataclass, field
from datetime import date

from litestar import Response, get, post
from litestar.response import Redirect

from domicile.errors import InvalidFields
from domicile.ids import Country, country_of_site
from domicile.law.explain import Compellable, who_can_compel
from domicile.law.facts import Person
from domicile.law.signup import ConsentAsked, SignupDecision, decide_signup
from domicile.law.standing import Proving
from domicile.network.forms import WORDING, SignUp
from domicile.network.joining import TOO_YOUNG
from domicile.network.members import Placement
from domicile.network.names import refuse
from domicile.network.verification import locks
from domicile.running import Domicile
from domicile.web.limits import address_of, country_of_address
from domicile.web.site.page import AnyRequest, Fields, Form, Page, count, open_page, redirect
from domicile.web.site.session import session_cookie
from domicile.web.site.words import countries, known_country, reader_locale


@dataclass(frozen=True, slots=True)
class Terms:
    """What joining from a country means: where the data will live, who could compel what, what is asked and why.

    `known`: there is a law pack for the country. `unprovable`: what a law wants proved first, and nobody here can take.
    """

    country: Country
    known: bool
    placement: Placement
    decision: SignupDecision
    unprovable: tuple[Proving, ...]
    compellable: tuple[Compellable, ...]

    @property
    def place(self) -> Country:
        return country_of_site(self.placement.site)

    @property
    def consents(self) -> list[tuple[str, str, tuple[ConsentAsked, ...]]]:
        """Each consent the form offers: its kind, its wording, and the laws that ask. Publication is always offered."""
        asked = {consent.kind: consent for consent in self.decision.consents}
        kinds = [kind for kind in WORDING if kind in asked or kind == "publication"]
        return [(kind, WORDING[kind], (asked[kind],) if kind in asked else ()) for kind in kinds]


@dataclass(frozen=True, slots=True)
class Filled:
    """What was typed, shown again beside what is wrong with it; never the password."""

    values: dict[str, str] = field(default_factory=dict)
    consents: frozenset[str] = frozenset()
    errors: Fields = field(default_factory=dict)


def find_terms(domicile: Domicile, country: Country) -> Terms:
    """The terms for a country. Stores nothing. Raises InvalidFields where there is no lawful home."""
    placement = domicile.members.place(SignUp(username="", email="", password=None, country=country))
    place = country_of_site(placement.site)
    on = domicile.law.on(domicile.clock().date())
    decision = decide_signup(Person(placement.claims), place, on, domicile.policy, domicile.operator.facts)
    unprovable = tuple(p for p in decision.proving if locks(p) and not domicile.verifications.can_prove(p))
    return Terms(country, bool(on.group(country)), placement, decision, unprovable, who_can_compel(place, domicile.law))


@get("/signup", include_in_schema=False)
async def show_signup(request: AnyRequest) -> Response[str]:
    """Step one without a country, step two with one."""
    page = await open_page(request)
    if not page.domicile.config.registrations:
        return page.render("signup_closed.html")
    country = known_country(page.query("country"))
    if country is None:
        return _ask_country(page, "Choose a country from the list." if page.query("country") else None)
    return _show_form(page, country, Filled())


@post("/signup", include_in_schema=False)
async def sign_up(request: AnyRequest) -> Response[str] | Redirect:
    """Join. What was typed goes to the lawful home and nowhere else; if it is refused, it is shown again."""
    page = await open_page(request)
    form = await page.form()
    if not page.domicile.config.registrations:
        return page.render("signup_closed.html", 403)
    country = known_country(form.text("country"))
    if country is None:
        return _ask_country(page, "Choose a country from the list.", 422)
    count(request, "sign_ups")
    try:
        typed = _read(form, country)
        _check_age_told(typed, find_terms(page.domicile, country))
        member = await page.domicile.confirmation.sign_up(typed)
    except InvalidFields as error:
        return _show_form(page, country, _filled(form, error), 422)
    if page.domicile.confirmation.required:
        return page.render("confirm.html", confirmed=False)
    session = await page.domicile.access.open_session(member)
    return redirect("/home?welcome=1", [session_cookie(session, secure=page.secure)])


def _ask_country(page: Page, error: str | None, status: int = 200) -> Response[str]:
    here = {country_of_site(name) for name in page.domicile.config.site_names}
    listed = countries(reader_locale(page.request.headers.get("accept-language", "")))
    return page.render(
        "signup_country.html",
        status,
        here=[pair for pair in listed if pair[0] in here],
        others=[pair for pair in listed if pair[0] not in here],
        guess=_guess(page),
        error=error,
    )


def _show_form(page: Page, country: Country, filled: Filled, status: int = 200) -> Response[str]:
    try:
        terms = find_terms(page.domicile, country)
    except InvalidFields as error:
        return _ask_country(page, error.safe, 422)
    return page.render("signup.html", status, terms=terms, filled=filled)


def _guess(page: Page) -> str | None:
    """The country the reader's address suggests; looked up in a table on this machine, and not kept."""
    return country_of_address(address_of(page.request, page.domicile.config.trusted_proxies))


def _read(form: Form, country: Country) -> SignUp:
    return SignUp(
        username=form.text("username").strip(),
        email=form.text("email"),
        password=form.text("password"),
        country=country,
        consents=[kind for kind in form.texts("consents") if kind in WORDING],
        phone=form.text("phone").strip() or None,
        birth_date=_birth_date(form.text("date_of_birth")),
        of_age=form.ticked("of_age"),
        display_name=form.text("display_name"),
    )


def _birth_date(text: str) -> date | None:
    """A date as browsers send it. Raises InvalidFields."""
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        sentence = "is not a date such as 1990-12-31"
        raise InvalidFields({"date_of_birth": [("ERR_INVALID", sentence)]}) from None


def _check_age_told(typed: SignUp, terms: Terms) -> None:
    """Where a law sets an age, this page asks; an app that does not know how is the policy's business.

    Raises InvalidFields.
    """
    if terms.decision.asks_birth_date and typed.birth_date is None:
        raise refuse("date_of_birth", "ERR_BLANK", "can't be blank")
    if terms.decision.ages and not terms.decision.asks_birth_date and not typed.of_age:
        raise refuse("of_age", "ERR_ACCEPTED", TOO_YOUNG)


def _filled(form: Form, error: InvalidFields) -> Filled:
    names = ("username", "email", "phone", "date_of_birth", "of_age", "display_name")
    return Filled(
        values={name: form.text(name) for name in names},
        consents=frozenset(form.texts("consents")),
        errors={name: [sentence for _, sentence in wrong] for name, wrong in error.fields.items()},
    )
