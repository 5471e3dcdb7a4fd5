"""The home's side of copies: what is given of its members to which site, under which licence.

The register's rows are the member's own: they move, are exported and are erased with them. They say of every copy who
holds which sections until when, under which rules. How they are recalled stands in `recalling`.
"""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from domicile.border.copying import Copied, Copy, Done, Given, Keep, Return
from domicile.border.crossing import Door
from domicile.border.licence import mask
from domicile.border.persons import PERSONS
from domicile.border.safeguards import STAMP
from domicile.border.terms import Term, Terms
from domicile.database import Row, Session, array
from domicile.ids import Country, MemberId, SiteName, country_of_site, next_snowflake
from domicile.placement.routing import SiteReader, asked_for
from domicile.transport.exchange import decode, encode

MEMBERS_AT_ONCE = 50
MOST_BYTES = 2 << 20
SPARE = timedelta(hours=1)
"""A copy is not given anew for less than this."""

_BALANCE = """
SELECT member_id, count(*) FILTER (WHERE state = 'held' AND until > %(at)s) AS n,
  coalesce(sum(version) FILTER (WHERE state = 'held' AND until > %(at)s), 0)::text AS total,
  bool_or(state = 'recalling') AS recalling
FROM copy_register WHERE member_id = ANY (%(members)s::bigint[]) AND holder = %(holder)s GROUP BY member_id
"""

_LACKING = """
FROM ({query}) v
JOIN unnest(%(allowed)s::bigint[], %(untils)s::timestamptz[]) AS a (member_id, until) ON a.member_id = v.{owner}
LEFT JOIN copy_register g ON g.member_id = v.{owner} AND g.holder = %(holder)s AND g.view = %(view)s
 AND g.number = {column}
WHERE g.member_id IS NULL OR (g.state = 'held' AND g.until < least(a.until - %(spare)s, %(fresh)s))
"""

_REGISTER = """
INSERT INTO copy_register (member_id, holder, view, number, version, until, sections, rules, law, shows_home, given_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (member_id, holder, view, number) DO UPDATE SET
  version = EXCLUDED.version, until = EXCLUDED.until, sections = EXCLUDED.sections, rules = EXCLUDED.rules,
  law = EXCLUDED.law, shows_home = EXCLUDED.shows_home, given_at = EXCLUDED.given_at
"""

# Whoever registers holds off every writer of these members until it is done: see `placement.recalls`. Members at whom
# somebody writes at this moment come next time.
_HOLD_OFF_WRITERS = """
SELECT member_id FROM resident WHERE member_id = ANY (%s::bigint[]) AND state = 'home' ORDER BY member_id
FOR NO KEY UPDATE SKIP LOCKED
"""
_AS_WRITER = """
SELECT member_id FROM resident WHERE member_id = ANY (%s::bigint[]) AND state = 'home' ORDER BY member_id FOR SHARE
"""


class CopyRegister:
    """The registers of the sites of this process."""

    def __init__(self, door: Door, terms: Terms) -> None:
        self.door = door
        self.router = door.router
        self.terms = terms

    def open_site(self, site: SiteName) -> None:
        """Give copies of a site's members from now on, and take back what is returned."""

        async def give(body: bytes) -> bytes:
            return encode(await self.give(site, decode(body, Keep)))

        async def close(body: bytes) -> bytes:
            return encode(await self.close(site, decode(body, Return)))

        self.door.exchange.serve(site, "copies.keep", give)
        self.door.exchange.serve(site, "copies.return", close)

    async def give(self, site: SiteName, keep: Keep) -> Given:
        """What the holder may keep and does not have yet; what it must drop because the two do not agree."""
        if not self.terms.days or self.door.apart(site, keep.holder) or keep.holder == site:
            return Given()
        members = dict(zip(keep.members, keep.epochs, strict=True))
        async with self.router.read_at(site, members) as (reader, gone):
            unsure, recalling = await self._find_unsure(reader, keep)
            asked = members.keys() - gone - unsure - recalling
            lacking = await self._find_lacking(reader, keep.holder, {member: members[member] for member in asked})
        await self._mark_unsure(site, keep.holder, unsure - gone)
        now = {member: members[member] for member in sorted(lacking)[:MEMBERS_AT_ONCE]}
        copies, whole = await self._register(site, keep.holder, now) if now else ([], True)
        return Given(copies, sorted(unsure), bool(copies) and (not whole or len(lacking) > len(now)))

    async def close(self, site: SiteName, returned: Return) -> Done:
        """A holder keeps nothing of these members any more."""
        async with self.router.sites[site].app.transaction() as session:
            ours = await lock_residents(session, returned.members)
            await session.execute(
                "DELETE FROM copy_register WHERE member_id = ANY (%s::bigint[]) AND holder = %s",
                (array(ours), returned.holder),
            )
        return Done()

    async def _find_unsure(self, reader: SiteReader, keep: Keep) -> tuple[set[MemberId], set[MemberId]]:
        """Members of whom the holder has something else than is registered here; and those with open recalls.

        After a restore from a backup, or an answer that was lost, either side may know more than the other.
        """
        asked = {"members": array(keep.members), "holder": keep.holder, "at": keep.at}
        rows = {row.member_id: row for row in await reader.fetch(_BALANCE, asked)}
        recalling = {member for member, row in rows.items() if row.recalling}
        known = {member: (row.n, row.total) for member, row in rows.items()}
        held = zip(keep.members, keep.counts, keep.sums, strict=True)
        unsure = {member for member, n, total in held if (n, total) != known.get(member, (0, "0"))}
        return unsure - recalling, recalling

    async def _mark_unsure(self, site: SiteName, holder: SiteName, members: Collection[MemberId]) -> None:
        if members:
            async with self.router.sites[site].app.transaction() as session:
                ours = await lock_residents(session, members)
                await session.execute(
                    "UPDATE copy_register SET state = 'recalling', reason = 'unsure'"
                    " WHERE member_id = ANY (%s::bigint[]) AND holder = %s AND state = 'held'",
                    (array(ours), holder),
                )

    async def _find_lacking(self, reader: SiteReader, holder: SiteName, members: dict[MemberId, int]) -> set[MemberId]:
        """Those of these members of whom the holder may keep something that it has not."""
        rows = await reader.fetch(PERSONS, {"members": array(members)})
        papers = await reader.value(f"SELECT {STAMP}")
        terms = await self.terms.find(reader.site.name, holder, rows, papers)
        lacking: set[MemberId] = set()
        for copied in self.terms.copied.values():
            query, params = self._lacking(copied, holder, terms[copied.view.name], members)
            found = await reader.fetch(f"SELECT DISTINCT v.{copied.view.owner} AS owner {query}", params)
            lacking |= {row.owner for row in found}
        return lacking

    async def _register(
        self, site: SiteName, holder: SiteName, members: dict[MemberId, int]
    ) -> tuple[list[Copy], bool]:
        """Decide, read and register in one transaction, in which nobody writes for these members.

        The second part of the answer: whether everything that was lacking is in it.
        """
        law = await self.terms.law(site)  # before the papers are read: what is newer than its word is reviewed
        async with self.router.sites[site].app.transaction() as session:
            held = await session.fetch(_HOLD_OFF_WRITERS, (array(members),))
            ours = {MemberId(row.member_id): members[MemberId(row.member_id)] for row in held}
            papers = await session.value(f"SELECT {STAMP}")
            rows = await session.fetch(PERSONS, {"members": array(ours)})
            terms = await self.terms.find(site, holder, rows, papers)
            made = _Made(site, holder, law, self.router.clock())
            for copied in self.terms.copied.values():
                found = terms[copied.view.name]
                query, params = self._lacking(copied, holder, found, ours)
                for row in await session.fetch(f"SELECT v.* {query}", params):
                    made.add(copied, row, found)
            await session.execute_many(_REGISTER, made.rows)
        for term in made.terms:
            self.door.count(site, country_of_site(holder), term.licence)
        return made.copies, made.size <= MOST_BYTES

    def _lacking(
        self, copied: Copied[Any, Any], holder: SiteName, terms: dict[MemberId, Term], members: dict[MemberId, int]
    ) -> tuple[str, dict[str, Any]]:
        """FROM and WHERE for the items that the holder may keep and has not, or not for long any more."""
        allowed = {member: members[member] for member in terms}
        asked = asked_for(allowed)
        query, params = copied.view.query(copied.question, asked)
        more = {
            "allowed": array(allowed),
            "untils": [terms[member].until for member in allowed],
            "holder": holder,
            "view": copied.view.name,
            "fresh": self.router.clock() + timedelta(days=self.terms.days) / 2,
            "spare": SPARE,
        }
        text = _LACKING.format(query=query, owner=copied.view.owner, column=copied.column)
        return text, asked | params | more


class _Made:
    """Copies as they are made, with their rows for the register, up to a size that one message carries."""

    def __init__(self, site: SiteName, holder: SiteName, law: str, now: Any) -> None:
        self.country = country_of_site(site)
        self.holder = holder
        self.law = law
        self.now = now
        self.version = next_snowflake(now)
        self.copies: list[Copy] = []
        self.rows: list[tuple[Any, ...]] = []
        self.terms: list[Term] = []
        self.size = 0

    def add(self, copied: Copied[Any, Any], row: Row, terms: dict[MemberId, Term]) -> None:
        """Make a copy of an item, if it is for everybody."""
        if self.size > MOST_BYTES:
            return
        view = copied.view
        item = view.read(row, self.country)
        owner, audience = view.subject(item)
        if audience != "public" or (view.unfinished is not None and view.unfinished(item)):
            return
        term = terms[owner]
        body = encode(mask(item, term.sections, view.sections))
        copy = Copy(owner, view.name, copied.number(item), self.version + len(self.copies), term.until, body)
        key = (copy.member, self.holder, copy.view, copy.number, copy.version, copy.until)
        shows_home = item != view.read(row, Country(""))
        self.rows.append((*key, " ".join(sorted(term.sections)), " ".join(term.rules), self.law, shows_home, self.now))
        self.copies.append(copy)
        self.terms.append(term)
        self.size += len(body)


async def lock_residents(session: Session, members: Collection[MemberId]) -> list[MemberId]:
    """Those of these members who are at home here, locked in order of id as every writer does."""
    rows = await session.fetch(_AS_WRITER, (array(members),))
    return [MemberId(row.member_id) for row in rows]
