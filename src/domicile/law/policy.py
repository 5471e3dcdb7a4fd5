"""What the operator does where the law does not say: a named list of rulings, each with its reason.

A policy never overrules a rule that forbids. A question it does not know is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec import Struct

SILENT_EXPORTER = "silent-exporter"
SILENT_CLAIM = "silent-claim"
SILENT_RESIDENCY = "silent-residency"
SILENT_PUBLICATION = "silent-publication"
SILENT_SIGNUP = "silent-signup"
SILENT_DISCLOSURE = "silent-disclosure"
BEYOND_REACH = "beyond-reach"
KEPT_BY_PLACE = "kept-by-place"
KEPT_ELSEWHERE = "kept-elsewhere"
DOMESTIC = "domestic"
NO_PACK = "no-pack"
NO_CLAIM = "no-claim"
AGE_NOT_ASKED = "age-not-asked"
QUESTIONS = frozenset(
    {
        SILENT_EXPORTER,
        SILENT_CLAIM,
        SILENT_RESIDENCY,
        SILENT_PUBLICATION,
        SILENT_SIGNUP,
        SILENT_DISCLOSURE,
        BEYOND_REACH,
        KEPT_BY_PLACE,
        KEPT_ELSEWHERE,
        DOMESTIC,
        NO_PACK,
        NO_CLAIM,
        AGE_NOT_ASKED,
    }
)
"""Questions that no rule asks: the packs are silent in this way. All others are ids of rules."""


class Ruling(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The operator's answer to one question (a rule's id or one of QUESTIONS), and why."""

    question: str
    permit: bool
    reason: str


@dataclass(frozen=True, eq=False, slots=True)
class Policy:
    """A named policy. Compared by identity: load it once."""

    name: str
    rulings: Mapping[str, Ruling]

    def permits(self, question: str) -> bool:
        """Whether the operator takes it upon themselves; False for a question that the policy does not know."""
        ruling = self.rulings.get(question)
        return ruling is not None and ruling.permit

    def reason(self, question: str) -> str:
        """Why, in the operator's words."""
        ruling = self.rulings.get(question)
        return ruling.reason if ruling is not None else "the policy does not know this question, so it refuses"


def policy_of(name: str, rulings: tuple[Ruling, ...]) -> Policy:
    """A policy from its rulings; of two rulings on one question the stricter holds."""
    ordered = sorted(rulings, key=lambda ruling: not ruling.permit)
    return Policy(name, {ruling.question: ruling for ruling in ordered})
