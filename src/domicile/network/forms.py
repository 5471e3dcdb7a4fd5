"""The sign-up form: what somebody sends to become a member, and its checks. Nothing here stores anything."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import msgspec
import pycountry

from domicile.errors import InvalidFields
from domicile.ids import Country
from domicile.law.facts import PUBLICATION
from domicile.network.names import check_handle, clean_text, normalize_email, normalize_phone, refuse
from domicile.network.passwords import check_password_form
from domicile.placement.sealing import DataKey

WORDING = {
    PUBLICATION: "My public posts and my profile may be shown to an indefinite circle of people,"
    " also in other countries.",
    "abroad": "My messages and followers-only posts may be shown to the readers I chose in other countries.",
}


class SignUp(msgspec.Struct, kw_only=True):
    """What somebody sends to become a member. `country`: whose law applies, as they say; None: nobody said.

    `citizenship` is asked of nobody; it is there for a member who wants that country's law considered too. `of_age`
    declares the age that the law of the place sets, where it wants no more than a yes.
    """

    username: str
    email: str
    password: str | None
    country: str | None = None
    citizenship: str | None = None
    consents: list[str] = msgspec.field(default_factory=list)
    phone: str | None = None
    birth_date: date | None = None
    of_age: bool = False
    locale: str = "en"
    display_name: str = ""
    role: str = "member"
    show_country: bool = False
    unconfirmed: bool = False


FIELD_OF_CLAIM = {"handle": "username", "email": "email", "phone": "phone"}


@dataclass(frozen=True, slots=True)
class CheckedForm:
    """A form's values in their normal forms."""

    handle: str
    email: str | None
    phone: str | None
    display_name: str
    locale: str


def check_form(form: SignUp) -> CheckedForm:
    """The form in its normal forms, or InvalidFields with everything that is wrong at once."""
    errors: dict[str, list[tuple[str, str]]] = {}
    values: dict[str, str | None] = {}
    checks: Sequence[tuple[str, Callable[[], str | None]]] = (
        ("handle", lambda: check_handle(form.username)),
        ("email", lambda: normalize_email(form.email)),
        (
            "phone",
            lambda: (
                normalize_phone(form.phone, parse_country(form.country) if form.country else None)
                if form.phone
                else None
            ),
        ),
        ("name", lambda: clean_text("display_name", form.display_name, 100, lines=False)),
        ("country", lambda: parse_country(form.country) if form.country is not None else None),
        ("citizenship", lambda: parse_country(form.citizenship, "citizenship") if form.citizenship else None),
        ("password", lambda: check_password_form(form.password) if form.password is not None else None),
        ("consents", lambda: _check_consents(form.consents)),
    )
    for name, check in checks:
        try:
            values[name] = check()
        except InvalidFields as error:
            errors.update(error.fields)
    if errors:
        raise InvalidFields(errors)
    locale = form.locale[:8] if form.locale.replace("-", "").isalnum() else "en"
    return CheckedForm(values["handle"] or "", values["email"], values["phone"], values["name"] or "", locale)


def _check_consents(consents: Sequence[str]) -> None:
    if unknown := [kind for kind in consents if kind not in WORDING]:
        raise refuse("consents", "ERR_INVALID", f"knows {', '.join(WORDING)}; not {', '.join(unknown)[:60]}")


def parse_country(code: str, field_name: str = "country") -> Country:
    found = pycountry.countries.get(alpha_2=code.strip().upper()) if len(code.strip()) == 2 else None
    if found is None:
        raise refuse(field_name, "ERR_INVALID", "is not a country's code (ISO 3166-1, two letters)")
    return Country(found.alpha_2)


def age_on(born: date, today: date) -> int:
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def seal_form(
    key: DataKey, checked: CheckedForm, birth_date: date | None, hashed: str | None
) -> tuple[bytes | None, ...]:
    born = birth_date.isoformat() if birth_date else None
    return (
        key.seal_text("credential.email", checked.email),
        key.seal_text("credential.phone", checked.phone),
        key.seal_text("credential.birth_date", born),
        key.seal_text("credential.password_hash", hashed),
    )
