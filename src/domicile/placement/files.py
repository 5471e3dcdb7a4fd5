"""A site's store of files: each under its member's id, named by the SHA-256 of its content.

A file is whole or absent after a crash; a name that is no digest leads nowhere.
"""

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path

from domicile.errors import NotFound
from domicile.ids import MemberId

_DIGITS = frozenset("0123456789abcdef")


def file_of(root: Path, member: MemberId, digest: str) -> Path:
    """Where a file lies. Raises NotFound for a name that is no SHA-256."""
    if not _is_digest(digest):
        raise NotFound("not a digest")
    return _folder(root, member) / digest[:2] / digest


def keep_file(root: Path, member: MemberId, content: bytes) -> str:
    """Write a file so that it is whole or absent after a crash; its digest."""
    digest = hashlib.sha256(content).hexdigest()
    file = file_of(root, member, digest)
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = file.with_suffix(f".{os.getpid()}-{secrets.token_hex(4)}.part")
        with draft.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(file)
    return digest


def list_files(root: Path, members: Iterable[MemberId]) -> list[tuple[MemberId, str]]:
    """The files of these members, by member and digest; drafts are no files."""
    return [
        (member, file.name)
        for member in members
        for file in sorted(_folder(root, member).glob("??/*"))
        if _is_digest(file.name)
    ]


def erase_files(root: Path, members: Iterable[MemberId]) -> int:
    """Remove everything that lies under these members' ids; how many files that were."""
    erased = 0
    for member in members:
        folder = _folder(root, member)
        erased += sum(1 for file in folder.glob("??/*") if _is_digest(file.name))
        shutil.rmtree(folder, ignore_errors=True)
    return erased


def _folder(root: Path, member: MemberId) -> Path:
    return root / str(member)


def _is_digest(name: str) -> bool:
    return len(name) == 64 and set(name) <= _DIGITS
