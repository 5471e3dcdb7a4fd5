"""What counsel asks first, each with the day before: decided by the shipped packs and the shipped policy."""

from collections.abc import Iterable
from datetime import date

import pytest

from domicile.ids import Country
from domicile.law.clocks import clocks, waiting_clocks
from domicile.law.decision import Decision, Verdict
from domicile.law.demands import Demand, decide_disclosure
from domicile.law.facts import PUBLICATION, Act, Audience, Basis, Claim, Count, Crossing, Operator, Person
from domicile.law.library import load_packs, load_policy, load_safeguards
from domicile.law.publication import decide_publication
from domicile.law.residency import choose_home, decide_home
from domicile.law.transfer import decide_crossing

LAW, POLICY, PAPERS = load_packs(), load_policy(), load_safeguards()
TODAY = date(2026, 11, 24)


def who(*claims: str, consents: Iterable[str] = ()) -> Person:
    held = (text.split() for text in claims)
    return Person(frozenset(Claim(Country(place), Basis(basis)) for place, basis in held), frozenset(consents))


def home(person: Person, country: str, on: date = TODAY, operator: Operator | None = None) -> Decision:
    return decide_home(person, Country(country), LAW.on(on), POLICY, operator)


def cross(
    person: Person,
    way: str,
    act: Act = Act.RELAY,
    category: str = "user.content.public",
    audience: Audience = "public",
    on: date = TODAY,
    operator: Operator | None = None,
) -> Decision:
    exporter, importer = way.split(" to ")
    crossing = Crossing(
        exporter=Country(exporter), importer=Country(importer), act=act, category=category, audience=audience
    )
    return decide_crossing(person, crossing, operator or Operator(PAPERS), LAW.on(on), POLICY)


def hours(country: str, rule: str, on: date) -> str:
    (found,) = [clock for clock in clocks(LAW.on(on), None, [Country(country)]) if clock.rule == rule]
    return str(found.normal)


def counted(metric: str, country: str, n: int) -> Operator:
    return Operator(PAPERS, frozenset({Count(metric, Country(country), n)}))


def test_russia_asks_for_a_first_record_at_home_until_the_summer_of_2025_and_then_bans_databases_abroad() -> None:
    ivan = who("RU residence")
    for day, since in ((date(2025, 6, 30), date(2015, 9, 1)), (date(2025, 7, 1), date(2025, 7, 1))):
        found = home(ivan, "US", day)
        assert found.verdict is Verdict.FORBIDDEN
        assert [(c.rule, c.valid_from) for c in found.citations if c.rule == "RU-18-5"] == [("RU-18-5", since)]
        assert home(ivan, "RU", day).verdict is Verdict.REQUIRED
    assert home(ivan, "US", date(2015, 8, 31)).verdict is Verdict.UNSETTLED


@pytest.mark.parametrize("country", ["DE", "US"])
def test_a_russian_profile_is_read_abroad_by_relay_by_copy_and_directly(country: str) -> None:
    ivan = who("RU residence", consents=[PUBLICATION])
    way = f"RU to {country}"
    relayed, copied, direct = (cross(ivan, way, act) for act in (Act.RELAY, Act.COPY, Act.DIRECT))
    assert relayed.verdict is Verdict.PERMITTED
    assert (copied.verdict, copied.allowed) == (Verdict.UNSETTLED, True), "mirrors are disputed; the policy says yes"
    assert "RU-MIRROR" in copied.rules
    assert (direct.verdict, direct.allowed) == (Verdict.UNSETTLED, True), "no text either way"
    assert "RU-PUB" in direct.rules
    assert not cross(ivan, way, operator=Operator()).allowed, "without the notice to the regulator nothing leaves"


def test_to_the_united_states_the_notice_must_wait_ten_working_days() -> None:
    ivan = who("RU residence", consents=[PUBLICATION])
    assert "RU-XB-WAIT" in cross(ivan, "RU to US").rules
    assert "RU-XB-WAIT" not in cross(ivan, "RU to DE").rules


def test_publication_in_russia_needs_a_consent_of_its_own() -> None:
    on = LAW.on(TODAY)
    refused = decide_publication(who("RU residence"), on, POLICY)
    assert refused.verdict is Verdict.FORBIDDEN
    assert refused.missing[0].what == PUBLICATION
    assert decide_publication(who("RU residence", consents=[PUBLICATION]), on, POLICY).allowed


def test_indias_thirty_six_hours_become_three() -> None:
    assert hours("IN", "IN-ORDER", date(2026, 2, 19)) == "36 hours"
    assert hours("IN", "IN-ORDER", date(2026, 2, 20)) == "3 hours"


def test_viet_nams_duty_on_foreign_firms_is_silent_until_a_decision_is_served_and_then_waits_twelve_months() -> None:
    linh, abroad = who("VN residence"), frozenset({Country("DE")})
    silent = Operator(PAPERS, established=abroad)
    assert home(linh, "DE", operator=silent).allowed
    event = next(rule.event for rule in LAW.packs[Country("VN")].rule if rule.id == "VN-ON-ORDER")
    assert event is not None
    served = Operator(PAPERS, established=abroad, events=frozenset({(event, date(2026, 3, 1))}))
    assert "VN-ON-ORDER" not in home(linh, "DE", date(2027, 2, 28), served).rules
    bound = home(linh, "DE", date(2027, 3, 1), served)
    assert "VN-ON-ORDER" in bound.rules
    assert not bound.allowed


def test_chinas_yearly_counters_decide_what_an_export_needs() -> None:
    wei = who("CN residence", consents=[PUBLICATION])
    few, many = (counted("persons_since_january", "CN", n) for n in (99_999, 100_000))
    assert cross(wei, "CN to DE", operator=few).allowed
    refused = cross(wei, "CN to DE", operator=many)
    assert not refused.allowed
    assert {lack.what for lack in refused.missing} & {"pipl_standard_contract", "pipl_certification"}


def test_an_american_firm_without_certificate_or_clauses_gets_nothing_from_the_union() -> None:
    anna = who("DE residence", consents=[PUBLICATION])
    certified = frozenset(paper for paper in PAPERS if paper.kind == "dpf_certification")
    assert cross(anna, "DE to US", operator=Operator(certified)).allowed
    assert not cross(anna, "DE to US", operator=Operator()).allowed


def test_a_page_on_a_german_host_is_no_transfer_and_the_same_post_through_a_russian_site_is() -> None:
    anna = who("DE residence", consents=[PUBLICATION])
    for reader in ("RU", "US", "CN", "BR"):
        assert cross(anna, f"DE to {reader}", Act.DIRECT).allowed
    assert not cross(anna, "DE to RU", Act.RELAY).allowed


def test_a_russian_citizen_who_lives_in_germany_stays_and_the_conflict_is_shown() -> None:
    olga = who("RU citizenship", "DE residence")
    found = choose_home(olga, [Country(place) for place in ("DE", "RU", "US")], LAW.on(TODAY), POLICY)
    assert found.proposed == "DE"
    assert found.conflicts
    assert "RU-EXILE" in home(olga, "DE").rules


def test_a_home_duty_of_the_bloc_is_met_by_a_site_in_france() -> None:
    found = choose_home(who("DE residence"), [Country("US"), Country("FR")], LAW.on(TODAY), POLICY)
    assert found.proposed == "FR"


def test_the_american_egress_rule_stands_against_a_chinese_home() -> None:
    found = home(who("US residence", "CN collection"), "CN")
    assert not found.allowed
    assert "US-EGRESS" in found.rules
    assert found.conflicts


def test_a_blocking_statute_stands_against_a_foreign_order_and_both_laws_are_shown() -> None:
    demand = Demand(issuer=Country("US"), home=Country("DE"), wants="content")
    found = decide_disclosure(who("DE residence"), demand, Operator(), LAW.on(TODAY), POLICY)
    assert found.verdict is Verdict.FORBIDDEN
    assert {rule[:3] for rule in found.rules} == {"EU-", "US-"}
    assert found.conflicts


def test_chinas_statutes_block_an_american_demand_for_what_is_stored_in_china() -> None:
    demand = Demand(issuer=Country("US"), home=Country("CN"), wants="subscriber")
    found = decide_disclosure(who("CN residence"), demand, Operator(), LAW.on(TODAY), POLICY)
    assert found.verdict is Verdict.FORBIDDEN
    assert any(rule.startswith("CN-") for rule in found.rules)


def test_the_emirates_rule_on_transfers_is_dormant_until_its_regulations_are_out() -> None:
    person = who("AE residence", consents=[PUBLICATION])
    at_home = frozenset({Country("AE")})
    asleep = cross(person, "AE to DE", operator=Operator(established=at_home))
    assert not any(rule.startswith("AE-") for rule in asleep.rules)
    event = frozenset({("AE-EXECUTIVE-REGULATIONS", date(2026, 6, 1))})
    awake = cross(person, "AE to DE", operator=Operator(established=at_home, events=event))
    assert "AE-XB" in awake.rules


def test_turkeys_act_of_2026_has_no_known_start_and_decides_nothing_until_it_has() -> None:
    assert not [clock for clock in clocks(LAW.on(TODAY), None, [Country("TR")]) if clock.rule == "TR-1-HOUR"]
    (waiting,) = [clock for clock in waiting_clocks(LAW.on(TODAY), None, [Country("TR")]) if clock.rule == "TR-1-HOUR"]
    assert waiting.waits_for is not None and "TR-2026-ACT-GAZETTE" in waiting.waits_for


@pytest.mark.parametrize(("users", "bound"), [(1_000_000, False), (1_000_001, True)])
def test_a_threshold_by_daily_users_decides_whom_turkey_binds(users: int, bound: bool) -> None:
    found = home(who("TR residence"), "DE", operator=counted("daily_users", "TR", users))
    assert ("TR-LOCAL" in found.rules) == bound


def test_a_production_order_has_two_clocks_and_a_third_authority_that_may_stop_them() -> None:
    held = [c for c in clocks(LAW.on(TODAY), None, [Country("EU")]) if c.rule.startswith("EU-EEV")]
    ordered = [clock for clock in held if str(clock.normal) == "10 days"]
    assert ordered and all(str(clock.urgent) == "8 hours" for clock in ordered)
    assert any(clock.suspended_by for clock in ordered)
    assert not [
        c for c in clocks(LAW.on(date(2026, 8, 17)), None, [Country("EU")]) if c.rule in {o.rule for o in ordered}
    ]
