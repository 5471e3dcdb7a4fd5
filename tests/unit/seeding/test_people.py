"""Made-up people: sound names, addresses and numbers; words enough; nobody twice."""

from collections import Counter
from datetime import UTC, datetime
from random import Random

import phonenumbers
import pytest

from domicile.errors import InvalidInput
from domicile.ids import Country, SiteName, moment_of
from domicile.network.formatting import find_tags
from domicile.network.names import check_handle, clean_text, normalize_email, normalize_phone, skeleton
from domicile.network.seeding.chatter import FEWEST_POSTS, Chatter
from domicile.network.seeding.graph import make_graph
from domicile.network.seeding.people import SLOT, Populace, words_of
from domicile.network.seeding.plan import WEIGHTS, choose_demo, find_lodgers, house, share_out

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
COUNTRIES = ["DE", "RU", "CN", "US"]
SITES = [SiteName(f"{country.lower()}-1") for country in COUNTRIES]


@pytest.mark.parametrize("country", COUNTRIES)
def test_people_have_sound_names_addresses_and_numbers(country: str) -> None:
    populace = Populace(Random(5), NOW)
    people = [populace.make(SiteName(f"{country.lower()}-1")) for _ in range(600)]
    assert len({skeleton(person.handle) for person in people}) == 600
    assert len({person.member for person in people}) == 600
    for person in people:
        assert check_handle(person.handle) == person.handle
        assert normalize_email(person.email) == person.email
        assert person.email.rpartition("@")[2] in words_of(person.country).domains
        assert clean_text("name", person.name, 100, lines=False) == person.name
        assert person.note.endswith(person.words.remark)
        assert moment_of(person.member).replace(microsecond=0) == person.created_at.replace(microsecond=0) < NOW


@pytest.mark.parametrize("country", COUNTRIES)
def test_nobody_can_be_called_or_written_to(country: str) -> None:
    populace = Populace(Random(6), NOW)
    people = [populace.make(SiteName(f"{country.lower()}-1")) for _ in range(400)]
    numbers = [person.phone for person in people if person.phone]
    assert len(numbers) == len(set(numbers)) > 100
    for number in numbers:
        parsed = phonenumbers.parse(number)
        assert phonenumbers.is_possible_number(parsed)
        assert normalize_phone(number, None) == number
        if country in ("RU", "CN"):
            assert not phonenumbers.is_valid_number(parsed)  # no exchange has it
    assert all(
        domain.endswith(".example") or domain.startswith("example.") for domain in words_of(Country(country)).domains
    )


@pytest.mark.parametrize("country", COUNTRIES)
def test_words_are_many_and_every_slot_is_known(country: str) -> None:
    words = words_of(Country(country))
    for templates, also in ((words.bios, {"city"}), (words.posts, set()), (words.replies, set())):
        assert {slot for text in templates for slot in SLOT.findall(text)} <= words.vocabulary.keys() | also
    for templates in (words.mentions, words.directs):
        assert all("{who}" in text for text in templates)
        assert {slot for text in templates for slot in SLOT.findall(text)} <= words.vocabulary.keys() | {"who"}
    chance = Random(7)
    said = [words.compose(words.posts, chance) for _ in range(1500)]
    assert len(set(said)) > 800
    assert sum(bool(find_tags(text)) for text in said) > 400
    assert all(len(text) < 300 and not SLOT.search(text) for text in said)


def test_a_country_without_words_speaks_english() -> None:
    assert words_of(Country("BR")) is words_of(Country("US"))


def test_a_renamed_person_keeps_everything_but_the_names() -> None:
    populace = Populace(Random(8), NOW)
    person = populace.make(SITES[0])
    before = (person.handle, person.email, person.member, person.name)
    populace.rename(person)
    assert (person.member, person.name) == before[2:]
    assert person.handle != before[0] and person.email != before[1]


def test_the_sites_share_members_by_weight() -> None:
    shares = Counter(share_out(1000, SITES))
    assert {site: shares[site] for site in SITES} == {
        site: round(1000 * WEIGHTS[Country(country)]) for site, country in zip(SITES, COUNTRIES, strict=True)
    }
    assert set(Counter(share_out(100, [SiteName("fr-1"), SiteName("br-1")])).values()) == {50}
    assert Counter(share_out(100, [SiteName("de-1"), SiteName("de-2")])) == {"de-1": 50, "de-2": 50}


def test_friends_often_share_a_country() -> None:
    chance = Random(9)
    graph = make_graph(2000, chance)
    homes = house(graph, SITES, chance)
    together = sum(homes[a] == homes[b] for a, b in graph.follows) / len(graph.follows)
    assert 0.3 < together < 0.8
    assert Counter(homes) == Counter(share_out(2000, SITES))


def test_some_live_in_a_country_without_a_site_and_are_neighbours() -> None:
    chance = Random(11)
    graph = make_graph(500, chance)
    homes = house(graph, SITES, chance)
    first = find_lodgers(homes, SITES[3], 40, chance)
    second = find_lodgers(homes, SITES[3], 40, chance, first)
    assert len({*first, *second}) == 80 and all(homes[place] == SITES[3] for place in (*first, *second))
    here = [place for place, home in enumerate(homes) if home == SITES[3]]
    starts = [here.index(place) for place in first]
    assert [(start - starts[0]) % len(here) for start in starts] == list(range(40))
    assert find_lodgers(homes, SITES[3], 0, chance) == []
    with pytest.raises(InvalidInput):
        find_lodgers(homes, SITES[3], len(here) + 1, chance)
    demo = choose_demo(graph, homes)
    assert choose_demo(graph, homes, set(demo.values())) != demo
    person = Populace(chance, NOW).make(SITES[3], country=Country("RU"))
    assert (person.standing, person.words) == (("RU", "US"), words_of(Country("RU")))


def test_a_month_of_talk_is_in_order_and_refers_only_to_what_was_said_before() -> None:
    chance = Random(10)
    graph = make_graph(120, chance)
    populace = Populace(chance, NOW)
    people = [populace.make(site) for site in house(graph, SITES, chance)]
    chatter = Chatter(people, graph, NOW, chance)
    chatter.tell()
    last: Counter[int] = Counter()
    for said in chatter.said:
        assert said.snowflake > last[said.author]
        last[said.author] = said.snowflake
        assert people[said.author].created_at < moment_of(said.snowflake) < NOW
        for earlier in (said.answers, said.boosts):
            assert earlier is None or earlier.snowflake < said.snowflake
    own = Counter(said.author for said in chatter.said if said.boosts is None)
    assert min(own.values()) >= FEWEST_POSTS
    marks = [(mark.actor, mark.kind, mark.said.author, mark.said.snowflake) for mark in chatter.marks]
    assert len(set(marks)) == len(marks)
    assert {mark.kind for mark in chatter.marks} == {"favourite", "boost", "bookmark"}
    assert {said.visibility for said in chatter.said} == {0, 1, 2, 3}
