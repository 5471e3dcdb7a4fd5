"""Fetching what a page of answers needs, in batches, and the links to the pages before and after."""

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlencode

import msgspec

from domicile.errors import InvalidInput
from domicile.ids import MemberId, PostId, parse_bound, parse_number
from domicile.network.items import PostItem
from domicile.network.questions import Bounds
from domicile.network.reactions import Marks
from domicile.network.timelines import Page, make_bounds
from domicile.web.bodies import parse_pairs
from domicile.web.client_api.endpoint import LARGEST_NUMBER, Call, Reply
from domicile.web.client_api.shapes import AccountShape, StatusShape
from domicile.web.client_api.shaping import Shaper

DEFAULT_PAGE = 20
LARGEST_PAGE = 40
LARGEST_ACCOUNT_PAGE = 80
_PAGING = frozenset(("max_id", "since_id", "min_id"))


class Paging(msgspec.Struct, kw_only=True):
    """Which page: below `max_id`, above `since_id`, or the one just above `min_id`."""

    max_id: str | int | None = None
    since_id: str | int | None = None
    min_id: str | int | None = None
    limit: int = DEFAULT_PAGE

    def bounds(self) -> Bounds:
        """The page of posts asked for. Raises InvalidInput."""
        return make_bounds(
            self.limit, before=_bound(self.max_id), after=_bound(self.since_id), above=_bound(self.min_id)
        )

    def window(self, largest: int = LARGEST_PAGE) -> "Window":
        """The same for lists that are paged by a version or another plain number."""
        lower = self.min_id if self.min_id is not None else self.since_id
        return Window(
            before=_number(self.max_id, LARGEST_NUMBER),
            after=_number(lower, 0),
            upward=self.min_id is not None,
            limit=clamp(self.limit, largest),
        )


class Window(msgspec.Struct, frozen=True):
    """A page of a list that is paged by a number."""

    before: int
    after: int
    upward: bool
    limit: int


def clamp(limit: int, largest: int) -> int:
    """A page's size. Raises InvalidInput for none."""
    if limit < 1:
        raise InvalidInput("Validation failed: limit must be at least 1")
    return min(limit, largest)


async def shaper(call: Call) -> Shaper:
    """Shapes for whoever asks."""
    return Shaper(call.domicile.config.url, await call.site(), call.domicile.access.sign)


async def timeline(call: Call, page: Page) -> Reply:
    """A page of posts as an answer, with its links."""
    statuses = await shape_posts(call, page.items, page.others)
    link = links(call, page.items[-1].id, page.items[0].id) if page.items else None
    return Reply(statuses, link, page.complete)


async def one(call: Call, item: PostItem) -> StatusShape:
    """One post as a shape, with what it boosts."""
    return (await shape_posts(call, [item], await boosted(call, [item])))[0]


async def boosted(call: Call, items: Iterable[PostItem]) -> Mapping[PostId, PostItem]:
    """The posts that these boost, in one question."""
    wanted = [PostId(*item.boost_of) for item in items if item.boost_of is not None]
    if not wanted:
        return {}
    seen = await call.domicile.posts.show_many(wanted, reader=call.reader, at=await call.site())
    return {item.id: item for item in seen.items}


async def shape_posts(
    call: Call, items: Sequence[PostItem], others: Mapping[PostId, PostItem], shapes: Shaper | None = None
) -> list[StatusShape]:
    """Posts as shapes, with what the reader has done with them, asked once."""
    shapes = shapes or await shaper(call)
    marks: Mapping[PostId, Marks] = {}
    if call.reader is not None and items:
        marks = await call.domicile.reactions.marks(call.reader, [*{*(item.id for item in items), *others}])
    return [shapes.status(item, others, marks) for item in items]


async def posts_by_id(call: Call, wanted: Sequence[PostId], shapes: Shaper) -> tuple[dict[PostId, StatusShape], bool]:
    """Posts by id as shapes, whoever wrote them, and whether every site answered."""
    if not wanted:
        return {}, True
    seen = await call.domicile.posts.show_many(wanted, reader=call.reader, at=shapes.at)
    statuses = await shape_posts(call, seen.items, await boosted(call, seen.items), shapes)
    return {item.id: shape for item, shape in zip(seen.items, statuses, strict=True)}, seen.complete


async def accounts(call: Call, members: Sequence[MemberId]) -> list[AccountShape]:
    """Members as shapes, in the order asked."""
    shapes = await shaper(call)
    found = await call.domicile.profiles.show_many(list(members), at=shapes.at)
    return shapes.accounts(found, members)


async def account_page(call: Call, found: Sequence[tuple[int, MemberId]], window: Window, complete: bool) -> Reply:
    """A page of members that is paged by a version; the last page has no next one."""
    link = None
    if found:
        more = len(found) == window.limit
        link = links(call, found[-1][0] if more else None, found[0][0], newer="since_id")
    return Reply(await accounts(call, [member for _, member in found]), link, complete)


def links(call: Call, last: object, first: object, *, newer: str = "min_id") -> str:
    """The Link header: where older and newer pages are, with the other parameters as they were."""
    request = call.request
    kept = [pair for pair in parse_pairs(request.scope["query_string"]) if pair[0] not in _PAGING]
    address = f"{call.domicile.config.url}{request.scope['path']}"
    found = []
    if last is not None:
        found.append(f'<{address}?{urlencode([*kept, ("max_id", str(last))])}>; rel="next"')
    found.append(f'<{address}?{urlencode([*kept, (newer, str(first))])}>; rel="prev"')
    return ", ".join(found)


def _bound(text: str | int | None) -> PostId | None:
    """A paging id of posts; none at all, or an empty one, bounds nothing. Raises InvalidInput for junk."""
    if text is None or text == "":
        return None
    found = parse_bound(str(text))
    if found is None:
        raise InvalidInput("Validation failed: a paging id is not an id")
    return found


def _number(text: str | int | None, default: int) -> int:
    if text is None or text == "":
        return default
    found = parse_number(str(text))
    if found is None:
        raise InvalidInput("Validation failed: a paging id is not an id")
    return min(found, LARGEST_NUMBER)
