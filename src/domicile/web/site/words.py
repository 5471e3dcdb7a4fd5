"""Names of countries, and what codes mean in words."""

from functools import lru_cache

import pycountry
from babel import Locale, UnknownLocaleError

from domicile.ids import Country

_SCOPES = {
    "read": "Read everything in your account, also what only your followers see",
    "write": "Post, follow, upload pictures and change your profile for you",
    "follow": "Follow, mute and block people for you",
    "push": "Send you push notifications",
    "profile": "See your name and picture",
    "admin": "Moderate this network, as far as your role allows it",
}


def scope_words(scope: str) -> str:
    """What an app may do with a scope such as `write:statuses`."""
    kind, _, part = scope.partition(":")
    words = _SCOPES.get(kind, "Do something this page has no words for")
    return f"{words} (only: {part})" if part else words


@lru_cache
def _territories(locale: str) -> dict[str, str]:
    try:
        return dict(Locale.parse(locale).territories)
    except (UnknownLocaleError, ValueError):
        return {}


def country_name(code: str, locale: str = "en") -> str:
    """A country's name, in English if there is none in that language; EU and other blocs too."""
    return _territories(locale).get(code) or _territories("en").get(code) or code


def reader_locale(accept_language: str) -> str:
    """The first language of a browser that Babel knows; English otherwise. It is used and not kept."""
    wanted = [part.partition(";")[0].strip().replace("-", "_") for part in accept_language[:200].split(",")]
    bare = [tag.partition("_")[0] for tag in wanted]
    known = [tag for pair in zip(wanted, bare, strict=True) for tag in pair if tag.isascii() and _territories(tag)]
    return known[0] if known else "en"


def countries(locale: str) -> list[tuple[Country, str]]:
    """All countries (ISO 3166-1) by name in English, with the name in the reader's own language behind it."""
    found = []
    for country in pycountry.countries:
        name, own = country_name(country.alpha_2), country_name(country.alpha_2, locale)
        found.append((Country(country.alpha_2), name if own == name else f"{name} · {own}"))
    return sorted(found, key=lambda pair: pair[1])


def known_country(text: str) -> Country | None:
    """The country of a code that somebody sent, or None."""
    found = pycountry.countries.get(alpha_2=text.strip().upper()) if len(text.strip()) == 2 else None
    return Country(found.alpha_2) if found else None
