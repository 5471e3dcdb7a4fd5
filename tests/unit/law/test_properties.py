"""What holds of every decision, whatever the facts."""

from dataclasses import replace
from datetime import date
from itertools import chain

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from domicile.ids import Country
from domicile.law.compiled import Law, LawOn
from domicile.law.decision import Decision, Verdict
from domicile.law.demands import Demand, decide_disclosure
from domicile.law.facts import Act, Basis, Claim, Count, Crossing, Operator, Person, Safeguard
from domicile.law.finding import Finding, combine
from domicile.law.library import load_packs, load_policy
from domicile.law.policy import Policy
from domicile.law.publication import decide_publication
from domicile.law.residency import choose_home, decide_home
from domicile.law.rule import SignUp
from domicile.law.signup import decide_signup
from domicile.law.standing import decide_posting, find_proving
from domicile.law.transfer import decide_crossing

LAW, POLICY = load_packs(), load_policy()
PLACES = sorted({"DE", "FR", "RU", "CN", "US", "BR", "CH", "CA"} | (LAW.packs.keys() - {"EU"}))
KINDS = sorted(
    {
        ask.safeguard
        for pack in LAW.packs.values()
        for rule in pack.rule
        for ask in chain.from_iterable(getattr(rule, "asks", ()))
        if ask.safeguard
    }
)
PROOFS = sorted(
    {
        *(m for pack in LAW.packs.values() for rule in pack.rule if isinstance(rule, SignUp) for m in rule.methods),
        *(f"age_{age}" for age in range(12, 22)),
    }
)
DAYS = st.dates(date(2014, 1, 1), date(2028, 1, 1))
places = st.sampled_from(PLACES)
claims = st.builds(Claim, places, st.sampled_from(Basis), st.booleans())
consents = st.frozensets(st.sampled_from(["publication", "abroad", "parental"]))
people = st.builds(Person, st.frozensets(claims, max_size=3), consents, st.none() | st.integers(5, 90))
crossings = st.builds(
    Crossing,
    exporter=places,
    importer=places,
    act=st.sampled_from(Act),
    category=st.sampled_from(
        [
            "user.content.public",
            "user.content.private",
            "user.name.first",
            "user.unique_id.pseudonymous",
            "user.contact.email",
        ]
    ),
    audience=st.sampled_from(["public", "followers", "direct", "none"]),
)
papers = st.builds(
    Safeguard,
    kind=st.sampled_from(KINDS),
    exporter=places,
    importer=st.none() | places,
    filed_on=DAYS,
    valid_until=st.none() | DAYS,
    scope=st.frozensets(st.sampled_from(["user.content", "user.name", "user"]), max_size=2),
)
METRICS = ["daily_users", "monthly_users", "registered", "persons_since_january", "persons_12_months", "turnover"]
sizes = st.dictionaries(
    st.tuples(st.sampled_from(METRICS), st.sampled_from(sorted(LAW.packs))),
    st.sampled_from([0, 99_999, 100_000, 500_000, 1_000_000, 50_000_000]),
    max_size=4,
)
EVENTS = sorted({rule.event for pack in LAW.packs.values() for rule in pack.rule if rule.event} | {"none"})
operators = st.builds(
    Operator,
    safeguards=st.frozensets(papers, max_size=8),
    counts=sizes.map(lambda of: frozenset(Count(metric, place, n) for (metric, place), n in of.items())),
    designations=st.frozensets(st.just("CN:CIIO"), max_size=1),
    owner=st.none() | places,
    established=st.none() | st.frozensets(places, max_size=3),
    events=st.dictionaries(st.sampled_from(EVENTS), DAYS, max_size=2).map(lambda of: frozenset(of.items())),
    collected=st.none() | st.frozensets(st.sampled_from(["user.contact.phone_number", "user.name"]), max_size=2),
)
policies = st.sampled_from([POLICY, None])
quick = settings(max_examples=150, deadline=None)


def worse(decision: Decision) -> int:
    """2 forbidden, 1 refused, 0 allowed."""
    return 2 if decision.verdict is Verdict.FORBIDDEN else int(not decision.allowed)


def demand_for(crossing: Crossing) -> Demand:
    wants = "content" if crossing.category.startswith("user.content") else "subscriber"
    return Demand(issuer=crossing.importer, home=crossing.exporter, wants=wants)


def all_decisions(
    person: Person, crossing: Crossing, operator: Operator, on: LawOn, policy: Policy | None
) -> list[Decision]:
    return [
        decide_crossing(person, crossing, operator, on, policy),
        decide_publication(person, on, policy),
        decide_home(person, crossing.exporter, on, policy, operator),
        decide_signup(person, crossing.exporter, on, policy, operator).decision,
        decide_posting(person, crossing.exporter, on, policy, operator),
        decide_disclosure(person, demand_for(crossing), operator, on, policy),
    ]


@given(people, crossings, operators, DAYS, policies)
@quick
def test_every_decision_cites_a_rule_or_is_unsettled_and_gives_a_reason(
    person: Person, crossing: Crossing, operator: Operator, day: date, policy: Policy | None
) -> None:
    for decision in all_decisions(person, crossing, operator, LawOn(LAW.packs, day), policy):
        assert decision.citations or decision.verdict is Verdict.UNSETTLED
        assert decision.reason
        assert decision.allowed != (worse(decision) > 0)
        assert all(c.valid_from and c.valid_from <= day for c in decision.citations)


@given(people, crossings, operators, DAYS, policies)
@quick
def test_the_order_of_rules_and_packs_changes_nothing(
    person: Person, crossing: Crossing, operator: Operator, day: date, policy: Policy | None
) -> None:
    turned = {
        place: msgspec.structs.replace(pack, rule=tuple(reversed(pack.rule)))
        for place, pack in reversed(LAW.packs.items())
    }
    here, there = Law(LAW.packs).on(day), Law(turned).on(day)
    assert all_decisions(person, crossing, operator, here, policy) == all_decisions(
        person, crossing, operator, there, policy
    )


@given(people, crossings, operators, st.frozensets(papers, max_size=6), DAYS, policies)
@quick
def test_another_safeguard_never_makes_it_worse(
    person: Person, crossing: Crossing, operator: Operator, more: frozenset[Safeguard], day: date, policy: Policy | None
) -> None:
    on = LawOn(LAW.packs, day)
    richer = msgspec.structs.replace(operator, safeguards=operator.safeguards | more)
    before, after = (decide_crossing(person, crossing, o, on, policy) for o in (operator, richer))
    assert worse(after) <= worse(before)
    before, after = (decide_home(person, crossing.exporter, on, policy, o) for o in (operator, richer))
    assert worse(after) <= worse(before)
    before, after = (decide_disclosure(person, demand_for(crossing), o, on, policy) for o in (operator, richer))
    assert worse(after) <= worse(before)


@given(people, crossings, operators, consents, DAYS, policies)
@quick
def test_another_consent_never_makes_it_worse(
    person: Person, crossing: Crossing, operator: Operator, more: frozenset[str], day: date, policy: Policy | None
) -> None:
    on = LawOn(LAW.packs, day)
    richer = msgspec.structs.replace(person, consents=person.consents | more)
    before, after = (decide_crossing(p, crossing, operator, on, policy) for p in (person, richer))
    assert worse(after) <= worse(before)


@given(people, places, operators, st.frozensets(st.sampled_from(PROOFS)), DAYS, policies)
@quick
def test_another_proof_never_makes_it_worse_and_every_proof_is_enough(
    person: Person, place: Country, operator: Operator, more: frozenset[str], day: date, policy: Policy | None
) -> None:
    on = LawOn(LAW.packs, day)
    richer = msgspec.structs.replace(person, verified=person.verified | more)
    before, after = (decide_posting(p, place, on, policy, operator) for p in (person, richer))
    assert worse(after) <= worse(before)
    proved = msgspec.structs.replace(person, verified=frozenset(PROOFS))
    assert decide_posting(proved, place, on, POLICY, operator).allowed
    unmet = [proving for proving in find_proving(richer, place, on, policy, operator) if not proving.met]
    assert after.verdict is not Verdict.FORBIDDEN or any(proving.settled for proving in unmet)


@given(people, crossings, operators, claims, DAYS, policies)
@quick
def test_another_claim_never_makes_a_crossing_freer(
    person: Person, crossing: Crossing, operator: Operator, claim: Claim, day: date, policy: Policy | None
) -> None:
    """Were it freer, some applicable law that forbids would have been overruled. A claim of the exporting
    country itself, or of its bloc, is no other law: it may turn its silence into an answer."""
    on = LawOn(LAW.packs, day)
    if set(on.group(claim.jurisdiction)) & set(on.group(crossing.exporter)):
        return
    more = msgspec.structs.replace(person, claims=person.claims | {claim})
    before, after = (decide_crossing(p, crossing, operator, on, policy) for p in (person, more))
    if before.verdict is Verdict.FORBIDDEN:
        assert after.verdict is Verdict.FORBIDDEN


@given(people, crossings, operators, DAYS, policies, st.sampled_from(sorted(LAW.packs)))
@quick
def test_what_one_applicable_law_forbids_all_laws_together_forbid(
    person: Person, crossing: Crossing, operator: Operator, day: date, policy: Policy | None, alone: Country
) -> None:
    """The Union's pack stays in, because it says which countries are in the Union."""
    single = LawOn({place: LAW.packs[place] for place in {alone, Country("EU")}}, day)
    every = LawOn(LAW.packs, day)
    if decide_crossing(person, crossing, operator, single, policy).verdict is Verdict.FORBIDDEN:
        assert decide_crossing(person, crossing, operator, every, policy).verdict is Verdict.FORBIDDEN
    if decide_home(person, crossing.importer, single, policy, operator).verdict is Verdict.FORBIDDEN:
        assert decide_home(person, crossing.importer, every, policy, operator).verdict is Verdict.FORBIDDEN


findings = st.builds(
    Finding,
    jurisdiction=places,
    question=st.sampled_from(["RU-PUB", "CN-WEB", "domestic", "unheard-of"]),
    verdict=st.sampled_from(Verdict),
    citations=st.just(()),
    sentence=st.just("s"),
)


@given(st.lists(findings, min_size=1, max_size=6), policies, st.randoms())
@quick
def test_one_rule_that_forbids_is_enough_and_the_order_is_nothing(
    found: list[Finding], policy: Policy | None, chance: object
) -> None:
    decision = combine(found, policy)
    verdicts = {finding.verdict for finding in found}
    assert (decision.verdict is Verdict.FORBIDDEN) == (Verdict.FORBIDDEN in verdicts)
    if Verdict.UNSETTLED in verdicts:
        assert decision.verdict in (Verdict.FORBIDDEN, Verdict.UNSETTLED)
    chance.shuffle(found)  # type: ignore[attr-defined]
    assert combine(found, policy) == decision


@given(people, DAYS, policies)
@quick
def test_the_proposed_home_is_allowed_and_never_by_citizenship_alone(
    person: Person, day: date, policy: Policy | None
) -> None:
    choice = choose_home(person, PLACES, LawOn(LAW.packs, day), policy)  # type: ignore[arg-type]
    if choice.proposed is not None:
        assert choice.proposed in choice.homes
        assert {c.basis for c in person.claims if c.jurisdiction == choice.proposed} != {Basis.CITIZENSHIP}


@given(people, crossings, operators, DAYS)
@quick
def test_a_policy_that_refuses_everything_never_frees_anything(
    person: Person, crossing: Crossing, operator: Operator, day: date
) -> None:
    on, never = LawOn(LAW.packs, day), replace(POLICY, rulings={})
    refused = decide_crossing(person, crossing, operator, on, never)
    assert refused.allowed == (refused.verdict in (Verdict.PERMITTED, Verdict.REQUIRED))
    assert refused.verdict is decide_crossing(person, crossing, operator, on, POLICY).verdict
