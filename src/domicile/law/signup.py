"""What joining asks: consents, an age, duties of the operator, by the law of the place and the person's claims."""

from collections.abc import Iterator

from msgspec import Struct

from domicile.ids import Country
from domicile.law.binding import bound
from domicile.law.compiled import Compiled, LawOn, remember
from domicile.law.decision import Citation, Conflict, Decision, Missing, Verdict
from domicile.law.facts import Basis, Claim, Operator, Person
from domicile.law.finding import Finding, combine, missing_consent, open_gates, silence
from domicile.law.policy import AGE_NOT_ASKED, SILENT_SIGNUP, Policy
from domicile.law.rule import Age, Gates, Publication, Rule, SignUp, Transfer


class ConsentAsked(Struct, frozen=True, cache_hash=True):
    """A consent that the form offers, never ticked beforehand: why in the first law's words, and all laws that ask."""

    kind: str
    why: str
    citations: tuple[Citation, ...]

    @property
    def citation(self) -> Citation:
        """The first of the laws that ask: the one that decides on publication, if there is one."""
        return self.citations[0]


class Duty(Struct, frozen=True, cache_hash=True):
    """What the operator must do at or after sign-up: the rule's `requires`, a sentence, the law."""

    requires: str
    sentence: str
    citation: Citation


class SignupDecision(Struct, frozen=True, kw_only=True):
    """Whether the person may join at a site in the country, and what to ask. The home itself: see `residency`."""

    decision: Decision
    consents: tuple[ConsentAsked, ...]
    minimum_age: int | None
    duties: tuple[Duty, ...]
    conflicts: tuple[Conflict, ...]

    @property
    def allowed(self) -> bool:
        """Whether the sign-up may go on."""
        return self.decision.allowed


def decide_signup(
    person: Person, country: Country, on: LawOn, policy: Policy | None = None, operator: Operator | None = None
) -> SignupDecision:
    """What the law of `country`, where the data is collected, and of the person's other claims asks of a sign-up."""
    holds = on.held(person.claims | {Claim(country, Basis.COLLECTION)}).holds
    duties = tuple(_articles(SignUp, holds, person, operator, on))
    ages = [a for a in _articles(Age, holds, person, operator, on) if _age_binds(a, country, person)]
    key = ("signup", person, country, policy, operator)
    decision = on.decisions.get(key)
    if decision is None:
        findings = [*(_duty(article, policy) for article in duties), *(_of_age(article, person) for article in ages)]
        if not findings:
            findings = [silence(SILENT_SIGNUP, country, f"The packs ask nothing of a sign-up in {country}.")]
        decision = remember(on.decisions, key, combine(findings, policy))
    return SignupDecision(
        decision=decision,
        consents=tuple(_consents(holds, person, operator, on)),
        minimum_age=max((_age(article).minimum for article in ages), default=None),
        duties=tuple(Duty(_signup(a).requires, a.citation.summary, a.citation) for a in duties),
        conflicts=decision.conflicts + _name_conflict(duties),
    )


def _articles(
    kind: type[Rule], holds: dict[Country, int], person: Person, operator: Operator | None, on: LawOn
) -> Iterator[Compiled]:
    for place, hold in holds.items():
        for article in bound(place, kind, operator, on, person.since):
            if article.covers(hold):
                yield article


def _signup(article: Compiled) -> SignUp:
    assert isinstance(article.rule, SignUp)
    return article.rule


def _age(article: Compiled) -> Age:
    assert isinstance(article.rule, Age)
    return article.rule


def _duty(article: Compiled, policy: Policy | None) -> Finding:
    """A duty to verify is required, if the operator has taken it on, and a bar if not; other duties bar nobody."""
    rule = _signup(article)
    if rule.requires != "verified_identity":
        return article.finding(article.verdict("permit"))
    if not article.settled:
        return article.finding(Verdict.UNSETTLED)
    if policy is not None and policy.permits(rule.id):
        return article.finding(Verdict.REQUIRED)
    missing = (Missing(kind="verification", what="identity", rule=rule.id),)
    return article.finding(article.verdict("forbid"), missing=missing)


def _age_binds(article: Compiled, country: Country, person: Person) -> bool:
    countries = _age(article).countries
    return not countries or country in countries or any(claim.jurisdiction in countries for claim in person.claims)


def _of_age(article: Compiled, person: Person) -> Finding:
    rule = _age(article)
    if person.age is None:
        sentence = f"{rule.id} ({article.citation.article}) asks for an age of {rule.minimum}; nobody asked."
        return silence(AGE_NOT_ASKED, article.jurisdiction, sentence)
    missing = open_gates(rule.asks, lambda ask: missing_consent(ask, rule.id, person.consents))
    if person.age >= rule.minimum or (rule.asks and not missing):
        return article.finding(Verdict.PERMITTED)
    return article.finding(article.verdict(rule.unmet), missing=missing)


def _consents(
    holds: dict[Country, int], person: Person, operator: Operator | None, on: LawOn
) -> Iterator[ConsentAsked]:
    asking: dict[str, dict[Citation, None]] = {}
    for kind in (Publication, Transfer):
        for article in _articles(kind, holds, person, operator, on):
            gates: Gates = article.rule.asks  # type: ignore[union-attr]
            for ask in (ask for gate in gates for ask in gate if ask.consent):
                asking.setdefault(ask.consent or "", {})[article.citation] = None
    for name, citations in asking.items():
        yield ConsentAsked(name, next(iter(citations)).summary, tuple(citations))


def _name_conflict(duties: tuple[Compiled, ...]) -> tuple[Conflict, ...]:
    """One law asks for a verified name, another gives a right to a pseudonym: only ever per country."""
    real = [article.citation for article in duties if _signup(article).requires == "verified_identity"]
    free = [article.citation for article in duties if _signup(article).requires == "pseudonym_allowed"]
    if not real or not free:
        return ()
    sentence = f"{real[0].rule} asks for a verified identity; {free[0].rule} gives a right to a pseudonym."
    return (Conflict(sentence=sentence, citations=(*real, *free)),)
