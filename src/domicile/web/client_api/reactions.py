"""Favourites, boosts and bookmarks, and who gave them."""

from typing import Literal

import msgspec

from domicile.ids import PostId
from domicile.network.reactions import Kind
from domicile.web.client_api.accounts import AccountPaging
from domicile.web.client_api.endpoint import Call, Nothing, Reply, endpoint
from domicile.web.client_api.pages import LARGEST_ACCOUNT_PAGE, Paging, account_page, links, one, posts_by_id, shaper


class BoostForm(msgspec.Struct):
    visibility: Literal["public", "unlisted", "private", ""] | None = None


@endpoint("POST", "/api/v1/statuses/{id}/favourite", scope="write:favourites", body=Nothing)
async def favourite(call: Call, body: Nothing) -> Reply:
    """Favourite a post."""
    return await _react(call, "favourite")


@endpoint("POST", "/api/v1/statuses/{id}/unfavourite", scope="write:favourites", body=Nothing)
async def unfavourite(call: Call, body: Nothing) -> Reply:
    """Take a favourite back."""
    return await _take_back(call, "favourite")


@endpoint("POST", "/api/v1/statuses/{id}/bookmark", scope="write:bookmarks", body=Nothing)
async def bookmark(call: Call, body: Nothing) -> Reply:
    """Keep a post in mind; nobody else learns of it."""
    return await _react(call, "bookmark")


@endpoint("POST", "/api/v1/statuses/{id}/unbookmark", scope="write:bookmarks", body=Nothing)
async def unbookmark(call: Call, body: Nothing) -> Reply:
    """Drop a bookmark."""
    return await _take_back(call, "bookmark")


@endpoint("POST", "/api/v1/statuses/{id}/reblog", scope="write:statuses", body=BoostForm)
async def boost(call: Call, body: BoostForm) -> Reply:
    """Show a post to one's followers."""
    post = await _proper(call)
    return Reply(await one(call, await call.domicile.reactions.boost(call.member, post, body.visibility or None)))


@endpoint("POST", "/api/v1/statuses/{id}/unreblog", scope="write:statuses", body=Nothing)
async def unboost(call: Call, body: Nothing) -> Reply:
    """Take a boost back."""
    return await _take_back(call, "boost")


@endpoint("GET", "/api/v1/statuses/{id}/favourited_by", scope="read:statuses", access="anyone", query=AccountPaging)
async def show_favouriters(call: Call, query: AccountPaging) -> Reply:
    """Who favourited a post."""
    return await _reactors(call, "favourite", query)


@endpoint("GET", "/api/v1/statuses/{id}/reblogged_by", scope="read:statuses", access="anyone", query=AccountPaging)
async def show_boosters(call: Call, query: AccountPaging) -> Reply:
    """Who boosted a post."""
    return await _reactors(call, "boost", query)


@endpoint("GET", "/api/v1/favourites", scope="read:favourites", query=Paging)
async def show_favourites(call: Call, query: Paging) -> Reply:
    """One's own favourites."""
    return await _own(call, "favourite", query)


@endpoint("GET", "/api/v1/bookmarks", scope="read:bookmarks", query=Paging)
async def show_bookmarks(call: Call, query: Paging) -> Reply:
    """One's own bookmarks."""
    return await _own(call, "bookmark", query)


async def _proper(call: Call) -> PostId:
    """The post meant: a boost stands for what it boosts."""
    item = await call.domicile.posts.show(call.post_id(), reader=call.reader)
    return PostId(*item.boost_of) if item.boost_of else item.id


async def _react(call: Call, kind: Kind) -> Reply:
    return Reply(await one(call, await call.domicile.reactions.react(call.member, await _proper(call), kind)))


async def _take_back(call: Call, kind: Kind) -> Reply:
    return Reply(await one(call, await call.domicile.reactions.take_back(call.member, await _proper(call), kind)))


async def _reactors(call: Call, kind: Kind, query: AccountPaging) -> Reply:
    post = await _proper(call)
    window = query.window(LARGEST_ACCOUNT_PAGE)
    found, complete = await call.domicile.timelines.relations(
        kind,
        post.author,
        reader=call.reader,
        before=window.before,
        after=window.after,
        limit=window.limit,
        post=post.snowflake,
    )
    return await account_page(call, found, window, complete)


async def _own(call: Call, kind: Kind, query: Paging) -> Reply:
    """A page of what one has reacted to, paged by when that was."""
    window = query.window()
    found = await call.domicile.reactions.own(
        call.member, kind, before=window.before, after=window.after, upward=window.upward, limit=window.limit
    )
    shapes, complete = await posts_by_id(call, [post for _, post in found], await shaper(call))
    link = links(call, found[-1][0] if len(found) == window.limit else None, found[0][0]) if found else None
    return Reply([shapes[post] for _, post in found if post in shapes], link, complete)


HANDLERS = [
    favourite,
    unfavourite,
    bookmark,
    unbookmark,
    boost,
    unboost,
    show_favouriters,
    show_boosters,
    show_favourites,
    show_bookmarks,
]
