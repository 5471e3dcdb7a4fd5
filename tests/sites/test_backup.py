"""A site is backed up, lost and restored; what has happened meanwhile is not undone by it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domicile.audit.residency import audit
from domicile.errors import DomicileError, InvalidInput, Unavailable
from domicile.ids import MemberId, SiteName
from domicile.network.posts import Draft
from domicile.placement.files import list_files
from domicile.placement.sealed_stream import open_stream, seal_stream
from domicile.placement.sealing import BrokenSeal
from domicile.relocation.backup import DATABASE, Backups
from domicile.running import Domicile
from network_at import make_member, network_at
from pictures import picture

GERMANY, RUSSIA = SiteName("de-1"), SiteName("ru-1")


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
    backups = backed.backups(GERMANY)
    folder, manifest = await backups.back_up(backed.clock())
    assert manifest.members >= 3

    await backed.posts.write(stays, Draft(text="written after the backup"))
    joined = await make_member(backed, "DE")
    assert (await backed.coordinator.relocate([leaves], GERMANY, RUSSIA, "a test")).members == [leaves]
    await backed.erasure.erase(erased)

    found = await backups.restore(folder)

    assert (found.members, found.erased, found.lost) == (manifest.members, 2, 1)
    assert await texts(backed, stays) == ["kept"]
    content, _ = await backed.media.fetch(stays, shown.digest, at=GERMANY)
    assert content.startswith(b"\x89PNG")
    assert (await backed.router.home_of(leaves, ask_hub=True)).site == RUSSIA
    await backed.posts.write(stays, Draft(text="and it goes on"))
    await backed.tick()
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


async def test_a_changed_backup_or_one_of_another_site_changes_nothing(backed: Domicile) -> None:
    member = await make_member(backed, "DE")
    folder, _ = await backed.backups(GERMANY).back_up(backed.clock())
    with pytest.raises(InvalidInput, match="a backup of de-1"):
        await backed.backups(RUSSIA).restore(folder)
    sealed = folder / DATABASE
    content = bytearray(sealed.read_bytes())
    content[len(content) // 2] ^= 1
    sealed.write_bytes(content)
    with pytest.raises(InvalidInput, match="was changed"):
        await backed.backups(GERMANY).restore(folder)
    (folder / "manifest.json").write_bytes(b"{}")
    with pytest.raises(InvalidInput, match="no backup of ours"):
        await backed.backups(GERMANY).restore(folder)
    await backed.posts.write(member, Draft(text="still here"))


async def test_a_dump_that_breaks_off_leaves_the_site_as_it_was(
    backed: Domicile, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = await make_member(backed, "DE")
    backups = backed.backups(GERMANY)
    folder, _ = await backups.back_up(backed.clock())
    await backed.posts.write(member, Draft(text="after the backup"))
    sealed = folder / DATABASE
    sealed.write_bytes(sealed.read_bytes()[:-5])
    monkeypatch.setattr(Backups, "_check", lambda self, folder: None)
    with pytest.raises(DomicileError):
        await backups.restore(folder)
    assert await texts(backed, member) == ["after the backup"]


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
