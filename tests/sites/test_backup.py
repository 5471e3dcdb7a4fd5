"""A site is backed up, lost and restored; what has happened meanwhile is not undone by it."""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as replace_struct

from domicile.audit.residency import audit
from domicile.config import Embedded, load_config
from domicile.errors import InvalidInput, Misconfigured, Unavailable
from domicile.ids import MemberId, SiteName
from domicile.network.posts import Draft
from domicile.placement.embedded import discard
from domicile.placement.files import list_files
from domicile.placement.sealed_stream import open_stream, seal_stream
from domicile.placement.sealing import BrokenSeal, load_site_key
from domicile.relocation.backup import DATABASE, FILES, Backups
from domicile.relocation.dump import Dumps
from domicile.relocation.packing import restored_beside
from domicile.running import Domicile
from domicile.wiring import open_domicile
from network_at import make_member, network_at
from pictures import picture

GERMANY, RUSSIA = SiteName("de-1"), SiteName("ru-1")
OLDER = Path("/usr/lib/postgresql/15/bin")
OTHER_POSTGRESQL = OLDER if OLDER.is_dir() and "DOMICILE_EMBEDDED__BINDIR" not in os.environ else None
OTHER_PROCESS = """
import sys, time, psycopg
connection = psycopg.connect(sys.argv[1], application_name="domicile 1")
print("connected", flush=True)
time.sleep(60)
"""


@pytest.fixture(scope="module")
async def backed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Domicile]:
    """A network of its own for these tests: a site of it is replaced again and again."""
    async with network_at(tmp_path_factory.mktemp("backed") / "data", sites="de,ru") as running:
        yield running


async def texts(domicile: Domicile, member: MemberId) -> list[str]:
    query = "SELECT source FROM post WHERE author_id = %(author)s ORDER BY post_id"
    return [row.source for row in await domicile.router.rows(member, query, {"author": member})]


async def test_a_restored_site_has_its_members_again_and_not_those_who_left_or_were_erased(backed: Domicile) -> None:
    stays, leaves, erased = [await make_member(backed, "DE") for _ in range(3)]
    await backed.posts.write(stays, Draft(text="kept"))
    shown = await backed.media.upload(stays, picture(10), "a picture")
    await backed.media.upload(erased, picture(11), "a picture of somebody who will be gone")
    backups = backed.backups(GERMANY)
    folder, manifest = await backups.back_up(backed.clock())
    assert manifest.members >= 3

    await backed.posts.write(stays, Draft(text="written after the backup"))
    joined = await make_member(backed, "DE")
    assert (await backed.coordinator.relocate([leaves], GERMANY, RUSSIA, "a test")).members == [leaves]
    await backed.erasure.erase(erased)

    found = await backups.restore(folder)

    assert (found.members, found.asked.erased, found.asked.lost) == (manifest.members, 2, 1)
    assert not list_files(backed.sites[GERMANY].media, [erased, leaves])
    assert await texts(backed, stays) == ["kept"]
    content, _ = await backed.media.fetch(stays, shown.digest, at=GERMANY)
    assert content.startswith(b"\x89PNG")
    assert (await backed.router.home_of(leaves, ask_hub=True)).site == RUSSIA
    await backed.posts.write(stays, Draft(text="and it goes on"))
    await backed.tick()
    assert (await backed.erasure.receipt(erased)).open == (), "the receipt of an erasure outlives a restore"
    report = await audit(backed.sites, backed.hub, backed.clock())
    assert {violation.kind for violation in report.violations} == {"directory"}, "only who joined since is missing"
    assert [violation.sample_ids for violation in report.violations] == [(joined,)]
    await backed.directory.release(joined)


async def test_files_of_those_who_left_or_were_erased_do_not_come_back(backed: Domicile) -> None:
    stays, leaves, erased = members = [await make_member(backed, "DE") for _ in range(3)]
    for member in members:
        await backed.media.upload(member, picture(20), "a picture")
    folder, _ = await backed.backups(GERMANY).back_up(backed.clock())
    await backed.coordinator.relocate([leaves], GERMANY, RUSSIA, "a test")
    await backed.erasure.erase(erased)
    await backed.backups(GERMANY).restore(folder)
    assert {member for member, _ in list_files(backed.sites[GERMANY].media, members)} == {stays}
    assert (await backed.erasure.receipt(erased)).files == 1, "the receipt is kept"
    report = await audit(backed.sites, backed.hub, backed.clock())
    assert report.ok, report.violations


async def test_who_left_and_came_back_is_as_they_were(backed: Domicile) -> None:
    member = await make_member(backed, "DE")
    await backed.posts.write(member, Draft(text="before the backup"))
    folder, _ = await backed.backups(GERMANY).back_up(backed.clock())
    await backed.posts.write(member, Draft(text="after the backup"))
    for source, target in ((GERMANY, RUSSIA), (RUSSIA, GERMANY)):
        assert (await backed.coordinator.relocate([member], source, target, "a test")).members == [member]
    found = await backed.backups(GERMANY).restore(folder)
    assert (found.erased, found.lost) == (0, 0)
    assert await texts(backed, member) == ["before the backup"]
    await backed.posts.write(member, Draft(text="and it goes on"))
    report = await audit(backed.sites, backed.hub, backed.clock())
    assert report.ok, report.violations


async def test_who_was_arriving_when_the_backup_was_taken_is_lost_and_not_half_there(backed: Domicile) -> None:
    member = await make_member(backed, "RU")
    await backed.posts.write(member, Draft(text="before the backup"))
    folders = []

    async def at(step: str) -> None:
        if step == "target begun":
            folders.append((await backed.backups(GERMANY).back_up(backed.clock()))[0])

    backed.coordinator.on_step, usual = at, backed.coordinator.on_step
    try:
        assert (await backed.coordinator.relocate([member], RUSSIA, GERMANY, "a test")).members == [member]
    finally:
        backed.coordinator.on_step = usual
    found = await backed.backups(GERMANY).restore(folders[0])
    assert (found.erased, found.lost) == (1, 1)
    with pytest.raises(Unavailable):
        await texts(backed, member)
    await backed.directory.release(member)


async def test_an_erasure_that_the_hub_has_yet_to_hear_of_outlives_a_restore(
    backed: Domicile, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = await make_member(backed, "DE")
    folder, _ = await backed.backups(GERMANY).back_up(backed.clock())

    async def no_answer(*_: object) -> None:
        raise Unavailable("the hub does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(backed.directory, "release", no_answer)
        with pytest.raises(Unavailable):
            await backed.erasure.erase(member)
    assert (await backed.backups(GERMANY).restore(folder)).erased == 1
    await backed.tick()
    assert await backed.directory.homes([member]) == {}


async def test_a_backup_is_sealed_and_stays_in_its_country_unless_a_reason_is_recorded(
    backed: Domicile, tmp_path: Path
) -> None:
    canary = await make_member(backed, "DE", handle="canary_in_the_dump", email="canary@example.org")
    await backed.posts.write(canary, Draft(text="canary words"))
    backups = backed.backups(GERMANY)
    elsewhere = tmp_path / "elsewhere"
    with pytest.raises(InvalidInput, match="stays in its country"):
        await backups.back_up(backed.clock(), elsewhere)
    assert not elsewhere.exists()
    folder, manifest = await backups.back_up(backed.clock(), elsewhere, "a court's order, case 12")
    assert manifest.forced == "a court's order, case 12"
    for file in folder.iterdir():
        assert b"canary" not in file.read_bytes()
        assert str(canary).encode() not in file.read_bytes()


@dataclass
class Lasting:
    """What a site holds, rows and files, by which it can be told whether a failed restore has changed it."""

    domicile: Domicile
    member: MemberId
    digest: str

    @classmethod
    async def make(cls, domicile: Domicile) -> tuple["Lasting", Path]:
        """Somebody with a post and a picture that came after the backup, and the backup."""
        member = await make_member(domicile, "DE")
        folder, _ = await domicile.backups(GERMANY).back_up(domicile.clock())
        await domicile.posts.write(member, Draft(text="after the backup"))
        return cls(domicile, member, (await domicile.media.upload(member, picture(12), "a picture")).digest), folder

    async def check(self) -> None:
        assert await texts(self.domicile, self.member) == ["after the backup"]
        content, _ = await self.domicile.media.fetch(self.member, self.digest, at=GERMANY)
        assert content.startswith(b"\x89PNG")
        assert not restored_beside(self.domicile.sites[GERMANY].media).exists()


async def test_a_changed_backup_or_one_of_another_site_changes_nothing(backed: Domicile, tmp_path: Path) -> None:
    lasting, folder = await Lasting.make(backed)
    backups = backed.backups(GERMANY)
    with pytest.raises(InvalidInput, match="a backup of de-1"):
        await backed.backups(RUSSIA).restore(folder)
    other_key = replace(backups, kept=replace(backups.kept, key=load_site_key(tmp_path / "another.key")))
    with pytest.raises(Misconfigured, match="nothing can repair that"):
        await other_key.restore(folder)
    for name in (DATABASE, FILES):
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (tmp_path / name).write_bytes(content)
        broken = tmp_path / f"broken {name}"
        shutil.copytree(folder, broken)
        shutil.copy(tmp_path / name, broken / name)
        with pytest.raises(InvalidInput, match="was changed"):
            await backups.restore(broken)
    (folder / "manifest.json").write_bytes(b"{}")
    with pytest.raises(InvalidInput, match="no backup of ours"):
        await backups.restore(folder)
    await lasting.check()


@pytest.mark.parametrize("name", [DATABASE, FILES])
async def test_a_stream_that_breaks_off_leaves_the_site_as_it_was(
    backed: Domicile, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    lasting, folder = await Lasting.make(backed)
    manifest = Backups._check(backed.backups(GERMANY), folder)
    (folder / name).write_bytes((folder / name).read_bytes()[:-5])
    monkeypatch.setattr(Backups, "_check", lambda self, folder: manifest)
    with pytest.raises(BrokenSeal):
        await backed.backups(GERMANY).restore(folder)
    await lasting.check()


async def test_a_site_in_use_is_not_replaced(backed: Domicile) -> None:
    lasting, folder = await Lasting.make(backed)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", OTHER_PROCESS, backed.sites[GERMANY].app.conninfo), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    await process.stdout.readline()
    try:
        with pytest.raises(Misconfigured, match="in use by 1 connection"):
            await backed.backups(GERMANY).restore(folder)
    finally:
        process.kill()
        await process.wait()
    await lasting.check()


async def test_a_restore_that_is_cut_off_is_undone_or_completed(backed: Domicile) -> None:
    """Before the transaction that replaces the rows nothing has happened; after it, everything will."""
    lasting, _ = await Lasting.make(backed)
    erased = await make_member(backed, "DE")
    later, _ = await backed.backups(GERMANY).back_up(backed.clock())
    await backed.erasure.erase(erased)
    await backed.posts.write(lasting.member, Draft(text="after the second backup"))

    backups = backed.backups(GERMANY)
    with pytest.raises(Cut):
        await replace(backups, dumps=CutBefore(backups.dumps.owner, backups.dumps.binaries)).restore(later)
    assert await backups.finish() is None
    assert len(await texts(backed, lasting.member)) == 2

    with pytest.raises(Cut):
        await replace(backups, ask=cut).restore(later)
    assert await backups.is_unfinished()
    with pytest.raises(Misconfigured, match="restored and has not asked yet"):
        await backed.refuse_unfinished_restores()
    with pytest.raises(Misconfigured, match="has not asked yet"):
        await backups.back_up(backed.clock())
    assert await backed.finish_restores() == [GERMANY]
    await lasting.check()
    assert not await backed.sites[GERMANY].importer.run("SELECT FROM resident WHERE member_id = %s", (erased,))
    assert await backed.finish_restores() == []


class Cut(BaseException):
    """The process ends here."""


class CutBefore(Dumps):
    async def replace(self, archive: Any, then: str) -> None:
        raise Cut


async def cut() -> Any:
    raise Cut


async def test_servers_that_are_lost_come_back_from_their_backups(tmp_path: Path) -> None:
    """Every data folder is gone, and the backups are taken back by another PostgreSQL where this machine has one."""
    config = load_config(data=tmp_path / "data", sites="de,ru")
    before = replace_struct(config, embedded=Embedded(bindir=OTHER_POSTGRESQL))
    try:
        async with open_domicile(before) as domicile:
            member = await make_member(domicile, "DE", password="a long password", email="heron@example.org")
            await domicile.posts.write(member, Draft(text="kept"))
            moved = await make_member(domicile, "DE")
            await domicile.coordinator.relocate([moved], GERMANY, RUSSIA, "a test")
            names = ("hub", GERMANY, RUSSIA)
            folders = {name: (await domicile.backups(name).back_up(domicile.clock()))[0] for name in names}
        shutil.rmtree((config.data / "pg").resolve())
        (config.data / "pg").unlink(missing_ok=True)
        async with open_domicile(config, exclusive=True, collects=False, restoring=True) as domicile:
            for name, folder in folders.items():
                found = await domicile.restore(name, folder)
                assert found.asked.erased == found.asked.lost == found.asked.unknown == 0
        async with open_domicile(config) as domicile:
            assert await domicile.members.check_log_in("heron@example.org", "a long password") == member
            assert await texts(domicile, member) == ["kept"]
            assert (await domicile.router.home_of(moved)).site == RUSSIA
            await domicile.posts.write(member, Draft(text="and it goes on"))
            await domicile.tick()
            report = await audit(domicile.sites, domicile.hub, domicile.clock())
            assert report.ok, report.violations
    finally:
        discard(config.data)


async def test_a_sealed_stream_opens_whole_or_not_at_all(backed: Domicile, tmp_path: Path) -> None:
    key, other = backed.sites[GERMANY].key, backed.sites[RUSSIA].key
    content = [bytes([n % 251]) * 300_000 for n in range(9)]

    async def parts():
        for part in content:
            yield part

    file = tmp_path / "sealed"
    with file.open("wb") as out:
        assert await seal_stream(parts(), out, key) == sum(map(len, content))
    with file.open("rb") as sealed:
        assert b"".join([piece async for piece in open_stream(sealed, key)]) == b"".join(content)
    whole = file.read_bytes()
    for broken in (whole[:-1], whole[: (1 << 20) + 90], whole + b"x", whole[:100] + b"\0" + whole[101:]):
        file.write_bytes(broken)
        with file.open("rb") as sealed, pytest.raises(BrokenSeal):
            [piece async for piece in open_stream(sealed, key)]
    file.write_bytes(whole)
    with file.open("rb") as sealed, pytest.raises(BrokenSeal):
        [piece async for piece in open_stream(sealed, other)]


async def test_a_site_restored_as_it_was_when_nobody_lived_there_serves(tmp_path: Path) -> None:
    async with network_at(tmp_path / "data", sites="de,ru") as domicile:
        folder, _ = await domicile.backups(RUSSIA).back_up(domicile.clock())
        await make_member(domicile, "RU")
        restored = await domicile.backups(RUSSIA).restore(folder)
        assert restored.members == 0
        await domicile.repair()  # not taken for a site whose database was lost: it knows that it holds nobody
        assert await make_member(domicile, "RU")
