"""Files and rows go together: what has lost its other side is found, wherever somebody took it away."""

import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from domicile.audit.report import AuditReport
from domicile.audit.residency import audit
from domicile.errors import InvalidInput
from domicile.ids import MemberId, SiteName, next_snowflake
from domicile.network.media import AVATAR
from domicile.network.profiles import ProfileChange
from domicile.placement.files import file_of, keep_file, list_files
from domicile.placement.sites import new_token
from domicile.running import Domicile
from moving import move_by_hand
from network_at import MakeMember
from pictures import picture

smuggles = pytest.mark.audit_expected_to_fail
GERMANY, RUSSIA = SiteName("de-1"), SiteName("ru-1")


async def found(domicile: Domicile) -> list[tuple[str, str, str | None, int, tuple[int, ...], str]]:
    report = await audited(domicile)
    return [(v.kind, v.site, v.table, v.count, v.sample_ids, v.text) for v in report.violations]


async def audited(domicile: Domicile) -> AuditReport:
    return await audit(domicile.sites, domicile.hub, domicile.clock())


def grow_old(file: Path, hours: int = 2) -> None:
    then = (datetime.now().astimezone() - timedelta(hours=hours)).timestamp()
    os.utime(file, (then, then))


async def test_files_are_counted_and_a_young_one_waits_for_its_row(domicile: Domicile, member: MakeMember) -> None:
    anna, before = await member("DE"), await audited(domicile)
    await domicile.media.upload(anna, picture(200), "red")
    keep_file(domicile.sites[GERMANY].media, anna, b"an upload under way")
    after = await audited(domicile)
    assert after.ok
    assert after.files_checked > before.files_checked + 1


@smuggles
async def test_a_row_whose_file_is_gone_is_found(domicile: Domicile, member: MakeMember) -> None:
    anna = await member("DE")
    shown = await domicile.media.upload(anna, picture(201), "red")
    file = file_of(domicile.sites[GERMANY].media, anna, shown.digest)
    content = file.read_bytes()
    file.unlink()
    wrong = await found(domicile)
    keep_file(domicile.sites[GERMANY].media, anna, content)
    assert wrong == [("no_file", "de-1", "media", 1, (anna,), "1 rows name files that are not there")]
    assert (await audited(domicile)).ok


@smuggles
async def test_a_file_that_no_row_names_is_found_and_so_is_a_draft(domicile: Domicile, member: MakeMember) -> None:
    anna, store = await member("DE"), domicile.sites[GERMANY].media
    await domicile.media.upload(anna, picture(202), "red")
    stray = file_of(store, anna, keep_file(store, anna, b"nobody names me"))
    draft = stray.with_suffix(".77-abcd.part")
    draft.write_bytes(b"nobody nam")
    try:
        grow_old(stray)
        grow_old(draft)
        wrong = await found(domicile)
    finally:
        stray.unlink()
        draft.unlink()
    assert wrong == [
        ("stray_file", "de-1", None, 1, (anna,), "1 drafts of files that never became whole"),
        ("stray_file", "de-1", None, 1, (anna,), "1 files that no row names"),
    ]


@smuggles
async def test_files_of_members_who_live_elsewhere_are_found(domicile: Domicile, member: MakeMember) -> None:
    anna, mover = await member("US"), await member("DE")
    await move_by_hand(domicile, mover, "us-1")
    store = domicile.sites[GERMANY].media
    kept = [file_of(store, who, keep_file(store, who, b"left behind")) for who in (anna, mover)]
    for file in kept:
        grow_old(file)
    wrong = await found(domicile)
    for file in kept:
        file.unlink()
    assert wrong == [
        ("stray_file", "de-1", None, 1, (mover,), "1 files of members who have moved away"),
        ("stray_file", "de-1", None, 1, (anna,), "1 files of nobody who lives here"),
    ]


@smuggles
async def test_what_a_closed_relocation_left_lying_about_is_found(domicile: Domicile, member: MakeMember) -> None:
    anna, site, batch = await member("DE"), domicile.sites[GERMANY], next_snowflake(domicile.clock())
    await site.importer.run(
        "INSERT INTO relocation (batch_id, role, other, state, token, members, began_at)"
        " VALUES (%s, 'source', 'us-1', 'open', %s, %s, now())",
        (batch, new_token(), [anna]),
    )
    await site.importer.run("INSERT INTO changed VALUES (%s, 'post', '{1}'), (%s, 'post', '{2}')", (anna, anna))
    try:
        wrong = await found(domicile)
    finally:
        await site.importer.run("DELETE FROM relocation WHERE batch_id = %s", (batch,))
        await site.importer.run("DELETE FROM changed WHERE member_id = %s", (anna,))
    text = f"batch {batch} is still at work here as source, and the hub knows nothing of it"
    assert wrong == [
        ("leftover", "de-1", "relocation", 1, (anna,), text),
        ("leftover", "de-1", "changed", 2, (anna,), "2 keys noted for members whom nobody copies"),
    ]
    assert (await audited(domicile)).ok


async def test_a_replaced_portrait_is_erased_unless_it_is_named_elsewhere(
    domicile: Domicile, member: MakeMember
) -> None:
    anna, store = await member("DE"), domicile.sites[GERMANY].media
    first, second = [await domicile.media.store_portrait(anna, picture(n), AVATAR) for n in (60, 61)]
    await domicile.profiles.change(anna, ProfileChange(avatar=first, header=first))
    await domicile.profiles.change(anna, ProfileChange(avatar=second))
    assert {digest for _, digest in list_files(store, [anna])} == {first, second}, "the header still names it"
    await domicile.profiles.change(anna, ProfileChange(header=""))
    assert {digest for _, digest in list_files(store, [anna])} == {second}


async def test_a_portrait_whose_file_was_erased_meanwhile_is_not_taken(domicile: Domicile, member: MakeMember) -> None:
    anna = await member("DE")
    digest = await domicile.media.store_portrait(anna, picture(62), AVATAR)
    file_of(domicile.sites[GERMANY].media, anna, digest).unlink()
    with pytest.raises(InvalidInput, match="upload them again"):
        await domicile.profiles.change(anna, ProfileChange(avatar=digest))
    assert (await domicile.profiles.own(anna)).profile.avatar is None


async def test_the_auditor_reads_ids_and_no_content(domicile: Domicile, member: MakeMember) -> None:
    anna, auditor = await member("DE"), domicile.sites[GERMANY].auditor
    for allowed in ("SELECT author_id FROM post", "SELECT jurisdiction FROM claim", "SELECT version FROM follow"):
        await auditor.run(f"{allowed} LIMIT 1")
    for refused in ("content FROM post", "handle FROM account", "digest FROM token", "body FROM outbox"):
        with pytest.raises(Exception, match="42501"):
            await auditor.run(f"SELECT {refused} LIMIT 1")
    assert MemberId(anna) in {row.member_id for row in await auditor.run("SELECT member_id FROM account")}
