"""What one is told: single notifications, and the same as groups of one."""

import asyncio

import msgspec

from domicile.errors import InvalidInput, NotFound
from domicile.ids import MemberId, PostId, parse_member_id, parse_number
from domicile.network.items import ProfileItem
from domicile.network.notifications import Notification
from domicile.web.client_api.endpoint import LARGEST_NUMBER, Call, Nothing, Reply, endpoint
from domicile.web.client_api.pages import LARGEST_ACCOUNT_PAGE, Paging, links, posts_by_id, shaper
from domicile.web.client_api.shapes import NotificationShape, StatusShape
from domicile.web.client_api.shaping import Shaper, group

DEFAULT_NOTIFICATION_PAGE = 40
MOST_COUNTED = 100


class NotificationsAsked(Paging, kw_only=True):
    """Which kinds, and of whom."""

    limit: int = DEFAULT_NOTIFICATION_PAGE
    types: list[str] | str = msgspec.field(default_factory=list)
    exclude_types: list[str] | str = msgspec.field(default_factory=list)
    account_id: str | int | None = None


class CountAsked(msgspec.Struct):
    limit: int = MOST_COUNTED


@endpoint("GET", "/api/v1/notifications", scope="read:notifications", query=NotificationsAsked)
async def show_notifications(call: Call, query: NotificationsAsked) -> Reply:
    """What one is told, newest first."""
    found = await _find(call, query)
    shapes = await shaper(call)
    people, posts, complete = await _about(call, shapes, found)
    value = [_shape(shapes, notice, people, posts) for notice in found]
    return Reply(value, _links(call, found), complete)


@endpoint("GET", "/api/v2/notifications", scope="read:notifications", query=NotificationsAsked)
async def show_groups(call: Call, query: NotificationsAsked) -> Reply:
    """The same in the shape of groups, each of one notification."""
    found = await _find(call, query)
    shapes = await shaper(call)
    people, posts, complete = await _about(call, shapes, found)
    actors = list(dict.fromkeys(notice.actor for notice in found))
    value = {
        "accounts": shapes.accounts(people, actors),
        "statuses": list(posts.values()),
        "notification_groups": [group(notice) for notice in found if notice.post is None or notice.post in posts],
    }
    return Reply(value, _links(call, found), complete)


@endpoint("GET", "/api/v1/notifications/unread_count", scope="read:notifications", query=CountAsked)
async def count_notifications(call: Call, query: CountAsked) -> Reply:
    """How many there are: nothing is marked as read here, so each counts until it is dismissed."""
    return await _count(call, query)


@endpoint("GET", "/api/v2/notifications/unread_count", scope="read:notifications", query=CountAsked)
async def count_groups(call: Call, query: CountAsked) -> Reply:
    """How many groups there are."""
    return await _count(call, query)


@endpoint("GET", "/api/v1/notifications/{id}", scope="read:notifications")
async def show_notification(call: Call) -> Reply:
    """One notification."""
    return Reply(await _one(call, call.number()))


@endpoint("GET", "/api/v2/notifications/{key}", scope="read:notifications")
async def show_group(call: Call) -> Reply:
    """One group."""
    notice = await call.domicile.notifications.show(call.member, _number_of(call))
    shapes = await shaper(call)
    people, posts, complete = await _about(call, shapes, [notice])
    value = {
        "accounts": shapes.accounts(people, [notice.actor]),
        "statuses": list(posts.values()),
        "notification_groups": [group(notice)],
    }
    return Reply(value, complete=complete)


@endpoint("GET", "/api/v2/notifications/{key}/accounts", scope="read:notifications")
async def show_group_accounts(call: Call) -> Reply:
    """Who a group is about."""
    notice = await call.domicile.notifications.show(call.member, _number_of(call))
    shapes = await shaper(call)
    found = await call.domicile.profiles.show_many([notice.actor], at=shapes.at)
    return Reply(shapes.accounts(found, [notice.actor]))


@endpoint("POST", "/api/v1/notifications/clear", scope="write:notifications", body=Nothing)
async def clear_notifications(call: Call, body: Nothing) -> Reply:
    """Dismiss everything."""
    await call.domicile.notifications.clear(call.member)
    return Reply({})


@endpoint("POST", "/api/v1/notifications/{id}/dismiss", scope="write:notifications", body=Nothing)
async def dismiss_notification(call: Call, body: Nothing) -> Reply:
    """Dismiss one notification."""
    await call.domicile.notifications.clear(call.member, call.number())
    return Reply({})


@endpoint("POST", "/api/v2/notifications/{key}/dismiss", scope="write:notifications", body=Nothing)
async def dismiss_group(call: Call, body: Nothing) -> Reply:
    """Dismiss a group."""
    await call.domicile.notifications.clear(call.member, _number_of(call))
    return Reply({})


async def _find(call: Call, query: NotificationsAsked) -> list[Notification]:
    window = query.window(LARGEST_ACCOUNT_PAGE)
    return await call.domicile.notifications.page(
        call.member,
        before=window.before,
        after=window.after,
        upward=window.upward,
        limit=window.limit,
        kinds=_words(query.types) or None,
        without=_words(query.exclude_types),
        actor=_actor(query.account_id),
    )


async def _about(
    call: Call, shapes: Shaper, found: list[Notification]
) -> tuple[dict[MemberId, ProfileItem], dict[PostId, StatusShape], bool]:
    """The members and posts that these are about, each asked once."""
    actors = list(dict.fromkeys(notice.actor for notice in found))
    wanted = list(dict.fromkeys(notice.post for notice in found if notice.post is not None))
    people, (posts, complete) = await asyncio.gather(
        call.domicile.profiles.show_many(actors, at=shapes.at), posts_by_id(call, wanted, shapes)
    )
    return people, posts, complete


def _shape(
    shapes: Shaper,
    notice: Notification,
    people: dict[MemberId, ProfileItem],
    posts: dict[PostId, StatusShape],
) -> NotificationShape:
    return shapes.notification(notice, people.get(notice.actor), posts.get(notice.post) if notice.post else None)


async def _one(call: Call, number: int) -> NotificationShape:
    notice = await call.domicile.notifications.show(call.member, number)
    shapes = await shaper(call)
    people, posts, _ = await _about(call, shapes, [notice])
    return _shape(shapes, notice, people, posts)


async def _count(call: Call, query: CountAsked) -> Reply:
    found = await _find(call, NotificationsAsked(limit=min(query.limit, LARGEST_ACCOUNT_PAGE)))
    return Reply({"count": len(found)})


def _links(call: Call, found: list[Notification]) -> str | None:
    return links(call, found[-1].id, found[0].id) if found else None


def _words(sent: list[str] | str) -> list[str]:
    return sent if isinstance(sent, list) else [sent]


def _actor(sent: str | int | None) -> MemberId | None:
    if sent is None or sent == "":
        return None
    found = parse_member_id(str(sent))
    if found is None:
        raise InvalidInput("Validation failed: account_id is not an id")
    return found


def _number_of(call: Call) -> int:
    """The notification that a group's key names. Raises NotFound."""
    found = parse_number(call.path("key").removeprefix("ungrouped-"))
    if found is None or found > LARGEST_NUMBER:
        raise NotFound("not a group's key")
    return found


HANDLERS = [
    show_notifications,
    show_groups,
    count_notifications,
    count_groups,
    show_notification,
    show_group,
    show_group_accounts,
    clear_notifications,
    dismiss_notification,
    dismiss_group,
]
