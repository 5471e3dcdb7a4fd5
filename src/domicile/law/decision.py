"""What the law answers: a verdict, the rules it rests on, and what would change it."""

from datetime import date
from enum import StrEnum
from typing import Literal

from msgspec import Struct

from domicile.ids import Country

Confidence = Literal["H", "M", "L"]


class Verdict(StrEnum):
    """Permitted and Required allow; Forbidden refuses; Unsettled is "the law does not say": the policy answers."""

    PERMITTED = "permitted"
    REQUIRED = "required"
    FORBIDDEN = "forbidden"
    UNSETTLED = "unsettled"


class Citation(Struct, frozen=True, cache_hash=True, gc=False, kw_only=True):
    """One rule of one pack, with where it is written and how sure the pack is of it.

    `verified` says that the article was checked against a page on `checked_on`; `unverified` says that the pack does
    not know the rule's content for certain, so that it decides Unsettled.
    """

    rule: str
    jurisdiction: Country
    act: str
    article: str
    source: str
    checked_on: date
    verified: bool
    amended_by: str | None
    valid_from: date | None
    confidence: Confidence
    disputed: str | None
    unverified: bool
    summary: str


class Missing(Struct, frozen=True, cache_hash=True, gc=False, kw_only=True, order=True):
    """What would satisfy `rule`: a safeguard to file, a consent to give, a verification, or only time.

    `available_from` is set for a wait: the first day on which the safeguard already on file counts.
    """

    kind: Literal["consent", "safeguard", "verification", "wait"]
    what: str
    rule: str
    importer: Country | None = None
    available_from: date | None = None


class Conflict(Struct, frozen=True, cache_hash=True, gc=False, kw_only=True):
    """Laws that answer one question differently. Surfaced, never silently resolved."""

    sentence: str
    citations: tuple[Citation, ...]


class Decision(Struct, frozen=True, cache_hash=True, gc=False, kw_only=True):
    """The law's answer. `reason` is the operator's sentence and holds nothing personal.

    `policy` names the policy that was asked, if the verdict is Unsettled; `policy_permits` is what it said.
    """

    verdict: Verdict
    citations: tuple[Citation, ...]
    missing: tuple[Missing, ...] = ()
    reason: str
    policy: str | None = None
    policy_permits: bool = False
    conflicts: tuple[Conflict, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether it may be done: by the law, or by the operator's policy where the law does not say."""
        if self.verdict is Verdict.UNSETTLED:
            return self.policy_permits
        return self.verdict is not Verdict.FORBIDDEN

    @property
    def rules(self) -> tuple[str, ...]:
        """The ids of the rules cited."""
        return tuple(citation.rule for citation in self.citations)
