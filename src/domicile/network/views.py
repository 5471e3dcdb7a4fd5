"""The views: everything that one site may ask another about the network, read at the home site.

Each function runs inside the home site's snapshot and sees residents only. Visibility is decided here, at home: the
question names a reader only where it must (followers-only and direct posts).
"""

import msgspec

from domicile.border.licence import View
from domicile.database import Row, array
from domicile.ids import MemberId, PostId, Snowflake
from domicile.law.facts import Audience
from domicile.network.items import (
    CONTENT,
    PROFILE,
    PROFILE_COLUMNS,
    Body,
    Picture,
    PostItem,
    PostKey,
    ProfileItem,
    audience_of,
    read_profile,
)
from domicile.network.schema import DIRECT, PRIVATE
from domicile.placement.routing import AT_HOME, Residents, SiteReader

NO_LIMIT = (1 << 63) - 1


class Bounds(msgspec.Struct, array_like=True, kw_only=False):
    """Posts before `before` and after `after`, each (snowflake, author); `upward`: the page just above `after`."""

    before: tuple[int, int] = (NO_LIMIT, NO_LIMIT)
    after: tuple[int, int] = (0, 0)
    upward: bool = False
    limit: int = 20


class Newest(msgspec.Struct, array_like=True):
    """Ids of the newest posts of the members asked for: the home timeline's first round."""

    bounds: Bounds


class ByIds(msgspec.Struct, array_like=True):
    """Posts by id: `posts` for anybody, `closed` for the reader named here, if there are any."""

    posts: list[tuple[Snowflake, MemberId]]
    closed: list[tuple[Snowflake, MemberId]]
    reader: MemberId = MemberId(0)


class Everybodys(msgspec.Struct, array_like=True):
    """Newest public posts of a whole site, or those with a tag. `signed_in`: unpublished members' posts count too."""

    bounds: Bounds
    tag: str | None = None
    only_media: bool = False
    signed_in: bool = False


class Authors(msgspec.Struct, array_like=True):
    """Posts of the one member asked for. `reader` as in ByIds."""

    bounds: Bounds
    reader: MemberId = MemberId(0)
    only_media: bool = False
    exclude_replies: bool = False
    exclude_boosts: bool = False
    tag: str | None = None


class ProfilesAsked(msgspec.Struct, array_like=True):
    """Profiles of the members asked for."""


class SearchAsked(msgspec.Struct, array_like=True):
    """Profiles whose handle or shown name begins with `text`."""

    text: str
    limit: int
    signed_in: bool = False


class RepliesAsked(msgspec.Struct, array_like=True):
    """Ids of the posts that answer these."""

    posts: list[tuple[int, int]]


class ReplyItem(msgspec.Struct, array_like=True):
    author: MemberId
    parent: Snowflake
    reply: tuple[Snowflake, MemberId]


class RelationsAsked(msgspec.Struct, array_like=True):
    """Opaque ids around the one member asked for: `followers`, `following`, or who reacted to `post`."""

    kind: str
    before: int
    after: int
    limit: int
    post: int = 0


class RelationItem(msgspec.Struct, array_like=True):
    member: MemberId
    other: MemberId
    version: int


_POST_COLUMNS = f"""
p.author_id, p.post_id, p.visibility, p.content, p.source, p.spoiler, p.sensitive, p.language, p.client, p.edited_at,
p.replies, p.boosts, p.favourites, p.reply_author, p.reply_post, p.boost_author, p.boost_post,
(SELECT array_agg(m.mentioned || ':' || m.handle) FROM post_mention m
   WHERE m.author_id = p.author_id AND m.post_id = p.post_id) AS mentions,
(SELECT array_agg(g.tag) FROM post_tag g WHERE g.author_id = p.author_id AND g.post_id = p.post_id) AS tags,
(SELECT jsonb_agg(jsonb_build_array(f.media_id, f.digest, f.preview, f.mime, f.description, f.meta) ORDER BY f.position)
   FROM media f WHERE f.member_id = p.author_id AND f.post_id = p.post_id) AS pictures,
{PROFILE_COLUMNS}
"""
_PEOPLE = "JOIN account a ON a.member_id = p.author_id JOIN tally t ON t.member_id = p.author_id"

# The newest few of each author by the key (author_id, post_id), then the newest of those. Words and profiles are
# fetched for the chosen page only: of four sites' candidates three in four are not on it.
_NEWEST = f"""
SELECT n.* FROM {AT_HOME}
CROSS JOIN LATERAL (SELECT q.author_id, q.post_id, q.visibility, q.boost_author, q.boost_post FROM post q
        WHERE q.author_id = asked.member_id AND q.visibility < {DIRECT} AND q.post_id <= %(b0)s AND q.post_id >= %(a0)s
        AND (q.post_id, q.author_id) < (%(b0)s, %(b1)s) AND (q.post_id, q.author_id) > (%(a0)s, %(a1)s)
        ORDER BY q.post_id {{order}} LIMIT %(limit)s) n
ORDER BY n.post_id {{order}}, n.author_id {{order}} LIMIT %(limit)s
"""

_PUBLIC = f"""
SELECT {_POST_COLUMNS} FROM post p {_PEOPLE}
JOIN resident r ON r.member_id = p.author_id AND r.state IN ('home', 'leaving')
WHERE p.visibility = 0 AND p.boost_post IS NULL AND p.post_id <= %(b0)s AND p.post_id >= %(a0)s
  AND (p.post_id, p.author_id) < (%(b0)s, %(b1)s) AND (p.post_id, p.author_id) > (%(a0)s, %(a1)s)
  {{filter}}
ORDER BY p.post_id {{order}}, p.author_id {{order}} LIMIT %(limit)s
"""
_PUBLISHED = (
    "AND EXISTS (SELECT FROM consent c WHERE c.member_id = p.author_id AND c.kind = 'publication'"
    " AND c.withdrawn_at IS NULL)"
)
_TAGGED = (
    "AND EXISTS (SELECT FROM post_tag g WHERE g.author_id = p.author_id AND g.post_id = p.post_id AND g.tag = %(tag)s)"
)
_WITH_MEDIA = "AND EXISTS (SELECT FROM media f WHERE f.member_id = p.author_id AND f.post_id = p.post_id)"

_BY_IDS = f"""
SELECT {_POST_COLUMNS}, k.named, p.visibility < {PRIVATE} OR (k.named AND (p.author_id = %(reader)s
  OR (p.visibility = {PRIVATE} AND EXISTS (SELECT FROM follower f WHERE f.member_id = p.author_id
        AND f.follower = %(reader)s AND f.state = 'accepted'))
  OR EXISTS (SELECT FROM post_mention m WHERE m.author_id = p.author_id AND m.post_id = p.post_id
        AND m.mentioned = %(reader)s))) AS visible
FROM unnest(%(snowflakes)s::bigint[], %(authors)s::bigint[], %(named)s::bool[]) AS k (post_id, author_id, named)
JOIN resident r ON r.member_id = k.author_id AND r.state IN ('home', 'leaving')
JOIN post p ON p.author_id = k.author_id AND p.post_id = k.post_id {_PEOPLE}
"""

_AUTHORS = f"""
SELECT {_POST_COLUMNS}, true AS visible FROM post p {_PEOPLE}
WHERE p.author_id = ANY (%(members)s::bigint[]) AND p.visibility < {DIRECT}
  AND (p.visibility < {PRIVATE} OR p.author_id = %(reader)s OR EXISTS (SELECT FROM follower f
        WHERE f.member_id = p.author_id AND f.follower = %(reader)s AND f.state = 'accepted'))
  AND (p.post_id, p.author_id) < (%(b0)s, %(b1)s) AND (p.post_id, p.author_id) > (%(a0)s, %(a1)s)
  {{filter}}
ORDER BY p.post_id {{order}} LIMIT %(limit)s
"""


def _page(bounds: Bounds) -> dict[str, object]:
    return {
        "b0": bounds.before[0],
        "b1": bounds.before[1],
        "a0": bounds.after[0],
        "a1": bounds.after[1],
        "limit": bounds.limit,
    }


def _order(bounds: Bounds) -> str:
    return "ASC" if bounds.upward else "DESC"


async def _newest(reader: SiteReader, residents: Residents, asked: Newest) -> list[PostKey]:
    query = _NEWEST.format(order=_order(asked.bounds))
    rows = await reader.fetch(query, residents.params | _page(asked.bounds))
    return [
        PostKey(
            row.author_id,
            row.post_id,
            row.visibility >= PRIVATE,
            None if row.boost_post is None else (row.boost_post, row.boost_author),
        )
        for row in rows
    ]


async def _by_ids(reader: SiteReader, residents: Residents, asked: ByIds) -> list[PostItem]:
    keys = asked.posts + asked.closed
    rows = await reader.fetch(
        _BY_IDS,
        {
            "snowflakes": array(snowflake for snowflake, _ in keys),
            "authors": array(author for _, author in keys),
            "named": [False] * len(asked.posts) + [True] * len(asked.closed),
            "reader": asked.reader,
        },
    )
    items = [_post(row, reader, visible=row.visible) for row in rows if row.visible or not row.named]
    return await _open_direct(reader, items)


async def _everybodys(reader: SiteReader, residents: Residents, asked: Everybodys) -> list[PostItem]:
    filters = [
        "" if asked.signed_in else _PUBLISHED,
        _TAGGED if asked.tag else "",
        _WITH_MEDIA if asked.only_media else "",
    ]
    query = _PUBLIC.format(order=_order(asked.bounds), filter=" ".join(filters))
    rows = await reader.fetch(query, {"tag": asked.tag, **_page(asked.bounds)})
    return [_post(row, reader, visible=True) for row in rows]


async def _authors(reader: SiteReader, residents: Residents, asked: Authors) -> list[PostItem]:
    filters = [
        _WITH_MEDIA if asked.only_media else "",
        "AND (p.reply_post IS NULL OR p.reply_author = p.author_id)" if asked.exclude_replies else "",
        "AND p.boost_post IS NULL" if asked.exclude_boosts else "",
        _TAGGED if asked.tag else "",
    ]
    query = _AUTHORS.format(order=_order(asked.bounds), filter=" ".join(filters))
    whom = {"reader": asked.reader, "tag": asked.tag}
    rows = await reader.fetch(query, residents.params | whom | _page(asked.bounds))
    return [_post(row, reader, visible=True) for row in rows]


async def _profiles(reader: SiteReader, residents: Residents, asked: ProfilesAsked) -> list[ProfileItem]:
    rows = await reader.fetch(
        f"SELECT a.member_id, {PROFILE_COLUMNS} FROM account a JOIN tally t USING (member_id)"
        " WHERE a.member_id = ANY (%(members)s::bigint[])",
        residents.params,
    )
    return [ProfileItem(MemberId(row.member_id), read_profile(row, reader.site.country)) for row in rows]


async def _search(reader: SiteReader, residents: Residents, asked: SearchAsked) -> list[ProfileItem]:
    rows = await reader.fetch(
        f"SELECT a.member_id, {PROFILE_COLUMNS} FROM account a JOIN tally t USING (member_id)"
        " JOIN resident r ON r.member_id = a.member_id AND r.state IN ('home', 'leaving')"
        " WHERE (starts_with(lower(a.handle), %(text)s) OR starts_with(lower(a.display_name), %(text)s)"
        "   OR position(' ' || %(text)s IN lower(a.display_name)) > 0)"
        " AND (%(signed_in)s OR EXISTS (SELECT FROM consent c WHERE c.member_id = a.member_id"
        "   AND c.kind = 'publication' AND c.withdrawn_at IS NULL))"
        " ORDER BY (lower(a.handle) = %(text)s) DESC, t.followers DESC, a.member_id LIMIT %(limit)s",
        {"text": asked.text.casefold(), "limit": asked.limit, "signed_in": asked.signed_in},
    )
    return [ProfileItem(MemberId(row.member_id), read_profile(row, reader.site.country)) for row in rows]


async def _replies(reader: SiteReader, residents: Residents, asked: RepliesAsked) -> list[ReplyItem]:
    rows = await reader.fetch(
        "SELECT s.author_id, s.post_id, s.reply_post, s.reply_author"
        " FROM unnest(%s::bigint[], %s::bigint[]) AS k (post_id, author_id)"
        " JOIN resident r ON r.member_id = k.author_id AND r.state IN ('home', 'leaving')"
        " JOIN reply_stub s ON s.author_id = k.author_id AND s.post_id = k.post_id"
        " WHERE NOT s.removed AND s.verdict = 'shown' ORDER BY s.reply_post LIMIT 1000",
        (array(snowflake for snowflake, _ in asked.posts), array(author for _, author in asked.posts)),
    )
    return [ReplyItem(row.author_id, row.post_id, (row.reply_post, row.reply_author)) for row in rows]


_RELATIONS = {
    "followers": "SELECT member_id, follower AS other, version FROM follower"
    " WHERE member_id = ANY (%(members)s::bigint[]) AND state = 'accepted'",
    "following": "SELECT member_id, target AS other, version FROM follow"
    " WHERE member_id = ANY (%(members)s::bigint[]) AND state = 'accepted'",
    "favourite": "SELECT author_id AS member_id, actor AS other, version FROM reaction_stub WHERE kind = 'favourite'"
    " AND author_id = ANY (%(members)s::bigint[]) AND post_id = %(post)s AND NOT removed",
    "boost": "SELECT author_id AS member_id, actor AS other, version FROM reaction_stub WHERE kind = 'boost'"
    " AND author_id = ANY (%(members)s::bigint[]) AND post_id = %(post)s AND NOT removed",
}


async def _relations(reader: SiteReader, residents: Residents, asked: RelationsAsked) -> list[RelationItem]:
    rows = await reader.fetch(
        f"SELECT * FROM ({_RELATIONS[asked.kind]}) x WHERE version < %(before)s AND version > %(after)s"
        " ORDER BY version DESC LIMIT %(limit)s",
        {
            **residents.params,
            "post": asked.post,
            "before": asked.before,
            "after": asked.after,
            "limit": asked.limit,
        },
    )
    return [RelationItem(row.member_id, row.other, row.version) for row in rows]


def _post(row: Row, reader: SiteReader, *, visible: bool) -> PostItem:
    return PostItem(
        row.author_id,
        row.post_id,
        row.visibility,
        None if row.reply_post is None else (row.reply_post, row.reply_author),
        None if row.boost_post is None else (row.boost_post, row.boost_author),
        not visible,
        _body(row) if visible else None,
        read_profile(row, reader.site.country) if visible else None,
    )


def _body(row: Row) -> Body:
    return Body(
        row.content,
        row.source,
        row.spoiler,
        row.sensitive,
        row.language,
        row.client,
        row.edited_at,
        row.replies,
        row.boosts,
        row.favourites,
        [(MemberId(int(m.split(":", 1)[0])), m.split(":", 1)[1]) for m in row.mentions or ()],
        row.tags or [],
        [Picture(*picture) for picture in row.pictures or ()],
    )


async def _open_direct(reader: SiteReader, items: list[PostItem]) -> list[PostItem]:
    """Put the sealed words of direct posts into those that the reader may see."""
    direct = [item for item in items if item.visibility == DIRECT and item.body is not None]
    if not direct:
        return items
    keys = await reader.data_keys(sorted({item.author for item in direct}))
    rows = await reader.fetch(
        "SELECT author_id, post_id, body FROM vault.read_some_direct_text(%s, %s)",
        ([item.author for item in direct], [item.snowflake for item in direct]),
    )
    words = {
        PostId(row.post_id, row.author_id): msgspec.json.decode(
            keys[row.author_id].open("direct_text.body", bytes(row.body)), type=DirectWords
        )
        for row in rows
    }
    for item in direct:
        found = words.get(item.id)
        if item.body is not None and found is not None:
            item.body.content, item.body.source, item.body.spoiler = found.content, found.source, found.spoiler
    return items


class DirectWords(msgspec.Struct):
    """What is sealed of a direct post."""

    content: str
    source: str
    spoiler: str


def _post_subject(item: PostItem) -> tuple[MemberId, Audience]:
    return item.author, audience_of(item.visibility)


def _public(item: ProfileItem) -> tuple[MemberId, Audience]:
    return item.member, "public"


_POST_SECTIONS = {"body": CONTENT, "profile": PROFILE}

NEWEST = View("newest", Newest, PostKey, _newest, lambda key: (key.author, "none"), {})
BY_IDS = View("posts", ByIds, PostItem, _by_ids, _post_subject, _POST_SECTIONS)
EVERYBODYS = View("public", Everybodys, PostItem, _everybodys, _post_subject, _POST_SECTIONS)
AUTHORS = View("author", Authors, PostItem, _authors, _post_subject, _POST_SECTIONS)
PROFILES = View("profiles", ProfilesAsked, ProfileItem, _profiles, _public, {"profile": PROFILE})
SEARCH = View("search", SearchAsked, ProfileItem, _search, _public, {"profile": PROFILE})
REPLIES = View("replies", RepliesAsked, ReplyItem, _replies, lambda item: (item.author, "none"), {})
RELATIONS = View("relations", RelationsAsked, RelationItem, _relations, lambda item: (item.member, "none"), {})

VIEWS: tuple[View, ...] = (NEWEST, BY_IDS, EVERYBODYS, AUTHORS, PROFILES, SEARCH, REPLIES, RELATIONS)  # type: ignore[type-arg]
