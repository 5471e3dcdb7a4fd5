"""How the network's pairs are sent again, and what is counted by them set right: its part of the reconciler's work."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import msgspec

from domicile.border.delivery import next_version, post_parcel
from domicile.border.halves import Pairing
from domicile.border.reconciling import Reconciler
from domicile.errors import NotResident
from domicile.ids import MemberId, SiteName
from domicile.network.follows import FollowHalf
from domicile.network.post_halves import MentionHalf, ReactionHalf, ReplyHalf
from domicile.network.schema import DIRECT
from domicile.placement.routing import Router, SiteWriter

Rest = tuple[str, ...]

_STUBS = """
SELECT p.author_id, p.post_id, count(*) FILTER (WHERE kind = 'favourite') AS favourites,
  count(*) FILTER (WHERE kind = 'boost') AS boosts, count(*) FILTER (WHERE kind = 'reply') AS replies
FROM (SELECT author_id, post_id, kind FROM reaction_stub WHERE NOT removed {mine}
  UNION ALL SELECT author_id, post_id, 'reply' FROM reply_stub WHERE NOT removed {mine}) p GROUP BY 1, 2
"""
_MISCOUNTED = f"""
SELECT p.author_id AS member, array_agg(p.post_id) AS posts FROM post p LEFT JOIN ({_STUBS.format(mine="")}) s
USING (author_id, post_id)
WHERE (p.favourites, p.boosts, p.replies) IS DISTINCT FROM
  (coalesce(s.favourites, 0), coalesce(s.boosts, 0), coalesce(s.replies, 0)) GROUP BY 1
"""
_LOCK_POSTS = "SELECT FROM post WHERE author_id = %s AND post_id = ANY (%s) ORDER BY post_id FOR UPDATE"
_COUNT_POSTS = f"""
WITH s AS ({_STUBS.format(mine="AND author_id = %(member)s AND post_id = ANY (%(posts)s)")})
UPDATE post p SET favourites = coalesce(s.favourites, 0), boosts = coalesce(s.boosts, 0),
  replies = coalesce(s.replies, 0)
FROM post q LEFT JOIN s USING (author_id, post_id)
WHERE q.author_id = %(member)s AND q.post_id = ANY (%(posts)s) AND p.author_id = q.author_id AND p.post_id = q.post_id
 AND (p.favourites, p.boosts, p.replies) IS DISTINCT FROM
  (coalesce(s.favourites, 0), coalesce(s.boosts, 0), coalesce(s.replies, 0))
"""
_TALLIES = f"""
SELECT t.member_id AS member, coalesce(p.posts, 0)::int AS posts, coalesce(r.followers, 0)::int AS followers,
  coalesce(f.following, 0)::int AS following
FROM tally t
LEFT JOIN (SELECT author_id, count(*) AS posts FROM post WHERE visibility <> {DIRECT} {{author}} GROUP BY 1) p
  ON p.author_id = t.member_id
LEFT JOIN (SELECT member_id, count(*) AS followers FROM follower WHERE state = 'accepted' {{member}} GROUP BY 1) r
  USING (member_id)
LEFT JOIN (SELECT member_id, count(*) AS following FROM follow WHERE state = 'accepted' {{member}} GROUP BY 1) f
  USING (member_id)
WHERE (t.posts, t.followers, t.following) IS DISTINCT FROM
  (coalesce(p.posts, 0)::int, coalesce(r.followers, 0)::int, coalesce(f.following, 0)::int) {{member}}
"""
_ONE_TALLY = _TALLIES.format(author="AND author_id = %(member)s", member="AND member_id = %(member)s")


@dataclass(frozen=True)
class Mending:
    """What the reconciler is told of the network's pairs and counters."""

    router: Router

    def serve(self, reconciler: Reconciler) -> None:
        """From now on the reconciler repairs what this network declares."""
        reconciler.repair("follow", Pairing(_resend_follow, _no_follow))
        reconciler.repair("reaction", Pairing(_resend_reaction, _no_reaction))
        reconciler.repair("reply", Pairing(_resend_reply, _no_reply))
        reconciler.repair("mention", Pairing(_resend_mention, _no_mention))
        reconciler.recounts += [self.recount_posts, self.recount_tallies]

    async def recount_posts(self, site: SiteName) -> int:
        """Set right how often posts were favourited, boosted and answered; how many posts were wrong."""
        wrong = 0
        for row in await self.router.sites[site].app.run(_MISCOUNTED):
            wrong += await self._mend(site, MemberId(row.member), partial(_count_posts, posts=row.posts))
        return wrong

    async def recount_tallies(self, site: SiteName) -> int:
        """Set right how many posts, followers and followed members have; of how many members it was wrong."""
        wrong = 0
        for row in await self.router.sites[site].app.run(_TALLIES.format(author="", member="")):
            wrong += await self._mend(site, MemberId(row.member), _count_tally)
        return wrong

    async def _mend(self, site: SiteName, member: MemberId, fn: Callable[[SiteWriter], Awaitable[int]]) -> int:
        try:
            return await self.router.transact_at(site, member, fn)
        except NotResident:
            return 0


async def _count_posts(writer: SiteWriter, posts: list[int]) -> int:
    """Whoever adds to a count holds the post's lock from before they read the halves."""
    await writer.fetch(_LOCK_POSTS, (writer.member, posts))
    return await writer.execute(_COUNT_POSTS, {"member": writer.member, "posts": posts})


async def _count_tally(writer: SiteWriter) -> int:
    """Whoever adds to a tally does so after their row: the lock leaves only those who are yet to add."""
    await writer.one("SELECT FROM tally WHERE member_id = %s FOR UPDATE", (writer.member,))
    row = await writer.one(_ONE_TALLY, {"member": writer.member})
    if row is None:
        return 0
    return await writer.execute(
        "UPDATE tally SET posts = %s, followers = %s, following = %s WHERE member_id = %s",
        (row.posts, row.followers, row.following, writer.member),
    )


async def _resend_follow(writer: SiteWriter, target: MemberId, rest: Rest, above: int) -> bool:
    """The followed answers with their word under the version they have, which may be a later one."""
    row = await writer.one(
        "SELECT state, version FROM follow WHERE member_id = %s AND target = %s", (writer.member, target)
    )
    if row is not None:
        await post_parcel(writer, target, "follow", FollowHalf(row.version, True, row.state == "accepted"))
    return row is not None


def _no_follow(rest: Rest, version: int) -> tuple[str, msgspec.Struct]:
    return "follow", FollowHalf(version, False)


async def _resend_reaction(writer: SiteWriter, author: MemberId, rest: Rest, above: int) -> bool:
    key = (writer.member, rest[1], author, int(rest[0]))
    where = "member_id = %s AND kind = %s AND target_author = %s AND target_post = %s"
    known = await writer.value(f"SELECT version FROM reaction WHERE {where}", key)
    if known is None:
        return False
    version = int(str(known))
    if version <= above:
        version = await next_version(writer, above)
        await writer.execute(f"UPDATE reaction SET version = %s WHERE {where}", (version, *key))
    await post_parcel(writer, author, "reaction", ReactionHalf(int(rest[0]), rest[1], version))
    return True


def _no_reaction(rest: Rest, version: int) -> tuple[str, msgspec.Struct]:
    return "reaction", ReactionHalf(int(rest[0]), rest[1], version, removed=True)


async def _resend_mention(writer: SiteWriter, mentioned: MemberId, rest: Rest, above: int) -> bool:
    key = (writer.member, int(rest[0]), mentioned)
    where = "author_id = %s AND post_id = %s AND mentioned = %s"
    row = await writer.one(
        f"SELECT version, visibility FROM post_mention JOIN post USING (author_id, post_id) WHERE {where}", key
    )
    if row is None:
        return False
    version = row.version
    if version <= above:
        version = await next_version(writer, above)
        await writer.execute(f"UPDATE post_mention SET version = %s WHERE {where}", (version, *key))
    await post_parcel(writer, mentioned, "mention", MentionHalf(key[1], version, row.visibility == DIRECT))
    return True


def _no_mention(rest: Rest, version: int) -> tuple[str, msgspec.Struct]:
    return "mention", MentionHalf(int(rest[0]), version, direct=False, removed=True)


async def _resend_reply(writer: SiteWriter, author: MemberId, rest: Rest, above: int) -> bool:
    parent, reply = map(int, rest)
    if not await writer.one(
        "SELECT 1 FROM post WHERE author_id = %s AND post_id = %s AND reply_author = %s AND reply_post = %s",
        (writer.member, reply, author, parent),
    ):
        return False
    version = reply if reply > above else await next_version(writer, above)
    await post_parcel(writer, author, "reply", ReplyHalf(parent, reply, version))
    return True


def _no_reply(rest: Rest, version: int) -> tuple[str, msgspec.Struct]:
    return "reply", ReplyHalf(int(rest[0]), int(rest[1]), version, removed=True)
