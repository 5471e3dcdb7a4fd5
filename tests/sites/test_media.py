"""Pictures: what a camera adds is dropped, what is none is refused, and files cross a border as posts do."""

import io
import struct
import zlib
from datetime import timedelta

import pytest
from PIL import Image

from domicile.errors import InvalidInput, NotFound, Unavailable
from domicile.ids import MemberId, SiteName
from domicile.network.posts import Draft
from domicile.placement.files import file_of
from domicile.placement.routing import SiteWriter
from domicile.running import Domicile
from network_at import MakeMember, SetClock

GPS, MAKE = 0x8825, 0x010F


def photograph(kind: str = "JPEG") -> bytes:
    """A picture that says where and by what it was taken."""
    picture = Image.effect_noise((800, 600), 40).convert("RGB")
    exif = Image.Exif()
    exif[MAKE] = "Canary Camera"
    exif.get_ifd(GPS)[1] = "N"
    exif.get_ifd(GPS)[2] = (52.0, 31.0, 12.0)
    out = io.BytesIO()
    picture.save(out, kind, exif=exif)
    return out.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be enormous."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


async def stored(domicile: Domicile, member: MemberId, site: str) -> list[bytes]:
    folder = domicile.sites[SiteName(site)].media / str(member)
    return [file.read_bytes() for file in folder.rglob("*") if file.is_file()] if folder.exists() else []


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_a_photograph_no_longer_tells_where_it_was_taken(
    domicile: Domicile, member: MakeMember, kind: str
) -> None:
    author = await member("US")
    picture = await domicile.media.upload(author, photograph(kind))
    files = await stored(domicile, author, "us-1")
    assert len(files) == 2  # the picture and its preview, at home and nowhere else
    for site in ("de-1", "ru-1", "cn-1"):
        assert not await stored(domicile, author, site)
    for content in files:
        assert b"Canary" not in content
        with Image.open(io.BytesIO(content)) as opened:
            assert not opened.getexif() and opened.format == kind
    assert picture.meta["original"]["width"] == 800


@pytest.mark.parametrize(
    ("what", "content"),
    [
        ("a bomb", bomb(60_000, 60_000)),
        ("a large picture of few bytes", bomb(8_000, 8_000)),
        ("a picture cut short", photograph()[:2_000]),
        ("text", b"<svg xmlns='http://www.w3.org/2000/svg'/>" * 10),
        ("nothing", b""),
        ("an animated format that is not read", b"GIF89a" + b"\0" * 400),
        ("too many bytes", b"\xff\xd8\xff" + b"\0" * (17 << 20)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_is_no_good_picture_is_refused_and_nothing_is_kept(
    domicile: Domicile, member: MakeMember, what: str, content: bytes
) -> None:
    author = await member("DE")
    with pytest.raises(InvalidInput, match="File"):
        await domicile.media.upload(author, content)
    assert not await stored(domicile, author, "de-1")


async def test_a_picture_crosses_a_border_only_where_its_post_may(domicile: Domicile, member: MakeMember) -> None:
    american, german = await member("US"), await member("DE")
    digests = {}
    for author in (american, german):
        picture = await domicile.media.upload(author, photograph())
        await domicile.posts.write(author, Draft(text="Look", pictures=[picture.media_id]))
        digests[author] = picture.digest
    content, mime = await domicile.media.fetch(american, digests[american], at=SiteName("de-1"))
    assert mime == "image/jpeg" and content.startswith(b"\xff\xd8")
    assert (await domicile.media.fetch(german, digests[german], at=SiteName("de-1")))[1] == "image/jpeg"
    with pytest.raises(NotFound):
        await domicile.media.fetch(german, digests[german], at=SiteName("ru-1"))


async def test_a_members_picture_is_theirs_to_attach_and_nobody_elses(domicile: Domicile, member: MakeMember) -> None:
    owner, other = await member("DE"), await member("DE")
    picture = await domicile.media.upload(owner, photograph())
    with pytest.raises(InvalidInput, match="not yours"):
        await domicile.posts.write(other, Draft(text="Mine?", pictures=[picture.media_id]))
    with pytest.raises(NotFound):
        file_of(domicile.sites[SiteName("de-1")].media, owner, "../../secrets/digest.key")


async def test_a_picture_whose_upload_a_crash_cut_short_is_swept_and_no_other(
    domicile: Domicile, member: MakeMember, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlucky, busy = await member("DE"), await member("DE")
    named = await domicile.media.upload(unlucky, photograph())

    async def crash(*_: object) -> None:
        raise Unavailable("the server was killed")

    for author in (unlucky, busy):
        with monkeypatch.context() as patch:
            patch.setattr("domicile.placement.routing.SiteWriter.value", crash)
            with pytest.raises(Unavailable):
                await domicile.media.upload(author, photograph("PNG"))
    site = SiteName("de-1")
    assert [len(await stored(domicile, author, site)) for author in (unlucky, busy)] == [4, 2]
    assert await domicile.sweeping.sweep(site) == 0, "they may yet get their rows"
    clock.advance(timedelta(hours=2))

    async def sweep(writer: SiteWriter) -> int:
        return await domicile.sweeping.sweep(site)

    assert await domicile.router.transact(busy, sweep) >= 2
    assert [len(await stored(domicile, author, site)) for author in (unlucky, busy)] == [2, 2], "whoever writes is left"
    assert await domicile.sweeping.sweep(site) >= 2
    assert not await stored(domicile, busy, site)
    assert (await domicile.media.fetch(unlucky, named.digest, at=site))[1] == "image/jpeg"
