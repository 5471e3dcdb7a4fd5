"""The pages that WAL segments hold whole, opened by PostgreSQL's own pg_waldump: in the segments they lie compressed.

A recycled segment has the name of one that will be, and the content of one that was; it is read under its old name.
Pages are put into a file system in memory, and nowhere on a disk.
"""

import contextlib
import re
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from domicile.placement.pgbinaries import ENVIRONMENT

MEMORY = Path("/dev/shm")  # noqa: S108 - a file system in memory, and a folder of our own in it
OLDEST = 16
"""pg_waldump writes out whole pages since PostgreSQL 16."""
PATIENCE_S = 120.0
_SEGMENT = re.compile(r"[0-9A-F]{24}")
_HEAD = struct.Struct("=HHIQII")
"""The first page of a segment: magic, flags, timeline, address, ... (XLogPageHeaderData)."""


def list_segments(wal: Path) -> list[tuple[Path, str]]:
    """Each segment with the name that its content goes by; segments never written are left out."""
    found = []
    for file in sorted(wal.iterdir()):
        if _SEGMENT.fullmatch(file.name):
            with file.open("rb") as segment:
                head = segment.read(_HEAD.size)
            if len(head) == _HEAD.size and (name := _true_name(head, file.stat().st_size)):
                found.append((file, name))
    return found


def open_pages(waldump: Path, segments: list[tuple[Path, str]]) -> Iterator[list[Path]]:
    """The whole pages of one segment after the other; each is gone when the next is asked for. Raises OSError."""
    with tempfile.TemporaryDirectory(prefix="domicile-", dir=MEMORY) as scratch:
        folder, pages = Path(scratch, "wal"), Path(scratch, "pages")
        folder.mkdir()
        for file, name in segments:
            with contextlib.suppress(FileExistsError):
                (folder / name).symlink_to(file)
        for name in dict.fromkeys(name for _, name in segments):
            subprocess.run(  # noqa: S603
                [str(waldump), "--quiet", f"--save-fullpage={pages}", str(folder / name)],
                env=ENVIRONMENT,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=PATIENCE_S,
                check=False,  # the segment that is being written ends in the middle of a record
            )
            yield sorted(pages.iterdir()) if pages.exists() else []
            shutil.rmtree(pages, ignore_errors=True)


def _true_name(head: bytes, size: int) -> str | None:
    """PostgreSQL's name of a segment: timeline, then the address of its first byte in two halves."""
    _, _, timeline, address, _, _ = _HEAD.unpack(head)
    if timeline == 0 or size == 0 or address % size:
        return None
    per_file = (1 << 32) // size
    number = address // size
    return f"{timeline:08X}{number // per_file:08X}{number % per_file:08X}"
