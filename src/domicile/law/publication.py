"""Whether a person's public posts and profile may be shown to an indefinite circle."""

from collections.abc import Iterator, Mapping

from domicile.ids import Country
from domicile.law.compiled import LawOn, covers_person, remember
from domicile.law.decision import Decision, Missing
from domicile.law.facts import PUBLICATION, Hold, Person
from domicile.law.finding import Finding, combine, missing_consent, open_gates, silence
from domicile.law.policy import NO_CLAIM, SILENT_PUBLICATION, Policy
from domicile.law.rule import Publication


def decide_publication(person: Person, on: LawOn, policy: Policy | None = None) -> Decision:
    """Whether what the person marks as public may be shown to everybody. Never without their own act."""
    key = ("publication", person, policy)
    found = on.decisions.get(key)
    if found is None:
        findings = list(publication_findings(person, on.holds(person.claims), on.claiming(person.claims), on))
        if not findings:
            sentence = "No law in the packs claims this person."
            findings = [silence(NO_CLAIM, Country(""), sentence, _own_act(person, NO_CLAIM))]
        found = remember(on.decisions, key, combine(findings, policy))
    return found


def publication_findings(
    person: Person, holds: Mapping[Country, Hold], countries: tuple[Country, ...], on: LawOn
) -> Iterator[Finding]:
    """What the law of each jurisdiction says; where it says nothing, the person's own act is still needed."""
    spoken = set()
    for place, hold in holds.items():
        for article in on.rules(place, Publication):
            rule = article.rule
            assert isinstance(rule, Publication)  # noqa: S101 - `on.rules` was asked for this kind
            if not covers_person(rule.subject, hold, here=hold is Hold.NONE):
                continue
            spoken.add(place)
            missing = open_gates(rule.asks, lambda ask, name=rule.id: missing_consent(ask, name, person.consents))  # type: ignore[misc]
            verdict = article.verdict(rule.unmet if missing else rule.answer)
            yield article.finding(verdict, missing=missing)
    for country in countries:
        if not spoken.intersection(on.group(country)):
            sentence = f"The packs say nothing of publication under the law of {country}."
            yield silence(SILENT_PUBLICATION, country, sentence, _own_act(person, SILENT_PUBLICATION))


def _own_act(person: Person, question: str) -> tuple[Missing, ...]:
    """Nothing is public until its author makes it so, whatever the law of the place."""
    if PUBLICATION in person.consents:
        return ()
    return (Missing(kind="consent", what=PUBLICATION, rule=question),)
