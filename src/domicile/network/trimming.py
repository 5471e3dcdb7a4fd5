"""What members delete of their own before they move, and what is deleted for them: drafts, log-ins that are over."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

from domicile.border.delivery import Deliverer
from domicile.database import Row, array
from domicile.ids import SEQUENCE_BITS, MemberId, PostId, SiteName, Snowflake, milliseconds
from domicile.network.posts import remove_post
from domicile.network.reactions import Reactions
from domicile.placement.files import erase_file
from domicile.placement.routing import Router, SiteReader, SiteWriter

POSTS_AT_ONCE = 50
DRAFT_FOR = timedelta(days=1)
"""How long a picture may wait for the post that it is for."""

_OLD_BOOSTS = """
SELECT post_id, boost_author, boost_post FROM post
WHERE author_id = %s AND post_id > %s AND post_id < %s AND boost_post IS NOT NULL ORDER BY post_id LIMIT %s
"""
_OLD_POSTS = "SELECT post_id FROM post WHERE author_id = %s AND post_id < %s ORDER BY post_id LIMIT %s"
_DRAFTS = """
DELETE FROM media WHERE member_id = ANY (%(members)s) AND post_id IS NULL AND created_at < %(before)s
RETURNING member_id, digest, preview
"""
_IN_USE = """
SELECT member_id, digest FROM media WHERE member_id = ANY (%(members)s)
UNION SELECT member_id, preview FROM media WHERE member_id = ANY (%(members)s)
UNION SELECT member_id, avatar FROM account WHERE member_id = ANY (%(members)s) AND avatar IS NOT NULL
UNION SELECT member_id, header FROM account WHERE member_id = ANY (%(members)s) AND header IS NOT NULL
"""


@dataclass(frozen=True)
class Trimming:
    """Deletes at home, and tells those who hold a half of what is gone."""

    router: Router
    deliverer: Deliverer
    reactions: Reactions

    async def delete_posts(self, member: MemberId, before: date) -> int:
        """Delete every post and boost of one's own from before a day (UTC); how many."""
        end = milliseconds(datetime.combine(before, time.min, UTC)) << SEQUENCE_BITS
        deleted = await self._take_back_boosts(member, end)
        while done := await self.router.transact(member, lambda writer: _remove_some(writer, end)):
            deleted += done
            await self.deliverer.flush(member)
        return deleted

    async def drop_drafts(self, name: SiteName, members: Sequence[MemberId]) -> int:
        """Erase pictures of members at a site that were uploaded more than a day ago and never posted; how many."""
        site = self.router.sites[name]
        asked = {"members": array(members), "before": self.router.clock() - DRAFT_FOR}
        async with site.importer.transaction() as session:
            gone = await session.fetch(_DRAFTS, asked)
            kept = {(row.member_id, row.digest) for row in await session.fetch(_IN_USE, asked)} if gone else set()
        for member, digest in {(row.member_id, d) for row in gone for d in (row.digest, row.preview)} - kept:
            await asyncio.to_thread(erase_file, site.media, MemberId(member), digest)
        return len(gone)

    async def drop_ended_log_ins(self, name: SiteName, members: Sequence[MemberId]) -> int:
        """Forget the web log-ins of members at a site that are over and would only be carried along; how many."""
        query = "DELETE FROM session WHERE member_id = ANY (%s::bigint[]) AND expires_at < %s RETURNING 1"
        return len(await self.router.sites[name].importer.run(query, (array(members), self.router.clock())))

    async def _take_back_boosts(self, member: MemberId, end: int) -> int:
        after = taken_back = 0
        while rows := await self.router.read(member, partial(_old_boosts, after=after, end=end, member=member)):
            for row in rows:
                post = PostId(Snowflake(row.boost_post), MemberId(row.boost_author))
                await self.reactions.undo(member, post, "boost")
            after, taken_back = rows[-1].post_id, taken_back + len(rows)
        return taken_back


async def _old_boosts(reader: SiteReader, *, member: MemberId, after: int, end: int) -> list[Row]:
    return await reader.fetch(_OLD_BOOSTS, (member, after, end, POSTS_AT_ONCE))


async def _remove_some(writer: SiteWriter, end: int) -> int:
    rows = await writer.fetch(_OLD_POSTS, (writer.member, end, POSTS_AT_ONCE))
    for row in rows:
        await remove_post(writer, row.post_id)
    return len(rows)
