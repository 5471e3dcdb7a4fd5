"""Search: people by the beginning of their names, hashtags by their exact name, posts by their own address."""

from typing import Literal
from urllib.parse import urlsplit

import msgspec

from domicile.errors import NotFound
from domicile.ids import parse_post_id
from domicile.network.formatting import find_tags
from domicile.network.timelines import make_bounds
from domicile.web.client_api.accounts import find_accounts
from domicile.web.client_api.endpoint import Call, Reply, endpoint
from domicile.web.client_api.pages import LARGEST_PAGE, clamp, one, shaper
from domicile.web.client_api.shapes import AccountShape, StatusShape, TagShape

DEFAULT_FOUND = 20


class SearchAsked(msgspec.Struct):
    """`resolve` changes nothing: there is no other network to look in."""

    q: str = ""
    type: Literal["accounts", "hashtags", "statuses", ""] | None = None
    resolve: bool = False
    limit: int = DEFAULT_FOUND
    offset: int = 0
    following: bool = False
    account_id: str | None = None
    exclude_unreviewed: bool = False
    max_id: str | None = None
    min_id: str | None = None


@endpoint("GET", "/api/v2/search", scope="read:search", access="anyone", query=SearchAsked)
async def search(call: Call, query: SearchAsked) -> Reply:
    """People, hashtags and posts. The text of posts is not searched."""
    return await _search(call, query)


@endpoint("GET", "/api/v1/search", scope="read:search", access="anyone", query=SearchAsked)
async def search_v1(call: Call, query: SearchAsked) -> Reply:
    """The same, as older clients ask."""
    return await _search(call, query)


async def _search(call: Call, query: SearchAsked) -> Reply:
    kinds = [query.type] if query.type else ["accounts", "hashtags", "statuses"]
    text = query.q.strip()
    limit = clamp(query.limit, LARGEST_PAGE)
    handle, post = _own_address(call, text)
    people: list[AccountShape] = []
    complete = True
    if "accounts" in kinds and (handle or not post) and text:
        people, complete = await find_accounts(call, f"@{handle}" if handle else text, limit, query.offset)
    tags = await _tags(call, text) if "hashtags" in kinds and query.offset == 0 else []
    posts = await _posts(call, post) if "statuses" in kinds and post and query.offset == 0 else []
    return Reply({"accounts": people, "statuses": posts, "hashtags": tags}, complete=complete)


def _own_address(call: Call, text: str) -> tuple[str, str]:
    """The handle and the post's id in an address of ours: /@user is a person, /@user/id a post."""
    if not text.startswith(f"{call.domicile.config.url}/@"):
        return "", ""
    try:
        path = urlsplit(text).path
    except ValueError:
        return "", ""
    handle, _, post = path[2:].rstrip("/").partition("/")
    return ("", post) if post else (handle, "")


async def _posts(call: Call, text: str) -> list[StatusShape]:
    post = parse_post_id(text)
    if post is None:
        return []
    try:
        return [await one(call, await call.domicile.posts.show(post, reader=call.reader))]
    except NotFound:
        return []


async def _tags(call: Call, text: str) -> list[TagShape]:
    """The hashtag of this name, if anybody's post that may be seen here has it."""
    found = find_tags(f"#{text.lstrip('#')}")
    if not found or found[0] != text.lstrip("#").casefold():
        return []
    page = await call.domicile.timelines.public(make_bounds(1), reader=call.reader, tag=found[0])
    return [(await shaper(call)).tag(found[0])] if page.items else []


HANDLERS = [search, search_v1]
