"""A site's store of files: each under its member's id, named by the SHA-256 of its content.

A file is whole or absent after a crash; a name that is no digest leads nowhere. A relocation works on folders that it
has opened while nobody else could: a process that was stopped and overtaken then writes into or erases a folder that is
gone, never the one that a member who came back has now.
"""

import contextlib
import hashlib
import os
import secrets
import shutil
from collections.abc import Generator, Iterable
from datetime import datetime
from pathlib import Path

from domicile.errors import NotFound
from domicile.ids import MemberId

_DIGITS = frozenset("0123456789abcdef")
_FOLDERS_AT_ONCE = 200  # open at the same time


def file_of(root: Path, member: MemberId, digest: str) -> Path:
    """Where a file lies. Raises NotFound for a name that is no SHA-256."""
    if not _is_digest(digest):
        raise NotFound("not a digest")
    return _folder(root, member) / digest[:2] / digest


def keep_file(root: Path, member: MemberId, content: bytes) -> str:
    """Write a file so that it is whole or absent after a crash; its digest."""
    digest = hashlib.sha256(content).hexdigest()
    file = file_of(root, member, digest)
    if file.exists():
        os.utime(file)  # it may lie here unnamed, and be about to be swept
    else:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = file.with_suffix(_draft_suffix())
        with draft.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(file)
    return digest


class Draft:
    """A file that arrives in pieces, in a folder opened at the start. Nobody sees it before `keep`."""

    def __init__(self, root: Path, member: MemberId, digest: str) -> None:
        folder = file_of(root, member, digest).parent
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.digest = digest
        self.size = 0
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self._name = f"{digest}{_draft_suffix()}"
        self._hash = hashlib.sha256()
        try:
            descriptor = os.open(self._name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=self._folder)
        except OSError:
            os.close(self._folder)
            raise
        self._out = os.fdopen(descriptor, "wb")

    def write(self, piece: bytes) -> None:
        self._out.write(piece)
        self._hash.update(piece)
        self.size += len(piece)

    def keep(self) -> None:
        """The file is there from now on. Raises NotFound if its content is not what its name says."""
        self._out.flush()
        os.fsync(self._out.fileno())
        if self._hash.hexdigest() != self.digest:
            raise NotFound("a file arrived that is not what its digest says")
        os.rename(self._name, self.digest, src_dir_fd=self._folder, dst_dir_fd=self._folder)

    def close(self) -> None:
        """Leave nothing open, and no draft."""
        with contextlib.suppress(OSError):
            self._out.close()
        with contextlib.suppress(OSError):
            os.unlink(self._name, dir_fd=self._folder)
        os.close(self._folder)


def list_files(root: Path, members: Iterable[MemberId]) -> list[tuple[MemberId, str]]:
    """The files of these members, by member and digest; drafts are no files."""
    found: list[tuple[MemberId, str]] = []
    for member in members:
        folder = f"{root}/{member}"
        for part in _names(folder):
            found += [(member, name) for name in _names(f"{folder}/{part}") if _is_digest(name)]
    return found


def erase_file(root: Path, member: MemberId, digest: str) -> None:
    """Remove one file, if it is there."""
    file_of(root, member, digest).unlink(missing_ok=True)


def list_members(root: Path) -> list[MemberId]:
    """Everybody who has a folder here, in order."""
    return sorted(MemberId(int(name)) for name in _names(str(root)) if name.isascii() and name.isdigit())


def list_old_files(root: Path, members: Iterable[MemberId], before: datetime) -> list[tuple[MemberId, str]]:
    """What was last written before a moment in these members' folders, by member and name; drafts too."""
    found: list[tuple[MemberId, str]] = []
    for member in members:
        folder = _folder(root, member)
        for part in _names(str(folder)):
            found += [(member, name) for name in _names(f"{folder}/{part}") if _is_old(folder / part / name, before)]
    return found


def erase_old_file(root: Path, member: MemberId, name: str, before: datetime) -> bool:
    """Remove a file that `list_old_files` found, if it is as old as then."""
    file = _folder(root, member) / name[:2] / name
    if not _is_old(file, before):
        return False
    file.unlink(missing_ok=True)
    return True


def _is_old(file: Path, before: datetime) -> bool:
    try:
        return file.stat().st_mtime < before.timestamp()
    except FileNotFoundError:
        return False


def open_folders(root: Path, members: Iterable[MemberId]) -> Generator[list[tuple[Path, int]]]:
    """These members' folders, as they are now, opened: some at a time, each closed when the next are asked for."""
    paths = (f"{root}/{member}" for member in members)
    waiting = [Path(path) for path in paths if os.path.isdir(path)]  # noqa: PTH112 - most have no folder
    for start in range(0, len(waiting), _FOLDERS_AT_ONCE):
        opened: list[tuple[Path, int]] = []
        try:
            for folder in waiting[start : start + _FOLDERS_AT_ONCE]:
                with contextlib.suppress(FileNotFoundError):
                    opened.append((folder, os.open(folder, os.O_RDONLY | os.O_DIRECTORY)))
            yield opened
        finally:
            for _, descriptor in opened:
                os.close(descriptor)


def empty_folders(folders: Iterable[tuple[Path, int]]) -> int:
    """Remove everything that lies in these opened folders, and then them; how many files that were."""
    erased = 0
    for folder, descriptor in folders:
        for part in _names(descriptor):
            with contextlib.suppress(OSError):
                inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY, dir_fd=descriptor)
                erased += sum(map(_is_digest, _names(inner)))
                os.close(inner)
            shutil.rmtree(part, ignore_errors=True, dir_fd=descriptor)
        with contextlib.suppress(OSError):  # somebody else's by now, or not empty: then it is not the one we opened
            folder.rmdir()
    return erased


def erase_files(root: Path, members: Iterable[MemberId]) -> int:
    """Remove everything that lies under these members' ids; how many files that were."""
    return sum(map(empty_folders, open_folders(root, members)))


def _names(folder: str | int) -> list[str]:
    """The names in a folder, sorted; none if it is not there."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _folder(root: Path, member: MemberId) -> Path:
    return root / str(member)


def _draft_suffix() -> str:
    return f".{os.getpid()}-{secrets.token_hex(4)}.part"


def _is_digest(name: str) -> bool:
    return len(name) == 64 and set(name) <= _DIGITS
