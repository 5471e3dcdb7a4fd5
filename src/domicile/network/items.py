"""What crosses between sites: the shapes of a profile and a post, in sections that a licence lets through or takes out.

An item without its sections holds opaque ids only; the reader then sees a neutral placeholder.
"""

from datetime import datetime
from typing import Any

import msgspec

from domicile.ids import MemberId, PostId, Snowflake
from domicile.law.facts import Audience
from domicile.network.schema import DIRECT, PRIVATE

CONTENT = ("user.content",)


class Profile(msgspec.Struct, array_like=True):
    """A member as others see them. `published`: they have made profile and public posts public by their own act.

    Of whom the operator has `suspended`, nothing else is told but the handle and since when they are a member.
    """

    handle: str
    display_name: str
    note: str
    fields: list[Any]
    avatar: str | None
    header: str | None
    locked: bool
    bot: bool
    discoverable: bool
    created_at: datetime
    posts: int
    followers: int
    following: int
    last_post_at: datetime | None
    published: bool
    country: str | None
    suspended: bool = False


class ProfileItem(msgspec.Struct, array_like=True):
    """A member's id, and the profile if it may be shown here."""

    member: MemberId
    profile: Profile | None


class Picture(msgspec.Struct, array_like=True):
    """A picture on a post. The file is at the author's home, under the author's id and this digest."""

    media_id: int
    digest: str
    preview: str
    mime: str
    description: str
    meta: dict[str, Any]


class Body(msgspec.Struct, array_like=True):
    """What a post says, and how often it was answered, boosted and favourited."""

    content: str
    source: str
    spoiler: str
    sensitive: bool
    language: str | None
    client: str | None
    edited_at: datetime | None
    replies: int
    boosts: int
    favourites: int
    mentions: list[tuple[MemberId, str]]
    tags: list[str]
    pictures: list[Picture]


class DirectWords(msgspec.Struct):
    """What is sealed of a direct post."""

    content: str
    source: str
    spoiler: str


class PostKey(msgspec.Struct, array_like=True):
    """A post's opaque ids: enough to choose a page. `closed` and `boost_of` as in PostItem."""

    author: MemberId
    snowflake: Snowflake
    closed: bool
    boost_of: tuple[Snowflake, MemberId] | None

    @property
    def id(self) -> PostId:
        return PostId(self.snowflake, self.author)


class PostItem(msgspec.Struct, array_like=True):
    """A post: ids always, `body` and `profile` if they may be shown here.

    `closed`: only named readers may see it; ask again naming the reader. `reply_to` and `boost_of` are (snowflake,
    author) of other posts.
    """

    author: MemberId
    snowflake: Snowflake
    visibility: int
    reply_to: tuple[Snowflake, MemberId] | None
    boost_of: tuple[Snowflake, MemberId] | None
    closed: bool
    body: Body | None
    profile: Profile | None

    @property
    def id(self) -> PostId:
        return PostId(self.snowflake, self.author)


class ReplyItem(msgspec.Struct, array_like=True):
    author: MemberId
    parent: Snowflake
    reply: tuple[Snowflake, MemberId]


class RelationItem(msgspec.Struct, array_like=True):
    member: MemberId
    other: MemberId
    version: int


def audience_of(visibility: int) -> Audience:
    if visibility == DIRECT:
        return "direct"
    return "followers" if visibility == PRIVATE else "public"


PROFILE_COLUMNS = """
a.handle, a.display_name, a.note, a.fields, a.avatar, a.header, a.locked, a.bot, a.discoverable, a.created_at,
t.posts, t.followers, t.following, t.last_post_at,
EXISTS (SELECT FROM consent c WHERE c.member_id = a.member_id AND c.kind = 'publication' AND c.withdrawn_at IS NULL)
  AS published,
a.show_country
"""


def read_profile(row: Any, country: str) -> Profile:
    """A profile from a row of PROFILE_COLUMNS; the country only if the member chose to show it (rule 13)."""
    return Profile(
        row.handle,
        row.display_name,
        row.note,
        row.fields,
        row.avatar,
        row.header,
        row.locked,
        row.bot,
        row.discoverable,
        row.created_at,
        row.posts,
        row.followers,
        row.following,
        row.last_post_at,
        row.published,
        country if row.show_country else None,
    )


def hide_suspended(profile: Profile) -> Profile:
    """What others may see of somebody who is suspended."""
    return Profile(
        handle=profile.handle,
        display_name="",
        note="",
        fields=[],
        avatar=None,
        header=None,
        locked=True,
        bot=False,
        discoverable=False,
        created_at=profile.created_at,
        posts=0,
        followers=0,
        following=0,
        last_post_at=None,
        published=profile.published,
        country=None,
        suspended=True,
    )
