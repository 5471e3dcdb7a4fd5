"""The packs, policy and papers that are shipped fit together and say what they must."""

import tomllib
from datetime import date
from pathlib import Path
from typing import get_args

import msgspec
import pytest

import domicile.law
from domicile.law.compiled import Law
from domicile.law.decision import Verdict
from domicile.law.duties import Blocking, Disclosure, Retention, Step
from domicile.law.explain import explain, who_can_compel
from domicile.law.facts import ABROAD, PARENTAL, PUBLICATION, Act, Basis, Claim, Count, Crossing, Operator, Person
from domicile.law.library import load_packs, load_policy, load_safeguards
from domicile.law.policy import QUESTIONS
from domicile.law.publication import decide_publication
from domicile.law.residency import choose_home, lawful_homes
from domicile.law.rule import Age, Publication, Residency, SignUp, Transfer
from domicile.law.signup import decide_signup
from domicile.law.transfer import decide_crossing

LAW, POLICY, PAPERS = load_packs(), load_policy(), load_safeguards()
RULES = [rule for pack in LAW.packs.values() for rule in pack.rule]
TODAY = date(2026, 11, 21)
OPERATOR = Operator(PAPERS, frozenset({Count("persons_since_january", "CN", 1200)}))  # type: ignore[arg-type]


def resident(country: str, *consents: str) -> Person:
    return Person(frozenset({Claim(country, Basis.RESIDENCE)}), frozenset(consents))  # type: ignore[arg-type]


def unsettled_questions() -> set[str]:
    """Every rule that may answer Unsettled."""
    found = set()
    for rule in RULES:
        answers = {getattr(rule, key, None) for key in ("answer", "elsewhere", "unmet")}
        said = rule.owner or rule.owner_not or rule.established or rule.unit
        doubted = rule.unverified or not rule.in_force_known or said
        decided = isinstance(rule, Residency | Transfer | Publication | SignUp | Age)
        demanded = isinstance(rule, Disclosure | Blocking)
        demanded |= isinstance(rule, Retention) and rule.bound == "min" and rule.runs_from != "demand"
        if rule.valid_from and ((decided and "unsettled" in answers) or (doubted and (decided or demanded))):
            found.add(rule.id)
    return found


def test_the_policy_answers_every_question_that_the_packs_leave_open_and_no_other() -> None:
    assert set(POLICY.rulings) == unsettled_questions() | QUESTIONS


def test_a_question_that_no_policy_knows_is_refused() -> None:
    assert not POLICY.permits("nobody asked")
    assert "refuses" in POLICY.reason("nobody asked")


def test_every_safeguard_that_a_rule_asks_of_the_demonstration_is_marked_as_made_up() -> None:
    file = Path(domicile.law.__file__).parent / "safeguards" / "demo.toml"
    assert all(item["made_up"] is True for item in tomllib.loads(file.read_text())["safeguard"])


def test_rules_ask_only_for_consents_that_are_known() -> None:
    asked = {ask.consent for rule in RULES for gate in getattr(rule, "asks", ()) for ask in gate if ask.consent}
    assert asked == {PUBLICATION, ABROAD, PARENTAL}


@pytest.mark.parametrize("pack", LAW.packs.values(), ids=lambda pack: pack.jurisdiction)
def test_every_pack_says_that_it_is_no_legal_advice_and_every_rule_has_a_worked_case(pack: object) -> None:
    assert "not legal advice" in pack.not_legal_advice  # type: ignore[attr-defined]
    folder = Path(domicile.law.__file__).parent / "cases"
    worked = {
        r
        for file in folder.glob("*.toml")
        for case in tomllib.loads(file.read_text())["case"]
        for r in case.get("rules", [])
    }
    central = {rule.id for rule in pack.rule if isinstance(rule, Residency | Publication)}  # type: ignore[attr-defined]
    assert central <= worked


def test_precedents_are_about_rules_of_their_pack_and_end_as_a_sanction_is_called() -> None:
    outcomes = set(get_args(msgspec.structs.fields(Step)[0].type))
    for pack in LAW.packs.values():
        ids = {rule.id for rule in pack.rule}
        for precedent in pack.precedent:
            assert set(precedent.about) <= ids, precedent.what
            assert precedent.outcome in outcomes, precedent.what
            assert precedent.ended is None or precedent.began <= precedent.ended


def test_law_show_lists_the_version_of_the_day() -> None:
    assert [c.valid_from for c in LAW.rules("RU", date(2020, 1, 1)) if c.rule == "RU-18-5"] == [date(2015, 9, 1)]  # type: ignore[arg-type]
    assert len([c for c in LAW.rules("RU") if c.rule == "RU-18-5"]) == 2  # type: ignore[arg-type]
    assert LAW.rules("ZZ") == ()  # type: ignore[arg-type]


def test_a_rule_without_a_known_first_day_is_listed_but_never_in_force() -> None:
    assert "EU-OMNIBUS-BREACH" in {c.rule for c in LAW.rules("EU")}  # type: ignore[arg-type]
    assert "EU-OMNIBUS-BREACH" not in {c.rule for c in LAW.rules("EU", TODAY)}  # type: ignore[arg-type]


def test_citizenship_alone_is_never_proposed() -> None:
    person = Person(frozenset({Claim("RU", Basis.CITIZENSHIP), Claim("BR", Basis.RESIDENCE)}))  # type: ignore[arg-type]
    choice = choose_home(person, ["RU", "US"], LAW.on(TODAY), POLICY)  # type: ignore[list-item]
    assert choice.proposed == "US"
    assert "RU" in choice.homes
    assert choose_home(person, ["RU"], LAW.on(TODAY), POLICY).proposed is None  # type: ignore[list-item]


@pytest.mark.parametrize("country", ["AE", "AU", "BR", "CH", "GB", "ID", "IN", "KR", "SA", "VN"])
def test_who_lives_where_there_is_a_pack_and_no_site_joins_the_demonstration(country: str) -> None:
    on, person = LAW.on(TODAY), resident(country, PUBLICATION)
    operator = Operator(PAPERS, OPERATOR.counts, collected=frozenset({"user.contact.email", "user.content.public"}))
    home = choose_home(person, ["DE", "RU", "CN", "US"], on, POLICY, operator).proposed  # type: ignore[list-item]
    assert home == "DE"
    assert decide_signup(person, home, on, POLICY, operator).allowed
    assert decide_publication(person, on, POLICY).allowed


def test_an_indonesian_home_abroad_needs_the_paper_that_the_demonstration_makes_up() -> None:
    choice = choose_home(resident("ID"), ["DE", "US"], LAW.on(TODAY), POLICY, Operator())  # type: ignore[list-item]
    assert choice.homes == ()


def test_the_conflict_of_a_citizen_abroad_is_shown_with_both_laws() -> None:
    person = Person(frozenset({Claim("RU", Basis.CITIZENSHIP), Claim("DE", Basis.RESIDENCE)}))  # type: ignore[arg-type]
    choice = choose_home(person, ["DE", "RU", "CN", "US"], LAW.on(TODAY), POLICY)  # type: ignore[list-item]
    assert (choice.proposed, choice.homes) == ("DE", ("DE",))
    assert {citation.rule for citation in choice.conflicts[0].citations} >= {"RU-EXILE", "EU-HOME"}


def test_without_a_policy_nothing_unsettled_is_allowed() -> None:
    assert lawful_homes(resident("RU"), ["DE", "RU"], LAW.on(date(2015, 8, 31))) == ()  # type: ignore[list-item]
    assert lawful_homes(resident("RU"), ["DE", "RU"], LAW.on(date(2015, 8, 31)), POLICY) == ("DE", "RU")  # type: ignore[list-item]


def test_a_sign_up_lists_consents_duties_and_age() -> None:
    signup = decide_signup(resident("CN"), "CN", LAW.on(TODAY), POLICY)  # type: ignore[arg-type]
    assert signup.allowed
    assert signup.minimum_age == 14
    assert [consent.kind for consent in signup.consents] == [PUBLICATION, ABROAD]
    assert signup.consents[0].citation.rule == "CN-PUB"
    assert [duty.requires for duty in signup.duties] == ["verified_identity"]
    assert not decide_signup(resident("CN"), "CN", LAW.on(TODAY)).allowed  # type: ignore[arg-type]


@pytest.mark.parametrize("category", ["user.contact.email", "user.device.ip_address", "user.demographic.date_of_birth"])
@pytest.mark.parametrize("audience", ["public", "none"])
def test_contact_and_device_data_never_cross_for_display(category: str, audience: str) -> None:
    for exporter in ("DE", "RU", "CN", "US"):
        for importer in {"DE", "RU", "CN", "US"} - {exporter}:
            for act in Act:
                crossing = Crossing(
                    exporter=exporter,  # type: ignore[arg-type]
                    importer=importer,  # type: ignore[arg-type]
                    act=act,
                    category=category,
                    audience=audience,  # type: ignore[arg-type]
                )
                decision = decide_crossing(resident(exporter, PUBLICATION), crossing, OPERATOR, LAW.on(TODAY), POLICY)
                assert not decision.allowed, decision.reason


def test_opaque_ids_cross_between_all_sites_of_the_demonstration() -> None:
    for exporter in ("DE", "RU", "CN", "US"):
        for importer in {"DE", "RU", "CN", "US"} - {exporter}:
            crossing = Crossing(
                exporter=exporter,  # type: ignore[arg-type]
                importer=importer,  # type: ignore[arg-type]
                act=Act.RELAY,
                category="user.unique_id.pseudonymous",
            )
            assert decide_crossing(resident(exporter), crossing, OPERATOR, LAW.on(TODAY), POLICY).allowed


def test_an_explanation_names_article_day_doubt_and_what_is_missing() -> None:
    crossing = Crossing(exporter="RU", importer="US", act=Act.RELAY, category="user.name", audience="public")  # type: ignore[arg-type]
    sentences = explain(decide_crossing(resident("RU"), crossing, Operator(), LAW.on(TODAY), POLICY))
    text = "\n".join(sentences)
    assert sentences[0] == "The law in the packs says: forbidden."
    assert "152-FZ, art. 12, checked on 2026-11-21; confidence high" in text
    assert "Still missing: safeguard rkn_notice for US, for RU-XB-WAIT." in text
    assert sentences[-1] == "This is not legal advice."
    home = choose_home(resident("RU"), ["DE", "RU"], LAW.on(TODAY), POLICY)  # type: ignore[list-item]
    assert "(disputed: most counsel" in "\n".join(explain(home.decisions[0][1]))
    age = decide_signup(resident("RU"), "RU", LAW.on(TODAY), POLICY)  # type: ignore[arg-type]
    assert "policy open-but-careful permits it" in explain(age.decision)[0]


def test_the_sign_up_page_says_who_can_compel_what() -> None:
    for country in ("DE", "RU", "CN", "US", "FR"):
        assert who_can_compel(country, LAW)  # type: ignore[arg-type]
    assert who_can_compel("NZ", LAW) == ()  # type: ignore[arg-type]
    assert "German" in who_can_compel("DE", LAW)[0].sentence  # type: ignore[arg-type]


def test_another_day_or_pack_starts_with_an_empty_cache() -> None:
    crossing = Crossing(exporter="DE", importer="US", act=Act.RELAY, category="user.name", audience="public")  # type: ignore[arg-type]
    law = load_packs()
    decide_crossing(resident("DE", PUBLICATION), crossing, OPERATOR, law.on(TODAY), POLICY)
    assert law.on(TODAY).decisions
    assert not law.on(date(2026, 11, 22)).decisions
    assert not Law(law.packs).on(TODAY).decisions
    assert law.on(TODAY) is law.on(TODAY)


def test_every_verdict_word_is_its_own() -> None:
    assert {verdict.value for verdict in Verdict} == {"permitted", "required", "forbidden", "unsettled"}
