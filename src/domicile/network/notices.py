"""Members first: whoever is to move is told some days before, in their own language, and may take, trim or leave.

A notice is an owned row: the words as they were told, and when. It moves along with the member, and stays as proof. It
hangs on the proposal of that move, so that who corrects what they declared, or has arrived, is told no more.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import msgspec

from domicile.database import Row
from domicile.errors import DomicileError, NotFound
from domicile.ids import MemberId, SiteName, Snowflake, country_of_site, next_snowflake
from domicile.law.decision import Citation
from domicile.network.declaration import propose
from domicile.network.notice_words import compose_notice, known_language
from domicile.placement.routing import Router, SiteReader, SiteWriter

AT_ONCE = 8
MOST_RULES = 5

_CURRENT = """
SELECT n.notice_id, n.proposal_id, n.moves_on, n.language, n.wording, n.told_at, n.dismissed_at, p.source, p.target,
 p.rules FROM notice n JOIN proposal p USING (member_id, proposal_id)
WHERE n.member_id = %(member)s AND p.state = 'open' AND p.target <> %(here)s ORDER BY n.notice_id DESC LIMIT 1
"""
_TOLD = """
SELECT asked.member_id, min(n.told_at) AS told_at, max(n.moves_on) FILTER (WHERE n.notice_id = n.newest) AS moves_on
FROM unnest(%(members)s::bigint[]) AS asked (member_id) LEFT JOIN LATERAL (
 SELECT notice_id, told_at, moves_on, max(notice_id) OVER () AS newest
 FROM notice JOIN proposal USING (member_id, proposal_id)
 WHERE member_id = asked.member_id AND target = %(target)s AND state = 'open') n ON true GROUP BY 1
"""
_DISMISS = "UPDATE notice SET dismissed_at = coalesce(dismissed_at, %s) WHERE member_id = %s AND notice_id = %s"
_TELL = """
INSERT INTO notice (member_id, notice_id, proposal_id, moves_on, language, wording, told_at)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""


class Notice(msgspec.Struct, frozen=True):
    """A relocation that a member has been told of and that is still to come. `wording`: a title, then paragraphs."""

    id: Snowflake
    proposal: Snowflake
    moves_on: date
    language: str
    wording: str
    told_at: datetime
    dismissed_at: datetime | None
    source: SiteName
    target: SiteName
    rules: list[str]

    @property
    def title(self) -> str:
        return self.wording.partition("\n")[0]

    @property
    def paragraphs(self) -> list[str]:
        return self.wording.split("\n")[1:]


@dataclass(frozen=True)
class Announced:
    """A move that the law asks for, to be told: to which site, from which day on, by which rules."""

    target: SiteName
    moves_on: date
    reason: str
    rules: tuple[Citation, ...]

    def word(self, source: SiteName, language: str) -> str:
        """What a member of this language is told."""
        cited = list(dict.fromkeys(f"{rule.act} {rule.article}" for rule in self.rules))[:MOST_RULES]
        return compose_notice(language, self.moves_on, country_of_site(source), country_of_site(self.target), cited)


@dataclass
class Told:
    """Whom a telling reached: by language, those who had been told the same before, and who was not reached and why."""

    languages: Counter[str] = field(default_factory=Counter)
    before: int = 0
    left: dict[MemberId, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Notices:
    """`days`: how long before a planned relocation a member is told."""

    router: Router
    days: int

    async def tell(self, members: Sequence[MemberId], announced: Announced) -> Told:
        """Tell every one of them who was not told the same before."""
        told, waiting = Told(), iter(members)

        async def work() -> None:
            for member in waiting:
                try:
                    language = await self._tell(member, announced)
                except DomicileError as error:
                    told.left[member] = error.detail
                    continue
                if language is None:
                    told.before += 1
                else:
                    told.languages[language] += 1

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
        return told

    async def languages(self, source: SiteName, members: Sequence[MemberId]) -> Counter[str]:
        """In how many languages these members of a site would be told, and how many in each."""
        query = "SELECT language, count(*) AS members FROM account WHERE member_id = ANY (%s) GROUP BY 1"
        rows = await self.router.sites[source].app.run(query, (list(members),))
        found: Counter[str] = Counter()
        for row in rows:
            found[known_language(row.language)] += row.members
        return found

    async def current(self, member: MemberId) -> Notice | None:
        """What a member has been told, as long as it is to come."""

        async def read(reader: SiteReader) -> Row | None:
            return await reader.one(_CURRENT, {"member": member, "here": reader.site.name})

        row = await self.router.read(member, read)
        return Notice(*row) if row else None

    async def dismiss(self, member: MemberId, number: int) -> None:
        """The member has read it. Raises NotFound."""

        async def write(writer: SiteWriter) -> int:
            query = (
                "UPDATE notice SET dismissed_at = coalesce(dismissed_at, %s) WHERE member_id = %s AND notice_id = %s"
            )
            return await writer.execute(query, (writer.now, member, number))

        if not await self.router.transact(member, write):
            raise NotFound("no notice of this member")

    async def find_untold(self, source: SiteName, members: Sequence[MemberId], target: SiteName) -> dict[MemberId, str]:
        """Those of these members at a site who may not yet be moved to `target` by a plan, and why."""
        today = self.router.clock().date()
        asked = {"members": list(members), "target": target}
        rows = await self.router.sites[source].app.run(_TOLD, asked)
        found = {MemberId(row.member_id): self._why_not(row, today) for row in rows}
        return {member: why for member, why in found.items() if why is not None}

    def _why_not(self, row: Row, today: date) -> str | None:
        if row.told_at is None:
            return "was not told of this move"
        if today - row.told_at.date() < timedelta(days=self.days):
            return f"was told less than {self.days} days ago"
        return f"was told that nothing moves before {row.moves_on}" if today < row.moves_on else None

    async def _tell(self, member: MemberId, announced: Announced) -> str | None:
        """The language in which the member was told; None if they knew."""

        async def write(writer: SiteWriter) -> str | None:
            rules = [rule.rule for rule in announced.rules]
            proposal = await propose(writer, announced.target, announced.reason, rules, lawful=False)
            known = await writer.one(_CURRENT, {"member": member, "here": writer.site.name})
            if known and (known.proposal_id, known.moves_on) == (proposal.id, announced.moves_on):
                return None
            own = await writer.value("SELECT language FROM account WHERE member_id = %s", (member,))
            language = known_language(str(own))
            last = await writer.value("SELECT max(notice_id) FROM notice WHERE member_id = %s", (member,))
            number = next_snowflake(writer.now, int(str(last or 0)))
            wording = announced.word(writer.site.name, language)
            kept = (member, number, proposal.id, announced.moves_on, language, wording, writer.now)
            await writer.execute(_TELL, kept)
            return language

        return await self.router.transact(member, write)
