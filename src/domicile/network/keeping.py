"""What of the network other sites may keep as copies, and what is shown from copies while a home does not answer.

Copied are profiles and the newest public posts of members whom somebody at the holder's site follows. Counters in a
copy are those of the day on which it was made. Not shown from copies: answers to a post (the verdict on each is its
thread owner's), lists of followers, search and the public timelines.
"""

from collections.abc import Sequence
from typing import Any

from domicile.border.copying import Copied, Part, Recollection
from domicile.network.items import PostItem, PostKey
from domicile.network.questions import Authors, Bounds, ByIds, Newest, NewestPublic, ProfilesAsked
from domicile.network.views import AUTHORS, BY_IDS, NEWEST, NEWEST_PUBLIC, PROFILES

WANTED = "SELECT f.target AS member_id FROM follow f WHERE f.state = 'accepted'"
"""Whose copies a site wants: those whom somebody at home there follows."""

_PROFILES = Copied(PROFILES, ProfilesAsked(), "0", lambda item: 0)


def list_copied(posts: int) -> Sequence[Copied[Any, Any]]:
    """What may be copied: of each member the profile and the newest so many posts."""
    return (_PROFILES, _copied_posts(posts))


def list_recollections(posts: int) -> Sequence[Recollection[Any, Any]]:
    """What is shown from copies."""
    kept = _copied_posts(posts)
    return (
        Recollection(PROFILES, _PROFILES, lambda asked: Part(), lambda item, asked: item),
        Recollection(NEWEST, kept, lambda asked: _between(asked.bounds), _make_key),
        Recollection(BY_IDS, kept, lambda asked: Part(list(asked.posts)), _make_post),
        Recollection(AUTHORS, kept, lambda asked: _all_between(asked.bounds), _make_authors),
    )


def _copied_posts(posts: int) -> Copied[NewestPublic, PostItem]:
    return Copied(NEWEST_PUBLIC, NewestPublic(posts), "v.post_id", lambda item: item.snowflake)


def _between(bounds: Bounds) -> Part:
    return Part(None, bounds.after, bounds.before, bounds.upward, bounds.limit)


def _all_between(bounds: Bounds) -> Part:
    """More than a page, since some are left out afterwards."""
    return Part(None, bounds.after, bounds.before, bounds.upward)


def _make_key(item: PostItem, asked: Newest) -> PostKey:
    return PostKey(item.author, item.snowflake, False, item.boost_of)


def _make_post(item: PostItem, asked: ByIds) -> PostItem:
    return item


def _make_authors(item: PostItem, asked: Authors) -> PostItem | None:
    """The post, if the question is for it; see `views` for the same conditions at home."""
    body = item.body
    if asked.exclude_replies and item.reply_to is not None and item.reply_to[1] != item.author:
        return None
    if asked.exclude_boosts and item.boost_of is not None:
        return None
    if asked.only_media and (body is None or not body.pictures):
        return None
    if asked.tag is not None and (body is None or asked.tag not in body.tags):
        return None
    return item
