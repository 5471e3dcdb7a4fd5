"""Whether one category of a person's data may cross a border by one act, under every law that claims it."""

from domicile.ids import Country
from domicile.law.categories import covers
from domicile.law.compiled import Compiled, LawOn, covers_person, remember
from domicile.law.decision import Decision, Missing, Verdict
from domicile.law.facts import Crossing, Hold, Operator, Person, Safeguard
from domicile.law.finding import Finding, combine, missing_consent, open_gates, silence
from domicile.law.policy import DOMESTIC, NO_PACK, SILENT_CLAIM, SILENT_EXPORTER, Policy
from domicile.law.publication import publication_findings
from domicile.law.rule import Ask, Transfer
from domicile.law.threshold import binds


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


def _findings(person: Person, crossing: Crossing, operator: Operator, on: LawOn) -> tuple[Finding, ...]:
    holds = on.holds(person.claims)
    exporting = on.group(crossing.exporter)
    if not set(exporting) <= holds.keys():
        holds = {**dict.fromkeys(exporting, Hold.NONE), **holds}
    found = [
        _judged(article, crossing, operator, person.consents, on)
        for place, hold in holds.items()
        for article in _route(place, crossing, on)
        if covers_person(article.rule.subject, hold, here=place in exporting) and binds(article, operator)
    ]
    countries = tuple(dict.fromkeys((crossing.exporter, *on.claiming(person.claims))))
    found += _silences({finding.jurisdiction for finding in found}, countries, crossing, on)
    if crossing.audience == "public":
        found += publication_findings(person, holds, countries, on)
    return tuple(found)


def _route(place: Country, crossing: Crossing, on: LawOn) -> tuple[Compiled, ...]:
    """The rules of a jurisdiction that speak of this crossing, whoever the person; grounds come in by their rule."""
    key = (place, crossing)
    found = on.routes.get(key)
    if found is None:
        rules = on.rules(place, Transfer)
        matching = (rule for rule in rules if _speaks(rule, crossing, on) and not _transfer(rule).ground_for)
        found = remember(on.routes, key, tuple(matching))
    return found


def _transfer(article: Compiled) -> Transfer:
    assert isinstance(article.rule, Transfer)  # noqa: S101 - `on.rules` was asked for this kind
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


def _judged(article: Compiled, crossing: Crossing, operator: Operator, consents: frozenset[str], on: LawOn) -> Finding:
    key = (article, crossing, operator, consents)
    found = on.findings.get(key)
    if found is None:
        found = remember(on.findings, key, _judge(article, crossing, operator, consents, on))
    return found


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
        for ground in on.rules(article.jurisdiction, Transfer)
        if _transfer(ground).ground_for == article.rule.id and _speaks(ground, crossing, on)
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

    def missing(ask: Ask) -> Missing | None:
        if ask.safeguard is None:
            return missing_consent(ask, name, consents)
        return _missing_safeguard(ask, article, crossing, operator, on)

    return open_gates(_transfer(article).asks, missing)


def _missing_safeguard(
    ask: Ask, article: Compiled, crossing: Crossing, operator: Operator, on: LawOn
) -> Missing | None:
    """None if the paper is on file and has waited long enough; else the wait, or the paper itself."""
    filed = [paper for paper in operator.safeguards if paper.kind == ask.safeguard and _good(paper, crossing, on)]
    ready = [on.working_day_after(article.jurisdiction, paper.filed_on, ask.wait_working_days) for paper in filed]
    if ready and min(ready) <= on.date:
        return None
    return Missing(
        kind="wait" if ready else "safeguard",
        what=ask.safeguard or "",
        rule=article.rule.id,
        importer=crossing.importer,
        available_from=min(ready, default=None),
    )


def _good(paper: Safeguard, crossing: Crossing, on: LawOn) -> bool:
    return (
        paper.exporter == crossing.exporter
        and paper.importer in (None, crossing.importer)
        and paper.filed_on <= on.date
        and (paper.valid_until is None or on.date <= paper.valid_until)
        and (not paper.scope or any(covers(prefix, crossing.category) for prefix in paper.scope))
    )


def _silences(spoken: set[Country], countries: tuple[Country, ...], crossing: Crossing, on: LawOn) -> list[Finding]:
    found = []
    for country in countries:
        group = on.group(country)
        what = f"{crossing.category} by {crossing.act.value} from {crossing.exporter} to {crossing.importer}"
        if spoken.intersection(group):
            continue
        if country == crossing.exporter == crossing.importer:
            found.append(silence(DOMESTIC, country, f"No border is crossed inside {country}."))
        elif not group and country != crossing.exporter:
            found.append(silence(NO_PACK, country, f"There is no pack for {country}; its law is not known here."))
        else:
            question = SILENT_EXPORTER if country == crossing.exporter else SILENT_CLAIM
            found.append(silence(question, country, f"The packs say nothing under the law of {country} of {what}."))
    return found
