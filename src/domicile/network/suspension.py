"""Suspensions: the operator shuts a member's account, for a time or until further notice, and says why.

Whoever is suspended can log in on the pages to read why, take their archive with them or leave (GDPR art. 15, 17, 20 do
not end with a suspension), and nothing else. Others see neither their posts nor their profile, and copies at other
sites are recalled. The suspension is a row of the member's: a write at home like any other, so it waits while the
member moves, and moves along. Regulation (EU) 2022/2065 art. 17 asks for the statement of reasons, art. 23 for an end
of some suspensions. What an authority demands is an order, and not this.
"""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from domicile.database import Row
from domicile.errors import Conflict, InvalidInput, NotPermitted
from domicile.ids import MemberId, SiteName
from domicile.network.names import clean_text
from domicile.placement.routing import Router, SiteReader, SiteWriter

SUSPENSION_PATH = "/settings/suspension"

SUSPENDED = "EXISTS (SELECT FROM suspension WHERE suspension.member_id = {member})"
REASON = "(SELECT reason FROM suspension WHERE suspension.member_id = {member})"
"""In SQL, whether and why this member, at home here, is suspended."""

_OF_MEMBER = "SELECT member_id, reason, since, until FROM suspension WHERE member_id = %s"

# A fence lets nobody write for members who are leaving: they are let out where they arrive.
_END = """
WITH due AS (SELECT s.member_id FROM suspension s JOIN resident r USING (member_id)
  WHERE s.until <= %s AND r.state = 'home' ORDER BY s.member_id FOR SHARE OF r SKIP LOCKED),
ended AS (DELETE FROM suspension WHERE member_id IN (SELECT member_id FROM due) RETURNING 1)
SELECT count(*) AS n FROM ended
"""


class Suspended(NotPermitted):
    """The operator has suspended this member. The reason is for nobody else, and in no log (rule 10)."""

    default_safe = "Your account is suspended"


class Suspension(msgspec.Struct):
    """Why a member is suspended, in words for them; `until` is None where no end is set."""

    member: MemberId
    reason: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True)
class Suspensions:
    """Who suspends, and who ends it."""

    router: Router

    async def suspend(self, member: MemberId, reason: str, until: datetime | None = None) -> Suspension:
        """Suspend a member; who is suspended already gets the new reason and end. Raises InvalidInput."""
        words = clean_text("reason", reason, 500)
        if not words:
            raise InvalidInput("Validation failed: a suspension needs a reason, which the member can read")
        if until is not None and until <= self.router.clock():
            raise InvalidInput("Validation failed: the suspension would have ended already")

        async def write(writer: SiteWriter) -> Suspension:
            await writer.execute(
                "INSERT INTO suspension VALUES (%s, %s, %s, %s) ON CONFLICT (member_id)"
                " DO UPDATE SET reason = EXCLUDED.reason, until = EXCLUDED.until",
                (member, words, writer.now, until),
            )
            row = await writer.one(_OF_MEMBER, (member,))
            assert row is not None  # written in this transaction
            return _read(row)

        return await self.router.transact(member, write)

    async def reinstate(self, member: MemberId) -> None:
        """End a suspension. Raises Conflict if the member is not suspended."""

        async def write(writer: SiteWriter) -> None:
            if not await writer.execute("DELETE FROM suspension WHERE member_id = %s", (member,)):
                raise Conflict("the member is not suspended", "This member is not suspended")

        await self.router.transact(member, write)

    async def find(self, member: MemberId) -> Suspension | None:
        """The member's suspension, from home."""

        async def read(reader: SiteReader) -> Suspension | None:
            rows = await reader.fetch(_OF_MEMBER, (member,))
            return _read(rows[0]) if rows else None

        return await self.router.read(member, read)

    async def end_due(self, name: SiteName) -> int:
        """Recurring work: end what was set for a time; how many ended."""
        (row,) = await self.router.sites[name].app.run(_END, (self.router.clock(),))
        return int(row.n)


def refuse_suspended(reason: str) -> Suspended:
    """The refusal that tells the member why."""
    return Suspended("the member is suspended", f"Your account is suspended: {reason}")


def _read(row: Row) -> Suspension:
    return Suspension(MemberId(row.member_id), row.reason, row.since, row.until)
