"""How long members' writes have lately waited, as every process measures them and tells the hub: no member, no content.

A relocation that is to leave the network its quickness slows down by it.
"""

import math
import time
from collections import deque

from domicile.database import Database
from domicile.placement.sites import new_token

SPAN_S = 10.0
FRESH_S = 5.0
_MOST = 20_000


class Waits:
    """The waits of this process's writes within the last `SPAN_S`."""

    def __init__(self) -> None:
        self.process = new_token().hex()[:16]
        self._taken: deque[tuple[float, float]] = deque(maxlen=_MOST)

    def note(self, began: float) -> None:
        """A write that began then (monotonic time) has been answered, one way or the other."""
        now = time.monotonic()
        self._taken.append((now, (now - began) * 1000))

    def p99_ms(self) -> float | None:
        """What 99 of 100 writes did not exceed; None if nobody wrote."""
        limit = time.monotonic() - SPAN_S
        while self._taken and self._taken[0][0] < limit:
            self._taken.popleft()
        waits = sorted(wait for _, wait in self._taken)
        return waits[math.ceil(len(waits) * 0.99) - 1] if waits else None

    async def tell(self, hub: Database) -> None:
        """Write down at the hub what is measured here."""
        p99 = self.p99_ms()
        if p99 is not None:
            await hub.run(
                "INSERT INTO write_wait VALUES (%s, clock_timestamp(), %s) ON CONFLICT (process)"
                " DO UPDATE SET at = EXCLUDED.at, p99_ms = EXCLUDED.p99_ms",
                (self.process, p99),
            )
            await hub.run("DELETE FROM write_wait WHERE at < clock_timestamp() - interval '1 hour'")


async def longest_wait_ms(hub: Database) -> float | None:
    """The longest p99 of all processes that told one within the last seconds; None if none did."""
    rows = await hub.run(
        "SELECT max(p99_ms) AS longest FROM write_wait WHERE at > clock_timestamp() - make_interval(secs => %s)",
        (FRESH_S,),
    )
    found = rows[0].longest
    return None if found is None else float(found)
