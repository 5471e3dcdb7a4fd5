"""What a member must prove before they join in: posting, answering, sharing, messaging. Reading is free."""

from collections.abc import Iterator, Set
from typing import Literal

from msgspec import Struct

from domicile.ids import Country
from domicile.law.binding import bound_towards
from domicile.law.compiled import Compiled, LawOn, remember
from domicile.law.decision import Citation, Decision, Missing, Verdict
from domicile.law.facts import Basis, Claim, Operator, Person
from domicile.law.finding import Finding, combine, silence
from domicile.law.policy import SILENT_SIGNUP, Policy
from domicile.law.rule import Age, SignUp

AGE_METHOD = "age_"
"""What a verifier of ages proves is written `age_16`: at least that many years."""


class Proving(Struct, frozen=True, cache_hash=True):
    """One thing to prove, by any one of `methods` (none named: by any), and whether the person has.

    `settled`: it is known that the rule binds. `before` the account can be used at all, or before posting.
    """

    methods: tuple[str, ...]
    before: Literal["account", "posting"]
    met: bool
    settled: bool
    citation: Citation


def decide_posting(
    person: Person, country: Country, on: LawOn, policy: Policy | None = None, operator: Operator | None = None
) -> Decision:
    """Whether the person, whose home is in `country`, may post, answer, share and send messages there today."""
    key = ("posting", person, country, policy, operator)
    found = on.decisions.get(key)
    if found is None:
        findings = [_judge(proving, article) for proving, article in _proving(person, country, on, operator)]
        if not findings:
            findings = [silence(SILENT_SIGNUP, country, "The packs ask nothing before a member posts.")]
        found = remember(on.decisions, key, combine(findings, policy))
    return found


def find_proving(
    person: Person, country: Country, on: LawOn, policy: Policy | None = None, operator: Operator | None = None
) -> tuple[Proving, ...]:
    """Everything that this person has to prove, proved or not.

    What is not settled counts only where the policy does not take it upon the operator.
    """
    found = (proving for proving, _ in _proving(person, country, on, operator))
    return tuple(p for p in found if p.settled or policy is None or not policy.permits(p.citation.rule))


def proves(verified: Set[str], method: str) -> bool:
    """Whether one of these is the method: `mobile_number:RU` is a `mobile_number`, `age_18` an `age_16`."""
    if method.startswith(AGE_METHOD):
        return any(_years(proved) >= _years(method) for proved in verified)
    return any(proved == method or proved.startswith(f"{method}:") for proved in verified)


def _years(method: str) -> int:
    years = method.removeprefix(AGE_METHOD)
    return int(years) if method.startswith(AGE_METHOD) and years.isdecimal() else 0


def _proving(
    person: Person, country: Country, on: LawOn, operator: Operator | None
) -> Iterator[tuple[Proving, Compiled]]:
    holds = on.held(person.claims | {Claim(country, Basis.COLLECTION)}).holds
    for article in bound_towards(person, holds, SignUp, operator, on):
        rule = article.rule
        if isinstance(rule, SignUp) and rule.requires == "verified_identity":
            met = any(proves(person.verified, method) for method in rule.methods)
            met = met or (not rule.methods and any(not _years(proved) for proved in person.verified))
            yield Proving(rule.methods, rule.before, met, article.settled, article.citation), article
    for article in bound_towards(person, holds, Age, operator, on):
        rule = article.rule
        if isinstance(rule, Age) and rule.evidence == "assurance" and age_binds(rule, country, person):
            method = f"{AGE_METHOD}{rule.minimum}"
            met = proves(person.verified, method)
            yield Proving((method,), "account", met, article.settled, article.citation), article


def age_binds(rule: Age, country: Country, person: Person) -> bool:
    """Whether an age rule of a bloc speaks of this person's countries."""
    countries = rule.countries
    return not countries or country in countries or any(claim.jurisdiction in countries for claim in person.claims)


def _judge(proving: Proving, article: Compiled) -> Finding:
    if proving.met:
        return article.finding(Verdict.REQUIRED)
    if not proving.settled:
        return article.finding(Verdict.UNSETTLED)
    what = " or ".join(proving.methods) or "identity"
    missing = (Missing(kind="verification", what=what, rule=article.citation.rule),)
    return article.finding(Verdict.FORBIDDEN, missing=missing)
