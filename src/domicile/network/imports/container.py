"""An archive file, opened with suspicion: ZIP, tar (also gzipped), or one CSV file.

Nothing is ever unpacked under a name of the archive's choosing. A name is a key to look up; links and devices are left
out; every read is bounded, and so is the sum of all reads, whatever the archive says of itself.
"""

import gzip
import io
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO, Any, TypeVar, cast

import msgspec

from domicile.errors import InvalidInput
from domicile.network.imports.found import Skips

T = TypeVar("T")


MOST_ENTRIES = 200_000
MOST_ENTRY_BYTES = 512
"""An entry of a ZIP file's directory takes fewer, as a rule; a directory of more together is not read."""
LARGEST_DOCUMENT = 256 << 20
LARGEST_TAR_READ = 1 << 20
DOCUMENTS = (".json", ".js", ".csv")
_MEDIA = "media_attachments/"
_ROOTS = (
    "manifest.json",
    "outbox.json",
    "actor.json",
    "data/tweets.js",
    "data/tweet.js",
    "data/account.js",
    "tweet.js",
)


class TooLarge(Exception):
    """A file of the archive is larger than what is asked for may be."""


@dataclass(frozen=True)
class Limits:
    """Bytes: of a picture, and of everything that is unpacked together."""

    picture: int
    unpacked: int


@dataclass
class Container:
    """The files of an archive by name. `opener` opens one of them."""

    limits: Limits
    sizes: dict[str, int]
    opener: Callable[[str], IO[bytes]]
    unpacked: int = field(default=0, init=False)

    def __contains__(self, name: object) -> bool:
        return name in self.sizes

    def read(self, name: str, most: int) -> bytes:
        """A file's content. Raises KeyError, TooLarge, or InvalidInput: it is broken, or all of it is too much."""
        if self.sizes[name] > most:
            raise TooLarge
        most = min(most, self.limits.unpacked - self.unpacked)
        try:
            with self.opener(name) as opened:
                content = opened.read(most + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, NotImplementedError):
            raise InvalidInput("Validation failed: a file in the archive is broken") from None
        self.unpacked += len(content)
        if self.unpacked > self.limits.unpacked:
            raise InvalidInput(f"Validation failed: the archive unpacks to more than {self.limits.unpacked >> 20} MiB")
        if len(content) > most:
            raise TooLarge
        return content

    def read_document(self, name: str) -> bytes:
        """A JSON or CSV file. Raises InvalidInput for one too large to be read at once."""
        try:
            return self.read(name, LARGEST_DOCUMENT)
        except TooLarge:
            message = f"Validation failed: a document in the archive is larger than {LARGEST_DOCUMENT >> 20} MiB"
            raise InvalidInput(message) from None

    def read_json(self, name: str, kind: Any = Any) -> Any:
        """A JSON document of this form. Raises InvalidInput."""
        return decode_json(self.read_document(name), kind)


def decode_json(content: bytes, kind: Any = Any) -> Any:
    """JSON of this form, also where a text in it was cut in the middle of a character. Raises InvalidInput."""
    for mend in (bytes, _mend):
        try:
            return msgspec.json.decode(mend(content), type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        except RecursionError:
            break
    raise InvalidInput("Validation failed: a document in the archive is not the JSON that it should be")


_HIGH, _LOW = rb"\\u[dD][89abAB][0-9a-fA-F]{2}", rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HALVES = re.compile(rb"%b(?!%b)|(?<!%b)%b" % (_HIGH, _LOW, _HIGH, _LOW))


def _mend(content: bytes) -> bytes:
    """With the mark for what cannot be read in the place of half a character."""
    return _HALVES.sub(rb"\\ufffd", content.decode("utf-8", "replace").encode())


def open_container(file: IO[bytes], file_name: str, limits: Limits, scratch: IO[bytes], skips: Skips) -> Container:
    """Open an archive. `scratch`: an empty file at the member's home, for what can only be read from front to back.

    Raises InvalidInput for what is no archive or goes beyond the limits as a whole.
    """
    file.seek(0)
    begin = file.read(512)
    file.seek(0)
    if begin.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _open_zip(file, limits, skips)
    if begin.startswith(b"\x1f\x8b") or begin[257:262] == b"ustar":
        return _open_tar(file, limits, scratch, skips, packed=begin.startswith(b"\x1f\x8b"))
    name = PurePosixPath(file_name).name
    if name.lower().endswith(".csv") and b"\0" not in begin:
        size = file.seek(0, io.SEEK_END)
        return Container(limits, {name: size}, lambda _: _piece(file, 0, size))
    raise InvalidInput("Validation failed: this is no ZIP file, no tar file, and no CSV file that Mastodon writes")


def _open_zip(file: IO[bytes], limits: Limits, skips: Skips) -> Container:
    try:
        end = zipfile._EndRecData(file)  # type: ignore[attr-defined]  # before its directory is read into memory
        if end:
            _refuse_too_many(max(end[4], end[5] // MOST_ENTRY_BYTES))
        packed = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise InvalidInput("Validation failed: the ZIP file is broken") from None
    infos: dict[str, zipfile.ZipInfo] = {}
    for info in packed.infolist():
        if info.is_dir():
            continue
        mode = info.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            skips["file", "not_a_file"] += 1
        elif info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            skips["file", "packed"] += 1
        elif name := _key(info.filename, skips):
            infos[name] = info
    _refuse_too_many(len(infos))
    infos = _without_root(infos)
    return Container(
        limits, {name: info.file_size for name, info in infos.items()}, lambda name: packed.open(infos[name])
    )


def _open_tar(file: IO[bytes], limits: Limits, scratch: IO[bytes], skips: Skips, *, packed: bool) -> Container:
    """Read once from front to back: what may be wanted goes to `scratch`, where it can be looked up."""
    places: dict[str, tuple[int, int]] = {}
    source = _Bounded(gzip.GzipFile(fileobj=file) if packed else file, limits.unpacked)
    at = 0
    try:
        with tarfile.open(fileobj=cast(IO[bytes], source), mode="r:") as tar:
            while (info := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined]  # it would keep them all
                name = _wanted(info, limits, skips)
                if name and (opened := tar.extractfile(info)) is not None:
                    size = _copy(opened, scratch)
                    places[name] = (at, size)
                    at += size
                _refuse_too_many(len(places) + skips.total())
    except (tarfile.TarError, EOFError, OSError, zlib.error, ValueError, RecursionError):
        raise InvalidInput("Validation failed: the tar file is broken") from None
    places = _without_root(places)
    return Container(
        limits, {name: size for name, (_, size) in places.items()}, lambda name: _piece(scratch, *places[name])
    )


def _wanted(info: tarfile.TarInfo, limits: Limits, skips: Skips) -> str | None:
    if info.isdir():
        return None
    if not info.isreg() or info.issparse():
        skips["file", "not_a_file"] += 1
        return None
    most = LARGEST_DOCUMENT if info.name.endswith(DOCUMENTS) else limits.picture
    if info.size > most:
        skips["file", "too_large"] += 1
        return None
    return _key(info.name, skips)


def _copy(opened: IO[bytes], scratch: IO[bytes]) -> int:
    size = 0
    while piece := opened.read(1 << 20):
        scratch.write(piece)
        size += len(piece)
    return size


def _key(name: str, skips: Skips) -> str | None:
    """The name under which a file is looked up; old archives of Mastodon hold whole paths of the server's disk."""
    parts = PurePosixPath(name).parts
    if "\\" in name or "\0" in name or ".." in parts or not parts:
        skips["file", "bad_name"] += 1
        return None
    if parts[0] == "/":
        if _MEDIA not in name:
            skips["file", "bad_name"] += 1
            return None
        return name[name.index(_MEDIA) :]
    return str(PurePosixPath(*parts))


def _without_root(files: dict[str, T]) -> dict[str, T]:
    """Without the folder that everything lies in where somebody packed the archive anew."""
    found = sorted(
        (name.count("/"), name, root) for name in files for root in _ROOTS if f"/{name}".endswith(f"/{root}")
    )
    if not found:
        return files
    _, name, root = found[0]
    prefix = name.removesuffix(root)
    return {name.removeprefix(prefix): what for name, what in files.items() if name.startswith((prefix, _MEDIA))}


def _refuse_too_many(files: int) -> None:
    if files > MOST_ENTRIES:
        raise InvalidInput(f"Validation failed: the archive holds more than {MOST_ENTRIES} files")


def _piece(file: IO[bytes], start: int, size: int) -> IO[bytes]:
    return cast(IO[bytes], _Piece(file, start, size))


class _Piece(io.RawIOBase):
    """A part of a file, read from its begin."""

    def __init__(self, file: IO[bytes], start: int, size: int) -> None:
        self._file, self._at, self._end = file, start, start + size

    def read(self, size: int = -1) -> bytes:
        self._file.seek(self._at)
        content = self._file.read(max(0, min(size, self._end - self._at)))
        self._at += len(content)
        return content


class _Bounded:
    """What tarfile reads from: no header may ask for much memory, and all of it together not for too much work."""

    def __init__(self, file: Any, most: int) -> None:
        self._file, self._most = file, most

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= LARGEST_TAR_READ:
            raise InvalidInput("Validation failed: the tar file is broken")
        content = cast(bytes, self._file.read(size))
        self._check()
        return content

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if offset > self._most:
            raise InvalidInput(f"Validation failed: the archive unpacks to more than {self._most >> 20} MiB")
        found: int = self._file.seek(offset, whence)
        return found

    def tell(self) -> int:
        found: int = self._file.tell()
        return found

    def _check(self) -> None:
        if self._file.tell() > self._most:
            raise InvalidInput(f"Validation failed: the archive unpacks to more than {self._most >> 20} MiB")
