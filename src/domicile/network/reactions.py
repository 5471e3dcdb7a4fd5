"""Favourites, boosts and bookmarks: truth with who reacts, a stub and a count with the post.

A boost is a post of its own that carries no words, only the id of another. A bookmark is nobody else's business.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from domicile.border.delivery import Deliverer, next_version, post_parcel
from domicile.database import array
from domicile.errors import NotFound, NotPermitted
from domicile.ids import MemberId, PostId, Snowflake, next_snowflake
from domicile.network.items import PostItem
from domicile.network.notifications import notify, unnotify
from domicile.network.post_halves import ReactionHalf
from domicile.network.posts import Posts, remove_post
from domicile.network.schema import PRIVATE, UNLISTED, VISIBILITIES
from domicile.placement.routing import Router, SiteReader, SiteWriter
from domicile.transport.exchange import decode

Kind = Literal["favourite", "boost", "bookmark"]


class Marks(msgspec.Struct):
    """What a member has done with a post."""

    favourite: bool = False
    boost: PostId | None = None
    bookmark: bool = False


_MARKS = """
SELECT r.kind, r.target_author, r.target_post, r.boost
FROM unnest(%(authors)s::bigint[], %(snowflakes)s::bigint[]) AS k (a, p)
JOIN reaction r ON r.member_id = %(member)s AND r.kind = ANY ('{favourite,boost,bookmark}')
 AND r.target_author = k.a AND r.target_post = k.p
"""


@dataclass(frozen=True)
class Reactions:
    router: Router
    deliverer: Deliverer
    posts: Posts

    def serve(self) -> None:
        """Apply what other homes deliver."""
        self.deliverer.accept("reaction", _receive_reaction, gone=_forget_reaction)

    async def react(self, member: MemberId, post: PostId, kind: Kind) -> PostItem:
        """Favourite or bookmark a post that the member may see. Doing it twice is doing it once."""
        await self.posts.show(post, reader=member)

        async def write(writer: SiteWriter) -> None:
            await _mark(writer, post, kind, await next_version(writer), None)

        await self.router.transact(member, write)
        await self.deliverer.flush(member)
        return await self.posts.show(post, reader=member)

    async def restore(self, member: MemberId, posts: Sequence[PostId], kind: Kind) -> int:
        """Favourite or bookmark again what one did long ago, and tell nobody as news; how many were not there."""

        async def write(writer: SiteWriter) -> int:
            return sum(
                [await _mark(writer, post, kind, await next_version(writer), None, quiet=True) for post in posts]
            )

        fresh = await self.router.transact(member, write)
        await self.deliverer.flush(member)
        return fresh

    async def boost(self, member: MemberId, post: PostId, visibility: str | None = None) -> PostItem:
        """Show a post to one's followers. Returns the boosting post, whose `boost_of` is the other."""
        target = await self.posts.show(post, reader=member)
        if target.visibility > PRIVATE or (target.visibility == PRIVATE and target.author != member):
            raise NotPermitted("a post that was shown to some is not shown on")
        level = max(target.visibility, VISIBILITIES.index(visibility) if visibility in VISIBILITIES[:3] else 0)

        async def write(writer: SiteWriter) -> PostId:
            # Locked before it is looked whether there is a boost: of two at once, the second finds the first.
            version = await next_version(writer)
            last = await writer.value("SELECT last_post FROM tally WHERE member_id = %s FOR UPDATE", (member,))
            known = await writer.value(
                "SELECT boost FROM reaction WHERE member_id = %s AND kind = 'boost' AND target_author = %s"
                " AND target_post = %s",
                (member, post.author, post.snowflake),
            )
            if known is not None:
                return PostId(Snowflake(int(str(known))), member)
            await self.posts.standing.check_posting_of(writer, member)
            own = next_snowflake(writer.now, int(str(last or 0)))
            await writer.execute(
                "INSERT INTO post (author_id, post_id, visibility, boost_author, boost_post)"
                " VALUES (%s, %s, %s, %s, %s)",
                (
                    member,
                    own,
                    min(level, max(UNLISTED, target.visibility)) if level else 0,
                    post.author,
                    post.snowflake,
                ),
            )
            await writer.execute(
                "UPDATE tally SET last_post = %s, posts = posts + 1, last_post_at = %s WHERE member_id = %s",
                (own, writer.now, member),
            )
            await _mark(writer, post, "boost", version, own)
            return PostId(own, member)

        boosting = await self.router.transact(member, write)
        await self.deliverer.flush(member)
        return await self.posts.show(boosting, reader=member)

    async def take_back(self, member: MemberId, post: PostId, kind: Kind) -> PostItem:
        """Undo a reaction. Returns the post."""
        await self.undo(member, post, kind)
        return await self.posts.show(post, reader=member)

    async def undo(self, member: MemberId, post: PostId, kind: Kind) -> None:
        """Undo a reaction, also to a post that is gone or may not be seen any more."""

        async def write(writer: SiteWriter) -> None:
            version = await next_version(writer)
            row = await writer.one(
                "DELETE FROM reaction WHERE member_id = %s AND kind = %s AND target_author = %s AND target_post = %s"
                " RETURNING boost",
                (member, kind, post.author, post.snowflake),
            )
            if row is None:
                return
            if row.boost is not None:
                await remove_post(writer, row.boost)
            if kind != "bookmark":
                await post_parcel(
                    writer, post.author, "reaction", ReactionHalf(post.snowflake, kind, version, removed=True)
                )

        await self.router.transact(member, write)
        await self.deliverer.flush(member)

    async def marks(self, member: MemberId, posts: list[PostId]) -> dict[PostId, Marks]:
        """What the member has done with these posts; known at the member's own home."""
        found = {post: Marks() for post in posts}
        if not posts:
            return found
        authors, snowflakes = array(post.author for post in posts), array(post.snowflake for post in posts)
        keys = {"authors": authors, "snowflakes": snowflakes, "member": member}
        for row in await self.router.rows(member, _MARKS, keys):
            marks = found[PostId(row.target_post, row.target_author)]
            marks.favourite = marks.favourite or row.kind == "favourite"
            marks.bookmark = marks.bookmark or row.kind == "bookmark"
            marks.boost = PostId(row.boost, member) if row.boost is not None else marks.boost
        return found

    async def own(
        self, member: MemberId, kind: Kind, *, before: int, after: int = 0, upward: bool = False, limit: int
    ) -> list[tuple[int, PostId]]:
        """The member's favourites or bookmarks, newest first, each with the version by which the list is paged.

        `upward` takes the page just above `after`.
        """

        async def read(reader: SiteReader) -> list[tuple[int, PostId]]:
            rows = await reader.fetch(
                "SELECT version, target_post, target_author FROM reaction WHERE member_id = %s AND kind = %s"
                f" AND version < %s AND version > %s ORDER BY version {'ASC' if upward else 'DESC'} LIMIT %s",
                (member, kind, before, after, limit),
            )
            found = [(row.version, PostId(row.target_post, row.target_author)) for row in rows]
            return found[::-1] if upward else found

        return await self.router.read(member, read)


async def _mark(
    writer: SiteWriter, post: PostId, kind: Kind, version: int, boost: int | None, *, quiet: bool = False
) -> int:
    fresh = await writer.execute(
        "INSERT INTO reaction VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (writer.member, kind, post.author, post.snowflake, version, boost),
    )
    if fresh and kind != "bookmark":
        await post_parcel(writer, post.author, "reaction", ReactionHalf(post.snowflake, kind, version, quiet=quiet))
    return fresh


async def _forget_reaction(writer: SiteWriter, author: MemberId, body: bytes) -> None:
    """At the home of who reacted: the post is gone, and with it the reaction, and the boost that showed it."""
    half = decode(body, ReactionHalf)
    await next_version(writer)
    row = await writer.one(
        "DELETE FROM reaction WHERE member_id = %s AND kind = %s AND target_author = %s AND target_post = %s"
        " RETURNING boost",
        (writer.member, half.kind, author, half.post),
    )
    if row is not None and row.boost is not None:
        await remove_post(writer, row.boost)


_COLUMN = {"favourite": "favourites", "boost": "boosts"}
_NOTICE = {"favourite": "favourite", "boost": "reblog"}


async def _receive_reaction(writer: SiteWriter, sender: MemberId, body: bytes) -> bytes:
    half = decode(body, ReactionHalf)
    column, notice = _COLUMN[half.kind], _NOTICE[half.kind]
    if not await writer.one(
        "SELECT 1 FROM post WHERE author_id = %s AND post_id = %s FOR UPDATE", (writer.member, half.post)
    ):
        raise NotFound("the post is gone")
    known = await writer.one(
        "SELECT version, removed FROM reaction_stub WHERE author_id = %s AND post_id = %s AND kind = %s AND actor = %s",
        (writer.member, half.post, half.kind, sender),
    )
    if known is not None and known.version >= half.version:
        return b""
    await writer.execute(
        "INSERT INTO reaction_stub VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (author_id, post_id, kind, actor)"
        " DO UPDATE SET version = EXCLUDED.version, removed = EXCLUDED.removed",
        (writer.member, half.post, half.kind, sender, half.version, half.removed),
    )
    change = int(not half.removed) - int(known is not None and not known.removed)
    await writer.execute(
        f"UPDATE post SET {column} = greatest({column} + %s, 0) WHERE author_id = %s AND post_id = %s",
        (change, writer.member, half.post),
    )
    post = PostId(Snowflake(half.post), writer.member)
    if half.removed:
        await unnotify(writer, notice, sender, post)
    elif not half.quiet:
        await notify(writer, notice, sender, post)
    return b""
