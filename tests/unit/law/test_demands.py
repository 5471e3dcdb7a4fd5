"""An authority asks for a person's data: which law reaches it, and which stands against it. Made-up packs."""

from datetime import date

import pytest

from domicile.law.compiled import Law
from domicile.law.decision import Decision, Verdict
from domicile.law.demands import Demand, decide_disclosure, reaching_rules
from domicile.law.facts import Basis, Claim, Operator, Person, Safeguard
from domicile.law.library import load_policy
from domicile.law.pack import parse_pack

TODAY = date(2026, 1, 1)
TOP = """
jurisdiction = "{0}"
name = "Test"
version = "1"
checked_on = 2026-01-01
not_legal_advice = "No advice."
claims_by = ["residence", "citizenship", "presence", "collection"]
claims_by_source = "test"
"""
RULE = """
[[rule]]
id = "{0}-{1}"
kind = "{2}"
summary = "A rule."
valid_from = 2020-01-01
subject = {{ basis = "any" }}
confidence = "H"
{3}
[rule.citation]
act = "Act"
article = "art. 1"
source = "page"
checked_on = 2026-01-01
verified = true
"""
POWER = 'classes = ["subscriber"]\nissuers = ["police"]\nreaches = "{}"\nnotice = "forbidden_indefinite"'
BAR = 'classes = ["subscriber", "content"]\nasks = [[{ safeguard = "treaty_request" }]]'


def law(russian: str = "claimed", german: str = BAR) -> Law:
    packs = (
        TOP.format("RU") + RULE.format("RU", "ASK", "disclosure", POWER.format(russian)),
        TOP.format("DE") + RULE.format("DE", "BAR", "blocking", german),
    )
    parsed = [parse_pack(text.encode(), "test.toml") for text in packs]
    return Law({pack.jurisdiction: pack for pack in parsed})


def ask(person: str, home: str, wants: str = "subscriber", of: Law | None = None, **operator: object) -> Decision:
    claimed = Person(frozenset({Claim(person, Basis.RESIDENCE)}))  # type: ignore[arg-type]
    demand = Demand(issuer="RU", home=home, wants=wants)  # type: ignore[arg-type]
    return decide_disclosure(claimed, demand, Operator(**operator), (of or law()).on(TODAY), load_policy())  # type: ignore[arg-type]


def test_at_home_the_demand_is_binding() -> None:
    assert ask("RU", "RU").verdict is Verdict.REQUIRED


def test_a_foreign_member_abroad_is_beyond_reach_and_there_is_the_way_of_a_treaty() -> None:
    found = ask("DE", "US")
    assert not found.allowed
    assert "treaty" in found.reason


def test_a_blocking_statute_stands_against_a_foreign_order_and_the_conflict_is_shown() -> None:
    found = ask("RU", "DE")
    assert found.verdict is Verdict.FORBIDDEN
    assert found.rules == ("DE-BAR", "RU-ASK")
    assert found.missing[0].what == "treaty_request"
    assert found.conflicts


def test_a_request_by_treaty_opens_it() -> None:
    paper = Safeguard(kind="treaty_request", exporter="DE", importer="RU", filed_on=TODAY)  # type: ignore[arg-type]
    found = ask("RU", "DE", safeguards=frozenset({paper}))
    assert found.verdict is Verdict.REQUIRED
    assert ask("DE", "DE", safeguards=frozenset({paper})).verdict is not Verdict.REQUIRED


@pytest.mark.parametrize(
    ("reach", "person", "home", "reached"),
    [
        ("claimed", "RU", "US", True),
        ("claimed", "US", "US", False),
        ("held_here", "US", "RU", True),
        ("held_here", "RU", "US", False),
        ("anywhere", "US", "US", True),
    ],
)
def test_a_law_reaches_as_far_as_its_rule_says(reach: str, person: str, home: str, reached: bool) -> None:
    assert (ask(person, home, of=law(reach)).verdict is Verdict.REQUIRED) == reached


@pytest.mark.parametrize(("person", "reached"), [("US", True), ("RU", False)])
def test_a_power_over_people_abroad_does_not_reach_people_in_the_country(person: str, reached: bool) -> None:
    text = TOP.format("RU") + RULE.format("RU", "ASK", "disclosure", POWER.format("held_here"))
    pack = parse_pack(text.replace('basis = "any"', 'basis = "any", where = "abroad"').encode(), "test.toml")
    found = ask(person, "RU", of=Law({pack.jurisdiction: pack}))
    assert (found.verdict is Verdict.REQUIRED) == reached


def test_a_power_to_ask_for_names_is_no_power_to_ask_for_words() -> None:
    found = ask("RU", "RU", wants="content")
    assert found.verdict is Verdict.UNSETTLED
    assert not found.allowed


def test_a_bar_without_a_gate_never_opens() -> None:
    paper = Safeguard(kind="treaty_request", exporter="DE", importer="RU", filed_on=TODAY)  # type: ignore[arg-type]
    shut = law(german='classes = ["subscriber"]')
    assert ask("RU", "DE", of=shut, safeguards=frozenset({paper})).verdict is Verdict.FORBIDDEN


@pytest.mark.parametrize(("home", "reached"), [("US", True), ("DE", False)])
def test_a_power_under_an_agreement_reaches_only_its_countries(home: str, reached: bool) -> None:
    text = TOP.format("RU") + RULE.format("RU", "ASK", "disclosure", POWER.format("anywhere") + '\nhomes = ["US"]')
    pack = parse_pack(text.encode(), "test.toml")
    assert (ask("US", home, of=Law({pack.jurisdiction: pack})).verdict is Verdict.REQUIRED) == reached


@pytest.mark.parametrize(("issuer", "home", "reached"), [("FR", "DE", True), ("DK", "DE", False), ("FR", "DK", False)])
def test_where_a_blocs_rule_is_no_law_nobody_demands_by_it_and_nothing_is_reached(
    issuer: str, home: str, reached: bool
) -> None:
    top = TOP.format("EU") + 'bloc_members = ["DE", "DK", "FR"]\n'
    text = top + RULE.format("EU", "ASK", "disclosure", POWER.format("claimed") + '\ncountries_except = ["DK"]')
    pack = parse_pack(text.encode(), "test.toml")
    person = Person(frozenset({Claim("FR", Basis.RESIDENCE)}))  # type: ignore[arg-type]
    demand = Demand(issuer=issuer, home=home, wants="subscriber")  # type: ignore[arg-type]
    found = decide_disclosure(person, demand, Operator(), Law({pack.jurisdiction: pack}).on(TODAY), load_policy())
    assert (found.verdict is Verdict.REQUIRED) == reached


def test_the_rules_that_reach_come_with_their_gag() -> None:
    person = Person(frozenset({Claim("RU", Basis.RESIDENCE)}))  # type: ignore[arg-type]
    demand = Demand(issuer="RU", home="RU", wants="subscriber")  # type: ignore[arg-type]
    rules = reaching_rules(person, demand, Operator(), law().on(TODAY))
    assert [rule.notice for rule in rules] == ["forbidden_indefinite"]


def test_a_statute_about_data_held_there_does_not_follow_its_people_abroad() -> None:
    of = law(russian="anywhere", german=BAR + '\nreaches = "held_here"')
    assert ask("DE", "US", of=of).verdict is Verdict.REQUIRED
    assert ask("DE", "DE", of=of).verdict is Verdict.FORBIDDEN
    assert ask("DE", "US", of=law(russian="anywhere")).verdict is Verdict.FORBIDDEN


def test_a_power_over_what_foreigners_own_does_not_bind_an_owner_from_there() -> None:
    of = law(russian='claimed"\nowner_not = "RU')
    assert ask("RU", "RU", of=of, owner="DE").verdict is Verdict.REQUIRED
    assert ask("RU", "RU", of=of).verdict is Verdict.UNSETTLED
    assert "RU-ASK" not in ask("RU", "RU", of=of, owner="RU").rules
