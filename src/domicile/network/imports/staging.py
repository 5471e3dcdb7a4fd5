"""What a member sends lies at their home, under no name, until it has been read: a crash leaves nothing of it behind.

A file without a name is gone with the last process that has it open. Where the member moves meanwhile, it moves too.
"""

import io
import shutil
import tempfile
from pathlib import Path
from typing import IO, cast


class Staged(io.RawIOBase):
    """A file without a name in a site's store of files."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._file = _nameless(folder)
        self.folder = folder

    def move_to(self, folder: Path) -> None:
        """Go on in another store, at the same place of the file."""
        if folder == self.folder:
            return
        place, moved = self._file.tell(), _nameless(folder)
        self._file.seek(0)
        shutil.copyfileobj(self._file, moved, 1 << 20)
        moved.seek(place)
        self._file.close()
        self._file, self.folder = moved, folder

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def write(self, content: bytes) -> int:  # type: ignore[override]
        return self._file.write(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()


def _nameless(folder: Path) -> IO[bytes]:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return cast(IO[bytes], tempfile.TemporaryFile(dir=folder))
