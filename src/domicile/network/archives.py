"""A member's archive: one ZIP with everything as JSON, what Mastodon takes back in, the pictures, and a page to read.

`following_accounts.csv`, `followers.csv` and `bookmarks.csv` have Mastodon's columns; `actor.json`, `outbox.json`,
`likes.json` and `bookmarks.json` are ActivityStreams 2.0 (W3C). `data/` holds every owned row, `manifest.json` the
SHA-256 of each file.
"""

import csv
import hashlib
import io
import zipfile
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import jinja2
import msgspec

from domicile.ids import MemberId, PostId, Snowflake, moment_of
from domicile.network.profiles import Profiles
from domicile.network.schema import VISIBILITIES
from domicile.placement.ownership import Ownership
from domicile.placement.residue import Residue, list_told
from domicile.placement.routing import Router
from domicile.relocation.archive import Archive, read_archive, read_files

AT_ONCE = 200
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
_CONTEXT = "https://www.w3.org/ns/activitystreams"
_SUFFIXES = {b"\x89PNG": ".png", b"\xff\xd8\xff\xe0": ".jpg", b"\xff\xd8\xff\xdb": ".jpg", b"RIFF": ".webp"}

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Archives:
    """`url` is the network's public address."""

    router: Router
    ownership: Ownership
    profiles: Profiles
    url: str

    async def write(self, member: MemberId, out: BinaryIO) -> dict[str, int]:
        """Write the archive as a ZIP; how many rows of each table it holds. Raises NotFound."""
        archive = await read_archive(self.router, self.ownership, member)
        handles = await self._handles(archive)
        digests: dict[str, str] = {}
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
            names: dict[str, str] = {}
            async for digest, name, content in self._pictures(archive):
                names[digest] = name
                _put(packed, digests, name, content)
            for name, content in self._documents(archive, handles, names):
                _put(packed, digests, name, content)
            residue = await list_told(self.router.sites, self.router.clock().date(), member)
            _put(packed, digests, "manifest.json", _json(_manifest(archive, dict(digests), residue)))
        return {table: len(rows) for table, rows in archive.tables.items()}

    async def _pictures(self, archive: Archive) -> AsyncIterator[tuple[str, str, bytes]]:
        async for digest, content in read_files(self.router, archive):
            yield digest, f"media_attachments/{digest}{_SUFFIXES.get(content[:4], '')}", content

    def _documents(
        self, archive: Archive, handles: dict[int, str], names: dict[str, str]
    ) -> Iterator[tuple[str, bytes]]:
        for table, rows in archive.tables.items():
            yield f"data/{table}.json", _json(rows)
        actor = f"{self.url}/@{archive.tables['account'][0]['handle']}"
        notes = list(self._notes(archive, actor, handles, names))
        yield "actor.json", _json(self._actor(archive, actor, names))
        yield "outbox.json", _json(_collection("outbox.json", [_created(note) for note in notes]))
        marked: dict[str, list[str]] = {"favourite": [], "bookmark": []}
        for row in archive.tables["reaction"]:
            if row["kind"] in marked:
                marked[row["kind"]].append(self._address(row, handles))
        yield "likes.json", _json(_collection("likes.json", marked["favourite"]))
        yield "bookmarks.json", _json(_collection("bookmarks.json", marked["bookmark"]))
        yield "bookmarks.csv", _csv(None, ((address,) for address in marked["bookmark"]))
        yield from self._lists(archive, handles)
        yield "index.html", _page(archive, notes).encode()

    def _lists(self, archive: Archive, handles: dict[int, str]) -> Iterator[tuple[str, bytes]]:
        host = urlsplit(self.url).netloc
        follows = [row for row in archive.tables["follow"] if int(row["target"]) in handles]
        yield (
            "following_accounts.csv",
            _csv(
                ("Account address", "Show boosts", "Notify on new posts", "Languages"),
                ((f"{handles[int(r['target'])]}@{host}", _said(r["boosts"]), _said(r["notify"]), "") for r in follows),
            ),
        )
        known = [r for r in archive.tables["follower"] if r["state"] == "accepted" and int(r["follower"]) in handles]
        addresses = ((f"{handles[int(row['follower'])]}@{host}",) for row in known)
        yield "followers.csv", _csv(("Account address",), addresses)

    async def _handles(self, archive: Archive) -> dict[int, str]:
        """The names of others that this member may see at home now; who may not be shown stays an opaque id."""
        others = {int(row["target"]) for row in archive.tables["follow"]}
        others |= {int(row["follower"]) for row in archive.tables["follower"]}
        others |= {int(row["target_author"]) for row in archive.tables["reaction"]}
        others |= {int(row["reply_author"]) for row in archive.tables["post"] if row["reply_author"]}
        found: dict[int, str] = {archive.member: archive.tables["account"][0]["handle"]}
        wanted = sorted(others - {archive.member})
        for start in range(0, len(wanted), AT_ONCE):
            members = [MemberId(other) for other in wanted[start : start + AT_ONCE]]
            shown = await self.profiles.show_many(members, at=archive.home)
            found |= {member: item.profile.handle for member, item in shown.items() if item.profile is not None}
        return found

    def _address(self, row: dict[str, Any], handles: dict[int, str]) -> str:
        author, post = int(row["target_author"]), int(row["target_post"])
        return f"{self.url}/@{handles.get(author, author)}/{PostId(Snowflake(post), MemberId(author))}"

    def _actor(self, archive: Archive, actor: str, names: dict[str, str]) -> dict[str, Any]:
        account = archive.tables["account"][0]
        found = {
            "@context": _CONTEXT,
            "id": actor,
            "type": "Person",
            "preferredUsername": account["handle"],
            "name": account["display_name"],
            "summary": account["note"],
            "published": account["created_at"],
            "outbox": "outbox.json",
            "likes": "likes.json",
            "attachment": [
                {"type": "PropertyValue", "name": name, "value": value} for name, value in account["fields"]
            ],
        }
        for name, kind in (("icon", "avatar"), ("image", "header")):
            if account[kind] in names:
                found[name] = {"type": "Image", "url": names[account[kind]]}
        return found

    def _notes(
        self, archive: Archive, actor: str, handles: dict[int, str], names: dict[str, str]
    ) -> Iterator[dict[str, Any]]:
        direct = {row["post_id"]: msgspec.json.decode(row["body"]) for row in archive.tables["vault.direct_text"]}
        pictures: dict[str, Rows] = {}
        for row in archive.tables["media"]:
            pictures.setdefault(str(row["post_id"]), []).append(row)
        for row in archive.tables["post"]:
            if row["boost_post"] is not None:
                continue
            snowflake = int(row["post_id"])
            words = direct.get(row["post_id"], row)
            note = {
                "id": f"{actor}/{PostId(Snowflake(snowflake), archive.member)}",
                "type": "Note",
                "attributedTo": actor,
                "published": moment_of(snowflake).isoformat().replace("+00:00", "Z"),
                "content": words["content"],
                "summary": words["spoiler"] or None,
                "sensitive": row["sensitive"],
                "visibility": VISIBILITIES[row["visibility"]],
                "attachment": [
                    {"type": "Document", "mediaType": p["mime"], "url": names[p["digest"]], "name": p["description"]}
                    for p in pictures.get(str(row["post_id"]), [])
                    if p["digest"] in names
                ],
                "to": [PUBLIC] if row["visibility"] == 0 else [],
                "cc": [PUBLIC] if row["visibility"] == 1 else [],
            }
            if row["reply_post"] is not None:
                parent = {"target_author": row["reply_author"], "target_post": row["reply_post"]}
                note["inReplyTo"] = self._address(parent, handles)
            yield note


def _created(note: dict[str, Any]) -> dict[str, Any]:
    kept = ("published", "to", "cc")
    activity = {"id": f"{note['id']}/activity", "type": "Create", "actor": note["attributedTo"], "object": note}
    return activity | {name: note[name] for name in kept}


def _collection(name: str, items: list[Any]) -> dict[str, Any]:
    return {
        "@context": _CONTEXT,
        "id": name,
        "type": "OrderedCollection",
        "totalItems": len(items),
        "orderedItems": items,
    }


def _manifest(archive: Archive, digests: dict[str, str], residue: list[Residue]) -> dict[str, Any]:
    return {
        "member": str(archive.member),
        "home": archive.home,
        "exported_at": archive.at.isoformat(),
        "rows": {table: len(rows) for table, rows in archive.tables.items()},
        "categories": {table: archive.categories.get(table, {}) for table in archive.tables},
        "residue": [
            {"site": r.site, "rule": r.rule or r.citation, "categories": r.categories, "until": r.until, "rows": r.rows}
            for r in residue
        ],
        "sha256": digests,
    }


def _said(flag: bool) -> str:
    return str(flag).lower()


def _csv(header: tuple[str, ...] | None, rows: Iterable[tuple[str, ...]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if header is not None:
        writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue().encode()


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1)


def _put(packed: zipfile.ZipFile, digests: dict[str, str], name: str, content: bytes) -> None:
    packed.writestr(name, content)
    digests[name] = hashlib.sha256(content).hexdigest()


_PAGES = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
_PAGE = _PAGES.from_string("""<!doctype html>
<html lang="{{ language }}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src 'self'; style-src 'unsafe-inline'">
<title>{{ name }}: archive</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 42rem; margin: 2rem auto; padding: 0 1rem; }
:root { color-scheme: light dark; }
article { border-top: 1px solid #8886; padding: 1rem 0; overflow-wrap: anywhere; }
article > footer { font-size: .85rem; opacity: .75; }
img { max-width: 100%; height: auto; border-radius: .4rem; }
</style>
<h1>{{ name }}</h1>
<p>@{{ handle }} · home: {{ home }} · exported {{ at }}</p>
<p>{{ notes | length }} posts below; everything else is in the folder <code>data</code>.</p>
{% for note in notes %}
<article>
{% if note.summary %}<p><strong>{{ note.summary }}</strong></p>{% endif %}
{{ note.content | safe }}
{% for picture in note.attachment %}<p><img src="{{ picture.url }}" alt="{{ picture.name }}"></p>{% endfor %}
<footer>{{ note.published }} · {{ note.visibility }}</footer>
</article>
{% endfor %}
</html>
""")


def _page(archive: Archive, notes: list[dict[str, Any]]) -> str:
    """A page to read in a browser. A post's content is HTML that was cleaned when it was written."""
    account = archive.tables["account"][0]
    return _PAGE.render(
        name=account["display_name"] or account["handle"],
        handle=account["handle"],
        language=account["language"],
        home=archive.home,
        at=archive.at.date(),
        notes=notes[::-1],
    )
