"""A site's backup: PostgreSQL's own dump and the files, sealed under the site's key; and taking one back.

A backup stays in its country: it is written beside the site's media unless the operator forces another place and says
why. What is restored does not serve until the hub was asked: who has moved on or was erased since then goes again, and
who joined since then is reported as lost.
"""

import asyncio
import contextlib
import hashlib
import io
import shutil
import tarfile
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from domicile.database import Row, array, conninfo_to_dict
from domicile.errors import DomicileError, InvalidInput, Misconfigured
from domicile.ids import Country, MemberId, SiteName, country_of_site
from domicile.placement.directory import Directory, Home
from domicile.placement.files import erase_files
from domicile.placement.ownership import Ownership
from domicile.placement.pgbinaries import ENVIRONMENT, Binaries
from domicile.placement.sealed_stream import open_stream, seal_stream
from domicile.placement.sites import Site
from domicile.relocation.residue import Keeper, Stayed
from domicile.relocation.rows import erase_rows

DATABASE, FILES, MANIFEST = "database.sealed", "files.sealed", "manifest.json"
ELSEWHERE = "elsewhere"
"""A folder of notes about backups in other places, beside those that lie here."""
BATCH = 5_000
WHOLE = ("pending", "home", "leaving")
"""The states in which a site holds all of a member: of who was arriving when the backup was taken, it holds a part."""
_PIECE = 1 << 18


class Manifest(msgspec.Struct, frozen=True):
    """What lies beside a backup, in clear: nothing personal. `forced` is why it lies outside its country's path."""

    site: SiteName
    key: str
    taken_at: datetime
    members: int
    sizes: dict[str, int]
    sha256: dict[str, str]
    forced: str = ""


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back. `erased`: members who live elsewhere or were erased since; `lost`: who joined since."""

    taken_at: datetime
    members: int
    erased: int
    lost: int


@dataclass(frozen=True, repr=False)
class Backups:
    """Backups of one site. `owner` is the connection string of the role that owns its tables."""

    site: Site
    owner: str
    binaries: Binaries
    ownership: Ownership
    directory: Directory
    keeper: Keeper

    @property
    def folder(self) -> Path:
        """Where this site's backups lie: beside its media, in its country."""
        return backups_folder(self.site)

    async def back_up(self, now: datetime, to: Path | None = None, reason: str = "") -> tuple[Path, Manifest]:
        """Write a backup into a new folder, which is whole or absent. Raises InvalidInput for a place elsewhere."""
        if to is not None and not _lies_in(to, self.site.media.parent) and not reason:
            raise InvalidInput(
                f"{to} is outside {self.site.media.parent}, where the data of {self.site.name} stays in its country;"
                " give a reason to write it there all the same"
            )
        whole = (to or self.folder) / f"{self.site.name}-{now:%Y%m%dT%H%M%S.%fZ}"
        draft = whole.with_name(f".{whole.name}.part")
        draft.mkdir(parents=True, mode=0o700)
        try:
            sizes = {
                DATABASE: await self._seal(draft / DATABASE, self._dump()),
                FILES: await self._seal(draft / FILES, self._pack()),
            }
            members = (await self.site.auditor.run("SELECT count(*) AS n FROM resident WHERE state = 'home'"))[0].n
            digests = {name: await asyncio.to_thread(_digest, draft / name) for name in sizes}
            manifest = Manifest(self.site.name, self.site.key.name, now, members, sizes, digests, reason)
            (draft / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
            if whole.parent != self.folder:
                self._note(whole, manifest)
            draft.rename(whole)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        return whole, manifest

    async def restore(self, folder: Path) -> Restored:
        """Put a backup in the place of the site's rows and files, and ask the hub about everybody in it.

        One transaction: if anything fails, the site is as it was. Nobody may be served meanwhile.
        """
        manifest = await asyncio.to_thread(self._check, folder)
        await self._refuse_if_in_use()
        erasures = await self._read_erasures()
        with (folder / DATABASE).open("rb") as sealed:
            await self._load(open_stream(sealed, self.site.key))
        await self._unpack(folder / FILES)
        await self._write_erasures(erasures)
        erased = await self._ask_the_hub({MemberId(row.member_id) for row in erasures})
        lost = await self._count_lost()
        return Restored(manifest.taken_at, manifest.members, erased, lost)

    def _note(self, whole: Path, manifest: Manifest) -> None:
        """Before the backup is there, so that none is ever forgotten."""
        notes = self.folder / ELSEWHERE
        notes.mkdir(mode=0o700, parents=True, exist_ok=True)
        note = {"folder": str(whole.absolute()), "manifest": manifest}
        (notes / f"{whole.name}.json").write_bytes(msgspec.json.encode(note))

    async def _seal(self, file: Path, source: AsyncIterator[bytes]) -> int:
        with file.open("xb") as out:
            return await seal_stream(source, out, self.site.key)

    async def _dump(self) -> AsyncIterator[bytes]:
        """pg_dump's custom format, as it comes: never on a disk in clear. Copies of other sites' members stay out."""
        options = ("--format=custom", "--exclude-table-data=public.kept_copy")
        process = await self._run("pg_dump", *options, stdin=asyncio.subprocess.DEVNULL)
        assert process.stdout is not None
        while piece := await process.stdout.read(_PIECE):
            yield piece
        await _ended(process, "pg_dump")

    async def _load(self, source: AsyncIterator[bytes]) -> None:
        process = await self._run(
            "pg_restore",
            *("--clean", "--if-exists", "--single-transaction", "--exit-on-error", "--no-owner"),
            stdin=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        try:
            async for piece in source:
                process.stdin.write(piece)
                await process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            pass  # it ended early: its exit says why
        except BaseException:
            process.kill()  # a broken seal: the transaction is not committed
            await process.wait()
            raise
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            process.stdin.close()
        await _ended(process, "pg_restore")

    async def _run(self, program: str, *options: str, stdin: int) -> asyncio.subprocess.Process:
        login = conninfo_to_dict(self.owner)
        password = {"PGPASSWORD": str(login.pop("password", ""))}  # in the environment: no other user can read it there
        words = " ".join(f"{name}='{_escaped(str(value))}'" for name, value in login.items())
        return await asyncio.create_subprocess_exec(
            self.binaries.program(program),
            *options,
            f"--dbname={words}",
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # it may quote rows (rule 10)
            env=ENVIRONMENT | password,
        )

    async def _pack(self) -> AsyncIterator[bytes]:
        """The media store as a tar stream, file by file."""
        root = self.site.media
        for file in sorted(await asyncio.to_thread(lambda: [f for f in root.rglob("*") if f.is_file()])):
            with contextlib.suppress(FileNotFoundError):  # erased meanwhile
                content = await asyncio.to_thread(file.read_bytes)
                head = tarfile.TarInfo(str(file.relative_to(root)))
                head.size = len(content)
                yield head.tobuf() + content + bytes(-len(content) % tarfile.BLOCKSIZE)
        yield bytes(2 * tarfile.BLOCKSIZE)

    async def _unpack(self, file: Path) -> None:
        """Into a new store beside the old one, which it then replaces."""
        fresh = self.site.media.with_name(f".{self.site.media.name}.restored")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700, parents=True)
        packed = io.BytesIO()
        with file.open("rb") as sealed:
            async for piece in open_stream(sealed, self.site.key):
                packed.write(piece)
        packed.seek(0)
        with tarfile.open(fileobj=packed) as tar:
            await asyncio.to_thread(tar.extractall, fresh, filter="data")
        shutil.rmtree(self.site.media, ignore_errors=True)
        fresh.rename(self.site.media)

    def _check(self, folder: Path) -> Manifest:
        try:
            manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
        except (OSError, msgspec.MsgspecError) as error:
            raise InvalidInput(f"{folder} is no backup of ours") from error
        if manifest.site != self.site.name:
            raise InvalidInput(f"{folder} is a backup of {manifest.site} and not of {self.site.name}")
        if manifest.key != self.site.key.name:
            raise Misconfigured(f"{folder} was sealed under the key {manifest.key}; this site has {self.site.key.name}")
        for name, digest in manifest.sha256.items():
            if not (folder / name).is_file() or _digest(folder / name) != digest:
                raise InvalidInput(f"{folder / name} is missing or was changed")
        return manifest

    async def _refuse_if_in_use(self) -> None:
        rows = await self.site.importer.run(
            "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND application_name <> current_setting('application_name')"
        )
        if rows[0].n:
            raise Misconfigured(f"{self.site.name} is in use by {rows[0].n} connections; stop what serves it first")

    async def _read_erasures(self) -> list[Row]:
        """The receipts of everybody who was erased here, if the site still has them: the hub may not know yet."""
        with contextlib.suppress(DomicileError):
            return await self.site.importer.run("SELECT * FROM erasure")
        return []

    async def _write_erasures(self, rows: list[Row]) -> None:
        async with self.site.importer.transaction() as session:
            await session.execute_many(
                "INSERT INTO erasure (member_id, state, erased_at, rows_erased, files, entry)"
                " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                [(r.member_id, r.state, r.erased_at, r.rows_erased, r.files, r.entry) for r in rows],
            )

    async def _ask_the_hub(self, erased: Collection[MemberId]) -> int:
        """Whoever the hub knows elsewhere or erased is erased here again, and who never arrived whole; how many.

        Somebody who has left since and come back is at home here: as they were, under the epoch that the hub has.
        """
        gone: dict[MemberId, Country | None] = {}
        unfinished: list[MemberId] = []
        returned: dict[MemberId, int] = {}
        async for row, home in self._compare():
            member = MemberId(row.member_id)
            here = home is not None and home.site == self.site.name and home.epoch >= row.epoch
            if row.state not in WHOLE or (row.state == "pending" and home is None):
                unfinished.append(member)
            elif not here or member in erased:
                gone[member] = country_of_site(home.site) if home and not here else None
            elif home is not None and home.epoch > row.epoch:
                returned[member] = home.epoch
        for start in range(0, len(unfinished), BATCH):
            await self._forget(unfinished[start : start + BATCH])
        for to in dict.fromkeys(gone.values()):
            members = [member for member, country in gone.items() if country == to]
            for start in range(0, len(members), BATCH):
                await self._forget(members[start : start + BATCH], to, keep=True)
        await self.site.importer.run(
            "UPDATE resident r SET state = 'home', epoch = a.epoch FROM unnest(%s::bigint[], %s::int[])"
            " AS a (member_id, epoch) WHERE r.member_id = a.member_id",
            (array(returned), array(returned.values())),
        )
        await self.site.importer.run(
            "UPDATE resident SET state = 'home', tracked = false WHERE state = 'leaving' OR tracked"
        )
        await self.site.importer.run("DELETE FROM changed")
        await self.site.importer.run("DELETE FROM relocation")
        return len(gone) + len(unfinished)

    async def _compare(self) -> AsyncIterator[tuple[Row, Home | None]]:
        """Every resident of the backup, and where the hub knows them now."""
        after = 0
        while rows := await self.site.importer.run(
            "SELECT member_id, state, epoch FROM resident WHERE member_id > %s ORDER BY member_id LIMIT %s",
            (after, BATCH),
        ):
            homes = await self.directory.homes([MemberId(row.member_id) for row in rows])
            for row in rows:
                yield row, homes.get(MemberId(row.member_id))
            after = rows[-1].member_id

    async def _forget(self, members: list[MemberId], to: Country | None = None, *, keep: bool = False) -> None:
        """`keep`: they moved `to` a country, or were erased, since the backup, and what must stay of them does."""
        async with self.site.importer.transaction() as session:
            stayed = await self.keeper.leave(session, self.site, members, to) if keep else Stayed()
            await erase_rows(session, self.ownership, members)
            await session.execute("DELETE FROM resident WHERE member_id = ANY (%s)", (members,))
            await self.keeper.note_left(session, stayed, "restored", None)
        await asyncio.to_thread(erase_files, self.site.media, members)

    async def _count_lost(self) -> int:
        """Members whom the hub knows to live here and of whom the backup holds nothing."""
        known: list[Any] = await self.directory.database.run(
            "SELECT member_id FROM home WHERE site = %s", (self.site.name,)
        )
        here = {row.member_id for row in await self.site.importer.run("SELECT member_id FROM resident")}
        return sum(row.member_id not in here for row in known)


def backups_folder(site: Site) -> Path:
    """Where a site's backups lie: beside its media, in its country."""
    return site.media.parent / f"{site.name}-backups"


async def _ended(process: asyncio.subprocess.Process, program: str) -> None:
    if process.stdout is not None:
        await process.stdout.read()
    if await process.wait() != 0:
        raise Misconfigured(f"{program} failed with exit code {process.returncode}; nothing was changed")


def _lies_in(place: Path, folder: Path) -> bool:
    return place.resolve().is_relative_to(folder.resolve())


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")
