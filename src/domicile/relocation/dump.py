"""PostgreSQL's own tools, as streams: pg_dump out of a database, pg_restore and psql into one. Nothing touches a disk.

A database is replaced in one transaction: what it holds goes, what was dumped comes, and whatever ends before COMMIT
leaves it as it was. psql carries it, because pg_restore alone can neither remove what a newer version has made nor be
told by an older server that it does not know a setting.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from domicile.database import conninfo_to_dict
from domicile.errors import Misconfigured
from domicile.placement.fence import OWNER_ROLE
from domicile.placement.pgbinaries import ENVIRONMENT, Binaries

PIECE = 1 << 18
_UNKNOWN_BEFORE_17 = b"SET transaction_timeout = 0;\n"
_PREAMBLE = 1 << 12  # bytes of a script within which that line stands, if it does


@dataclass(frozen=True, repr=False)
class Dumps:
    """Dumps of one database. `owner` is the connection string of the role that owns its tables."""

    owner: str
    binaries: Binaries

    async def dump(self, *options: str) -> AsyncIterator[bytes]:
        """pg_dump's custom format, as it comes."""
        process = await self._run("pg_dump", "--format=custom", *options, stdin=asyncio.subprocess.DEVNULL)
        assert process.stdout is not None
        try:
            while piece := await process.stdout.read(PIECE):
                yield piece
            _check("pg_dump", await process.wait())
        finally:
            await _end(process)

    async def replace(self, archive: AsyncIterator[bytes], then: str) -> None:
        """Put a dump in the place of everything the owner has here, and run `then`, in one transaction.

        Raises Misconfigured if a program fails, and whatever `archive` raises; then nothing was changed.
        """
        pipe = asyncio.subprocess.PIPE
        unpacking = await self._run("pg_restore", "--file=-", "--no-owner", stdin=pipe, login=False)
        loading = await self._run(
            "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", stdin=asyncio.subprocess.PIPE
        )
        assert unpacking.stdin is not None and unpacking.stdout is not None and loading.stdin is not None
        feeding = asyncio.create_task(_feed(unpacking.stdin, archive))
        try:
            await _write(loading.stdin, f"BEGIN;\nDROP OWNED BY {OWNER_ROLE} CASCADE;\n".encode())
            script = _without_newer_settings(unpacking.stdout)
            async for piece in script:
                await _write(loading.stdin, piece)
            await feeding  # a broken seal is raised here, before anything is committed
            _check("pg_restore", await unpacking.wait())
            await _write(loading.stdin, f"\n{then};\nCOMMIT;\n".encode())
            await _close(loading.stdin)
            _check("psql", await loading.wait())
        finally:
            feeding.cancel()
            for process in (loading, unpacking):
                await _end(process)
            await asyncio.gather(feeding, return_exceptions=True)

    async def _run(self, program: str, *options: str, stdin: int, login: bool = True) -> asyncio.subprocess.Process:
        words = conninfo_to_dict(self.owner) if login else {}
        secret = {"PGPASSWORD": str(words.pop("password", ""))}  # in the environment: no other user can read it there
        database = " ".join(f"{name}='{_escaped(str(value))}'" for name, value in words.items())
        return await asyncio.create_subprocess_exec(
            self.binaries.program(program),
            *options,
            *([f"--dbname={database}"] if login else []),
            stdin=stdin,
            stdout=asyncio.subprocess.DEVNULL if program == "psql" else asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # it may quote rows (rule 10)
            env=ENVIRONMENT | secret,
        )


async def _feed(into: asyncio.StreamWriter, archive: AsyncIterator[bytes]) -> None:
    try:
        async for piece in archive:
            await _write(into, piece)
    finally:
        await _close(into)


async def _write(into: asyncio.StreamWriter, piece: bytes) -> None:
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it ended early: its exit says so
        into.write(piece)
        await into.drain()


async def _close(into: asyncio.StreamWriter) -> None:
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        into.close()
        await into.wait_closed()


async def _without_newer_settings(script: asyncio.StreamReader) -> AsyncIterator[bytes]:
    head = b""
    while len(head) < _PREAMBLE and (piece := await script.read(PIECE)):
        head += piece
    yield head.replace(_UNKNOWN_BEFORE_17, b"", 1)
    while piece := await script.read(PIECE):
        yield piece


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    if process.stdout is not None:
        await process.stdout.read()
    await process.wait()


def _check(program: str, code: int) -> None:
    if code != 0:
        raise Misconfigured(f"{program} failed with exit code {code}; nothing was changed")


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")
