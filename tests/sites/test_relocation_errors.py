"""What goes wrong in the middle of a relocation: each a clear error, the batch undone, and the rest goes on."""

import asyncio
import contextlib
import os
import random
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest

from domicile.audit.residency import audit
from domicile.errors import Conflict, DomicileError, NotFound
from domicile.ids import MemberId, SiteName
from domicile.network.posts import Draft
from domicile.network.suspension import Suspended
from domicile.placement.files import keep_file, list_files
from domicile.relocation.messages import VERSION, Shape
from domicile.relocation.moved import Moved
from domicile.relocation.points import BACKWARD, FORWARD
from domicile.running import Domicile
from domicile.transport.exchange import decode, encode
from network_at import MakeMember, superuser
from relocating import AMERICA, GERMANY, RUSSIA, at_steps, count_owned, texts_of


async def relocate(domicile: Domicile, members: Sequence[MemberId], to: SiteName = RUSSIA) -> Moved:
    return await domicile.coordinator.relocate(members, GERMANY, to, "a test")


async def check_at_home(domicile: Domicile, members: Sequence[MemberId], *, there: SiteName = RUSSIA) -> None:
    """They are where they were, as they were: nothing of them is at the site that did not take them."""
    assert await domicile.journal.unfinished() == []
    for member in members:
        home = await domicile.router.home_of(member, ask_hub=True)
        assert (home.site, home.epoch) == (GERMANY, 1)
        assert await count_owned(domicile, there, member) == 0
        assert list_files(domicile.sites[there].media, [member]) == []
        await domicile.posts.write(member, Draft(text="still here"))


@contextlib.asynccontextmanager
async def altered(domicile: Domicile, sites: Sequence[SiteName], do: str, undo: str) -> AsyncIterator[None]:
    """The tables of these sites are otherwise for the block."""
    for site in sites:
        async with superuser(domicile, site) as database:
            await database.run(do)
    try:
        yield
    finally:
        for site in sites:
            async with superuser(domicile, site) as database:
                await database.run(undo)


@pytest.mark.parametrize(
    ("do", "undo", "says"),
    [
        ("ALTER TABLE post ADD mood text", "ALTER TABLE post DROP mood", "ru-1 alone has post: mood text"),
        ("ALTER TABLE media RENAME TO file", "ALTER TABLE file RENAME TO media", "de-1 alone has media"),
        (
            "ALTER TABLE post ADD CONSTRAINT short CHECK (length(source) < 9000)",
            "ALTER TABLE post DROP CONSTRAINT short",
            "ru-1 alone has post: CHECK",
        ),
    ],
    ids=["a column more", "a table less", "a constraint more"],
)
async def test_two_sites_whose_tables_differ(
    domicile: Domicile, member: MakeMember, do: str, undo: str, says: str
) -> None:
    """As they do while an upgrade rolls from one to the other. Nobody else is tried, until somebody asks again."""
    members = [await member("DE") for _ in range(3)]
    async with altered(domicile, [RUSSIA], do, undo):
        moved = await relocate(domicile, members)
        assert moved.members == [] and moved.batches == 1
        assert all(says in why and "migrate the older site first" in why for why in moved.left.values()), moved.left
        assert await domicile.journal.unfinished() == []
        assert (await relocate(domicile, members[:1], AMERICA)).members == members[:1]
    await check_at_home(domicile, members[1:])
    assert (await relocate(domicile, members[1:])).members == members[1:]


async def test_a_target_that_speaks_an_older_version(domicile: Domicile, member: MakeMember) -> None:
    anna = await member("DE")
    place = (RUSSIA, "relocation.Describe")
    answer = domicile.exchange._handlers[place]

    async def older(body: bytes) -> bytes:
        shape = decode(await answer(body), Shape)
        return encode(Shape(VERSION - 1, shape.tables, shape.probe, shape.public_key))

    domicile.exchange._handlers[place] = older
    try:
        moved = await relocate(domicile, [anna])
    finally:
        domicile.exchange._handlers[place] = answer
    assert f"ru-1 speaks version {VERSION - 1} of relocation" in moved.left[anna]
    assert f"de-1 speaks version {VERSION} of relocation" in moved.left[anna]
    await check_at_home(domicile, [anna])


async def test_a_row_that_breaks_a_constraint_stays_with_its_member_and_the_others_move(
    domicile: Domicile, member: MakeMember
) -> None:
    """A row older than the constraint: `NOT VALID`, it binds only what comes in."""
    members = [await member("DE") for _ in range(5)]
    await domicile.posts.write(members[2], Draft(text="the word that nobody may say"))
    do = "ALTER TABLE post ADD CONSTRAINT decent CHECK (source NOT LIKE '%nobody may say%') NOT VALID"
    async with altered(domicile, [GERMANY, RUSSIA], do, "ALTER TABLE post DROP CONSTRAINT decent"):
        moved = await relocate(domicile, members)
    assert sorted(moved.members) == sorted({*members} - {members[2]})
    assert moved.left == {members[2]: "PostgreSQL 23514 public.post.decent"}
    await check_at_home(domicile, [members[2]])
    report = await audit(domicile.sites, domicile.hub, domicile.clock())
    assert report.ok, report.violations


@contextlib.contextmanager
def small_disk(folder: Path, size: str, owner: int) -> Iterator[None]:
    """A disk of that size in place of a folder, which only root can make."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},uid={owner},mode=0700", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_full_disk_at_the_target(domicile: Domicile, member: MakeMember, tmp_path: Path) -> None:
    """PostgreSQL's own 53100. Nobody else is tried there: whoever lives there needs what room is left."""
    large, small = await member("DE"), await member("DE")
    for number in range(30):
        await domicile.posts.write(large, Draft(text=f"{number} " + random.randbytes(200).hex()))
    cluster = (domicile.config.data / "pg").resolve() / RUSSIA
    folder = cluster.parent / "small-disk"
    folder.mkdir(exist_ok=True)
    owner = cluster.stat().st_uid
    os.chown(folder, owner, -1)
    with small_disk(folder, "200k", owner):
        async with superuser(domicile, RUSSIA) as database:
            await database.run(f"CREATE TABLESPACE small LOCATION '{folder}'")
            await database.run("ALTER TABLE post SET TABLESPACE small")
            await fill(folder, leave=8192)
        try:
            moved = await relocate(domicile, [large])
            assert moved.members == []
            assert moved.left[large].startswith("ru-1 importer has no room left (disk): PostgreSQL 53100")
            await check_at_home(domicile, [large, small])
            assert (await relocate(domicile, [large], AMERICA)).members == [large]
        finally:
            (folder / "filled").unlink(missing_ok=True)
            async with superuser(domicile, RUSSIA) as database:
                await database.run("ALTER TABLE post SET TABLESPACE pg_default")
                await database.run("DROP TABLESPACE small")
    assert (await relocate(domicile, [small])).members == [small]


async def fill(folder: Path, leave: int) -> None:
    """Fill a disk but for some bytes."""
    found = os.statvfs(folder)
    (folder / "filled").write_bytes(bytes(max(found.f_bavail * found.f_frsize - leave, 0)))


async def test_a_full_media_store_at_the_target(domicile: Domicile, member: MakeMember) -> None:
    large, small = await member("DE"), await member("DE")
    keep_file(domicile.sites[GERMANY].media, large, random.randbytes(400_000))
    store = domicile.sites[RUSSIA].media
    store.mkdir(parents=True, exist_ok=True)
    with small_disk(store, "200k", os.geteuid()):
        moved = await relocate(domicile, [large])
        assert moved.left == {large: "the media store of ru-1 has no room left"}
        assert not [*store.rglob("*.part")]
        await check_at_home(domicile, [large])
        assert (await relocate(domicile, [small], AMERICA)).members == [small]
    assert (await relocate(domicile, [large])).members == [large]


async def test_a_member_erased_at_each_step_is_erased_or_told_to_come_back_and_the_others_move(
    domicile: Domicile, member: MakeMember
) -> None:
    """On the way they cannot be erased (they would be, at one side only): the answer says when they can be."""
    for steps, undo in ((FORWARD, False), (("opened", "compared", *BACKWARD), True)):
        members = {step: await member("DE") for step in steps}
        other = await member("DE")
        erased: dict[str, bool] = {}

        async def at(step: str) -> None:
            if step in members and step not in erased:  # noqa: B023
                erased[step] = False  # noqa: B023
                with contextlib.suppress(Conflict, NotFound):
                    await domicile.erasure.erase(members[step])  # noqa: B023
                    erased[step] = True  # noqa: B023
            if undo and step == "compared":  # noqa: B023
                raise DomicileError("the test refuses this batch")

        with at_steps(domicile, at):
            moved = await relocate(domicile, [*members.values(), other])
        assert erased["opened"] and set(erased) == set(steps)
        assert erased[steps[-1]] and not (erased.get("fenced") or erased.get("compared"))
        kept = [members[step] for step, gone in erased.items() if not gone]
        if undo:
            await check_at_home(domicile, [*kept, other])
        else:
            assert {*kept, other} <= {*moved.members}
            assert await texts_of(domicile, other) == []
        for gone in [members[step] for step, is_gone in erased.items() if is_gone]:
            assert [await count_owned(domicile, site, gone) for site in domicile.sites] == [0] * len(domicile.sites)
            with pytest.raises(NotFound):
                await domicile.router.home_of(gone, ask_hub=True)
        report = await audit(domicile.sites, domicile.hub, domicile.clock())
        assert report.ok and await domicile.journal.unfinished() == [], report.violations


async def test_a_member_suspended_at_each_step_is_suspended_once_where_they_then_live(
    domicile: Domicile, member: MakeMember
) -> None:
    """It is a write like any other: on the way it waits, and it arrives, or is undone, with everything else."""
    for steps, undo in ((FORWARD, False), (("opened", "compared", *BACKWARD), True)):
        members = {step: await member("DE") for step in steps}
        other = await member("DE")
        suspending: dict[str, asyncio.Task[object]] = {}

        async def at(step: str) -> None:
            if step in members and step not in suspending:  # noqa: B023
                suspend = domicile.suspensions.suspend(members[step], step)  # noqa: B023
                suspending[step] = asyncio.create_task(suspend)  # noqa: B023
                await asyncio.wait([suspending[step]], timeout=0.02)  # noqa: B023
            if undo and step == "compared":  # noqa: B023
                raise DomicileError("the test refuses this batch")

        with at_steps(domicile, at):
            moved = await relocate(domicile, [*members.values(), other])
        assert set(suspending) == set(steps)
        await asyncio.gather(*suspending.values())
        assert sorted(moved.members) == ([] if undo else sorted([*members.values(), other]))
        here = GERMANY if undo else RUSSIA
        for step, suspended in members.items():
            found = [await domicile.sites[name].app.run(_REASON, (suspended,)) for name in domicile.sites]
            told = {name: [row.reason for row in rows] for name, rows in zip(domicile.sites, found, strict=True)}
            assert told == {name: [step] if name == here else [] for name in domicile.sites}
            with pytest.raises(Suspended):
                await domicile.posts.write(suspended, Draft(text="still here"))
        assert await domicile.suspensions.find(other) is None


_REASON = "SELECT reason FROM suspension WHERE member_id = %s"


async def test_a_member_in_two_batches_is_in_one(domicile: Domicile, member: MakeMember) -> None:
    """Named twice in a call, and called to two places by two coordinators at once."""
    members = [await member("DE") for _ in range(3)]
    to_russia, to_america = await asyncio.gather(
        relocate(domicile, [*members, *members], RUSSIA), relocate(domicile, [*members, *members], AMERICA)
    )
    assert sorted([*to_russia.members, *to_america.members]) == sorted(members)
    for moved in (to_russia, to_america):
        assert set(moved.left.values()) <= {"lives elsewhere, or is on the way already"}
        assert {*moved.members, *moved.left} == {*members}


async def test_somebody_who_is_not_there(domicile: Domicile, member: MakeMember) -> None:
    anna, elsewhere, nobody = await member("DE"), await member("US"), MemberId(12345)
    moved = await relocate(domicile, [nobody, elsewhere, anna])
    assert moved.members == [anna]
    assert moved.left == dict.fromkeys((nobody, elsewhere), "lives elsewhere, or is on the way already")
