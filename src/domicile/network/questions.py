"""What one site may ask another about the network: the questions of the views.

A question names a reader only where visibility needs it (followers-only and direct posts).
"""

import msgspec

from domicile.ids import MemberId, Snowflake

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


class NewestPublic(msgspec.Struct, array_like=True):
    """The newest so many posts for everybody of each of the members asked for."""

    limit: int


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

    posts: list[tuple[Snowflake, MemberId]]


class RelationsAsked(msgspec.Struct, array_like=True):
    """Opaque ids around the one member asked for: `followers`, `following`, or who reacted to `post`."""

    kind: str
    before: int
    after: int
    limit: int
    post: int = 0
