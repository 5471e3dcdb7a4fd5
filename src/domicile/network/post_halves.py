"""What a post tells other members' homes: that it names them, or answers them; and how their homes take it in."""

import msgspec

from domicile.errors import NotFound
from domicile.ids import MemberId, PostId, Snowflake
from domicile.network.notifications import notify, unnotify
from domicile.placement.routing import SiteWriter
from domicile.transport.exchange import decode


class MentionHalf(msgspec.Struct, array_like=True):
    """To somebody a post names: it does, or no longer does."""

    post: int
    version: int
    direct: bool
    removed: bool = False


class ReplyHalf(msgspec.Struct, array_like=True):
    """To the author of the post that is answered."""

    parent: int
    reply: int
    version: int
    removed: bool = False


class ReactionHalf(msgspec.Struct, array_like=True):
    """To the post's author: somebody favourited or boosted it, or no longer does. `quiet`: long ago, no news."""

    post: int
    kind: str
    version: int
    removed: bool = False
    quiet: bool = False


async def receive_mention(writer: SiteWriter, sender: MemberId, body: bytes) -> bytes:
    """At the home of somebody a post names."""
    half = decode(body, MentionHalf)
    applied = await writer.execute(
        "INSERT INTO mention_stub AS s (member_id, author, post_id, direct, version, removed)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (member_id, author, post_id) DO UPDATE"
        " SET version = EXCLUDED.version, removed = EXCLUDED.removed WHERE s.version < EXCLUDED.version",
        (writer.member, sender, half.post, half.direct, half.version, half.removed),
    )
    post = PostId(Snowflake(half.post), sender)
    if applied and half.removed:
        await unnotify(writer, "mention", sender, post)
    elif applied:
        await notify(writer, "mention", sender, post)
    return b""


async def note_gone_parent(writer: SiteWriter, author: MemberId, body: bytes) -> None:
    """At the home of who answered: what they answer is gone, and nobody will ever hold a half of the answer."""
    half = decode(body, ReplyHalf)
    await writer.execute(
        "UPDATE post SET reply_gone = true WHERE author_id = %s AND post_id = %s AND reply_author = %s"
        " AND reply_post = %s",
        (writer.member, half.reply, author, half.parent),
    )


async def receive_reply(writer: SiteWriter, sender: MemberId, body: bytes) -> bytes:
    """At the home of the author whose post is answered."""
    half = decode(body, ReplyHalf)
    if not await writer.one(
        "SELECT 1 FROM post WHERE author_id = %s AND post_id = %s FOR UPDATE", (writer.member, half.parent)
    ):
        raise NotFound("the post that is answered is gone")
    known = await writer.one(
        "SELECT version, removed FROM reply_stub WHERE author_id = %s AND post_id = %s AND reply_author = %s"
        " AND reply_post = %s",
        (writer.member, half.parent, sender, half.reply),
    )
    if known is not None and known.version >= half.version:
        return b""
    await writer.execute(
        "INSERT INTO reply_stub (author_id, post_id, reply_author, reply_post, version, removed)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (author_id, post_id, reply_author, reply_post)"
        " DO UPDATE SET version = EXCLUDED.version, removed = EXCLUDED.removed",
        (writer.member, half.parent, sender, half.reply, half.version, half.removed),
    )
    was_there = known is not None and not known.removed
    await writer.execute(
        "UPDATE post SET replies = greatest(replies + %s, 0) WHERE author_id = %s AND post_id = %s",
        (int(not half.removed) - int(was_there), writer.member, half.parent),
    )
    return b""
