"""The holder's side of copies: what this site keeps of members of other sites, for the time when those do not answer.

Only members whom the app wants (those whom somebody here follows) are asked for, by recurring work and never in the way
of a reader. A copy is read only while its home does not answer, and only until its licence ends; past that it is
deleted here, whether or not anybody can be reached. A recall leaves its version behind, without the body, so that an
answer that was given before it and arrives after it is not kept.
"""

import asyncio
import contextlib
import time
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from domicile.border.copying import Copy, Done, Given, Keep, Recall, Recollection, Return
from domicile.border.crossing import Door, by_site
from domicile.border.licence import View
from domicile.border.recalling import Recalling
from domicile.border.register import CopyRegister
from domicile.database import Row, array
from domicile.errors import Unavailable
from domicile.ids import MemberId, SiteName
from domicile.placement.directory import Home
from domicile.transport.exchange import decode, encode

MEMBERS_AT_ONCE = 500
ROUNDS = 40
EVERY_S = 60.0
"""How often the same members are asked for at most."""

_WANTED = f"""
SELECT w.member_id, r.site, r.epoch FROM (SELECT DISTINCT x.member_id FROM ({{wanted}}) x WHERE x.member_id > %(after)s
  AND NOT EXISTS (SELECT FROM resident h WHERE h.member_id = x.member_id AND h.state = 'home')
  ORDER BY x.member_id LIMIT {MEMBERS_AT_ONCE}) w
LEFT JOIN route r ON r.member_id = w.member_id ORDER BY w.member_id
"""

_UNWANTED = f"""
SELECT DISTINCT k.member_id, r.site FROM kept_copy k LEFT JOIN route r ON r.member_id = k.member_id
WHERE r.member_id IS NULL OR r.site = %(here)s OR r.site = ANY (%(apart)s)
  OR NOT EXISTS (SELECT FROM ({{wanted}}) x WHERE x.member_id = k.member_id) LIMIT {MEMBERS_AT_ONCE}
"""

_BALANCE = """
SELECT member_id, count(*) AS n, sum(version)::text AS total FROM kept_copy
WHERE member_id = ANY (%s::bigint[]) AND NOT recalled AND until > %s GROUP BY member_id
"""

# A recall, too: it has no body. What is here under a later version stays.
_KEEP = """
INSERT INTO kept_copy (member_id, view, number, version, until, received_at, recalled, body)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (member_id, view, number) DO UPDATE SET version = EXCLUDED.version, until = EXCLUDED.until,
  received_at = EXCLUDED.received_at, recalled = EXCLUDED.recalled, body = EXCLUDED.body
WHERE kept_copy.version < EXCLUDED.version OR (kept_copy.version = EXCLUDED.version AND EXCLUDED.recalled)
"""

# An erasure that is being heard holds these rows: whoever is erased is not kept.
_KNOWN = "SELECT member_id FROM route WHERE member_id = ANY (%s::bigint[]) AND site = %s FOR KEY SHARE SKIP LOCKED"

_BY_KEY = """
SELECT k.body FROM unnest(%(numbers)s::bigint[], %(owners)s::bigint[]) AS asked (number, member_id)
JOIN kept_copy k ON k.member_id = asked.member_id AND k.view = %(view)s AND k.number = asked.number
WHERE k.member_id = ANY (%(members)s::bigint[]) AND k.until > %(now)s AND NOT k.recalled
"""
_BETWEEN = """
SELECT k.body FROM kept_copy k WHERE k.member_id = ANY (%(members)s::bigint[]) AND k.view = %(view)s
  AND k.until > %(now)s AND NOT k.recalled AND (k.number, k.member_id) < (%(b0)s, %(b1)s)
  AND (k.number, k.member_id) > (%(a0)s, %(a1)s) ORDER BY k.number {order}, k.member_id {order} LIMIT %(limit)s
"""


class Copies:
    """The copies that the sites of this process keep, and their registers of those that others keep.

    `wanted` is an SQL query for the ids (`member_id`) of the members whose copies a site wants, some of them its own.
    """

    def __init__(
        self,
        door: Door,
        register: CopyRegister,
        recalling: Recalling,
        recollections: Sequence[Recollection[Any, Any]],
        wanted: str,
    ) -> None:
        self.door = door
        self.router = door.router
        self.register = register
        self.recalling = recalling
        self._recollections = {one.view.name: one for one in recollections}
        self._wanted = _WANTED.format(wanted=wanted)
        self._unwanted = _UNWANTED.format(wanted=wanted)
        self._after: dict[SiteName, int] = {}
        self._due: dict[SiteName, float] = {}
        door.recollect = self.find

    def open_site(self, site: SiteName) -> None:
        """Give copies of a site's members, and obey recalls of those that it keeps."""

        async def obey(body: bytes) -> bytes:
            return encode(await self.obey(site, decode(body, Recall)))

        self.door.exchange.serve(site, "copies.recall", obey)
        self.register.open_site(site)

    async def find(
        self, at: SiteName, site: SiteName, view: View[Any, Any], question: Any, members: Collection[MemberId]
    ) -> list[Any]:
        """What `at` keeps of these members and may show while `site`, their home, does not answer."""
        how = self._recollections.get(view.name)
        if how is None or at == site or self.door.apart(at, site):
            return []
        part, kind = how.part(question), how.copied.view.item
        asked = {"members": array(members), "view": how.copied.view.name, "now": self.router.clock()}
        if part.keys is not None:
            numbers, owners = array(number for number, _ in part.keys), array(owner for _, owner in part.keys)
            rows = await self._read(at, _BY_KEY, asked | {"numbers": numbers, "owners": owners})
        else:
            (b0, b1), (a0, a1) = part.before, part.after
            bounds = {"b0": b0, "b1": b1, "a0": a0, "a1": a1, "limit": part.limit}
            query = _BETWEEN.format(order="ASC" if part.upward else "DESC")
            rows = await self._read(at, query, asked | bounds)
        items = []
        for row in rows:
            with contextlib.suppress(msgspec.MsgspecError):  # kept by a version that wrote it otherwise: not held here
                items.append(how.make(decode(bytes(row.body), kind), question))
        return [item for item in items if item is not None]

    async def _read(self, at: SiteName, query: str, params: dict[str, Any]) -> list[Row]:
        return await self.router.sites[at].reader.run(query, params)

    async def tick(self, at: SiteName) -> None:
        """Recurring work: recalls first, then what is past its licence here, then what may be kept anew."""
        await self.recalling.tick(at)
        await self.purge(at)
        await asyncio.gather(*(self._try(at, silent) for silent in self.door.silent_to(at)))
        if self._after.get(at) or time.monotonic() >= self._due.get(at, 0.0):
            self._due[at] = time.monotonic() + EVERY_S
            await self.gather(at)

    async def _try(self, at: SiteName, silent: SiteName) -> None:
        """Find out whether a site answers again, so that pages need not say any longer that it does not."""
        with contextlib.suppress(Unavailable):
            await self.door.ask(at, silent, "copies.keep", Keep(at, self.router.clock()), Given)

    async def purge(self, at: SiteName) -> int:
        """Delete what is past its licence; nobody needs to be asked. How many there were."""
        rows = await self.router.sites[at].app.run(
            "WITH ended AS (DELETE FROM kept_copy WHERE until <= %s RETURNING 1) SELECT count(*) AS n FROM ended",
            (self.router.clock(),),
        )
        return int(rows[0].n)

    async def gather(self, at: SiteName) -> int:
        """Ask the homes of the next few wanted members what may be kept of them; how many copies were kept."""
        rows = await self.router.sites[at].app.run(self._wanted, {"after": self._after.get(at, 0)})
        self._after[at] = rows[-1].member_id if len(rows) == MEMBERS_AT_ONCE else 0
        if not self._after[at]:
            await self._drop_unwanted(at)
        found = {MemberId(row.member_id): Home(SiteName(row.site), row.epoch) for row in rows if row.site is not None}
        if unknown := [MemberId(row.member_id) for row in rows if row.site is None]:
            with contextlib.suppress(Unavailable):
                found |= await self.router.learn_routes(at, unknown)
        homes = by_site(found)
        asked = [home for home in homes if home != at and not self.door.apart(at, home)]
        return sum(await asyncio.gather(*(self._gather_from(at, home, homes[home]) for home in asked)))

    async def _gather_from(self, at: SiteName, home: SiteName, members: dict[MemberId, int]) -> int:
        kept = 0
        for _ in range(ROUNDS):
            now = self.router.clock()
            rows = await self.router.sites[at].app.run(_BALANCE, (array(members), now))
            held = {row.member_id: (row.n, row.total) for row in rows}
            balance = [held.get(member, (0, "0")) for member in members]
            counts, sums = [n for n, _ in balance], [total for _, total in balance]
            question = Keep(at, now, list(members), list(members.values()), counts, sums)
            try:
                given = await self.door.ask(at, home, "copies.keep", question, Given)
            except Unavailable:
                break
            kept += await self._keep(at, home, members, given)
            if not given.more:
                break
        return kept

    async def _keep(self, at: SiteName, home: SiteName, members: Collection[MemberId], given: Given) -> int:
        """Keep what was given of the members asked for; drop all of those of whom the home is not sure."""
        now = self.router.clock()
        unsure = [member for member in given.unsure if member in members]
        async with self.router.sites[at].app.transaction() as session:
            await session.execute("DELETE FROM kept_copy WHERE member_id = ANY (%s::bigint[])", (array(unsure),))
            known = {row.member_id for row in await session.fetch(_KNOWN, (array(members), home))}
            copies = [copy for copy in given.copies if copy.member in known and copy.until > now and copy.body]
            await session.execute_many(
                _KEEP, [(*_key(copy), now, False, copy.body) for copy in sorted(copies, key=_key)]
            )
        return len(copies)

    async def _drop_unwanted(self, at: SiteName) -> None:
        """Drop what nobody here needs any more, and tell its home."""
        database = self.router.sites[at].app
        rows = await database.run(self._unwanted, {"here": at, "apart": list(self._apart_from(at))})
        if not rows:
            return
        await database.run(
            "DELETE FROM kept_copy WHERE member_id = ANY (%s::bigint[])", (array(row.member_id for row in rows),)
        )
        by_home: dict[SiteName, list[MemberId]] = {}
        for row in rows:
            if row.site is not None and row.site != at:
                by_home.setdefault(SiteName(row.site), []).append(MemberId(row.member_id))
        for home, members in by_home.items():
            with contextlib.suppress(Unavailable):  # the home then believes until their end that they are here
                await self.door.ask(at, home, "copies.return", Return(at, members), Done)

    def _apart_from(self, at: SiteName) -> list[SiteName]:
        return [name for name in self.router.sites if self.door.apart(at, name)]

    async def obey(self, at: SiteName, recall: Recall) -> Done:
        """Delete what is recalled, and remember its version until its licence would have ended."""
        now = self.router.clock()
        async with self.router.sites[at].app.transaction() as session:
            recalled = sorted(recall.copies, key=_key)
            await session.execute_many(_KEEP, [(*_key(copy), now, True, None) for copy in recalled])
        return Done()


def _key(copy: Copy) -> tuple[Any, ...]:
    return copy.member, copy.view, copy.number, copy.version, copy.until
