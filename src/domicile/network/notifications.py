"""What a member is told: written at their home when the other half of a pair arrives."""

from dataclasses import dataclass

import msgspec

from domicile.database import Row
from domicile.errors import NotFound
from domicile.ids import MemberId, PostId, Snowflake, next_snowflake
from domicile.placement.routing import Router, SiteReader, SiteWriter

KINDS = ("mention", "reblog", "favourite", "follow", "follow_request", "status")


class Notification(msgspec.Struct):
    """One notice: who did what, and on which post."""

    id: Snowflake
    kind: str
    actor: MemberId
    post: PostId | None


async def notify(writer: SiteWriter, kind: str, actor: MemberId, post: PostId | None = None) -> None:
    """Tell the writer's member, once for each kind, actor and post; nobody is told of their own deeds."""
    if actor == writer.member:
        return
    author, snowflake = (post.author, post.snowflake) if post else (None, None)
    await writer.execute(
        "INSERT INTO notification (member_id, notification_id, kind, actor, post_author, post_id)"
        " SELECT %s, greatest(%s, coalesce(max(notification_id), 0) + 1), %s, %s, %s, %s"
        " FROM notification WHERE member_id = %s"
        " HAVING NOT EXISTS (SELECT FROM notification WHERE member_id = %s AND kind = %s AND actor = %s"
        "   AND post_id IS NOT DISTINCT FROM %s)",
        (
            *(writer.member, next_snowflake(writer.now), kind, actor, author, snowflake),
            *(writer.member, writer.member, kind, actor, snowflake),
        ),
    )


async def unnotify(writer: SiteWriter, kind: str, actor: MemberId, post: PostId | None = None) -> None:
    """Take a notice back whose cause is gone."""
    await writer.execute(
        "DELETE FROM notification WHERE member_id = %s AND kind = %s AND actor = %s"
        " AND post_id IS NOT DISTINCT FROM %s",
        (writer.member, kind, actor, post.snowflake if post else None),
    )


async def forget_notices(writer: SiteWriter, post: PostId) -> None:
    """Take back whatever the writer's member was told about a post that is gone."""
    await writer.execute(
        "DELETE FROM notification WHERE member_id = %s AND post_author = %s AND post_id = %s",
        (writer.member, post.author, post.snowflake),
    )


@dataclass(frozen=True)
class Notifications:
    router: Router

    async def page(
        self,
        member: MemberId,
        *,
        before: int,
        after: int,
        upward: bool,
        limit: int,
        kinds: list[str] | None = None,
        without: list[str] | None = None,
        actor: MemberId | None = None,
    ) -> list[Notification]:
        """A page of notices, newest first; `upward` takes the page just above `after`."""
        wanted = [kind for kind in kinds or KINDS if kind not in (without or ())]

        async def read(reader: SiteReader) -> list[Notification]:
            rows = await reader.fetch(
                "SELECT notification_id, kind, actor, post_author, post_id FROM notification"
                " WHERE member_id = %(member)s"
                " AND notification_id < %(before)s AND notification_id > %(after)s AND kind = ANY (%(kinds)s)"
                " AND (%(actor)s::bigint IS NULL OR actor = %(actor)s)"
                f" ORDER BY notification_id {'ASC' if upward else 'DESC'} LIMIT %(limit)s",
                {"member": member, "before": before, "after": after, "kinds": wanted, "actor": actor, "limit": limit},
            )
            found = [_notification(row) for row in rows]
            return found[::-1] if upward else found

        return await self.router.read(member, read)

    async def show(self, member: MemberId, number: int) -> Notification:
        found = await self.page(member, before=number + 1, after=number - 1, upward=False, limit=1)
        if not found:
            raise NotFound("no such notification")
        return found[0]

    async def clear(self, member: MemberId, number: int | None = None) -> None:
        """Dismiss one notice, or all of them."""

        async def write(writer: SiteWriter) -> None:
            await writer.execute(
                "DELETE FROM notification WHERE member_id = %s AND (%s::bigint IS NULL OR notification_id = %s)",
                (member, number, number),
            )

        await self.router.transact(member, write)


def _notification(row: Row) -> Notification:
    post = PostId(row.post_id, row.post_author) if row.post_id is not None else None
    return Notification(row.notification_id, row.kind, row.actor, post)
