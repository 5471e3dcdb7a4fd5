"""Made-up people, in the words of their country: names of no real person, addresses and numbers kept for examples."""

import re
import tomllib
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from importlib.resources import files
from random import Random

import msgspec

from domicile.ids import Country, MemberId, SiteName, country_of_site, next_snowflake
from domicile.network.demo import DEMO_HANDLES
from domicile.network.names import RESERVED, skeleton

SLOT = re.compile(r"\{(\w+)\}")
FALLBACK = Country("US")
PUBLISHED = 0.85
Standing = tuple[Country, Country]
"""The country where somebody lives, and that of their home."""
_LONGEST_NAME = 24  # of 30 that a handle may have: room for a number


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A country's words. `given_other` goes with `backs_other`, where surnames have a gender."""

    language: str
    remark: str
    city_label: str
    join: str
    given: list[str]
    fronts: list[str]
    backs: list[str]
    given_other: list[str] = []
    backs_other: list[str] = []
    cities: list[str]
    domains: list[str]
    phones: list[str]
    bios: list[str]
    posts: list[str]
    replies: list[str]
    mentions: list[str]
    directs: list[str]
    vocabulary: dict[str, list[str]]
    latin: dict[str, str]

    def compose(self, templates: list[str], chance: Random, **given: str) -> str:
        """One of the templates, its slots filled from the vocabulary; a slot that comes twice gets two words."""
        template = chance.choice(templates)
        used: set[str] = set()

        def fill(match: re.Match[str]) -> str:
            if match[1] in given:
                return given[match[1]]
            words = self.vocabulary[match[1]]
            word = chance.choice(words)
            while word in used and len(words) > 1:
                word = chance.choice(words)
            used.add(word)
            return word

        text = SLOT.sub(fill, template)
        return text[:1].upper() + text[1:]

    def romanize(self, name: str) -> str:
        return "".join(self.latin.get(letter, letter) for letter in name.lower())


@cache
def words_of(country: Country) -> Words:
    """The words of a country; the English ones for a country without."""
    folder = files("domicile.network.seeding") / "words"
    file = folder / f"{country.lower()}.toml"
    if not file.is_file():
        return words_of(FALLBACK)
    return msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), Words)


@dataclass(slots=True)
class Person:
    """One made-up member, before anything is written."""

    member: MemberId
    site: SiteName
    country: Country
    words: Words
    handle: str
    name: str
    note: str
    city: str
    email: str
    phone: str | None
    born: date | None
    created_at: datetime
    published: bool
    abroad: bool
    show_country: bool
    portrait: str | None = None
    password_hash: str | None = None

    @property
    def standing(self) -> Standing:
        """What the law looks at when it asks something of their sign-up."""
        return self.country, country_of_site(self.site)


@dataclass
class Populace:
    """Makes people whose names, numbers and ids are all different. `taken` holds skeletons of handles not to use."""

    chance: Random
    now: datetime
    taken: set[str] = field(default_factory=lambda: {skeleton(name) for name in (*RESERVED, *DEMO_HANDLES.values())})
    _numbers: set[str] = field(default_factory=set)
    _members: set[MemberId] = field(default_factory=set)

    def make(self, site: SiteName, demo: str | None = None, country: Country | None = None) -> Person:
        """Somebody at home at this site, who lives in its country or in another; with a demo handle, who shows all."""
        country = country or country_of_site(site)
        chance, words = self.chance, words_of(country)
        name, romanized = self._name(words)
        handle = demo or self._handle(romanized)
        city = chance.choice(words.cities)
        created_at = self.now - timedelta(days=35 + 400 * chance.random() ** 2)
        return Person(
            member=self._member(created_at),
            site=site,
            country=country,
            words=words,
            handle=handle,
            name=name,
            note=f"{words.compose(words.bios, chance, city=city)} {words.remark}",
            city=city,
            email=self._email(handle, words),
            phone=self._phone(words) if chance.random() < 0.5 else None,
            born=date(chance.randint(1948, 2004), chance.randint(1, 12), chance.randint(1, 28))
            if chance.random() < 0.4
            else None,
            created_at=created_at,
            published=demo is not None or chance.random() < PUBLISHED,
            abroad=demo is not None or chance.random() < 0.7,
            show_country=demo is not None or chance.random() < 0.3,
        )

    def rename(self, person: Person) -> None:
        """Another handle, address and number for somebody whose names an earlier member has."""
        self.taken.add(skeleton(person.handle))
        person.handle = self._distinct(person.handle)
        person.email = self._email(person.handle, person.words)
        person.phone = self._phone(person.words) if person.phone else None

    def _email(self, handle: str, words: Words) -> str:
        return f"{handle.lower()}@{self.chance.choice(words.domains)}"

    def _name(self, words: Words) -> tuple[str, tuple[str, str]]:
        chance = self.chance
        other = bool(words.given_other) and chance.random() < 0.5
        given = chance.choice(words.given_other if other else words.given)
        family = chance.choice(words.fronts) + chance.choice(words.backs_other if other else words.backs)
        shown = [family, given] if words.join == "·" else [given, family]
        return words.join.join(shown), (words.romanize(given), words.romanize(family))

    def _handle(self, romanized: tuple[str, str]) -> str:
        given, family = romanized
        forms = (f"{given}_{family}", f"{given}{family[:6]}", f"{family}_{given}", f"{given}-{family}")
        return self._distinct(self.chance.choice(forms))

    def _distinct(self, base: str) -> str:
        base = base[:_LONGEST_NAME].rstrip("-_")
        handle = base
        while skeleton(handle) in self.taken:
            handle = f"{base}{self.chance.randint(2, 99999)}"
        self.taken.add(skeleton(handle))
        return handle

    def _phone(self, words: Words) -> str | None:
        for _ in range(4):
            number = re.sub("#", lambda _: str(self.chance.randint(0, 9)), self.chance.choice(words.phones))
            if number not in self._numbers:
                self._numbers.add(number)
                return number
        return None  # the numbers kept for fiction are few

    def _member(self, created_at: datetime) -> MemberId:
        member = MemberId(next_snowflake(created_at))
        while member in self._members:
            member = MemberId(next_snowflake(created_at))
        self._members.add(member)
        return member
