"""The views: everything that one site may ask another about the network, as queries for the home site.

Each runs in the home site's snapshot and sees residents only. Visibility is decided here, at home: of a suspended
member there are no posts, and of the profile the name by which they are known.
"""

from typing import Any

import msgspec

from domicile.border.licence import Query, View
from domicile.database import Row, array
from domicile.ids import Country, MemberId, PostId, Snowflake
from domicile.law.facts import Audience
from domicile.network.items import (
    CONTENT,
    PROFILE_COLUMNS,
    Body,
    DirectWords,
    Picture,
    PostItem,
    PostKey,
    ProfileItem,
    RelationItem,
    ReplyItem,
    audience_of,
    hide_suspended,
    read_profile,
)
from domicile.network.questions import (
    Authors,
    Bounds,
    ByIds,
    Everybodys,
    Newest,
    NewestPublic,
    ProfilesAsked,
    RelationsAsked,
    RepliesAsked,
    SearchAsked,
)
from domicile.network.schema import DIRECT, POSTS, PRIVATE, PROFILE
from domicile.network.suspension import SUSPENDED
from domicile.placement.routing import AT_HOME, Asked, SiteReader

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
_PEOPLE = f"""
JOIN account a ON a.member_id = p.author_id AND NOT {SUSPENDED.format(member="p.author_id")}
JOIN tally t ON t.member_id = p.author_id
"""

# The newest few of each author by the key (author_id, post_id), then the newest of those. Words and profiles are
# fetched for the chosen page only: of four sites' candidates three in four are not on it.
_NEWEST = f"""
SELECT n.* FROM {AT_HOME}
CROSS JOIN LATERAL (SELECT q.author_id, q.post_id, q.visibility, q.boost_author, q.boost_post FROM post q
        WHERE q.author_id = asked.member_id AND q.visibility < {DIRECT} AND q.post_id <= %(b0)s AND q.post_id >= %(a0)s
        AND (q.post_id, q.author_id) < (%(b0)s, %(b1)s) AND (q.post_id, q.author_id) > (%(a0)s, %(a1)s)
        ORDER BY q.post_id {{order}} LIMIT %(limit)s) n
WHERE NOT {SUSPENDED.format(member="asked.member_id")}
ORDER BY n.post_id {{order}}, n.author_id {{order}} LIMIT %(limit)s
"""

_NEWEST_PUBLIC = f"""
SELECT {_POST_COLUMNS} FROM {AT_HOME}
CROSS JOIN LATERAL (SELECT q.author_id, q.post_id FROM post q WHERE q.author_id = asked.member_id
  AND q.visibility < {PRIVATE} ORDER BY q.post_id DESC LIMIT %(limit)s) n
JOIN post p ON p.author_id = n.author_id AND p.post_id = n.post_id {_PEOPLE}
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
SELECT * FROM (SELECT {_POST_COLUMNS}, k.named, p.visibility < {PRIVATE} OR (k.named AND (p.author_id = %(reader)s
  OR (p.visibility = {PRIVATE} AND EXISTS (SELECT FROM follower f WHERE f.member_id = p.author_id
        AND f.follower = %(reader)s AND f.state = 'accepted'))
  OR EXISTS (SELECT FROM post_mention m WHERE m.author_id = p.author_id AND m.post_id = p.post_id
        AND m.mentioned = %(reader)s))) AS visible
FROM unnest(%(snowflakes)s::bigint[], %(authors)s::bigint[], %(named)s::bool[]) AS k (post_id, author_id, named)
JOIN resident r ON r.member_id = k.author_id AND r.state IN ('home', 'leaving')
JOIN post p ON p.author_id = k.author_id AND p.post_id = k.post_id {_PEOPLE}
) x WHERE visible OR NOT named
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

_PROFILES = f"""
SELECT a.member_id, {PROFILE_COLUMNS}, {SUSPENDED.format(member="a.member_id")} AS suspended
FROM account a JOIN tally t USING (member_id)
WHERE a.member_id = ANY (%(members)s::bigint[])
"""

_SEARCH = f"""
SELECT a.member_id, {PROFILE_COLUMNS}, false AS suspended FROM account a JOIN tally t USING (member_id)
JOIN resident r ON r.member_id = a.member_id AND r.state IN ('home', 'leaving')
WHERE (starts_with(lower(a.handle), %(text)s) OR starts_with(lower(a.display_name), %(text)s)
  OR position(' ' || %(text)s IN lower(a.display_name)) > 0)
 AND NOT {SUSPENDED.format(member="a.member_id")}
 AND (%(signed_in)s OR EXISTS (SELECT FROM consent c WHERE c.member_id = a.member_id
  AND c.kind = 'publication' AND c.withdrawn_at IS NULL))
ORDER BY (lower(a.handle) = %(text)s) DESC, t.followers DESC, a.member_id LIMIT %(limit)s
"""

_REPLIES = """
SELECT s.author_id, s.post_id, s.reply_post, s.reply_author
FROM unnest(%(snowflakes)s::bigint[], %(authors)s::bigint[]) AS k (post_id, author_id)
JOIN resident r ON r.member_id = k.author_id AND r.state IN ('home', 'leaving')
JOIN reply_stub s ON s.author_id = k.author_id AND s.post_id = k.post_id
WHERE NOT s.removed AND s.verdict = 'shown' ORDER BY s.reply_post LIMIT 1000
"""

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


def _newest(asked: Newest, residents: Asked) -> Query:
    return _NEWEST.format(order=_order(asked.bounds)), residents | _page(asked.bounds)


def _read_key(row: Row, country: Country) -> PostKey:
    boost = None if row.boost_post is None else (row.boost_post, row.boost_author)
    return PostKey(row.author_id, row.post_id, row.visibility >= PRIVATE, boost)


def _by_ids(asked: ByIds, residents: Asked) -> Query:
    keys = asked.posts + asked.closed
    named = [False] * len(asked.posts) + [True] * len(asked.closed)
    return _BY_IDS, _keys(keys) | {"named": named, "reader": asked.reader}


def _newest_public(asked: NewestPublic, residents: Asked) -> Query:
    return _NEWEST_PUBLIC, residents | {"limit": asked.limit}


def _everybodys(asked: Everybodys, residents: Asked) -> Query:
    filters = [
        "" if asked.signed_in else _PUBLISHED,
        _TAGGED if asked.tag else "",
        _WITH_MEDIA if asked.only_media else "",
    ]
    query = _PUBLIC.format(order=_order(asked.bounds), filter=" ".join(filters))
    return query, {"tag": asked.tag, **_page(asked.bounds)}


def _authors(asked: Authors, residents: Asked) -> Query:
    filters = [
        _WITH_MEDIA if asked.only_media else "",
        "AND (p.reply_post IS NULL OR p.reply_author = p.author_id)" if asked.exclude_replies else "",
        "AND p.boost_post IS NULL" if asked.exclude_boosts else "",
        _TAGGED if asked.tag else "",
    ]
    query = _AUTHORS.format(order=_order(asked.bounds), filter=" ".join(filters))
    return query, residents | {"reader": asked.reader, "tag": asked.tag} | _page(asked.bounds)


def _profiles(asked: ProfilesAsked, residents: Asked) -> Query:
    return _PROFILES, residents


def _search(asked: SearchAsked, residents: Asked) -> Query:
    return _SEARCH, {"text": asked.text.casefold(), "limit": asked.limit, "signed_in": asked.signed_in}


def _read_profile_item(row: Row, country: Country) -> ProfileItem:
    profile = read_profile(row, country)
    return ProfileItem(MemberId(row.member_id), hide_suspended(profile) if row.suspended else profile)


def _replies(asked: RepliesAsked, residents: Asked) -> Query:
    return _REPLIES, _keys(asked.posts)


def _read_reply(row: Row, country: Country) -> ReplyItem:
    return ReplyItem(row.author_id, row.post_id, (row.reply_post, row.reply_author))


def _relations(asked: RelationsAsked, residents: Asked) -> Query:
    page = {"post": asked.post, "before": asked.before, "after": asked.after, "limit": asked.limit}
    query = f"SELECT * FROM ({_RELATIONS[asked.kind]}) x WHERE version < %(before)s AND version > %(after)s"
    return f"{query} ORDER BY version DESC LIMIT %(limit)s", residents | page


def _read_relation(row: Row, country: Country) -> RelationItem:
    return RelationItem(row.member_id, row.other, row.version)


def _keys(posts: list[tuple[Snowflake, MemberId]]) -> dict[str, object]:
    return {"snowflakes": array(snowflake for snowflake, _ in posts), "authors": array(author for _, author in posts)}


def _read_post(row: Row, country: Country) -> PostItem:
    """A post; one that is closed to the asker without its words. Whoever was named and may not see it gets nothing."""
    visible = getattr(row, "visible", True)
    return PostItem(
        row.author_id,
        row.post_id,
        row.visibility,
        None if row.reply_post is None else (row.reply_post, row.reply_author),
        None if row.boost_post is None else (row.boost_post, row.boost_author),
        not visible,
        _body(row) if visible else None,
        read_profile(row, country) if visible else None,
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


def _is_sealed(item: PostItem) -> bool:
    return item.visibility == DIRECT and item.body is not None


async def _open_direct(reader: SiteReader, items: list[PostItem]) -> list[PostItem]:
    """Put the sealed words of direct posts into those that the reader may see."""
    direct = [item for item in items if _is_sealed(item)]
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


def _post_subject(item: PostItem) -> tuple[MemberId, Audience]:
    return item.author, audience_of(item.visibility)


def _public(item: ProfileItem) -> tuple[MemberId, Audience]:
    return item.member, "public"


_POST_SECTIONS = {"body": CONTENT, "profile": PROFILE}
_PROFILE_SECTIONS = {"profile": PROFILE}

NEWEST = View("newest", Newest, PostKey, _newest, _read_key, lambda key: (key.author, "none"), {})
BY_IDS = View(
    POSTS,
    ByIds,
    PostItem,
    _by_ids,
    _read_post,
    _post_subject,
    _POST_SECTIONS,
    unfinished=_is_sealed,
    finish=_open_direct,
)
NEWEST_PUBLIC = View(
    POSTS, NewestPublic, PostItem, _newest_public, _read_post, _post_subject, _POST_SECTIONS, unfinished=_is_sealed
)
"""The posts that other sites may keep as copies; nobody asks for it through the door."""
EVERYBODYS = View("public", Everybodys, PostItem, _everybodys, _read_post, _post_subject, _POST_SECTIONS)
AUTHORS = View("author", Authors, PostItem, _authors, _read_post, _post_subject, _POST_SECTIONS)
PROFILES = View(
    "profiles", ProfilesAsked, ProfileItem, _profiles, _read_profile_item, _public, _PROFILE_SECTIONS, "member_id"
)
SEARCH = View("search", SearchAsked, ProfileItem, _search, _read_profile_item, _public, _PROFILE_SECTIONS, "member_id")
REPLIES = View("replies", RepliesAsked, ReplyItem, _replies, _read_reply, lambda item: (item.author, "none"), {})
RELATIONS = View(
    "relations",
    RelationsAsked,
    RelationItem,
    _relations,
    _read_relation,
    lambda item: (item.member, "none"),
    {},
    "member_id",
)

VIEWS: tuple[View[Any, Any], ...] = (NEWEST, BY_IDS, EVERYBODYS, AUTHORS, PROFILES, SEARCH, REPLIES, RELATIONS)
