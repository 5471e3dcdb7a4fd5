"""Posts: writing, changing, deleting and reading them."""

from typing import Any, Literal

import msgspec

from domicile.errors import InvalidInput, NotFound, NotPermitted
from domicile.ids import PostId, parse_number, parse_post_id
from domicile.network.posts import Draft
from domicile.web.client_api.endpoint import LARGEST_NUMBER, Call, Nothing, Reply, endpoint
from domicile.web.client_api.pages import boosted, one, posts_by_id, shape_posts, shaper
from domicile.web.client_api.shaping import edit, with_source

MOST_IDS = 40
LONGEST_CLIENT_NAME = 60
LONGEST_KEY = 500


class StatusForm(msgspec.Struct):
    """A post. What is not offered here (polls, scheduling, quotes, other text formats) is refused, not ignored."""

    status: str | None = None
    media_ids: list[str | int] | None = None
    in_reply_to_id: str | int | None = None
    sensitive: bool = False
    spoiler_text: str | None = None
    visibility: Literal["public", "unlisted", "private", "direct", ""] | None = None
    language: str | None = None
    scheduled_at: str | None = None
    poll: dict[str, Any] | None = None
    quoted_status_id: str | int | None = None
    content_type: str | None = None


class EditForm(msgspec.Struct):
    status: str | None = None
    media_ids: list[str | int] | None = None
    sensitive: bool = False
    spoiler_text: str | None = None
    language: str | None = None
    poll: dict[str, Any] | None = None
    content_type: str | None = None


class StatusIds(msgspec.Struct):
    id: list[str | int] | str | int = msgspec.field(default_factory=list)


@endpoint("POST", "/api/v1/statuses", scope="write:statuses", body=StatusForm)
async def write_status(call: Call, body: StatusForm) -> Reply:
    """Post. An Idempotency-Key makes a repeated request the same post."""
    _refuse_absent(
        scheduled_at=body.scheduled_at,
        poll=body.poll,
        quoted_status_id=body.quoted_status_id,
        content=body.content_type,
    )
    assert call.grant is not None  # members only
    app = await call.domicile.access.find_app(call.grant.client_id)
    draft = Draft(
        text=body.status or "",
        spoiler=body.spoiler_text or "",
        sensitive=body.sensitive,
        visibility=body.visibility or None,
        language=_language(body.language),
        reply_to=_reply_to(body.in_reply_to_id),
        pictures=_numbers(body.media_ids),
        client=app.name[:LONGEST_CLIENT_NAME],
        idempotency_key=call.request.headers.get("idempotency-key", "")[:LONGEST_KEY] or None,
    )
    return Reply(await one(call, await call.domicile.posts.write(call.member, draft)))


@endpoint("GET", "/api/v1/statuses", scope="read:statuses", access="anyone", query=StatusIds)
async def show_many(call: Call, query: StatusIds) -> Reply:
    """Several posts by id."""
    sent = query.id if isinstance(query.id, list) else [query.id]
    if len(sent) > MOST_IDS:
        raise InvalidInput(f"Validation failed: at most {MOST_IDS} ids can be asked for")
    wanted = [post for post in (parse_post_id(str(text)) for text in sent) if post is not None]
    found, complete = await posts_by_id(call, wanted, await shaper(call))
    return Reply(list(found.values()), complete=complete)


@endpoint("GET", "/api/v1/statuses/{id}", scope="read:statuses", access="anyone")
async def show_status(call: Call) -> Reply:
    """One post."""
    return Reply(await one(call, await call.domicile.posts.show(call.post_id(), reader=call.reader)))


@endpoint("PUT", "/api/v1/statuses/{id}", scope="write:statuses", body=EditForm)
async def edit_status(call: Call, body: EditForm) -> Reply:
    """Change one's own post. Its files stay as they are."""
    post = call.post_id()
    _refuse_absent(poll=body.poll, content=body.content_type)
    before = await call.domicile.posts.show(post, reader=call.member)
    pictures = [picture.media_id for picture in before.body.pictures] if before.body else []
    if body.media_ids is not None and _numbers(body.media_ids) != pictures:
        raise InvalidInput("Validation failed: the files of a post cannot be changed here")
    draft = Draft(
        text=body.status or "",
        spoiler=body.spoiler_text or "",
        sensitive=body.sensitive,
        language=_language(body.language),
        pictures=pictures,
    )
    return Reply(await one(call, await call.domicile.posts.edit(call.member, post, draft)))


@endpoint("DELETE", "/api/v1/statuses/{id}", scope="write:statuses", body=Nothing)
async def delete_status(call: Call, body: Nothing) -> Reply:
    """Delete one's own post; the answer holds the text it was made of."""
    post = call.post_id()
    if post.author != call.member:
        raise NotFound("a post of somebody else")
    item = await call.domicile.posts.show(post, reader=call.member)
    shape = await one(call, item)
    await call.domicile.posts.delete(call.member, post)
    return Reply(with_source(shape, item.body))


@endpoint("GET", "/api/v1/statuses/{id}/context", scope="read:statuses", access="anyone")
async def show_context(call: Call) -> Reply:
    """What a post answers, and what answers it."""
    thread = await call.domicile.posts.thread(call.post_id(), reader=call.reader)
    items = [*thread.ancestors, *thread.descendants]
    shapes = await shape_posts(call, items, await boosted(call, items))
    above = len(thread.ancestors)
    return Reply({"ancestors": shapes[:above], "descendants": shapes[above:]}, complete=thread.complete)


@endpoint("GET", "/api/v1/statuses/{id}/source", scope="read:statuses")
async def show_source(call: Call) -> Reply:
    """The text one's own post was made of."""
    item = await call.domicile.posts.show(call.post_id(), reader=call.member)
    if item.author != call.member or item.body is None:
        raise NotPermitted("the source of somebody else's post")
    return Reply({"id": str(item.id), "text": item.body.source, "spoiler_text": item.body.spoiler})


@endpoint("GET", "/api/v1/statuses/{id}/history", scope="read:statuses", access="anyone")
async def show_history(call: Call) -> Reply:
    """The newest version of a post; earlier ones are not kept."""
    item = await call.domicile.posts.show(call.post_id(), reader=call.reader)
    return Reply([edit(await one(call, item))])


def _refuse_absent(**sent: object) -> None:
    """Refuse what would otherwise be silently ignored."""
    if sent.pop("content", None) not in (None, "", "text/plain"):
        raise InvalidInput("Validation failed: Content type must be text/plain")
    for name, value in sent.items():
        if value not in (None, "", {}):
            words = name.replace("_", " ").capitalize()
            raise InvalidInput(f"Validation failed: {words} is not supported by this server")


def _reply_to(text: str | int | None) -> PostId | None:
    if text is None or text == "":
        return None
    found = parse_post_id(str(text))
    if found is None:
        raise NotFound("not a post's id", "The post you are trying to reply to does not appear to exist.")
    return found


def _numbers(sent: list[str | int] | None) -> list[int]:
    found = [parse_number(str(one)) for one in sent or [] if one != ""]
    numbers = [number for number in found if number is not None and number <= LARGEST_NUMBER]
    if len(numbers) != len(found):
        raise InvalidInput("Validation failed: a media id is not an id")
    return numbers


def _language(text: str | None) -> str | None:
    """A language's code as posts keep it. Raises InvalidInput."""
    if not text:
        return None
    if len(text) > 8 or not text.isascii() or not text.replace("-", "").isalpha():
        raise InvalidInput("Validation failed: Language is not a language's code")
    return text


HANDLERS = [
    write_status,
    show_many,
    show_status,
    edit_status,
    delete_status,
    show_context,
    show_source,
    show_history,
]
