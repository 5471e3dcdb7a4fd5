"""What is collected decides what is asked: which duties a new category brings, and which of them are not met."""

from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domicile.law.collection import CollectionDuty, duties_of
from domicile.law.compiled import Law, LawOn
from domicile.law.duties import Presence
from domicile.law.facts import Basis, Claim, Operator, Person, Safeguard
from domicile.law.fulfilment import Reach
from domicile.law.library import load_packs, load_policy
from domicile.law.pack import parse_pack
from domicile.law.rule import Age, Publication, Residency, SignUp, Transfer

TODAY = date(2026, 1, 1)
PHONE = "user.contact.phone_number"
OLD, NEW = frozenset({"user.name", "user.content"}), frozenset({"user.name", "user.content", PHONE})
POLICY = load_policy()
TOP = """
jurisdiction = "RU"
name = "Test"
version = "1"
checked_on = 2026-01-01
not_legal_advice = "No advice."
claims_by = ["residence", "citizenship", "presence", "collection"]
claims_by_source = "test"
"""
RULE = """
[[rule]]
id = "{}"
kind = "{}"
summary = "A rule."
valid_from = 2020-01-01
subject = {{ basis = "any" }}
confidence = "H"
{}
[rule.citation]
act = "Act"
article = "art. 1"
source = "page"
checked_on = 2026-01-01
verified = true
"""
COLLECTS = 'collects = ["user.contact"]\n'
HOMES = 'mode = "exclusive"\nhomes = ["RU"]\n'
OFFICE = 'form = "entity"\nduty = "an office in the country"\nasks = [[{ safeguard = "office" }]]\n'
PROOF = 'requires = "verified_identity"\nmethods = ["mobile_number:RU", "esia"]\n'
NOTICE = 'acts = ["relay"]\ncategories = ["user"]\nexporter_here = true\nasks = [[{ safeguard = "notice" }]]\n'
KEPT = 'categories = ["user.contact"]\nbound = "min"\nperiod = { n = 3, unit = "years" }\nstarts_at = "the act"\n'


def law(*rules: tuple[str, str, str]) -> LawOn:
    text = TOP + "".join(RULE.format(*rule) for rule in rules)
    return Law({"RU": parse_pack(text.encode(), "test.toml")}).on(TODAY)  # type: ignore[dict-item]


def reach(*residents: tuple[str, str], sites: str = "US", proofs: str = "") -> Reach:
    """Residents as (whose law claims them, where their home is)."""
    people = ((Person(frozenset({Claim(claim, Basis.RESIDENCE)})), home) for claim, home in residents)  # type: ignore[arg-type]
    return Reach(frozenset(sites.split()), frozenset(people), frozenset(proofs.split()))  # type: ignore[arg-type]


def paper(kind: str, exporter: str = "RU", importer: str | None = None) -> Operator:
    filed = Safeguard(kind=kind, exporter=exporter, importer=importer, filed_on=date(2025, 1, 1))  # type: ignore[arg-type]
    return Operator(frozenset({filed}))


def one(on: LawOn, where: Reach, operator: Operator | None = None, old: frozenset[str] = OLD) -> CollectionDuty:
    (duty,) = duties_of(old, NEW, where, operator, on, POLICY)
    return duty


def test_a_column_that_brings_no_category_brings_no_duty() -> None:
    on = law(("RU-1", "residency", COLLECTS + HOMES))
    assert duties_of(NEW, NEW, reach(("RU", "US")), None, on) == ()
    assert duties_of(NEW, OLD, reach(("RU", "US")), None, on) == ()


def test_a_rule_that_asks_nobody_what_they_collect_does_not_come_with_a_column() -> None:
    on = law(("RU-1", "residency", HOMES))
    assert duties_of(frozenset(), NEW, reach(("RU", "US")), None, on) == ()


def test_members_who_live_elsewhere_leave_the_duty_unmet_and_the_answer_says_what_to_do() -> None:
    duty = one(law(("RU-1", "residency", COLLECTS + HOMES)), reach(("RU", "US"), ("US", "US")))
    assert (duty.citation.rule, duty.standing, duty.categories) == ("RU-1", "unmet", (PHONE,))
    assert duty.remedy == "open a site in RU and move these members there"
    moved = one(law(("RU-1", "residency", COLLECTS + HOMES)), reach(("RU", "US"), sites="US RU"))
    assert moved.remedy == "move these members to a site in RU"


def test_a_home_in_the_country_meets_it_and_so_does_the_paper_that_a_home_abroad_may_have() -> None:
    on = law(("RU-1", "residency", COLLECTS + HOMES))
    assert one(on, reach(("RU", "RU"), sites="RU US")).standing == "met"
    on = law(
        ("RU-1", "residency", COLLECTS + HOMES + 'elsewhere = "permit"\nasks = [[{ safeguard = "local_copy" }]]\n')
    )
    without, with_copy = one(on, reach(("RU", "US"))), one(on, reach(("RU", "US")), paper("local_copy", "US"))
    assert (without.standing, with_copy.standing) == ("unmet", "met")
    assert without.remedy.endswith("or file local_copy for RU")


def test_the_law_of_a_country_without_members_and_without_sites_is_not_asked() -> None:
    on = law(("RU-1", "residency", COLLECTS + HOMES), ("RU-2", "presence", COLLECTS + OFFICE))
    assert duties_of(OLD, NEW, reach(("US", "US")), None, on) == ()
    assert [d.standing for d in duties_of(OLD, NEW, reach(("US", "US"), sites="US RU"), None, on)] == ["met", "unmet"]


def test_a_presence_is_shown_by_its_paper() -> None:
    on = law(("RU-2", "presence", COLLECTS + OFFICE))
    assert one(on, reach(("RU", "US"))).remedy == "file office for RU"
    assert one(on, reach(("RU", "US")), paper("office")).standing == "met"
    assert one(law(("RU-2", "presence", COLLECTS + OFFICE.partition("asks")[0])), reach(("RU", "US"))).standing == (
        "operator"
    )


@pytest.mark.parametrize(
    ("proofs", "standing"), [("", "unmet"), ("mobile_number", "met"), ("esia", "met"), ("id", "unmet")]
)
def test_a_proof_of_identity_needs_a_verifier_of_one_of_its_methods(proofs: str, standing: str) -> None:
    on = law(("RU-3", "signup", COLLECTS + PROOF))
    assert one(on, reach(("RU", "US"), proofs=proofs)).standing == standing


def test_crossings_that_would_stop_for_want_of_a_paper_are_told_before() -> None:
    on = law(("RU-4", "transfer", COLLECTS + NOTICE))
    where = reach(("RU", "RU"), sites="RU US")
    assert one(on, where).standing == "unmet"
    assert one(on, where, paper("notice")).standing == "upheld"
    assert one(on, where, paper("notice", importer="DE")).standing == "unmet"
    assert one(on, reach(("RU", "RU"), sites="RU")).standing == "upheld"  # no border, nothing to stop


def test_a_rule_about_the_new_category_alone_stops_nothing_and_is_told() -> None:
    on = law(("RU-4", "transfer", NOTICE.replace('["user"]', '["user.contact"]')), ("RU-5", "retention", KEPT))
    found = {d.citation.rule: d.standing for d in duties_of(OLD, NEW, reach(("RU", "RU"), sites="RU US"), None, on)}
    assert found == {"RU-4": "upheld", "RU-5": "operator"}


def test_a_rule_that_may_not_bind_is_for_the_policy() -> None:
    on = law(("RU-1", "residency", COLLECTS + HOMES + 'established = "abroad"\n'))
    refusing = one(on, reach(("RU", "US")))
    assert refusing.standing == "unmet"  # the policy does not know the question, and refuses
    at_home = Operator(established=frozenset({"RU"}))
    assert duties_of(OLD, NEW, reach(("RU", "US")), at_home, on, POLICY) == ()


# Whatever the packs: the shipped ones, with every rule of the kinds that can be unmet hanging on what is collected.

CATEGORIES = ["user.name", "user.content", "user.account.username", "user.contact.email", PHONE, "user.government_id"]


def _hanging(rule: Any) -> Any:
    if isinstance(rule, Residency | SignUp | Transfer | Age | Publication):
        return msgspec.structs.replace(rule, collects=("user.contact",))
    if isinstance(rule, Presence):
        return msgspec.structs.replace(rule, collects=("user.government_id",))
    return rule


LAW = Law(
    {
        place: msgspec.structs.replace(pack, rule=tuple(map(_hanging, pack.rule)))
        for place, pack in load_packs().packs.items()
    }
)
PLACES = sorted({"DE", "FR", "RU", "CN", "US", "BR"})
KINDS = sorted(
    {
        ask.safeguard
        for pack in LAW.packs.values()
        for rule in pack.rule
        for gate in getattr(rule, "asks", ())
        for ask in gate
        if ask.safeguard
    }
)
DAYS = st.dates(date(2014, 1, 1), date(2028, 1, 1))
places = st.sampled_from(PLACES)
collections = st.frozensets(st.sampled_from(CATEGORIES))
people = st.builds(Person, st.frozensets(st.builds(Claim, places, st.sampled_from(Basis)), max_size=2))
reaches = st.builds(
    Reach,
    st.frozensets(places, min_size=1, max_size=4),
    st.frozensets(st.tuples(people, places), max_size=4),
    st.frozensets(st.sampled_from(["mobile_number", "esia"])),
)
papers = st.frozensets(
    st.builds(Safeguard, kind=st.sampled_from(KINDS), exporter=places, importer=st.none() | places, filed_on=DAYS),
    max_size=6,
)
quick = settings(max_examples=150, deadline=None)


def standing(
    old: frozenset[str], new: frozenset[str], where: Reach, filed: frozenset[Safeguard], day: date
) -> dict[tuple[str, object], CollectionDuty]:
    duties = duties_of(old, new, where, Operator(filed), LAW.on(day), POLICY)
    found = {(duty.citation.rule, duty.citation.valid_from): duty for duty in duties}
    assert len(found) == len(duties)
    return found


def unmet(found: dict[tuple[str, object], CollectionDuty]) -> set[tuple[str, object]]:
    return {key for key, duty in found.items() if duty.standing == "unmet"}


@given(collections, collections, reaches, papers, papers, st.frozensets(st.just("ebs")), DAYS)
@quick
def test_more_papers_and_more_ways_to_prove_oneself_never_leave_a_duty_unmet(
    old: frozenset[str],
    new: frozenset[str],
    where: Reach,
    filed: frozenset[Safeguard],
    more: frozenset[Safeguard],
    proofs: frozenset[str],
    day: date,
) -> None:
    wider = msgspec.structs.replace(where, proofs=where.proofs | proofs)
    before, after = standing(old, new, where, filed, day), standing(old, new, wider, filed | more, day)
    assert before.keys() == after.keys()
    assert unmet(after) <= unmet(before)


@given(collections, collections, reaches, papers, places, DAYS)
@quick
def test_one_more_site_never_leaves_a_home_or_a_proof_wanting_that_was_not_before(
    old: frozenset[str], new: frozenset[str], where: Reach, filed: frozenset[Safeguard], place: Any, day: date
) -> None:
    """It may bring its own country's law with it, and a border that has no papers yet."""
    more = msgspec.structs.replace(where, sites=where.sites | {place})
    before, after = standing(old, new, where, filed, day), standing(old, new, more, filed, day)
    assert before.keys() <= after.keys()
    for key in unmet(after) & before.keys():
        assert key in unmet(before) or after[key].kind == "transfer"
    assert not [key for key in unmet(after) - before.keys() if after[key].kind == "residency"]


@given(collections, collections, reaches, papers, DAYS)
@quick
def test_what_a_change_brings_is_the_difference_of_the_two_inventories(
    old: frozenset[str], new: frozenset[str], where: Reach, filed: frozenset[Safeguard], day: date
) -> None:
    nothing: frozenset[str] = frozenset()
    brought = standing(old, new, where, filed, day)
    assert (
        brought.keys()
        == standing(nothing, new, where, filed, day).keys() - standing(nothing, old, where, filed, day).keys()
    )
    assert all(duty.categories and set(duty.categories) <= new - old for duty in brought.values())
    assert standing(nothing, old, where, filed, day).keys() <= standing(nothing, old | new, where, filed, day).keys()
