"""Home, public and hashtag timelines."""

from domicile.errors import NotFound
from domicile.web.client_api.endpoint import Call, Reply, endpoint
from domicile.web.client_api.pages import Paging, timeline

LONGEST_TAG = 100


class PublicAsked(Paging, kw_only=True):
    """`local`: of the reader's own site; `remote`: of the others."""

    local: bool = False
    remote: bool = False
    only_media: bool = False


@endpoint("GET", "/api/v1/timelines/home", scope="read:statuses", query=Paging)
async def show_home(call: Call, query: Paging) -> Reply:
    """Posts of those one follows, and one's own."""
    return await timeline(call, await call.domicile.timelines.home(call.member, query.bounds()))


@endpoint("GET", "/api/v1/timelines/public", scope="read:statuses", access="anyone", query=PublicAsked)
async def show_public(call: Call, query: PublicAsked) -> Reply:
    """Public posts of the whole network."""
    return await _public(call, query, None)


@endpoint("GET", "/api/v1/timelines/tag/{tag}", scope="read:statuses", access="anyone", query=PublicAsked)
async def show_tag(call: Call, query: PublicAsked) -> Reply:
    """Public posts with a hashtag."""
    return await _public(call, query, call.path("tag").lstrip("#")[:LONGEST_TAG])


@endpoint("GET", "/api/v1/timelines/list/{id}", scope="read:lists")
async def show_list(call: Call) -> Reply:
    """Nobody keeps lists here."""
    raise NotFound("there are no lists")


async def _public(call: Call, query: PublicAsked, tag: str | None) -> Reply:
    page = await call.domicile.timelines.public(
        query.bounds(),
        reader=call.reader,
        tag=tag,
        only_media=query.only_media,
        local=query.local,
        remote=query.remote,
    )
    return await timeline(call, page)


HANDLERS = [show_home, show_public, show_tag, show_list]
