"""Whether a person's public posts and profile may be shown to an indefinite circle."""

from collections.abc import Mapping

from domicile.ids import Country
from domicile.law.binding import bound
from domicile.law.compiled import Compiled, LawOn, Ready, remember
from domicile.law.decision import Decision, Missing
from domicile.law.facts import PUBLICATION, Person
from domicile.law.finding import Finding, combine, missing_consent, open_gates, silence
from domicile.law.hold import NONE
from domicile.law.policy import NO_CLAIM, SILENT_PUBLICATION, Policy
from domicile.law.rule import Publication


def decide_publication(person: Person, on: LawOn, policy: Policy | None = None) -> Decision:
    """Whether what the person marks as public may be shown to everybody. Never without their own act."""
    key = ("publication", person, policy)
    found = on.decisions.get(key)
    if found is None:
        findings = publication_findings(person.consents, *on.held(person.claims), on)
        if not findings:
            sentence = "No law in the packs claims this person."
            findings = [silence(NO_CLAIM, Country(""), sentence, _own_act(person.consents, NO_CLAIM))]
        found = remember(on.decisions, key, combine(findings, policy))
    return found


def publication_findings(
    consents: frozenset[str], holds: Mapping[Country, int], countries: tuple[Country, ...], on: LawOn
) -> list[Finding]:
    """What the law of each jurisdiction says; where it says nothing, the person's own act is still needed.

    A jurisdiction that holds by nothing is one where the data stands.
    """
    found: list[Finding] = []
    spoken = set()
    for place, hold in holds.items():
        rules = on.publications.get(place)
        for ready in _prepare(place, on) if rules is None else rules:
            if ready.covers(hold, hold == NONE):
                given = consents & ready.consents
                found.append(ready.findings.get(given) or _judged(ready, given))
                spoken.add(place)
    for country in countries:
        if spoken.isdisjoint(on.group(country)):
            sentence = f"The packs say nothing of publication under the law of {country}."
            found.append(silence(SILENT_PUBLICATION, country, sentence, _own_act(consents, SILENT_PUBLICATION)))
    return found


def _prepare(place: Country, on: LawOn) -> tuple[Ready, ...]:
    articles = bound(place, Publication, None, on)
    return remember(on.publications, place, tuple(Ready(article, _asked(article)) for article in articles))


def _asked(article: Compiled) -> frozenset[str]:
    assert isinstance(article.rule, Publication)
    return frozenset(ask.consent for gate in article.rule.asks for ask in gate if ask.consent)


def _judged(ready: Ready, given: frozenset[str]) -> Finding:
    return remember(ready.findings, given, _judge(ready.article, given))


def _judge(article: Compiled, consents: frozenset[str]) -> Finding:
    rule = article.rule
    assert isinstance(rule, Publication)
    missing = open_gates(rule.asks, lambda ask: missing_consent(ask, rule.id, consents))
    return article.finding(article.verdict(rule.unmet if missing else rule.answer), missing=missing)


def _own_act(consents: frozenset[str], question: str) -> tuple[Missing, ...]:
    """Nothing is public until its author makes it so, whatever the law of the place."""
    if PUBLICATION in consents:
        return ()
    return (Missing(kind="consent", what=PUBLICATION, rule=question),)
