"""Recalls: what the home wants back of the copies that others hold of its members.

What was changed is recalled in the transaction of the change, by triggers (`placement.recalls`); what the law no longer
lets stay abroad, by `review`. A recall is delivered at least once, and closed when the holder has said that the copy is
gone. One that cannot be delivered stays open until the licence ends: the holder then deletes the copy by itself.
"""

from typing import Any

from domicile.border.copying import Copy, Done, Recall
from domicile.border.crossing import Door
from domicile.border.delivery import wait_after
from domicile.border.persons import FACTS, OWNERS
from domicile.border.register import lock_residents
from domicile.border.terms import Term, Terms
from domicile.database import Row, array
from domicile.errors import Unavailable
from domicile.ids import MemberId, SiteName

ROWS_AT_ONCE = 1000

_REVIEWED = f"""
SELECT v.* {FACTS} FROM (SELECT * FROM copy_register WHERE state = 'held' AND (law < %(law)s OR law > %(law)s)
  AND (member_id, holder, view, number) > (%(member)s, %(holder)s, %(view)s, %(number)s)
  ORDER BY member_id, holder, view, number LIMIT {ROWS_AT_ONCE}) v {OWNERS.format(owner="member_id")}
ORDER BY v.member_id, v.holder, v.view, v.number
"""

_RECALLED = f"""
SELECT member_id, holder, view, number, version, until, attempts FROM copy_register
WHERE state = 'recalling' AND (not_before IS NULL OR not_before <= %(now)s) AND until > %(now)s
ORDER BY not_before NULLS FIRST, holder, member_id LIMIT {ROWS_AT_ONCE}
"""

_KEY = "member_id = %s AND holder = %s AND view = %s AND number = %s AND version = %s"


class Recalling:
    """Reviews and recalls for the sites of this process; recurring work."""

    def __init__(self, door: Door, terms: Terms) -> None:
        self.door = door
        self.router = door.router
        self.terms = terms

    async def tick(self, site: SiteName) -> None:
        """Forget what has ended, find what may stay no longer, and ask for what is wanted back."""
        await self.expire(site)
        await self.review(site)
        await self.recall(site)

    async def review(self, site: SiteName) -> int:
        """Ask again about every copy whose licence rests on something else than today's; how many were recalled.

        That is a paper, pack, policy or count that changed, another term in the settings, or a home that moved here.
        """
        law, recalled = await self.terms.law(site), 0
        after: dict[str, Any] = {"member": 0, "holder": "", "view": "", "number": 0}
        while rows := await self.router.sites[site].app.run(_REVIEWED, {"law": law, **after}):
            terms = {
                holder: await self.terms.find(site, holder, rows, rows[0].papers)
                for holder in {SiteName(row.holder) for row in rows}
            }
            stay: list[Row] = []
            go: list[Row] = []
            for row in rows:
                stays = self._stays(site, row, terms[row.holder].get(row.view, {}))
                (stay if stays else go).append(row)
            await self._settle(site, law, stay, go)
            recalled += len(go)
            last = rows[-1]
            after = {"member": last.member_id, "holder": last.holder, "view": last.view, "number": last.number}
        return recalled

    def _stays(self, site: SiteName, row: Row, terms: dict[MemberId, Term]) -> bool:
        """Whether a copy may stay where it is, as it is; one that shows where the home was does not survive a move."""
        term = terms.get(row.member_id)
        if term is None or row.holder == site or self.door.apart(site, row.holder):
            return False
        moved = row.law.split()[0] != site
        same = term.sections == set(row.sections.split()) and row.until <= term.until
        return same and not (moved and row.shows_home)

    async def _settle(self, site: SiteName, law: str, stay: list[Row], go: list[Row]) -> None:
        """Write down what the review found; whoever is on the move is reviewed at the new home.

        A copy at what is now the member's own home goes at once.
        """
        async with self.router.sites[site].app.transaction() as session:
            ours = set(await lock_residents(session, {row.member_id for row in (*stay, *go)}))
            await session.execute_many(
                f"UPDATE copy_register SET law = %s WHERE {_KEY} AND state = 'held'",
                [(law, *_key(row)) for row in stay if row.member_id in ours],
            )
            await session.execute_many(
                f"UPDATE copy_register SET state = 'recalling', reason = 'law' WHERE {_KEY} AND state = 'held'",
                [_key(row) for row in go if row.member_id in ours and row.holder != site],
            )
            here = array({row.member_id for row in go if row.member_id in ours and row.holder == site})
            await session.execute("DELETE FROM kept_copy WHERE member_id = ANY (%s::bigint[])", (here,))
            await session.execute(
                "DELETE FROM copy_register WHERE member_id = ANY (%s::bigint[]) AND holder = %s", (here, site)
            )

    async def recall(self, site: SiteName) -> int:
        """Deliver the recalls whose time has come; how many were."""
        rows = await self.router.sites[site].app.run(_RECALLED, {"now": self.router.clock()})
        delivered = 0
        for holder in dict.fromkeys(SiteName(row.holder) for row in rows):
            theirs = [row for row in rows if row.holder == holder]
            if await self._deliver(site, holder, theirs):
                delivered += len(theirs)
        return delivered

    async def _deliver(self, site: SiteName, holder: SiteName, rows: list[Row]) -> bool:
        order = Recall([Copy(row.member_id, row.view, row.number, row.version, row.until) for row in rows])
        try:
            if self.door.apart(site, holder):
                raise Unavailable(f"nothing passes between {site} and {holder}")
            await self.door.ask(site, holder, "copies.recall", order, Done)
        except Unavailable:
            await self._postpone(site, rows)
            return False
        async with self.router.sites[site].app.transaction() as session:
            ours = set(await lock_residents(session, {row.member_id for row in rows}))
            await session.execute_many(
                f"DELETE FROM copy_register WHERE {_KEY} AND state = 'recalling'",
                [_key(row) for row in rows if row.member_id in ours],
            )
        return True

    async def _postpone(self, site: SiteName, rows: list[Row]) -> None:
        now = self.router.clock()
        async with self.router.sites[site].app.transaction() as session:
            ours = set(await lock_residents(session, {row.member_id for row in rows}))
            await session.execute_many(
                "UPDATE copy_register SET attempts = attempts + 1, asked_at = coalesce(asked_at, %s), not_before = %s"
                f" WHERE {_KEY} AND state = 'recalling'",
                [(now, now + wait_after(row.attempts), *_key(row)) for row in rows if row.member_id in ours],
            )

    async def expire(self, site: SiteName) -> int:
        """Forget the copies whose licence has ended: their holders have deleted them by themselves. How many."""
        database, now = self.router.sites[site].app, self.router.clock()
        rows = await database.run(
            f"SELECT DISTINCT member_id FROM copy_register WHERE until <= %s LIMIT {ROWS_AT_ONCE}", (now,)
        )
        if not rows:
            return 0
        async with database.transaction() as session:
            ours = await lock_residents(session, [row.member_id for row in rows])
            return await session.execute(
                "DELETE FROM copy_register WHERE member_id = ANY (%s::bigint[]) AND until <= %s", (array(ours), now)
            )


def _key(row: Row) -> tuple[Any, ...]:
    return row.member_id, row.holder, row.view, row.number, row.version
