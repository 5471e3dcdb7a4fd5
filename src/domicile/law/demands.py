"""Whether an authority's demand for a person's data must, may or must not be met, under every law that has a say."""

from collections.abc import Iterator

from msgspec import Struct

from domicile.ids import Country
from domicile.law.binding import bound
from domicile.law.compiled import Compiled, LawOn, remember
from domicile.law.decision import Decision, Verdict
from domicile.law.duties import Blocking, DataClass, Disclosure
from domicile.law.facts import Operator, Person
from domicile.law.finding import Finding, combine, open_gates, silence
from domicile.law.hold import LOCATED, NONE
from domicile.law.papers import Flow, missing_paper
from domicile.law.policy import BEYOND_REACH, SILENT_DISCLOSURE, Policy


class Demand(Struct, frozen=True, cache_hash=True, gc=False, kw_only=True):
    """A demand by an authority of `issuer` for one class of data about a person whose home is in `home`."""

    issuer: Country
    home: Country
    wants: DataClass


def decide_disclosure(
    person: Person, demand: Demand, operator: Operator, on: LawOn, policy: Policy | None = None
) -> Decision:
    """Required by a law that reaches the data, Forbidden where a blocking statute stands against it.

    A law reaches the data of persons whom it claims, data held in its country, or data anywhere, as each rule says.
    Where none reaches, the answer is Unsettled: the treaty path. A conflict of two laws is shown, never resolved.
    """
    key = ("disclosure", person, demand, operator, policy)
    found = on.decisions.get(key)
    if found is None:
        found = remember(on.decisions, key, combine(_findings(person, demand, operator, on), policy))
    return found


def reaching_rules(person: Person, demand: Demand, operator: Operator, on: LawOn) -> tuple[Disclosure, ...]:
    """The issuer's rules under which the data can be demanded, with their clocks, gags and grounds for refusal."""
    return tuple(_disclosure(article) for article in _reaching(person, demand, operator, on))


def _findings(person: Person, demand: Demand, operator: Operator, on: LawOn) -> list[Finding]:
    found = [
        article.finding(Verdict.REQUIRED if article.settled else Verdict.UNSETTLED)
        for article in _reaching(person, demand, operator, on)
    ]
    if not found:
        found.append(_out_of_reach(demand, operator, on))
    found.extend(_blocks(person, demand, operator, on))
    return found


def _issued(demand: Demand, operator: Operator, on: LawOn) -> Iterator[Compiled]:
    for place in on.group(demand.issuer):
        for article in bound(place, Disclosure, operator, on):
            if demand.wants in _disclosure(article).classes and _in_force_between(article, demand, on):
                yield article


def _in_force_between(article: Compiled, demand: Demand, on: LawOn) -> bool:
    """Whether the rule is law where the authority is and where the data is, and speaks of data that is there."""
    rule = _disclosure(article)
    excepted = demand.issuer in rule.countries_except or demand.home in rule.countries_except
    return not excepted and (not rule.homes or on.within(demand.home, rule.homes))


def _reaching(person: Person, demand: Demand, operator: Operator, on: LawOn) -> Iterator[Compiled]:
    holds = on.held(person.claims).holds
    for article in _issued(demand, operator, on):
        here = article.jurisdiction in on.group(demand.home)
        reach = _disclosure(article).reaches
        if reach == "claimed":
            reached = _claimed(article, holds, here)
        else:
            reached = (here or reach == "anywhere") and _whereabouts_fit(article, holds)
        if reached:
            yield article


def _claimed(article: Compiled, holds: dict[Country, int], here: bool) -> bool:
    return article.covers(holds.get(article.jurisdiction, NONE), here)


def _whereabouts_fit(article: Compiled, holds: dict[Country, int]) -> bool:
    """A power over data, whoever's it is, may still be one against people abroad, or people in the country, only."""
    where = article.rule.subject.where
    located = bool(holds.get(article.jurisdiction, NONE) & LOCATED)
    return where == "anywhere" or (where == "here") == located


def _out_of_reach(demand: Demand, operator: Operator, on: LawOn) -> Finding:
    if next(_issued(demand, operator, on), None) is None:
        sentence = f"The packs know no power of {demand.issuer} to demand {demand.wants} data."
        return silence(SILENT_DISCLOSURE, demand.issuer, sentence)
    sentence = (
        f"The law of {demand.issuer} neither claims this person nor holds the data, which is in {demand.home}:"
        " such a demand takes the way of a treaty."
    )
    return silence(BEYOND_REACH, demand.issuer, sentence)


def _blocks(person: Person, demand: Demand, operator: Operator, on: LawOn) -> Iterator[Finding]:
    """Blocking statutes of the data's country and of every law that claims the person, against foreign authorities."""
    at_home, own = on.group(demand.home), set(on.group(demand.issuer))
    holds = {**dict.fromkeys(at_home, NONE), **on.held(person.claims).holds}
    for place, hold in holds.items():
        if place in own:
            continue
        for article in bound(place, Blocking, operator, on):
            here = place in at_home
            reached = here or _blocking(article).reaches == "claimed"
            if reached and article.covers(hold, here) and _bars(article, demand, on):
                yield _judge(article, demand, operator, on)


def _bars(article: Compiled, demand: Demand, on: LawOn) -> bool:
    rule = _blocking(article)
    to = not rule.importers or on.within(demand.issuer, rule.importers)
    return demand.wants in rule.classes and to and not on.within(demand.issuer, rule.importers_except)


def _judge(article: Compiled, demand: Demand, operator: Operator, on: LawOn) -> Finding:
    rule, flow = _blocking(article), Flow(demand.home, demand.issuer)
    missing = open_gates(rule.asks, lambda ask: missing_paper(ask, article, flow, operator, on))
    open_to = bool(rule.asks) and not missing
    return article.finding(article.verdict("permit" if open_to else "forbid"), missing=missing)


def _disclosure(article: Compiled) -> Disclosure:
    assert isinstance(article.rule, Disclosure)
    return article.rule


def _blocking(article: Compiled) -> Blocking:
    assert isinstance(article.rule, Blocking)
    return article.rule
