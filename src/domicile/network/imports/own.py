"""Our own archive, as `Archives` writes it: taken from the rows in `data/`, which say more than the outbox.

What proves who somebody is (e-mail, claims, consents, tokens) is never taken in: the member who imports has their own.
"""

import base64
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec

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
    moment_of_id,
)
from domicile.network.imports.markup import to_text
from domicile.network.imports.mastodon import read_lists, read_moment
from domicile.network.schema import DIRECT, VISIBILITIES

KEY_BYTES = 32


class Manifest(msgspec.Struct):
    member: str
    rows: dict[str, int]


class _Collection(msgspec.Struct):
    items: list[str] = msgspec.field(name="orderedItems", default_factory=list)


Row = dict[str, Any]


def is_own(container: Container) -> bool:
    return "manifest.json" in container and "data/post.json" in container and "data/account.json" in container


def read_own(container: Container, skips: Skips) -> Found:
    """Posts with their pictures, the profile, whom they follow, favourites and bookmarks."""
    manifest = container.read_json("manifest.json", Manifest)
    reader = _Reader(container, int(manifest.member) if manifest.member.isdigit() else 0)
    found = Found(kind="domicile", member=reader.member)
    for raw in container.read_json("data/post.json", list[msgspec.Raw]):
        try:
            found.posts.append(reader.read_post(msgspec.json.decode(raw)))
        except LeftOut as left_out:
            skips["post", left_out.reason] += 1
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError, RecursionError):
            skips["post", "malformed"] += 1
    if "likes.json" in container:
        found.favourites += container.read_json("likes.json", _Collection).items
    read_lists(container, found, skips)
    found.here = list(reader.read_follows())
    found.profile = reader.read_profile()
    found.left_out += ["e-mail address, password and log-ins", "consents and what was declared of residence"]
    return found


class _Reader:
    def __init__(self, container: Container, member: int) -> None:
        self.container, self.member = container, member
        self.keys: dict[str, bytes] = {}
        self.files = {name.rpartition("/")[2].partition(".")[0]: name for name in container.sizes if _is_file(name)}
        self.pictures: dict[str, list[Row]] = defaultdict(list)
        for row in self.rows("media"):
            self.pictures[str(row.get("post_id"))].append(row)
        self.direct = {str(row.get("post_id")): str(row.get("body")) for row in self.rows("vault.direct_text")}

    def rows(self, table: str) -> Iterator[Row]:
        name = f"data/{table}.json"
        found = self.container.read_json(name, list[Any]) if name in self.container else []
        yield from (row for row in found if isinstance(row, dict))

    def read_post(self, row: Row) -> FoundPost:
        """Raises LeftOut, or KeyError, TypeError or ValueError for what is no post's row."""
        if row["boost_post"] is not None:
            raise LeftOut("boost")
        snowflake, moment = int(row["post_id"]), moment_of_id(int(row["post_id"]))
        if moment is None or row["visibility"] not in range(len(VISIBILITIES)):
            raise ValueError("no post")
        words = msgspec.json.decode(self.direct[row["post_id"]]) if row["visibility"] == DIRECT else row
        text = words["source"] or to_text(words["content"])
        if len(text) > LONGEST_POST:
            raise LeftOut("too_long")
        return FoundPost(
            key=self._key(row),
            moment=moment,
            snowflake=snowflake,
            text=text,
            spoiler=words["spoiler"],
            visibility=row["visibility"],
            sensitive=row["sensitive"] is True,
            language=language_of(row["language"]),
            edited_at=read_moment(row["edited_at"]) if row["edited_at"] else None,
            parent=self._parent(row),
            pictures=list(self._pictures(str(row["post_id"]))),
        )

    def _key(self, row: Row) -> bytes:
        """An imported post keeps the key of where it came from first: it is never taken in twice."""
        known = base64.b64decode(row["idempotency"]) if row.get("idempotency") else b""
        key = known if len(known) == KEY_BYTES else make_key("domicile", self.member, row["post_id"])
        self.keys[str(row["post_id"])] = key
        return key

    def _parent(self, row: Row) -> bytes | None:
        """The post of their own that it answers, which is older and has been read before."""
        return self.keys.get(str(row["reply_post"])) if str(row["reply_author"]) == str(self.member) else None

    def _pictures(self, post: str) -> Iterator[FoundPicture]:
        for row in sorted(self.pictures.get(post, ()), key=lambda row: int(row.get("position") or 0)):
            words = row.get("description")
            shown = words[:LONGEST_DESCRIPTION] if isinstance(words, str) else ""
            yield FoundPicture(self.files.get(str(row.get("digest")), str(row.get("digest"))), shown)

    def read_follows(self) -> Iterator[FoundFollow]:
        """By id, as others' names may be hidden from an archive by the law of its home."""
        actor = self.container.read_json("actor.json") if "actor.json" in self.container else None
        host = urlsplit(str(actor.get("id"))).netloc if isinstance(actor, dict) else ""
        for row in self.rows("follow"):
            target = str(row.get("target"))
            if host and target.isascii() and target.isdigit() and len(target) < 20:
                how = (row.get("boosts") is not False, row.get("notify") is True)
                yield FoundFollow("", host, *how, member=int(target))

    def read_profile(self) -> FoundProfile | None:
        account = next(self.rows("account"), None)
        if account is None:
            return None
        fields = account.get("fields")
        return FoundProfile(
            display_name=str(account.get("display_name") or ""),
            note=to_text(str(account.get("note") or "")),
            fields=[
                (str(field[0]), to_text(str(field[1])))
                for field in (fields if isinstance(fields, list) else [])
                if isinstance(field, list) and len(field) == 2
            ],
            avatar=self.files.get(str(account.get("avatar"))),
            header=self.files.get(str(account.get("header"))),
            locked=account.get("locked") is True,
        )


def _is_file(name: str) -> bool:
    return name.startswith("media_attachments/")
