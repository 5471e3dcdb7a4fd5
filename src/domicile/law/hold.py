"""A jurisdiction's hold on a person: the bases of the claims as a set of bits, and whom a rule's subject test covers.

Plain integers, not `IntFlag`: the test stands in the innermost loop of every decision.
"""

from domicile.law.facts import Basis
from domicile.law.rule import Subject

NONE = 0
RESIDENCE = 1
CITIZENSHIP = 2
PRESENCE = 4
COLLECTION = 8
LOCATED = RESIDENCE | PRESENCE | COLLECTION

BITS = {
    Basis.RESIDENCE: RESIDENCE,
    Basis.CITIZENSHIP: CITIZENSHIP,
    Basis.PRESENCE: PRESENCE,
    Basis.COLLECTION: COLLECTION,
}
_BASES = {
    "citizen": CITIZENSHIP,
    "resident": RESIDENCE,
    "present": RESIDENCE | PRESENCE,
    "user_in": RESIDENCE | PRESENCE,
    "collected_in": LOCATED,
    "any": LOCATED | CITIZENSHIP,
}


class Test:
    """A subject test made ready: `covers` answers for a hold, and for data that stands in the jurisdiction itself."""

    __slots__ = ("_bases", "_here", "_where")

    def __init__(self, subject: Subject) -> None:
        self._bases = _BASES[subject.basis]
        if subject.basis == "citizen" and subject.unknown == "treat_as_covered":
            self._bases |= LOCATED
        self._where = subject.where
        self._here = subject.where == "anywhere" and subject.basis in ("any", "collected_in")

    def covers(self, hold: int, here: bool = False) -> bool:
        """Whether the rule protects somebody with this hold; `here`: their data stands in the jurisdiction."""
        if not hold & self._bases:
            return here and self._here
        return self._where == "anywhere" or (self._where == "here") == bool(hold & LOCATED)
