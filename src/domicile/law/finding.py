"""What each single rule says of a question, and how many such findings make one decision: the strictest wins."""

from collections.abc import Callable, Iterable

from msgspec import Struct

from domicile.ids import Country
from domicile.law.decision import Citation, Conflict, Decision, Missing, Verdict
from domicile.law.policy import Policy
from domicile.law.rule import Ask, Gates

_WORDS = {
    Verdict.PERMITTED: "Permitted",
    Verdict.REQUIRED: "Required",
    Verdict.FORBIDDEN: "Forbidden",
    Verdict.UNSETTLED: "Unsettled",
}


class Finding(Struct, frozen=True, cache_hash=True, gc=False, kw_only=True):
    """One rule's answer. `question` is the rule's id, or the name of a silence, for the policy to answer."""

    jurisdiction: Country
    question: str
    verdict: Verdict
    citations: tuple[Citation, ...]
    missing: tuple[Missing, ...] = ()
    sentence: str


def open_gates(gates: Gates, missing: Callable[[Ask], Missing | None]) -> tuple[Missing, ...]:
    """What keeps gates shut: for each shut gate the nearest way to open it (a wait before a new paper)."""
    shut = []
    for gate in gates:
        lacks = [missing(ask) for ask in gate]
        if None not in lacks:
            shut.append(min((lack for lack in lacks if lack), key=lambda lack: lack.kind != "wait"))
    return tuple(shut)


def missing_consent(ask: Ask, rule: str, consents: frozenset[str]) -> Missing | None:
    """The consent that this ask still needs, if it asks for one."""
    if ask.consent is None or ask.consent in consents:
        return None
    return Missing(kind="consent", what=ask.consent, rule=rule)


def silence(question: str, country: Country, sentence: str, missing: tuple[Missing, ...] = ()) -> Finding:
    """The packs do not say: an answer of its own, never a silent yes or no."""
    return Finding(
        jurisdiction=country,
        question=question,
        verdict=Verdict.UNSETTLED,
        citations=(),
        missing=missing,
        sentence=sentence,
    )


def combine(findings: Iterable[Finding], policy: Policy | None) -> Decision:
    """One decision out of all findings, whatever their order: the strictest wins, as `_severity` ranks them."""
    ranked = sorted(set(findings), key=lambda found: (-_severity(found, policy), found.jurisdiction, found.question))
    severity = _severity(ranked[0], policy)
    deciding = [found for found in ranked if _severity(found, policy) == severity]
    verdict = deciding[0].verdict
    if any(found.verdict is Verdict.REQUIRED for found in ranked) and severity == 0:
        verdict = Verdict.REQUIRED
    unsettled = verdict is Verdict.UNSETTLED
    return Decision(
        verdict=verdict,
        citations=tuple(dict.fromkeys(citation for found in ranked for citation in found.citations)),
        missing=tuple(dict.fromkeys(lack for found in ranked for lack in found.missing)),
        reason=_reason(verdict, deciding, policy),
        policy=policy.name if policy and unsettled else None,
        policy_permits=unsettled and severity == 1,
        conflicts=_conflicts(ranked),
    )


def refusing(findings: Iterable[Finding], policy: Policy | None) -> tuple[Citation, ...]:
    """The rules that by themselves refuse, in order of jurisdiction and question; () also where a silence refuses."""
    ordered = sorted(set(findings), key=lambda found: (found.jurisdiction, found.question))
    against = (found for found in ordered if _severity(found, policy) > 1)
    return tuple(dict.fromkeys(citation for found in against for citation in found.citations))


def _severity(found: Finding, policy: Policy | None) -> int:
    """3 forbidden, 2 unsettled and refused, 1 unsettled and permitted by the policy, 0 allowed by the law.

    A policy cannot make up for what a rule asks for and does not get.
    """
    if found.verdict is Verdict.FORBIDDEN:
        return 3
    if found.verdict is Verdict.UNSETTLED:
        return 1 if policy is not None and not found.missing and policy.permits(found.question) else 2
    return 0


def _reason(verdict: Verdict, deciding: list[Finding], policy: Policy | None) -> str:
    parts = []
    for found in deciding:
        part = found.sentence
        if found.missing:
            part += f" Missing: {', '.join(named(lack) for lack in found.missing)}."
        elif verdict is Verdict.UNSETTLED and policy is not None:
            answer = "permits" if policy.permits(found.question) else "refuses"
            part += f" The policy {policy.name} {answer} it: {policy.reason(found.question)}"
        parts.append(part)
    return f"{_WORDS[verdict]}. " + " ".join(dict.fromkeys(parts))


def named(lack: Missing) -> str:
    """What is missing in a few words: `safeguard rkn_notice for US`, `wait until 2026-02-03 (rkn_notice for US)`."""
    where = f" for {lack.importer}" if lack.importer else ""
    if lack.kind == "wait":
        return f"wait until {lack.available_from} ({lack.what}{where})"
    return f"{lack.kind} {lack.what}{where}"


def _conflicts(ranked: list[Finding]) -> tuple[Conflict, ...]:
    """Two or more laws that answer the same question differently, strictest first."""
    answers: dict[Country, Finding] = {}
    for found in ranked:
        if found.citations:
            answers.setdefault(found.jurisdiction, found)
    words = [Verdict.PERMITTED if f.verdict is Verdict.REQUIRED else f.verdict for f in answers.values()]
    if len(set(words)) < 2:
        return ()
    said = "; ".join(f"{place}: {found.verdict.value} ({found.question})" for place, found in answers.items())
    citations = tuple(dict.fromkeys(citation for found in answers.values() for citation in found.citations))
    return (Conflict(sentence=f"The laws that claim this person answer differently. {said}.", citations=citations),)
