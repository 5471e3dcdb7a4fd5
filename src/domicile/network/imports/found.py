"""What was found in an archive, whoever wrote it: posts, a profile, whom it follows, and what was left out and why."""

import hashlib
from collections import Counter
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Literal

import msgspec

from domicile.ids import moment_of

Kind = Literal["mastodon", "twitter", "domicile"]
Skips = Counter[tuple[str, str]]
"""How many things of a kind were left out for which of REASONS; never which ones."""

REASONS = {
    "boost": "somebody else's post that was shown on",
    "malformed": "cannot be read",
    "date": "dated before 2000 or in the future",
    "empty": "neither words nor a picture that can be kept",
    "too_long": "too long",
    "too_large": "too large",
    "too_many": "beyond the number that one import takes",
    "not_a_picture": "no JPEG, PNG or WebP picture",
    "missing_file": "the file is not in the archive",
    "bad_name": "its name leads out of the archive",
    "not_a_file": "a link or a device, not a file",
    "packed": "encrypted or packed in an unusual way",
    "older_version": "an older version of a post that was edited",
    "note_alone": "a long text without the post that it belongs to",
    "elsewhere": "of another network",
    "nobody": "nobody here has this name",
    "gone": "the post is gone, or not for this member",
    "no_such_list": "this network has no such lists",
    "limited": "the directory takes no more questions for now; import again later",
}
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
MOST_POSTS = 250_000
MOST_FOLLOWS = 2_000
MOST_REACTIONS = 20_000
LONGEST_POST = 30_000
LONGEST_DESCRIPTION = 1_500


class LeftOut(Exception):
    """A thing is left out for one of REASONS."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class FoundPicture(msgspec.Struct):
    """A picture of a post: the file's name in the archive, and what it is said to show."""

    name: str
    description: str


class FoundPost(msgspec.Struct, kw_only=True):
    """A post of the archive's owner. `key` is the same whenever the same post is found again.

    `text` is plain text; `parent` the key of their own post that it answers; `snowflake` its id here, if it had one.
    """

    key: bytes
    moment: datetime
    text: str
    visibility: int
    spoiler: str = ""
    sensitive: bool = False
    language: str | None = None
    edited_at: datetime | None = None
    parent: bytes | None = None
    snowflake: int | None = None
    pictures: list[FoundPicture] = []


class FoundProfile(msgspec.Struct, kw_only=True):
    """`avatar` and `header` are names of files. `locked`: others had to ask before they could follow."""

    display_name: str = ""
    note: str = ""
    fields: list[tuple[str, str]] = []
    avatar: str | None = None
    header: str | None = None
    locked: bool = False


class FoundFollow(msgspec.Struct):
    """Somebody followed: their handle, the host of their network ("" if none is named), how, and their id if known."""

    handle: str
    host: str
    boosts: bool = True
    notify: bool = False
    member: int | None = None


class Found(msgspec.Struct, kw_only=True):
    """An archive, read. `left_out` names what it holds that is never taken in.

    Of our own: `member`, whose it was, and `here`, whom they follow by id, which means something in one network only.
    """

    kind: Kind
    posts: list[FoundPost] = []
    profile: FoundProfile | None = None
    follows: list[FoundFollow] = []
    favourites: list[str] = []
    bookmarks: list[str] = []
    left_out: list[str] = []
    member: int | None = None
    here: list[FoundFollow] = []

    def settle(self, skips: Skips, now: datetime) -> None:
        """Put the posts in order of time, each once, and leave out whatever goes beyond the limits."""
        unique = {post.key: post for post in self.posts}
        inside = [post for post in unique.values() if EARLIEST <= post.moment <= now]
        _count(skips, "post", "date", len(unique) - len(inside))
        inside.sort(key=lambda post: (post.moment, post.snowflake or 0))
        self.posts = inside[-MOST_POSTS:]
        _count(skips, "post", "too_many", len(inside) - len(self.posts))
        limits = {
            "follows": ("follow", MOST_FOLLOWS),
            "here": ("follow", MOST_FOLLOWS),
            "favourites": ("favourite", MOST_REACTIONS),
            "bookmarks": ("bookmark", MOST_REACTIONS),
        }
        for name, (what, most) in limits.items():
            found = getattr(self, name)
            _count(skips, what, "too_many", len(found) - most)
            setattr(self, name, found[:most])


def _count(skips: Skips, what: str, reason: str, number: int) -> None:
    if number > 0:
        skips[what, reason] += number


def make_key(*parts: object) -> bytes:
    """A stable key of 32 bytes for one thing of one network."""
    return hashlib.sha256("\0".join(map(str, ("import", *parts))).encode("utf-8", "replace")).digest()


def sharpen(moment: datetime, milliseconds_of_id: int) -> datetime:
    """The moment with the milliseconds that an id carries, if both mean the same second."""
    known = int(moment.timestamp())
    if milliseconds_of_id // 1000 != known:
        return moment
    return datetime.fromtimestamp(known, UTC).replace(microsecond=milliseconds_of_id % 1000 * 1000)


def moment_of_id(snowflake: int) -> datetime | None:
    """The moment that one of our own ids carries, or None for a number that cannot be one."""
    return moment_of(snowflake) if 0 < snowflake < 1 << 62 else None


def language_of(text: object) -> str | None:
    """A language's tag as posts carry it, or None for one that says nothing."""
    if not isinstance(text, str) or text in _NO_LANGUAGE or not 2 <= len(text) <= 8:
        return None
    return text if text.replace("-", "").isalpha() and text.isascii() else None


_NO_LANGUAGE = frozenset(("und", "art", "zxx", "mul", "qam", "qct", "qht", "qme", "qst"))


def is_picture_name(name: str) -> bool:
    """Whether a file may be a picture that is kept here, by its ending; its content is looked at later."""
    return PurePosixPath(name).suffix.lower() in ("", ".jpg", ".jpeg", ".jfif", ".png", ".webp")
