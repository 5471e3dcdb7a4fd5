"""What members are told before their data moves, in their own language: short texts with slots, one file a language."""

import tomllib
from collections.abc import Iterable
from datetime import date
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

import msgspec
from babel import Locale
from babel.dates import format_date

from domicile.ids import Country

FALLBACK = "en"


class Labels(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The words on the choices."""

    choose: str
    archive: str
    posts: str
    posts_button: str
    devices: str
    correct: str
    leave: str
    seen: str


class NoticeWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One language's words. The title has {day}, {source} and {target}, the reason {rules}.

    Countries are not inflected: they stand on both sides of an arrow.
    """

    title: str
    why: str
    what: str
    left: str
    before: str
    demand: str
    note: str
    labels: Labels


def known_language(language: str) -> str:
    """The language of the catalogue that is nearest to a member's own; English if there is none."""
    bare = language.replace("_", "-").partition("-")[0].lower()
    return bare if (_folder() / f"{bare}.toml").is_file() and bare.isalpha() else FALLBACK


@cache
def words_in(language: str) -> NoticeWords:
    """The words of a language of the catalogue."""
    return msgspec.convert(tomllib.loads((_folder() / f"{language}.toml").read_text(encoding="utf-8")), NoticeWords)


def compose_notice(language: str, day: date, source: Country, target: Country, rules: Iterable[str]) -> str:
    """The notice as it is told and kept: its title, and a paragraph a line. `rules`: as they are cited."""
    words, locale = words_in(language), Locale.parse(language)
    title = words.title.format(
        day=format_date(day, "long", locale),
        source=locale.territories.get(source, source),
        target=locale.territories.get(target, target),
    )
    why = words.why.format(rules="; ".join(rules))
    return "\n".join((title, why, words.what, words.left, words.before, words.demand, words.note))


def _folder() -> Traversable:
    return files("domicile.network") / "notice_texts"
