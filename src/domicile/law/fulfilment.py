"""Whether a network meets what one rule asks of it, as far as the facts tell: papers, homes, means to prove."""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import permutations
from typing import Literal, NamedTuple

from msgspec import Struct

from domicile.ids import Country
from domicile.law.compiled import Compiled, LawOn
from domicile.law.decision import Missing
from domicile.law.duties import Presence
from domicile.law.facts import Operator, Person
from domicile.law.finding import combine, named, open_gates
from domicile.law.hold import NONE
from domicile.law.papers import Flow, missing_paper
from domicile.law.policy import Policy
from domicile.law.residency import judge_home
from domicile.law.rule import Age, Ask, Publication, Residency, SignUp, Transfer
from domicile.law.standing import proves

Standing = Literal["unmet", "met", "upheld", "operator"]
"""`unmet`: the first value collected would break it. `upheld`: this software refuses, each time, what it forbids.
`operator`: the operator's to do, and nothing here can tell whether it is done."""


class Reach(Struct, frozen=True):
    """Where the network is: the countries of its sites, and the legal facts and home of its members, alike ones once.

    `proofs` are the methods by which a member can prove who they are.
    """

    sites: frozenset[Country]
    residents: frozenset[tuple[Person, Country]] = frozenset()
    proofs: frozenset[str] = frozenset()


class Judged(NamedTuple):
    """How it stands, why, and what would satisfy it: sentences for the operator, and the papers that are missing."""

    standing: Standing
    why: str
    remedy: str = ""
    missing: tuple[Missing, ...] = ()


def protects(article: Compiled, person: Person, on: LawOn) -> bool:
    """Whether a rule protects somebody whom its jurisdiction claims."""
    return article.covers(on.held(person.claims).holds.get(article.jurisdiction, NONE))


def judge_duty(article: Compiled, reach: Reach, operator: Operator, on: LawOn, policy: Policy | None) -> Judged:
    """How a rule that binds this operator stands, where the network reaches."""
    rule = article.rule
    if isinstance(rule, Residency):
        return _homes(article, reach, operator, on, policy)
    if isinstance(rule, SignUp):
        return _proofs(article, rule, reach, policy)
    if isinstance(rule, Presence):
        return _papers(article, rule, reach, operator, on, policy)
    if isinstance(rule, Transfer):
        return _crossings(article, rule, reach, operator, on)
    if isinstance(rule, Age | Publication):
        return Judged("upheld", "members are asked, and nothing happens without their answer")
    return Judged("operator", "nothing here can tell whether it is done")


def _homes(article: Compiled, reach: Reach, operator: Operator, on: LawOn, policy: Policy | None) -> Judged:
    """Whether every member whom the rule protects has a home where it, or the policy in its doubt, allows one."""
    rule = article.rule
    assert isinstance(rule, Residency)
    homes = sorted({home for person, home in reach.residents if protects(article, person, on)})
    found = {home: judge_home(article, home, operator, on) for home in {*homes, *reach.sites}}
    lawful = {home for home, finding in found.items() if combine([finding], policy).allowed}
    if wrong := [home for home in homes if home not in lawful]:
        missing = tuple(dict.fromkeys(lack for home in wrong for lack in found[home].missing))
        why = f"members whom it protects have their home in {', '.join(wrong)}"
        return Judged("unmet", why, _to_move(rule, bool(lawful), missing), missing)
    return Judged("met", "every member whom it protects has a home where it allows one" if homes else "nobody yet")


def _to_move(rule: Residency, site_there: bool, missing: tuple[Missing, ...]) -> str:
    where = f"in {' or '.join(rule.homes)}" if rule.homes else f"outside {', '.join(rule.homes_not)}"
    moved = (
        f"move these members to a site {where}" if site_there else f"open a site {where} and move these members there"
    )
    return f"{moved}, or {_to_file(missing)}" if missing else moved


def _proofs(article: Compiled, rule: SignUp, reach: Reach, policy: Policy | None) -> Judged:
    """Whether members can prove who they are, where the law wants it proved."""
    if rule.requires != "verified_identity":
        return Judged("operator", "nothing here can tell whether it is done")
    if reach.proofs and (not rule.methods or any(_could_prove(reach, method) for method in rule.methods)):
        return Judged("met", "members can prove who they are")
    if not article.settled and policy is not None and policy.permits(rule.id):
        return Judged("met", f"the law does not say, and the policy {policy.name} permits it")
    methods = " or ".join(rule.methods) or "any method"
    return Judged("unmet", "members cannot prove who they are", f"a verifier by {methods}")


def _could_prove(reach: Reach, method: str) -> bool:
    """Who proves a `mobile_number` finds out whether it is a `mobile_number:RU`."""
    return proves(reach.proofs, method) or method.partition(":")[0] in reach.proofs


def _papers(
    article: Compiled, rule: Presence, reach: Reach, operator: Operator, on: LawOn, policy: Policy | None
) -> Judged:
    """Whether the papers that show a presence are on file, at any site."""
    if not rule.asks:
        return Judged("operator", "nothing here can tell whether it is done")
    place = article.jurisdiction
    missing = open_gates(
        rule.asks,
        lambda ask: _nearest(
            missing_paper(ask, article, Flow(country, place), operator, on) for country in sorted({*reach.sites, place})
        ),
    )
    if not missing:
        return Judged("met", "the papers that show it are on file")
    if not article.settled and policy is not None and policy.permits(rule.id):
        return Judged("met", f"the law does not say, and the policy {policy.name} permits it")
    return Judged("unmet", f"no paper on file shows it: {rule.duty}", _to_file(missing), missing)


def _crossings(article: Compiled, rule: Transfer, reach: Reach, operator: Operator, on: LawOn) -> Judged:
    """A rule that collecting brings into play stops what crosses without its papers; consents are the members'."""
    upheld = Judged("upheld", "the border asks for it at every crossing, and refuses what it forbids")
    papers = tuple(gate for gate in rule.asks if all(ask.safeguard for ask in gate))
    missing: dict[Missing, None] = {}
    for flow in _flows(article, rule, reach, on) if rule.collects else ():
        missing |= dict.fromkeys(
            open_gates(papers, partial(_paper, article=article, flow=flow, operator=operator, on=on))
        )
    if not missing:
        return upheld
    lacks = tuple(missing)
    return Judged("unmet", "what crosses today would be refused: papers are missing", _to_file(lacks), lacks)


def _flows(article: Compiled, rule: Transfer, reach: Reach, on: LawOn) -> Iterator[Flow]:
    """From which site's country to which the rule speaks of crossings."""
    for exporter, importer in permutations(sorted(reach.sites), 2):
        if rule.exporter_here and article.jurisdiction not in on.group(exporter):
            continue
        if (not rule.importers or on.within(importer, rule.importers)) and not on.within(
            importer, rule.importers_except
        ):
            yield Flow(exporter, importer)


def _paper(ask: Ask, article: Compiled, flow: Flow, operator: Operator, on: LawOn) -> Missing | None:
    return missing_paper(ask, article, flow, operator, on)


def _to_file(missing: tuple[Missing, ...]) -> str:
    return f"file {', '.join(named(lack).removeprefix('safeguard ') for lack in missing)}"


def _nearest(lacks: Iterable[Missing | None]) -> Missing | None:
    """None if one of them is not missing; else the nearest: a wait before a new paper."""
    found = list(lacks)
    return None if None in found else min((lack for lack in found if lack), key=lambda lack: lack.kind != "wait")
