"""The worked cases that are shipped beside the packs, as one table: facts, day, question, answer."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import domicile.law
from domicile.law.binding import bound
from domicile.law.clocks import Clock, clocks, waiting_clocks
from domicile.law.decision import Decision
from domicile.law.demands import Demand, decide_disclosure
from domicile.law.facts import Act, Basis, Claim, Count, Crossing, Operator, Person, Safeguard
from domicile.law.library import load_packs, load_policy, load_safeguards
from domicile.law.publication import decide_publication
from domicile.law.residency import choose_home, decide_home
from domicile.law.signup import decide_signup
from domicile.law.standing import decide_posting
from domicile.law.transfer import decide_crossing

FOLDER = Path(domicile.law.__file__).parent / "cases"
ALL = [
    (case, f"{file.stem}-{case['id']}")
    for file in sorted(FOLDER.glob("*.toml"))
    for case in tomllib.loads(file.read_text())["case"]
]
CASES = [pytest.param(case, id=name) for case, name in ALL if case["question"] not in ("clock", "bound")]
BOUND = [pytest.param(case, id=name) for case, name in ALL if case["question"] == "bound"]
CLOCKS = [pytest.param(case, id=name) for case, name in ALL if case["question"] == "clock"]
LAW, POLICY, PAPERS = load_packs(), load_policy(), load_safeguards()
SITES = ("DE", "RU", "CN", "US")


def person_of(case: dict[str, Any]) -> Person:
    claims = (text.split() for text in case["claims"])
    return Person(
        frozenset(Claim(country, Basis(basis)) for country, basis in claims),
        frozenset(case.get("consents", [])),
        case.get("age"),
        frozenset(case.get("verified", [])),
        case.get("since"),
    )


def operator_of(case: dict[str, Any]) -> Operator:
    papers = {paper for paper in PAPERS if paper.kind not in case.get("without", [])}
    for text in case.get("with", []):
        kind, importer, day = text.split()
        exporter = next(case[key] for key in ("exporter", "candidate", "home", "country") if key in case)
        papers.add(Safeguard(kind=kind, exporter=exporter, importer=importer, filed_on=date.fromisoformat(day)))
    counts = {Count("persons_since_january", country, n) for country, n in case.get("persons", {}).items()}
    counts |= {Count(metric, country, n) for country, of in case.get("counts", {}).items() for metric, n in of.items()}
    established, collected = case.get("established"), case.get("collected")
    return Operator(
        safeguards=frozenset(papers),
        counts=frozenset(counts),
        designations=frozenset(case.get("designations", [])),
        owner=case.get("owner"),
        established=None if established is None else frozenset(established),
        events=frozenset(case.get("events", {}).items()),
        collected=None if collected is None else frozenset(collected),
        turnover=frozenset(case.get("turnover", {}).items()),
    )


def answer(case: dict[str, Any]) -> tuple[Decision, tuple[object, ...]]:
    person, on, question = person_of(case), LAW.on(case["on"]), case["question"]
    if question == "publication":
        decision = decide_publication(person, on, POLICY)
    elif question == "signup":
        signup = decide_signup(person, case["country"], on, POLICY, operator_of(case))
        return signup.decision, signup.conflicts
    elif question == "posting":
        decision = decide_posting(person, case["country"], on, POLICY, operator_of(case))
    elif question == "disclosure":
        demand = Demand(issuer=case["issuer"], home=case["home"], wants=case["wants"])
        decision = decide_disclosure(person, demand, operator_of(case), on, POLICY)
    elif question == "crossing":
        names = ("exporter", "importer", "category", "audience")
        crossing = Crossing(act=Act(case["act"]), **{name: case[name] for name in names})
        decision = decide_crossing(person, crossing, operator_of(case), on, POLICY)
    else:
        operator = operator_of(case)
        decision = decide_home(person, case["candidate"], on, POLICY, operator)
        if "proposed" in case:
            assert choose_home(person, SITES, on, POLICY, operator).proposed == case["proposed"]
    return decision, decision.conflicts


@pytest.mark.parametrize("case", CASES)
def test_the_law_answers_as_worked_out(case: dict[str, Any]) -> None:
    decision, conflicts = answer(case)
    assert decision.verdict.value == case["expect"], decision.reason
    assert decision.allowed == case["allowed"], decision.reason
    assert set(case.get("rules", [])) <= set(decision.rules)
    assert set(case.get("missing", [])) <= {lack.what for lack in decision.missing}
    assert decision.citations or decision.verdict.value == "unsettled"
    first = decision.citations[0] if decision.citations else None
    if "article" in case:
        assert case["article"] in {citation.article for citation in decision.citations}
    if "valid_from" in case:
        assert first is not None
        assert str(first.valid_from) == case["valid_from"]
    if "available_from" in case:
        assert {str(lack.available_from) for lack in decision.missing} == {case["available_from"]}
    if case.get("conflict"):
        assert conflicts


TERMS = ("urgent", "extension", "follow_up", "members", "warning", "lasts", "suspended_by", "notice", "gag", "starts")
TERMS += ("waits_for",)


def clock_of(case: dict[str, Any]) -> Clock | None:
    """The one clock of a rule that is in force, or waits, and binds; None if there is none."""
    on, operator, place = LAW.on(case["on"]), operator_of(case), case["jurisdiction"]
    found = [
        clock
        for clock in (*clocks(on, operator, [place]), *waiting_clocks(on, operator, [place]))
        if clock.rule == case["rule"]
    ]
    assert len(found) < 2
    return found[0] if found else None


def said(clock: Clock, name: str) -> str:
    """A term of a clock as a case writes it; "none" where the rule says nothing."""
    term = getattr(clock, name)
    return "none" if term is None else str(term)


@pytest.mark.parametrize("case", CLOCKS)
def test_a_clock_runs_as_worked_out(case: dict[str, Any]) -> None:
    clock = clock_of(case)
    if case["expect"] == "none":
        assert clock is None
        return
    assert clock is not None, f"{case['rule']} is no clock that binds on {case['on']}"
    assert str(clock.normal) == case["expect"]
    assert clock.settled == case.get("settled", True)
    assert {name: said(clock, name) for name in TERMS if name in case} == {n: case[n] for n in TERMS if n in case}
    assert ("waits_for" in case) == (clock.waits_for is not None), "a case names what a rule waits for"


@pytest.mark.parametrize("case", BOUND)
def test_a_rule_binds_whom_it_should(case: dict[str, Any]) -> None:
    on, name = LAW.on(case["on"]), case["rule"]
    kind = next(type(rule) for rule in LAW.packs[case["jurisdiction"]].rule if rule.id == name)
    articles = [
        article for article in bound(case["jurisdiction"], kind, operator_of(case), on) if article.rule.id == name
    ]
    words = ["yes" if article.settled else "in doubt" for article in articles] or ["no"]
    assert words == [case["expect"]]
