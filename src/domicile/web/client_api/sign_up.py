"""Signing up through an app: the token of the app, and a form with a few fields of our own."""

from datetime import date

import msgspec

from domicile.errors import NotPermitted
from domicile.ids import Country
from domicile.network.forms import SignUp
from domicile.network.names import refuse
from domicile.web.client_api.endpoint import Call, Reply, endpoint
from domicile.web.limits import address_of, country_of_address
from domicile.web.oauth import new_token


class SignUpForm(msgspec.Struct):
    """Mastodon's fields. `country` (two letters) says whose law applies, `consents` what becomes of public posts.

    `of_age` declares the age that the law there sets, where it asks for no more than that.
    """

    username: str = ""
    email: str = ""
    password: str = ""
    agreement: bool = False
    locale: str = "en"
    reason: str | None = None
    date_of_birth: str | None = None
    of_age: bool = False
    country: str | None = None
    consents: list[str] | str | None = None
    phone: str | None = None
    display_name: str = ""


@endpoint("POST", "/api/v1/accounts", scope="write:accounts", access="app", body=SignUpForm)
async def sign_up(call: Call, body: SignUpForm) -> Reply:
    """Become a member; the answer is a token for them. A wrong field is named in `details`."""
    domicile, grant = call.domicile, call.grant
    if grant is None or grant.member is not None:
        raise NotPermitted("signing up with a member's token", "This method requires an app's own token")
    if not domicile.config.registrations:
        raise NotPermitted("registrations are closed", "Registrations are closed")
    call.limits.spend("sign_ups", call.request)
    if not body.agreement:
        raise refuse("agreement", "ERR_ACCEPTED", "must be accepted")
    found = country_of_address(address_of(call.request, domicile.config.trusted_proxies))
    member = await domicile.confirmation.sign_up(_form(body), Country(found) if found else None)
    app = await domicile.access.find_app(grant.client_id)
    return Reply(await new_token(domicile, member, app, " ".join(sorted(grant.scopes))))


def _form(body: SignUpForm) -> SignUp:
    consents = body.consents.split(",") if isinstance(body.consents, str) else body.consents or []
    return SignUp(
        username=body.username,
        email=body.email,
        password=body.password,
        country=body.country or None,
        consents=[kind.strip() for kind in consents if kind.strip()],
        phone=body.phone or None,
        birth_date=_date(body.date_of_birth) if body.date_of_birth else None,
        of_age=body.of_age,
        locale=body.locale,
        display_name=body.display_name,
    )


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise refuse("date_of_birth", "ERR_INVALID", "is not a date (YYYY-MM-DD)") from None


HANDLERS = [sign_up]
