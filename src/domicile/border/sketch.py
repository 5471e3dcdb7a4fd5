"""How many different members, without keeping which: HyperLogLog over keyed digests (Flajolet 2007, Heule 2013).

A sketch is 16,384 small numbers. A member is fed to it as an HMAC of their id, under a key that lies outside
PostgreSQL and is the same for all sites and days, so that sketches of days and sites merge into one of a month.
The standard error is 0.8 %; below some hundreds the count is nearly exact.

What a sketch still reveals. **Without the key**: about how many members were active; and two sketches of very few
members can be compared, so that whoever holds the table sees that somebody of a small country, not who, was active on
both days. **With the key**: whether a member may have been active that day: "no" is certain, "yes" is wrong for about
one in 16,384 / n of those who were not, where n were. Nobody can be taken out again: who is erased or moves away stays
in the sketches of their days until these are dropped. A sketch is therefore pseudonymous personal data, and the table
says so; taking the key away ends it, and counting begins anew.
"""

from collections.abc import Iterable

import numpy
from hyperloglog import HyperLogLog

from domicile.ids import MemberId
from domicile.placement.sealing import keyed_digest

ERROR = 0.01
"""At most; the library takes the next power of two of registers."""


class Sketch:
    """A set of members of which only the size can be asked."""

    __slots__ = ("_registers",)

    def __init__(self, stored: bytes = b"") -> None:
        self._registers = HyperLogLog(ERROR)
        if stored:
            found = numpy.frombuffer(stored, self._registers.M.dtype)
            if found.size != self._registers.m:
                raise ValueError(f"a sketch of {found.size} registers, not {self._registers.m}")
            self._registers.M = found.copy()

    def add(self, key: bytes, members: Iterable[MemberId]) -> None:
        """Put members in; whoever is in already changes nothing."""
        self._registers.add_bulk([keyed_digest(key, "activity", str(member)) for member in members])

    def merge(self, others: "Iterable[Sketch]") -> None:
        """Put in everybody who is in the others."""
        self._registers.update(*(other._registers for other in others))

    def count(self) -> int:
        """About how many different members are in."""
        estimate: float = self._registers.card()
        return round(estimate)

    def __bytes__(self) -> bytes:
        stored: bytes = self._registers.M.tobytes()
        return stored


def union(sketches: Iterable[Sketch]) -> Sketch:
    """Everybody who is in any of them."""
    whole = Sketch()
    whole.merge(sketches)
    return whole
