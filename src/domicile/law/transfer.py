"""Whether one category of a person's data may cross a border by one act, under every law that claims it."""

from domicile.ids import Country
from domicile.law.binding import bound
from domicile.law.categories import covers
from domicile.law.compiled import Compiled, LawOn, Prepared, Ready, remember
from domicile.law.decision import Citation, Decision, Missing, Verdict
from domicile.law.facts import Crossing, Operator, Person
from domicile.law.finding import Finding, combine, missing_consent, open_gates, refusing, silence
from domicile.law.hold import NONE
from domicile.law.papers import Flow, missing_paper
from domicile.law.policy import DOMESTIC, NO_PACK, SILENT_CLAIM, SILENT_EXPORTER, Policy
from domicile.law.publication import publication_findings
from domicile.law.rule import Ask, Transfer


def decide_crossing(
    person: Person, crossing: Crossing, operator: Operator, on: LawOn, policy: Policy | None = None
) -> Decision:
    """Whether this may cross: the laws of the person's claims and of the exporting site, the strictest of them.

    What is shown to the public must also be published by its author, see `decide_publication`.
    """
    key = (person, crossing, operator, policy)
    found = on.decisions.get(key)
    if found is None:
        findings = _findings(person, crossing, operator, on)
        combined = (findings, policy)
        found = on.decisions.get(combined) or remember(on.decisions, combined, combine(findings, policy))
        remember(on.decisions, key, found)
    return found


def rules_against_crossing(
    person: Person, crossing: Crossing, operator: Operator, on: LawOn, policy: Policy | None = None
) -> tuple[Citation, ...]:
    """The rules for which this may not cross; () where it may, or no rule says so."""
    return refusing(_findings(person, crossing, operator, on), policy)


def _findings(person: Person, crossing: Crossing, operator: Operator, on: LawOn) -> tuple[Finding, ...]:
    holds, claiming = on.held(person.claims)
    prepared = on.prepared.get((crossing, operator)) or _prepare(crossing, operator, on)
    exporting, rules, consents = prepared.exporting, prepared.rules, person.consents
    if not all(place in holds for place in exporting):
        holds = {**dict.fromkeys(exporting, NONE), **holds}
    found: list[Finding] = []
    spoken = set()
    for place, hold in holds.items():
        here, known = place in exporting, rules.get(place)
        for ready in _speaking(place, prepared, operator, on) if known is None else known:
            if ready.covers(hold, here):
                given = consents & ready.consents
                found.append(ready.findings.get(given) or _judged(ready, crossing, operator, given, on))
                spoken.add(place)
    countries = claiming if crossing.exporter in claiming else (crossing.exporter, *claiming)
    found += [
        prepared.silences.get(country) or _silence(country, prepared, on)
        for country in countries
        if spoken.isdisjoint(on.group(country))
    ]
    if crossing.audience == "public":
        found += publication_findings(consents, holds, countries, on)
    return tuple(found)


def _prepare(crossing: Crossing, operator: Operator, on: LawOn) -> Prepared:
    """What can be worked out about a crossing by an operator before anybody is asked about."""
    prepared = Prepared(crossing, on.group(crossing.exporter), {}, {})
    return remember(on.prepared, (crossing, operator), prepared)


def _speaking(place: Country, prepared: Prepared, operator: Operator, on: LawOn) -> tuple[Ready, ...]:
    """The rules of a jurisdiction that speak of the crossing and bind; grounds come in by the rule they are for."""
    articles = (a for a in bound(place, Transfer, operator, on) if not _transfer(a).ground_for)
    speaking = (a for a in articles if _speaks(a, prepared.crossing, on))
    return remember(prepared.rules, place, tuple(Ready(article, _asked(article, on)) for article in speaking))


def _asked(article: Compiled, on: LawOn) -> frozenset[str]:
    """The consents that a rule or one of its grounds asks for."""
    rules = [article, *(a for a in on.rules(article.jurisdiction, Transfer) if _grounds(a, article))]
    return frozenset(ask.consent for a in rules for gate in _transfer(a).asks for ask in gate if ask.consent)


def _grounds(ground: Compiled, article: Compiled) -> bool:
    return _transfer(ground).ground_for == article.rule.id


def _transfer(article: Compiled) -> Transfer:
    assert isinstance(article.rule, Transfer)
    return article.rule


def _speaks(article: Compiled, crossing: Crossing, on: LawOn) -> bool:
    rule = _transfer(article)
    return (
        crossing.act.value in rule.acts
        and (not rule.audiences or crossing.audience in rule.audiences)
        and any(covers(prefix, crossing.category) for prefix in rule.categories)
        and not any(covers(prefix, crossing.category) for prefix in rule.categories_except)
        and (not rule.exporter_here or article.jurisdiction in on.group(crossing.exporter))
        and (not rule.importers or on.within(crossing.importer, rule.importers))
        and not on.within(crossing.importer, rule.importers_except)
    )


def _judged(ready: Ready, crossing: Crossing, operator: Operator, given: frozenset[str], on: LawOn) -> Finding:
    return remember(ready.findings, given, _judge(ready.article, crossing, operator, given, on))


def _judge(article: Compiled, crossing: Crossing, operator: Operator, consents: frozenset[str], on: LawOn) -> Finding:
    rule = _transfer(article)
    missing = _unmet(article, crossing, operator, consents, on)
    if missing:
        return article.finding(article.verdict(rule.unmet), missing=missing)
    if not rule.needs_ground:
        return article.finding(article.verdict(rule.answer))
    return _grounded(article, crossing, operator, consents, on)


def _grounded(
    article: Compiled, crossing: Crossing, operator: Operator, consents: frozenset[str], on: LawOn
) -> Finding:
    """The rule is satisfied by its best ground; if by none, what the nearest ground still needs is missing."""
    grounds = [
        (_unmet(ground, crossing, operator, consents, on), ground)
        for ground in bound(article.jurisdiction, Transfer, operator, on)
        if _grounds(ground, article) and _speaks(ground, crossing, on)
    ]
    met = [ground for missing, ground in grounds if not missing]
    if met:
        best = min(met, key=lambda ground: ground.verdict(_transfer(ground).answer) is not Verdict.PERMITTED)
        answer = best.verdict(_transfer(best).answer)
        return article.finding(answer, citations=(article.citation, best.citation))
    missing, nearest = min(grounds, key=lambda pair: len(pair[0]), default=((), article))
    cited = tuple(dict.fromkeys((article.citation, nearest.citation)))
    return article.finding(article.verdict("forbid"), citations=cited, missing=missing)


def _unmet(
    article: Compiled, crossing: Crossing, operator: Operator, consents: frozenset[str], on: LawOn
) -> tuple[Missing, ...]:
    name = article.rule.id
    flow = Flow(crossing.exporter, crossing.importer, crossing.category)

    def missing(ask: Ask) -> Missing | None:
        if ask.safeguard is None:
            return missing_consent(ask, name, consents)
        return missing_paper(ask, article, flow, operator, on)

    return open_gates(_transfer(article).asks, missing)


def _silence(country: Country, prepared: Prepared, on: LawOn) -> Finding:
    crossing = prepared.crossing
    if country == crossing.exporter == crossing.importer:
        found = silence(DOMESTIC, country, f"No border is crossed inside {country}.")
    elif not on.group(country) and country != crossing.exporter:
        found = silence(NO_PACK, country, f"There is no pack for {country}; its law is not known here.")
    else:
        question = SILENT_EXPORTER if country == crossing.exporter else SILENT_CLAIM
        what = f"{crossing.category} by {crossing.act.value} from {crossing.exporter} to {crossing.importer}"
        found = silence(question, country, f"The packs say nothing under the law of {country} of {what}.")
    return remember(prepared.silences, country, found)
