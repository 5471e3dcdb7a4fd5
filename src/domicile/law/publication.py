"""Whether a person's public posts and profile may be shown to an indefinite circle."""

from collections.abc import Mapping

from domicile.ids import Country
from domicile.law.binding import bound
from domicile.law.compiled import Compiled, LawOn, remember
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
    found = [
        _judged(article, consents, on)
        for place, hold in holds.items()
        for article in bound(place, Publication, None, on)
        if article.covers(hold, hold == NONE)
    ]
    spoken = {finding.jurisdiction for finding in found}
    for country in countries:
        if spoken.isdisjoint(on.group(country)):
            sentence = f"The packs say nothing of publication under the law of {country}."
            found.append(silence(SILENT_PUBLICATION, country, sentence, _own_act(consents, SILENT_PUBLICATION)))
    return found


def _judged(article: Compiled, consents: frozenset[str], on: LawOn) -> Finding:
    key = (article, consents)
    found = on.findings.get(key)
    if found is None:
        found = remember(on.findings, key, _judge(article, consents))
    return found


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
