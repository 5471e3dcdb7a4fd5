"""Who may post, on a rule changed for the purpose: transition, methods, ages, and whose word counts."""

from datetime import date

import msgspec
import pytest

from domicile.ids import Country
from domicile.law.compiled import Law
from domicile.law.facts import Basis, Claim, Operator, Person
from domicile.law.library import load_packs, load_policy
from domicile.law.rule import Age, SignUp
from domicile.law.standing import decide_posting, find_proving, proves

PACKS, POLICY = load_packs().packs, load_policy()
CN, US = Country("CN"), Country("US")


def law(place: Country, kind: type, **changes: object) -> Law:
    rules = tuple(msgspec.structs.replace(r, **changes) if isinstance(r, kind) else r for r in PACKS[place].rule)
    return Law(PACKS | {place: msgspec.structs.replace(PACKS[place], rule=rules)})


def may_post(on: Law, day: date, *verified: str, country: Country = CN, since: date | None = None) -> bool:
    person = Person(frozenset({Claim(country, Basis.RESIDENCE)}), verified=frozenset(verified), since=since)
    return decide_posting(person, country, on.on(day), POLICY, Operator()).allowed


def test_who_was_there_before_has_time_until_the_rule_says() -> None:
    slow = law(CN, SignUp, existing_until=date(2017, 12, 1))
    early, late = date(2016, 1, 1), date(2017, 6, 1)
    assert may_post(slow, date(2017, 5, 31), since=early)
    assert may_post(slow, date(2017, 12, 1), since=early)
    assert not may_post(slow, date(2017, 12, 2), since=early)
    assert not may_post(slow, date(2017, 6, 1), since=late)
    assert may_post(slow, date(2017, 12, 2), "id_number", since=early)


def test_a_rule_that_names_no_method_takes_any_but_an_age() -> None:
    vague, today = law(CN, SignUp, methods=()), date(2026, 11, 24)
    assert not may_post(vague, today)
    assert not may_post(vague, today, "age_18")
    assert may_post(vague, today, "identity_desk")


def test_an_assured_age_is_asked_of_those_who_are_there_too() -> None:
    assured, today = law(US, Age, evidence="assurance", keep="yes_no"), date(2026, 11, 24)
    assert not may_post(assured, today, country=US)
    assert not may_post(assured, today, "age_12", country=US)
    assert may_post(assured, today, "age_13", country=US)
    assert may_post(assured, today, "age_18", country=US)


@pytest.mark.parametrize(
    ("proved", "method", "enough"),
    [
        ("mobile_number:RU", "mobile_number", True),
        ("mobile_number:RU", "mobile_number:RU", True),
        ("mobile_number:RU", "mobile_number:CN", False),
        ("mobile_number", "mobile_number:RU", False),
        ("mobile_numbers", "mobile_number", False),
        ("age_18", "age_16", True),
        ("age_15", "age_16", False),
        ("age_", "age_16", False),
        ("id_number", "age_16", False),
    ],
)
def test_what_proves_what(proved: str, method: str, enough: bool) -> None:
    assert proves({proved}, method) is enough


def test_what_the_policy_takes_upon_the_operator_is_asked_of_nobody() -> None:
    person = Person(frozenset({Claim(Country("RU"), Basis.RESIDENCE)}))
    on = Law(PACKS).on(date(2026, 11, 24))
    assert find_proving(person, Country("RU"), on, POLICY, Operator()) == ()
    (asked,) = find_proving(person, Country("RU"), on, POLICY, Operator(owner=Country("RU")))
    assert (asked.before, asked.settled, asked.met, asked.citation.rule) == ("account", True, False, "RU-AUTH")
