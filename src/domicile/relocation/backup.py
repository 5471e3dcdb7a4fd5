"""A backup of a site or of the hub: PostgreSQL's own dump and the files, sealed under its key; and taking one back.

A backup stays in its country: it is written beside the site's media unless the operator forces another place and says
why. What is restored does not serve before it has asked: a site asks the hub, the hub asks the sites.

Rows and files come back together. The files are unpacked beside the old ones; the transaction that replaces the rows
also notes that it has; only then the files change places, and the asking begins. A crash before that transaction
leaves everything as it was; after it, `finish` at the next start completes what is missing.
"""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from domicile.database import Database
from domicile.errors import InvalidInput, Misconfigured
from domicile.placement.sealed_stream import open_stream, seal_stream
from domicile.relocation.asking import Asked
from domicile.relocation.dump import Dumps
from domicile.relocation.kept import Kept
from domicile.relocation.packing import pack_files, put_in_place, restored_beside, unpack_files

DATABASE, FILES, MANIFEST = "database.sealed", "files.sealed", "manifest.json"
ELSEWHERE = "elsewhere"
"""A folder of notes about backups in other places, beside those that lie here."""
_RESTORED = "SELECT value FROM setting WHERE key = 'restored'"
# That it has asked stays: whoever was restored as it was when nobody lived there has not lost its database.
_ASKED = (
    "WITH done AS (DELETE FROM setting WHERE key = 'restored') INSERT INTO setting (key, value) VALUES ('asked', %s)"
    " ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value"
)


class Manifest(msgspec.Struct, frozen=True):
    """What lies beside a backup, in clear: nothing personal. `forced` is why it lies outside its country's path.

    `site` may be `hub`. `revision`: of the tables. `server`: PostgreSQL's version, like 180006.
    """

    site: str
    key: str
    taken_at: datetime
    members: int
    sizes: dict[str, int]
    sha256: dict[str, str]
    forced: str = ""
    revision: str = ""
    server: int = 0


class Noted(msgspec.Struct, frozen=True):
    """What the database itself says after its rows were replaced, until everything else is done."""

    taken_at: datetime
    members: int


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back, and what the asking found."""

    taken_at: datetime
    members: int
    asked: Asked

    @property
    def erased(self) -> int:
        return self.asked.erased

    @property
    def lost(self) -> int:
        return self.asked.lost


@dataclass(frozen=True, repr=False)
class Backups:
    """Backups of one database. `upgrade` brings older tables to this version; `ask` must come before serving.

    `carry` gives statements for what a restore must not take back, run in its transaction.
    """

    kept: Kept
    dumps: Dumps
    upgrade: Callable[[], None]
    ask: Callable[[], Awaitable[Asked]]
    carry: Callable[[], Awaitable[str]]

    @property
    def folder(self) -> Path:
        """Where they lie, in their country."""
        return self.kept.folder

    async def back_up(self, now: datetime, to: Path | None = None, reason: str = "") -> tuple[Path, Manifest]:
        """Write a backup into a new folder, which is whole or absent. Raises InvalidInput for a place elsewhere."""
        kept = self.kept
        if to is not None and not _lies_in(to, kept.country_path) and not reason:
            raise InvalidInput(
                f"{to} is outside {kept.country_path}, where the data of {kept.name} stays in its country;"
                " give a reason to write it there all the same"
            )
        if await kept.database.run(_RESTORED):
            raise Misconfigured(f"{kept.name} was restored and has not asked yet; start it once before you back it up")
        whole = (to or kept.folder) / f"{kept.name}-{now:%Y%m%dT%H%M%S.%fZ}"
        draft = whole.with_name(f".{whole.name}.part")
        draft.mkdir(parents=True, mode=0o700)
        try:
            sizes = {DATABASE: await self._seal(draft / DATABASE, self.dumps.dump(*kept.options))}
            if kept.media is not None:
                sizes[FILES] = await self._seal(draft / FILES, pack_files(kept.media))
            manifest = await self._describe(draft, now, sizes, reason)
            (draft / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
            if whole.parent != kept.folder:
                self._note_elsewhere(whole, manifest)
            draft.rename(whole)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        return whole, manifest

    async def restore(self, folder: Path) -> Restored:
        """Put a backup in the place of rows and files, and ask. Nobody may be served meanwhile.

        Until its rows are committed, anything that fails leaves everything as it was; what fails afterwards is tried
        again by `finish`, at the next start.
        """
        kept = self.kept
        manifest = await asyncio.to_thread(self._check, folder)
        if manifest.revision > (here := await self._revision()):
            raise Misconfigured(
                f"{folder} has tables of revision {manifest.revision}; those here are at {here}. Restore it with the"
                " version that made it, or migrate first"
            )
        await self._refuse_if_in_use()
        if kept.media is not None:
            await asyncio.to_thread(unpack_files, folder / FILES, kept.key, kept.media)
        try:
            then = f"{await self.carry()}{_note(manifest)}"
            with (folder / DATABASE).open("rb") as sealed:
                await self.dumps.replace(open_stream(sealed, kept.key), then)
        except BaseException:
            await self._drop_waiting_files()
            raise
        await asyncio.to_thread(self.upgrade)
        restored = await self.finish()
        assert restored is not None
        return restored

    async def is_unfinished(self) -> bool:
        """Whether rows were replaced, and the rest has not been done."""
        return bool(await self.kept.database.run(_RESTORED))

    async def finish(self) -> Restored | None:
        """Complete a restore whose rows are there; undo one whose rows are not. None if there was none, or none now."""
        rows = await self.kept.database.run(_RESTORED)
        if not rows:
            await self._drop_waiting_files()
            return None
        noted = msgspec.json.decode(rows[0].value, type=Noted)
        if self.kept.media is not None:
            await asyncio.to_thread(put_in_place, self.kept.media)
        asked = await self.ask()
        await self.kept.database.run(_ASKED, (noted.taken_at.isoformat(),))
        return Restored(noted.taken_at, noted.members, asked)

    async def _drop_waiting_files(self) -> None:
        if self.kept.media is not None and not await self.is_unfinished():
            await asyncio.to_thread(shutil.rmtree, restored_beside(self.kept.media), ignore_errors=True)

    async def _describe(self, draft: Path, now: datetime, sizes: dict[str, int], reason: str) -> Manifest:
        kept = self.kept
        members = (await kept.database.run(kept.count))[0].n
        digests = {name: await asyncio.to_thread(_digest, draft / name) for name in sizes}
        version = (await kept.database.run("SELECT current_setting('server_version_num')::int AS n"))[0].n
        revision = await self._revision()
        return Manifest(kept.name, kept.key.name, now, members, sizes, digests, reason, revision, version)

    async def _revision(self) -> str:
        """The revision of the tables here; nothing for an app that does not number them."""
        database = Database(f"{self.kept.name} owner", self.dumps.owner, size=1)
        await database.open()
        try:
            if not (await database.run("SELECT to_regclass('public.alembic_version') AS found"))[0].found:
                return ""
            return str((await database.run("SELECT version_num FROM alembic_version"))[0].version_num)
        finally:
            await database.close()

    def _note_elsewhere(self, whole: Path, manifest: Manifest) -> None:
        """Before the backup is there, so that none is ever forgotten."""
        notes = self.kept.folder / ELSEWHERE
        notes.mkdir(mode=0o700, parents=True, exist_ok=True)
        note = {"folder": str(whole.absolute()), "manifest": manifest}
        (notes / f"{whole.name}.json").write_bytes(msgspec.json.encode(note))

    async def _seal(self, file: Path, source: AsyncIterator[bytes]) -> int:
        with file.open("xb") as out:
            return await seal_stream(source, out, self.kept.key)

    def _check(self, folder: Path) -> Manifest:
        kept = self.kept
        try:
            manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
        except (OSError, msgspec.MsgspecError) as error:
            raise InvalidInput(f"{folder} is no backup of ours") from error
        if manifest.site != kept.name:
            raise InvalidInput(f"{folder} is a backup of {manifest.site} and not of {kept.name}")
        if manifest.key != kept.key.name:
            raise Misconfigured(
                f"{folder} was sealed under the key {manifest.key}; {kept.name} has {kept.key.name}. Put that key's"
                " file in its place; without it nobody can open this backup, and nothing can repair that"
            )
        wanted = {DATABASE, FILES} if kept.media is not None else {DATABASE}
        for name in wanted | manifest.sha256.keys():
            if not (folder / name).is_file() or _digest(folder / name) != manifest.sha256.get(name):
                raise InvalidInput(f"{folder / name} is missing or was changed")
        return manifest

    async def _refuse_if_in_use(self) -> None:
        rows = await self.kept.database.run(
            "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND application_name <> ''"
            " AND split_part(application_name, ' ', 2) <> split_part(current_setting('application_name'), ' ', 2)"
        )
        if rows[0].n:
            raise Misconfigured(f"{self.kept.name} is in use by {rows[0].n} connections; stop what serves it first")


def _note(manifest: Manifest) -> str:
    """The statement that says, in the transaction of the rows, that they are there."""
    text = msgspec.json.encode(Noted(manifest.taken_at, manifest.members)).decode()
    return (
        f"INSERT INTO public.setting (key, value) VALUES ('restored', '{text}')"
        " ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value"
    )


def _lies_in(place: Path, folder: Path) -> bool:
    return place.resolve().is_relative_to(folder.resolve())


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
