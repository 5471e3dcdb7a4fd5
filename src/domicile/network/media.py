"""Pictures: read strictly, written anew without metadata, one store a site, named by hash under the member's id.

Writing the pixels anew drops everything a camera adds (place, time, device). A file too large in bytes or pixels is
refused before it is decoded. Readers abroad get files through the border, like everything else.
"""

import asyncio
import hashlib
import io
import warnings
from dataclasses import dataclass
from typing import Any

import msgspec
from PIL import Image, ImageOps, UnidentifiedImageError

from domicile.border.crossing import Door
from domicile.border.licence import Query, View
from domicile.database import Row
from domicile.errors import InvalidInput, NotFound, Unavailable
from domicile.ids import Country, MemberId, SiteName, Snowflake, next_snowflake
from domicile.law.facts import Audience
from domicile.network.items import CONTENT, Picture, audience_of
from domicile.network.names import clean_text
from domicile.network.suspension import SUSPENDED
from domicile.placement.files import erase_file, file_of, keep_file
from domicile.placement.routing import Asked, Router, SiteReader, SiteWriter

FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
LARGEST = (1920, 1920)
PREVIEW = (640, 640)
AVATAR = (400, 400)
HEADER = (1500, 500)


class FileAsked(msgspec.Struct, array_like=True):
    """One file of the one member asked for, by digest."""

    digest: str


class FileItem(msgspec.Struct, array_like=True):
    """A file of a member's; its visibility is the post's, 0 for an avatar or header."""

    member: MemberId
    visibility: int
    mime: str
    digest: str
    content: bytes | None


@dataclass(frozen=True, slots=True)
class Encoded:
    """A picture written anew."""

    content: bytes
    mime: str
    width: int
    height: int

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture as it will be stored, small beside it, and what it is said to show."""

    whole: Encoded
    small: Encoded
    description: str


@dataclass(frozen=True)
class Media:
    router: Router
    door: Door
    most_bytes: int
    most_pixels: int

    async def upload(self, member: MemberId, raw: bytes, description: str = "") -> Picture:
        """Take a picture for a post that is yet to be written. Raises InvalidInput for anything else."""
        prepared = await self.prepare(raw, description)
        return await self.router.transact(member, lambda writer: store_picture(writer, prepared))

    async def prepare(self, raw: bytes, description: str = "") -> Prepared:
        """Read a picture and write it anew, in two sizes; nothing is stored. Raises InvalidInput."""
        words = clean_text("description", description, 1500)
        whole = await asyncio.to_thread(self._encode, raw, LARGEST)
        return Prepared(whole, await asyncio.to_thread(self._encode, whole.content, PREVIEW), words)

    async def store_portrait(self, member: MemberId, raw: bytes, size: tuple[int, int]) -> str:
        """Keep an avatar or header; returns the digest by which the profile names it."""
        picture = await asyncio.to_thread(self._encode, raw, size, True)

        async def write(writer: SiteWriter) -> None:
            await asyncio.to_thread(keep_file, writer.site.media, member, picture.content)

        await self.router.transact(member, write)
        return picture.digest

    async def show(self, member: MemberId, media_id: int) -> Picture:
        """One of the member's own uploads. Raises NotFound."""

        async def read(reader: SiteReader) -> Picture | None:
            row = await reader.one("SELECT * FROM media WHERE member_id = %s AND media_id = %s", (member, media_id))
            return Picture(row.media_id, row.digest, row.preview, row.mime, row.description, row.meta) if row else None

        found = await self.router.read(member, read)
        if found is None:
            raise NotFound("no such upload of this member")
        return found

    async def describe(self, member: MemberId, media_id: int, description: str) -> Picture:
        """Change what a picture is said to show."""
        words = clean_text("description", description, 1500)

        async def write(writer: SiteWriter) -> None:
            done = await writer.execute(
                "UPDATE media SET description = %s WHERE member_id = %s AND media_id = %s", (words, member, media_id)
            )
            if not done:
                raise NotFound("no such upload of this member")

        await self.router.transact(member, write)
        return await self.show(member, media_id)

    async def fetch(self, member: MemberId, digest: str, *, at: SiteName) -> tuple[bytes, str]:
        """A file and its type for a reader at a site. Raises NotFound where it may not be shown."""
        homes = {member: await self.router.home_of(member)}
        seen = await self.door.look(at, FILE, FileAsked(digest), homes)
        item = next(iter(seen.items), None)
        if item is None and seen.missing:
            raise Unavailable("the home of a file does not answer")
        if item is None or item.content is None:
            raise NotFound("no such file, or not here")
        return item.content, item.mime

    def _encode(self, raw: bytes, size: tuple[int, int], crop: bool = False) -> Encoded:
        if len(raw) > self.most_bytes:
            raise InvalidInput(f"Validation failed: File is too large (maximum is {self.most_bytes >> 20} MiB)")
        try:
            with warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning):
                return self._redraw(raw, size, crop)
        except InvalidInput:
            raise
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Warning, Image.DecompressionBombError):
            raise InvalidInput("Validation failed: File is not a readable JPEG, PNG or WebP picture") from None

    def _redraw(self, raw: bytes, size: tuple[int, int], crop: bool) -> Encoded:
        with Image.open(io.BytesIO(raw), formats=list(FORMATS)) as opened:
            if opened.width * opened.height > self.most_pixels:
                raise InvalidInput(f"Validation failed: File has more than {self.most_pixels} pixels")
            kind = opened.format or "PNG"
            picture = ImageOps.exif_transpose(opened).convert(
                "RGBA" if kind != "JPEG" and _has_alpha(opened) else "RGB"
            )
        if crop:
            picture = ImageOps.fit(picture, size)
        picture.thumbnail(size)
        bare = Image.new(picture.mode, picture.size)
        bare.paste(picture)
        out = io.BytesIO()
        bare.save(out, kind, **({"quality": 85} if kind != "PNG" else {"optimize": False}))
        return Encoded(out.getvalue(), FORMATS[kind], *bare.size)


async def store_picture(
    writer: SiteWriter, prepared: Prepared, post: Snowflake | None = None, position: int = 0
) -> Picture:
    """Keep a picture for a post, or for one that is yet to be written."""
    await lock_files(writer)
    whole, small = prepared.whole, prepared.small
    for picture in (whole, small):
        await asyncio.to_thread(keep_file, writer.site.media, writer.member, picture.content)
    meta = {"original": _size(whole), "small": _size(small)}
    last = await writer.value("SELECT max(media_id) FROM media WHERE member_id = %s", (writer.member,))
    number = next_snowflake(writer.now, int(str(last or 0)))
    await writer.execute(
        "INSERT INTO media (member_id, media_id, post_id, position, digest, preview, mime, bytes, meta, description,"
        " created_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *(writer.member, number, post, position, whole.digest, small.digest, whole.mime, len(whole.content)),
            *(msgspec.json.encode(meta).decode(), prepared.description, writer.now),
        ),
    )
    return Picture(number, whole.digest, small.digest, whole.mime, prepared.description, meta)


async def lock_files(writer: SiteWriter) -> None:
    """One at a time names files of a member, or drops one: who finds a file there must still find it at the commit."""
    await writer.execute("SELECT 1 FROM account WHERE member_id = %s FOR UPDATE", (writer.member,))


async def drop_file(router: Router, member: MemberId, digest: str) -> None:
    """Erase a file of the member's, unless something still names it."""

    async def drop(writer: SiteWriter) -> None:
        await lock_files(writer)
        if not await writer.one(_NAMED, {"member": member, "digest": digest}):
            await asyncio.to_thread(erase_file, writer.site.media, member, digest)

    await router.transact(member, drop)


_NAMED = """
SELECT 1 FROM media WHERE member_id = %(member)s AND %(digest)s IN (digest, preview)
UNION ALL SELECT 1 FROM account WHERE member_id = %(member)s AND %(digest)s IN (avatar, header)
"""


def _has_alpha(picture: Image.Image) -> bool:
    return picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info


def _size(picture: Encoded) -> dict[str, Any]:
    return {
        "width": picture.width,
        "height": picture.height,
        "size": f"{picture.width}x{picture.height}",
        "aspect": picture.width / picture.height,
    }


_FILE = f"""
SELECT asked.member_id, m.mime, coalesce(p.visibility, 0) AS visibility, %(digest)s AS digest
FROM unnest(%(members)s::bigint[]) AS asked (member_id) CROSS JOIN LATERAL (
  SELECT mime, post_id FROM media WHERE member_id = asked.member_id AND %(digest)s IN (digest, preview)
  UNION ALL SELECT NULL, NULL FROM account WHERE member_id = asked.member_id AND %(digest)s IN (avatar, header)
  LIMIT 1) m
LEFT JOIN post p ON p.author_id = asked.member_id AND p.post_id = m.post_id
WHERE NOT {SUSPENDED.format(member="asked.member_id")}
"""


def _file(asked: FileAsked, residents: Asked) -> Query:
    return _FILE, residents | {"digest": asked.digest}


def _read_file(row: Row, country: Country) -> FileItem:
    return FileItem(MemberId(row.member_id), row.visibility, row.mime or "", row.digest, None)


async def _load(reader: SiteReader, items: list[FileItem]) -> list[FileItem]:
    """Read the files from the home site's store; one that is missing there is no item."""
    found: list[FileItem] = []
    for item in items:
        file = file_of(reader.site.media, item.member, item.digest)
        try:
            content = await asyncio.to_thread(file.read_bytes)
        except FileNotFoundError:
            continue
        found.append(FileItem(item.member, item.visibility, item.mime or _sniff(content), item.digest, content))
    return found


def _sniff(content: bytes) -> str:
    if content.startswith(b"\x89PNG"):
        return "image/png"
    return "image/webp" if content[8:12] == b"WEBP" else "image/jpeg"


def _subject(item: FileItem) -> tuple[MemberId, Audience]:
    return item.member, audience_of(item.visibility)


FILE = View(
    "file",
    FileAsked,
    FileItem,
    _file,
    _read_file,
    _subject,
    {"content": CONTENT},
    "member_id",
    lambda item: item.content is None,
    _load,
)
