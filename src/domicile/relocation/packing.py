"""A site's files as one stream, and back: file by file, never all of them in memory."""

import asyncio
import contextlib
import io
import os
import shutil
import tarfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from domicile.placement.pgcluster import sync_folder
from domicile.placement.sealed_stream import open_pieces
from domicile.placement.sealing import SiteKey


async def pack_files(root: Path) -> AsyncIterator[bytes]:
    """The media store as a tar stream. A file that is erased meanwhile is left out."""
    for file in sorted(await asyncio.to_thread(lambda: [f for f in root.rglob("*") if f.is_file()])):
        with contextlib.suppress(FileNotFoundError):
            content = await asyncio.to_thread(file.read_bytes)
            head = tarfile.TarInfo(str(file.relative_to(root)))
            head.size = len(content)
            yield head.tobuf() + content + bytes(-len(content) % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)


def restored_beside(root: Path) -> Path:
    """Where files wait until the rows that name them are there."""
    return root.with_name(f".{root.name}.restored")


def unpack_files(sealed: Path, key: SiteKey, root: Path) -> None:
    """Open a sealed stream of files into a folder beside `root`, whole and durable or not at all. Raises BrokenSeal."""
    fresh = restored_beside(root)
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700, parents=True)
    try:
        with sealed.open("rb") as source:
            pieces = open_pieces(source, key)
            with tarfile.open(fileobj=_Pieces(pieces), mode="r|") as tar:
                tar.extractall(fresh, filter="data")
            for _ in pieces:  # what follows the end must open too
                pass
        os.sync()  # the rows will be committed before these files are looked at again
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def put_in_place(root: Path) -> None:
    """What waits beside `root` takes its place. Does nothing if nothing waits: it was done before."""
    fresh = restored_beside(root)
    if fresh.exists():
        shutil.rmtree(root, ignore_errors=True)
        fresh.rename(root)
        sync_folder(root.parent)


class _Pieces(io.RawIOBase):
    """Pieces that are opened one after another, as a file that can only be read on."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        taken = self._rest[: len(buffer)]
        buffer[: len(taken)] = taken
        self._rest = self._rest[len(taken) :]
        return len(taken)
