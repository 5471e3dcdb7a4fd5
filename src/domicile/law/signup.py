"""What joining asks: consents, an age, duties of the operator, by the law of the place and the person's claims."""

from collections.abc import Iterator

from msgspec import Struct

from domicile.ids import Country
from domicile.law.binding import bound_towards
from domicile.law.compiled import Compiled, LawOn, remember
from domicile.law.decision import Citation, Conflict, Decision, Verdict
from domicile.law.facts import Basis, Claim, Operator, Person
from domicile.law.finding import Finding, combine, missing_consent, open_gates, silence
from domicile.law.policy import AGE_NOT_ASKED, SILENT_SIGNUP, Policy
from domicile.law.rule import Age, Evidence, Gates, Keep, Publication, SignUp, Transfer
from domicile.law.standing import Proving, age_binds, find_proving

_KEEP: tuple[Keep, ...] = ("nothing", "yes_no", "date_of_birth")


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


class AgeAsked(Struct, frozen=True, cache_hash=True):
    """An age that a law sets, what it wants asked, and the most of the answer that may be kept."""

    minimum: int
    evidence: Evidence
    keep: Keep
    citation: Citation


class SignupDecision(Struct, frozen=True, kw_only=True):
    """Whether the person may join at a site in the country, and what to ask. The home itself: see `residency`.

    `too_young`: an age was told, and a law sets another. `proving`: what is to be proved after the sign-up.
    """

    decision: Decision
    consents: tuple[ConsentAsked, ...]
    ages: tuple[AgeAsked, ...]
    too_young: bool
    duties: tuple[Duty, ...]
    proving: tuple[Proving, ...]
    conflicts: tuple[Conflict, ...]

    @property
    def allowed(self) -> bool:
        """Whether the sign-up may go on."""
        return self.decision.allowed

    @property
    def minimum_age(self) -> int | None:
        """The highest of the ages that laws set here."""
        return max((asked.minimum for asked in self.ages), default=None)

    @property
    def asks_birth_date(self) -> bool:
        """Whether a law wants the date of birth asked; otherwise a yes or no is enough."""
        return any(asked.evidence == "date_of_birth" for asked in self.ages)

    @property
    def keep(self) -> Keep:
        """The most that every one of these laws lets us keep; nothing where none asks."""
        return min((asked.keep for asked in self.ages), key=_KEEP.index, default="nothing")


def decide_signup(
    person: Person, country: Country, on: LawOn, policy: Policy | None = None, operator: Operator | None = None
) -> SignupDecision:
    """What the law of `country`, where the data is collected, and of the person's other claims asks of a sign-up."""
    holds = on.held(person.claims | {Claim(country, Basis.COLLECTION)}).holds
    duties = tuple(bound_towards(person, holds, SignUp, operator, on))
    ages = [a for a in bound_towards(person, holds, Age, operator, on) if age_binds(_age(a), country, person)]
    judged = [_of_age(article, person) for article in ages]
    key = ("signup", person, country, policy, operator)
    decision = on.decisions.get(key)
    if decision is None:
        findings = [*map(_duty, duties), *judged]
        if not findings:
            findings = [silence(SILENT_SIGNUP, country, f"The packs ask nothing of a sign-up in {country}.")]
        decision = remember(on.decisions, key, combine(findings, policy))
    return SignupDecision(
        decision=decision,
        consents=tuple(_consents(holds, person, operator, on)),
        ages=tuple(_age_asked(article) for article in ages),
        too_young=person.age is not None and bool(judged) and not combine(judged, policy).allowed,
        duties=tuple(Duty(_signup(a).requires, a.citation.summary, a.citation) for a in duties),
        proving=find_proving(person, country, on, policy, operator),
        conflicts=decision.conflicts + tuple(_name_conflicts(duties)),
    )


def _signup(article: Compiled) -> SignUp:
    assert isinstance(article.rule, SignUp)
    return article.rule


def _age(article: Compiled) -> Age:
    assert isinstance(article.rule, Age)
    return article.rule


def _age_asked(article: Compiled) -> AgeAsked:
    rule = _age(article)
    return AgeAsked(rule.minimum, rule.evidence, rule.keep, article.citation)


def _duty(article: Compiled) -> Finding:
    """A duty bars nobody from joining: who is to be verified proves it afterwards (see `standing`)."""
    if _signup(article).requires != "verified_identity":
        return article.finding(article.verdict("permit"))
    return article.finding(Verdict.REQUIRED if article.settled else Verdict.UNSETTLED)


def _of_age(article: Compiled, person: Person) -> Finding:
    rule = _age(article)
    if person.age is None and rule.evidence == "assurance":
        return article.finding(Verdict.REQUIRED if article.settled else Verdict.UNSETTLED)
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
        for article in bound_towards(person, holds, kind, operator, on):
            gates: Gates = article.rule.asks  # type: ignore[union-attr]
            for ask in (ask for gate in gates for ask in gate if ask.consent):
                asking.setdefault(ask.consent or "", {})[article.citation] = None
    for name, citations in asking.items():
        yield ConsentAsked(name, next(iter(citations)).summary, tuple(citations))


_AGAINST_NAMES = {
    "pseudonym_allowed": "gives a right to a pseudonym",
    "no_identity_images": "forbids to ask for pictures of identity papers",
}


def _name_conflicts(duties: tuple[Compiled, ...]) -> Iterator[Conflict]:
    """One law asks for a verified name, another stands in the way of that: only ever per country."""
    real = [article.citation for article in duties if _signup(article).requires == "verified_identity"]
    for requires, words in _AGAINST_NAMES.items():
        free = [article.citation for article in duties if _signup(article).requires == requires]
        if real and free:
            sentence = f"{real[0].rule} asks for a verified identity; {free[0].rule} {words}."
            yield Conflict(sentence=sentence, citations=(*real, *free))
