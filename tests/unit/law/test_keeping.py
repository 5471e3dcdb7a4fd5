"""What must stay when a member leaves: by the claim and not by the place, and what stands against it is shown."""

from datetime import date

import pytest

from domicile.ids import Country
from domicile.law.compiled import Law
from domicile.law.decision import Verdict
from domicile.law.facts import Basis, Claim, Operator, Person
from domicile.law.keeping import Keeping, Leaving, find_conflicts, find_keepings, find_rule
from domicile.law.library import load_packs, load_policy
from domicile.law.policy import Policy, policy_of

LAW, POLICY, NOBODY = load_packs(), load_policy(), Operator()
CAREFUL = policy_of("careful", ())
DE, RU, US, IN, VN = map(Country, ("DE", "RU", "US", "IN", "VN"))
TODAY = date(2026, 11, 28)


def claimed(*by: str) -> Person:
    return Person(frozenset(Claim(Country(country), Basis.RESIDENCE) for country in by))


def keepings(
    person: Person, site: Country, to: Country | None, on: date = TODAY, policy: Policy = POLICY, law: Law = LAW
) -> dict[str, Keeping]:
    found = find_keepings(person, Leaving(site, to), NOBODY, law.on(on), policy)
    return {keeping.rule.rule: keeping for keeping in found}


@pytest.mark.parametrize(
    ("on", "until"),
    [
        (date(2015, 3, 31), date(2015, 9, 30)),
        (date(2017, 3, 1), date(2018, 3, 1)),
        (date(2026, 3, 1), date(2029, 3, 1)),
    ],
)
def test_an_organiser_keeps_what_its_law_said_on_the_day_on_which_a_member_left(on: date, until: date) -> None:
    facts = keepings(claimed("RU"), RU, DE, on)["RU-ORI-KEEP"]
    assert (facts.keeps, facts.verdict, facts.until, facts.carried) == (True, Verdict.REQUIRED, until, False)


def test_before_the_law_nothing_stays() -> None:
    assert keepings(claimed("RU"), RU, DE, date(2013, 1, 1)) == {}


def test_what_moves_along_is_kept_at_the_new_home_unless_the_rule_says_inside() -> None:
    logs = keepings(claimed("BR"), Country("BR"), US)["BR-MCI-15"]
    assert (logs.keeps, logs.carried) == (True, True)
    inside = keepings(claimed("RU"), RU, RU)["RU-ORI-KEEP"]
    assert (inside.keeps, inside.carried) == (True, True), "it goes on to be kept in Russia"


def test_where_their_data_stood_is_a_question_that_the_policy_answers() -> None:
    for policy, keeps in ((POLICY, False), (CAREFUL, True)):
        found = keepings(claimed("DE"), RU, DE, policy=policy)["RU-ORI-KEEP"]
        assert (found.keeps, found.verdict, found.questions) == (keeps, Verdict.UNSETTLED, ("kept-by-place",))
        assert f"The policy {policy.name}" in found.reason


def test_a_law_that_wants_it_elsewhere_is_shown_and_not_met_here() -> None:
    found = keepings(claimed("RU"), DE, None)["RU-ORI-KEEP"]
    assert (found.keeps, found.questions) == (False, ("kept-elsewhere",))
    assert keepings(claimed("RU"), DE, None, policy=CAREFUL)["RU-ORI-KEEP"].keeps


def test_what_the_pack_does_not_know_stays_without_a_last_day() -> None:
    found = keepings(claimed("VN"), VN, None)["VN-KEEP"]
    assert (found.keeps, found.verdict, found.until) == (True, Verdict.UNSETTLED, None)


def test_a_closed_account_is_kept_when_it_is_closed_and_not_when_it_moves() -> None:
    assert keepings(claimed("IN"), IN, None)["IN-CLOSED"].until == date(2027, 5, 27)
    assert "IN-CLOSED" not in keepings(claimed("IN"), IN, US)


def test_a_rule_that_runs_from_a_demand_binds_by_a_hold_alone() -> None:
    for country in (US, DE, IN):
        for rule in keepings(claimed(country), country, None):
            assert rule not in ("US-2703-F", "US-2258A-KEEP", "EU-EEV-KEEP", "EU-TCO-6", "IN-TAKEN-DOWN")
    assert find_rule(US, "US-2703-F", LAW.on(TODAY)) is not None
    assert find_rule(DE, "EU-EEV-KEEP", LAW.on(TODAY)) is not None
    assert find_rule(DE, "US-2703-F", LAW.on(TODAY)) is None
    assert find_rule(DE, "EU-EEV-KEEP", LAW.on(date(2026, 8, 17))) is None


def test_keep_against_erase_is_surfaced_with_both_rules() -> None:
    facts = keepings(claimed("DE", "RU"), RU, None)["RU-ORI-KEEP"]
    assert facts.keeps
    assert {clash.limits.rule for clash in facts.conflicts} >= {"EU-ERASE"}
    held = find_conflicts(claimed("DE"), US, "US-2703-F", ("user",), NOBODY, LAW.on(TODAY))
    assert any("US-2703-F" in sentence and "EU-ERASE" in sentence for sentence in held)
    own = find_conflicts(claimed("DE"), US, "", ("user.contact",), NOBODY, LAW.on(TODAY))
    assert any("EU-ERASE" in sentence for sentence in own)
    assert find_conflicts(claimed("US"), US, "US-2703-F", ("user",), NOBODY, LAW.on(TODAY)) == ()
