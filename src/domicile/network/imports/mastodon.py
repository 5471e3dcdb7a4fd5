"""Mastodon's archive and the lists that it exports: what its backup_service.rb and export.rb write.

`outbox.json` holds Create and Announce activities, `actor.json` the profile, `likes.json` and `bookmarks.json` the
addresses of posts. Attachments name files by a path, of which older servers kept the whole.
"""

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from domicile.ids import SEQUENCE_BITS
from domicile.network.imports.container import Container
from domicile.network.imports.found import (
    LONGEST_DESCRIPTION,
    LONGEST_POST,
    Found,
    FoundFollow,
    FoundPicture,
    FoundPost,
    FoundProfile,
    LeftOut,
    Skips,
    language_of,
    make_key,
    sharpen,
)
from domicile.network.imports.markup import to_text
from domicile.network.schema import DIRECT, PRIVATE, PUBLIC, UNLISTED

EVERYBODY = frozenset(("https://www.w3.org/ns/activitystreams#Public", "as:Public", "Public"))
NO_SUCH_LIST = {
    "blocked_accounts": "block",
    "muted_accounts": "mute",
    "blocked_domains": "blocked_domain",
    "lists": "list",
}
_LIST = re.compile(
    r"(following_accounts|followers|bookmarks|blocked_accounts|muted_accounts|blocked_domains|lists)\b.*\.csv"
)
_MOST_OPTIONS = 20


class _Collection(msgspec.Struct):
    items: list[msgspec.Raw] = msgspec.field(name="orderedItems", default_factory=list)


def is_mastodon(container: Container) -> bool:
    names = container.sizes
    return "outbox.json" in names or "actor.json" in names or any(_LIST.fullmatch(name) for name in names)


def read_mastodon(container: Container, skips: Skips) -> Found:
    """Everything in the archive that has a place here."""
    found = Found(kind="mastodon")
    if "outbox.json" in container:
        for raw in container.read_json("outbox.json", _Collection).items:
            _add_activity(raw, found, container, skips)
    if "actor.json" in container:
        found.profile = _read_actor(container.read_json("actor.json"), container)
    for name, into in (("likes.json", found.favourites), ("bookmarks.json", found.bookmarks)):
        if name in container:
            into += _addresses(container.read_json(name, _Collection).items, name, skips)
    read_lists(container, found, skips)
    return found


def read_lists(container: Container, found: Found, skips: Skips) -> None:
    """The CSV files: whom they follow, and bookmarks; who follows them is nothing that a file could change."""
    for name in sorted(container.sizes):
        matched = _LIST.fullmatch(name)
        if matched is None:
            continue
        kind = matched.group(1)
        if kind == "followers":
            found.left_out.append("followers")
            continue
        rows = list(_rows(container.read_document(name)))
        if kind == "following_accounts":
            found.follows += filter(None, (_follow(row, skips) for row in rows))
        elif kind == "bookmarks":
            found.bookmarks += [row[0] for row in rows if row[0].startswith("http")]
        elif rows:
            skips[NO_SUCH_LIST[kind], "no_such_list"] += len(rows)
    found.bookmarks = list(dict.fromkeys(found.bookmarks))


def _rows(content: bytes) -> Iterator[list[str]]:
    """The rows of a CSV file without its header, if it has one."""
    reader = csv.reader(io.StringIO(content.decode("utf-8-sig", "replace"), newline=""))
    try:
        for row in reader:
            if row and row[0].strip() and row[0] != "Account address":
                yield [cell.strip() for cell in row]
    except csv.Error:
        return


def _follow(row: list[str], skips: Skips) -> FoundFollow | None:
    handle, _, host = row[0].lstrip("@").partition("@")
    if not handle or len(row[0]) > 300:
        skips["follow", "malformed"] += 1
        return None
    said = [cell.lower() for cell in row[1:3]] + ["", ""]
    return FoundFollow(handle, host.lower(), boosts=said[0] != "false", notify=said[1] == "true")


def _addresses(items: list[msgspec.Raw], name: str, skips: Skips) -> Iterator[str]:
    for raw in items:
        try:
            yield msgspec.json.decode(raw, type=str)
        except (msgspec.DecodeError, UnicodeDecodeError):
            skips["favourite" if name == "likes.json" else "bookmark", "malformed"] += 1


def _add_activity(raw: msgspec.Raw, found: Found, container: Container, skips: Skips) -> None:
    try:
        activity = msgspec.json.decode(raw)
        if activity["type"] == "Announce":
            skips["post", "boost"] += 1
            return
        found.posts.append(_read_note(activity["object"]))
    except LeftOut as left_out:
        skips["post", left_out.reason] += 1
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError, RecursionError):
        skips["post", "malformed"] += 1


def _read_note(note: dict[str, Any]) -> FoundPost:
    """A note or a poll. Raises LeftOut, KeyError, TypeError or ValueError where it is none."""
    identity = note["id"]
    if note["type"] not in ("Note", "Question", "Article", "Page") or not isinstance(identity, str):
        raise ValueError("no post")
    languages = note.get("contentMap")
    text = "\n\n".join(filter(None, (to_text(note.get("content") or ""), _options(note))))
    if len(text) > LONGEST_POST:
        raise LeftOut("too_long")
    parent = note.get("inReplyTo")
    return FoundPost(
        key=make_key("activitypub", identity),
        moment=sharpen(read_moment(note["published"]), _milliseconds(identity)),
        text=text,
        spoiler=to_text(note.get("summary") or ""),
        sensitive=note.get("sensitive") is True,
        visibility=_visibility(note),
        language=language_of(next(iter(languages), None)) if isinstance(languages, dict) else None,
        edited_at=read_moment(note["updated"]) if isinstance(note.get("updated"), str) else None,
        parent=make_key("activitypub", parent) if isinstance(parent, str) else None,
        pictures=list(_pictures(note.get("attachment"))),
    )


def read_moment(text: str) -> datetime:
    """A moment as ISO 8601 writes it, in UTC. Raises ValueError."""
    found = datetime.fromisoformat(text)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _milliseconds(address: str) -> int:
    """The time in the number of a post's address; Mastodon's own ids are milliseconds and 16 bits more."""
    last = address.rstrip("/").rpartition("/")[2]
    return int(last) >> SEQUENCE_BITS if last.isascii() and last.isdigit() and len(last) < 20 else 0


def _visibility(note: dict[str, Any]) -> int:
    """Never wider than it was: who is not named as public is not; without followers it was for the named alone."""
    to, cc = _names(note.get("to")), _names(note.get("cc"))
    if to & EVERYBODY:
        return PUBLIC
    if cc & EVERYBODY:
        return UNLISTED
    return PRIVATE if any(name.endswith("/followers") for name in to | cc) else DIRECT


def _names(value: object) -> frozenset[str]:
    listed = value if isinstance(value, list) else [value]
    return frozenset(name for name in listed if isinstance(name, str))


def _options(note: dict[str, Any]) -> str:
    """What a poll offered; how people voted is theirs."""
    offered = note.get("oneOf") or note.get("anyOf") or []
    names = [o["name"] for o in offered[:_MOST_OPTIONS] if isinstance(o, dict) and isinstance(o.get("name"), str)]
    return "\n".join(f"• {to_text(name)}" for name in names)


def _pictures(attachments: object) -> Iterator[FoundPicture]:
    for attachment in attachments if isinstance(attachments, list) else []:
        if isinstance(attachment, dict) and isinstance(attachment.get("url"), str):
            words = attachment.get("name") or attachment.get("summary") or ""
            yield FoundPicture(attachment["url"], words[:LONGEST_DESCRIPTION] if isinstance(words, str) else "")


def find_file(container: Container, address: str) -> str | None:
    """The name under which the archive holds what an attachment or a portrait points to."""
    path = re.sub(r"^https?://[^/]+", "", address).removeprefix("/system/").lstrip("/")
    if path in container:
        return path
    _, mark, rest = path.partition("media_attachments/")
    return mark + rest if mark and mark + rest in container else None


def _read_actor(actor: object, container: Container) -> FoundProfile | None:
    if not isinstance(actor, dict):
        return None
    attached = actor.get("attachment")
    fields = [
        (to_text(field["name"]), to_text(field["value"]))
        for field in (attached if isinstance(attached, list) else [])
        if isinstance(field, dict) and isinstance(field.get("name"), str) and isinstance(field.get("value"), str)
    ]
    return FoundProfile(
        display_name=_text(actor.get("name")),
        note=to_text(_text(actor.get("summary"))),
        fields=fields,
        avatar=_portrait(actor.get("icon"), container),
        header=_portrait(actor.get("image"), container),
        locked=actor.get("manuallyApprovesFollowers") is True,
    )


def _portrait(image: object, container: Container) -> str | None:
    address = image.get("url") if isinstance(image, dict) else None
    return find_file(container, address) if isinstance(address, str) else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
