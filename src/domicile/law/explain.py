"""A decision in plain sentences, for `law explain`, the console and the member's own page."""

from collections.abc import Iterator

from msgspec import Struct

from domicile.ids import Country
from domicile.law.compiled import Law
from domicile.law.decision import Citation, Confidence, Decision, Verdict
from domicile.law.finding import named

_CONFIDENCE = {"H": "high", "M": "medium", "L": "low"}


class Compellable(Struct, frozen=True):
    """Who could compel what of data that lives in a country, in one sentence with its source."""

    sentence: str
    act: str
    article: str
    source: str
    checked_on: str
    confidence: Confidence


def explain(decision: Decision) -> tuple[str, ...]:
    """One sentence for the answer, then one for each rule, each with its article and the day it was checked."""
    return tuple(_sentences(decision))


def _sentences(decision: Decision) -> Iterator[str]:
    yield _answer(decision)
    for citation in decision.citations:
        yield explain_citation(citation)
    for lack in decision.missing:
        yield f"Still missing: {named(lack)}, for {lack.rule}."
    for conflict in decision.conflicts:
        yield conflict.sentence
    yield "This is not legal advice."


def _answer(decision: Decision) -> str:
    if decision.verdict is not Verdict.UNSETTLED:
        return f"The law in the packs says: {decision.verdict.value}."
    if decision.policy is None:
        return "The law in the packs does not say, so it is refused."
    answer = "permits" if decision.policy_permits else "refuses"
    return f"The law in the packs does not say; the operator's policy {decision.policy} {answer} it."


def explain_citation(citation: Citation) -> str:
    """`summary (act, article, checked on day; confidence high) (disputed: ...) (unverified)`."""
    checked = "" if citation.verified else "; article from general knowledge"
    sure = f"confidence {_CONFIDENCE[citation.confidence]}"
    text = f"{citation.rule}: {citation.summary} ({citation.act}, {citation.article}, checked on {citation.checked_on}"
    text += f"; {sure}{checked})"
    if citation.disputed:
        text += f" (disputed: {citation.disputed})"
    if citation.unverified:
        text += " (unverified)"
    return text


def who_can_compel(country: Country, law: Law) -> tuple[Compellable, ...]:
    """For the sign-up page: who could compel what of data that lives there. () where there is no pack."""
    packs = [law.packs[place] for place in law.packs if place == country or country in law.packs[place].bloc_members]
    return tuple(
        Compellable(
            item.sentence,
            item.citation.act,
            item.citation.article,
            item.citation.source,
            item.citation.checked_on.isoformat(),
            item.confidence,
        )
        for pack in sorted(packs, key=lambda pack: pack.jurisdiction != country)
        for item in pack.compulsion
    )
