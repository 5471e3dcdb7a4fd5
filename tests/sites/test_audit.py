"""The residency audit finds what somebody put where it does not belong, however they did it."""

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from domicile.audit.report import AuditReport
from domicile.audit.residency import audit
from domicile.database import Database
from domicile.ids import MemberId, next_snowflake
from domicile.network.posts import Draft
from domicile.running import Domicile
from moving import move_by_hand
from network_at import MakeMember, superuser

smuggles = pytest.mark.audit_expected_to_fail


async def audited(domicile: Domicile) -> AuditReport:
    return await audit(domicile.sites, domicile.hub, domicile.clock())


def found(report: AuditReport) -> list[tuple[str, str, str | None, int]]:
    return [(v.kind, v.site, v.table, v.count) for v in report.violations]


@contextlib.asynccontextmanager
async def undone(admin: Database, do: str, undo: str) -> AsyncIterator[None]:
    await admin.run("SELECT 1")
    async with admin.transaction() as session:
        await session.execute(do)
    try:
        yield
    finally:
        async with admin.transaction() as session:
            await session.execute(undo)


def stranger_row(member: MemberId) -> str:
    return f"INSERT INTO tally (member_id) VALUES ({member})"


async def test_a_network_whose_rows_are_all_at_home_passes(domicile: Domicile, member: MakeMember) -> None:
    before = await audited(domicile)
    await domicile.posts.write(await member("RU"), Draft(text="one row of post more"))
    after = await audited(domicile)
    assert after.ok
    assert after.rows_checked > before.rows_checked
    assert after.sites == ["de-1", "ru-1", "cn-1", "us-1"]
    assert any("disk" in note for note in after.notes)


@smuggles
@pytest.mark.parametrize("also", ["", "ALTER TABLE tally DROP CONSTRAINT tally_member_id_fkey;"])
async def test_a_superuser_who_smuggles_a_row_past_the_fence_is_found(
    domicile: Domicile, member: MakeMember, also: str
) -> None:
    russian = await member("RU")
    cleanup = f"SET session_replication_role = replica; DELETE FROM tally WHERE member_id = {russian};"
    if also:
        cleanup += "ALTER TABLE tally ADD FOREIGN KEY (member_id) REFERENCES resident (member_id)"
    async with superuser(domicile, "de-1") as admin:
        do = f"SET LOCAL session_replication_role = replica; {also} {stranger_row(russian)}"
        async with undone(admin, do, cleanup.replace("SET ", "SET LOCAL ", 1)):
            report = await audited(domicile)
    strangers = [v for v in report.violations if v.kind == "stranger"]
    assert [(v.site, v.table, v.count, v.sample_ids) for v in strangers] == [("de-1", "tally", 1, (russian,))]
    assert ("fence" in {v.kind for v in report.violations}) == bool(also)
    assert not report.ok


@smuggles
@pytest.mark.parametrize(
    ("do", "undo", "kind", "table"),
    [
        ("ALTER TABLE post DISABLE TRIGGER fence", "ALTER TABLE post ENABLE TRIGGER fence", "fence", "post"),
        ("ALTER TABLE post DISABLE TRIGGER ALL", "ALTER TABLE post ENABLE TRIGGER ALL", "fence", "post"),
        ("ALTER TABLE post ENABLE REPLICA TRIGGER fence", "ALTER TABLE post ENABLE TRIGGER fence", "fence", "post"),
        ("CREATE TABLE shadow (a int)", "DROP TABLE shadow", "undeclared", "shadow"),
        (
            "CREATE TABLE shadow (m bigint REFERENCES resident (member_id))",
            "DROP TABLE shadow",
            "undeclared",
            "shadow",
        ),
        ("CREATE MATERIALIZED VIEW hoard AS SELECT * FROM post", "DROP MATERIALIZED VIEW hoard", "undeclared", "hoard"),
        ("ALTER ROLE domicile_app SUPERUSER", "ALTER ROLE domicile_app NOSUPERUSER", "privilege", None),
        ("GRANT domicile_owner TO domicile_app", "REVOKE domicile_owner FROM domicile_app", "privilege", "post"),
        ("GRANT TRUNCATE ON post TO domicile_app", "REVOKE TRUNCATE ON post FROM domicile_app", "privilege", "post"),
        (
            "GRANT DELETE ON vault.credential TO domicile_app",
            "REVOKE DELETE ON vault.credential FROM domicile_app",
            "privilege",
            "vault.credential",
        ),
        (
            "ALTER ROLE domicile_app SET session_replication_role = replica",
            "ALTER ROLE domicile_app RESET session_replication_role",
            "fence",
            None,
        ),
        (
            "ALTER ROLE domicile_app SET log_error_verbosity = verbose",
            "ALTER ROLE domicile_app RESET log_error_verbosity",
            "log",
            None,
        ),
        (
            "GRANT SET ON PARAMETER session_replication_role TO domicile_import",
            "REVOKE SET ON PARAMETER session_replication_role FROM domicile_import",
            "privilege",
            None,
        ),
        (
            "GRANT SELECT ON tally TO domicile_audit",
            "REVOKE SELECT ON tally FROM domicile_audit; GRANT SELECT (member_id) ON tally TO domicile_audit",
            "privilege",
            "tally",
        ),
        ("SELECT lo_create(4711)", "SELECT lo_unlink(4711)", "undeclared", None),
    ],
)
async def test_a_hole_in_the_fence_is_found_before_anything_goes_through_it(
    domicile: Domicile, do: str, undo: str, kind: str, table: str | None
) -> None:
    async with superuser(domicile, "de-1") as admin, undone(admin, do, undo):
        report = await audited(domicile)
    assert (kind, "de-1", table, 1) in found(report)
    assert {v.site for v in report.violations} == {"de-1"}
    assert (await audited(domicile)).ok


@smuggles
async def test_a_fence_that_was_rewritten_to_let_everything_through_is_found(domicile: Domicile) -> None:
    async with superuser(domicile, "ru-1") as admin:
        rows = await admin.run("SELECT pg_get_functiondef('domicile.fence_tally'::regproc) AS text")
        harmless = (
            "CREATE OR REPLACE FUNCTION domicile.fence_tally() RETURNS trigger LANGUAGE plpgsql"
            " AS $$BEGIN RETURN NEW; END$$"
        )
        async with undone(admin, harmless, rows[0].text):
            report = await audited(domicile)
    assert found(report) == [("fence", "ru-1", "tally", 1)]


@smuggles
@pytest.mark.parametrize(
    ("change", "undo"),
    [
        ("UPDATE home SET epoch = 7 WHERE member_id = {m}", "UPDATE home SET epoch = 1 WHERE member_id = {m}"),
        ("UPDATE home SET site = 'us-1' WHERE member_id = {m}", "UPDATE home SET site = 'ru-1' WHERE member_id = {m}"),
        ("DELETE FROM home WHERE member_id = {m}", "INSERT INTO home VALUES ({m}, 'ru-1', 1)"),
    ],
)
async def test_site_and_hub_must_agree_about_every_member(
    domicile: Domicile, member: MakeMember, change: str, undo: str
) -> None:
    russian = await member("RU")
    await domicile.hub.run(change.format(m=russian))
    try:
        report = await audited(domicile)
    finally:
        await domicile.hub.run(undo.format(m=russian))
    wrong = [v for v in report.violations if v.site == "ru-1"]
    assert [(v.kind, v.sample_ids) for v in wrong] == [("directory", (russian,))]
    assert (await audited(domicile)).ok


@smuggles
async def test_a_sign_up_is_in_transit_for_an_hour_and_then_it_is_unfinished(domicile: Domicile) -> None:
    pending = next_snowflake(domicile.clock())
    await domicile.sites["de-1"].app.run("INSERT INTO resident VALUES (%s, 'pending', 1)", (pending,))
    try:
        now = await audited(domicile)
        later = await audit(domicile.sites, domicile.hub, domicile.clock() + timedelta(minutes=61))
    finally:
        await domicile.sites["de-1"].app.run("DELETE FROM resident WHERE member_id = %s", (pending,))
    assert (now.ok, now.in_transit) == (True, 1)
    assert [(v.kind, v.site, v.sample_ids) for v in later.violations] == [("unfinished", "de-1", (pending,))]


@smuggles
async def test_rows_that_a_move_left_behind_and_a_member_who_never_arrived_are_found(
    domicile: Domicile, member: MakeMember
) -> None:
    russian = await member("RU")
    site = domicile.sites[domicile.config.site_names[1]]
    await site.importer.run("UPDATE resident SET state = 'moved' WHERE member_id = %s", (russian,))
    await domicile.hub.run("UPDATE home SET site = 'us-1', epoch = 2 WHERE member_id = %s", (russian,))
    try:
        report = await audited(domicile)
    finally:
        await domicile.hub.run("UPDATE home SET site = 'ru-1', epoch = 1 WHERE member_id = %s", (russian,))
        await site.importer.run("UPDATE resident SET state = 'home' WHERE member_id = %s", (russian,))
    left_behind = {v.table for v in report.violations if v.kind == "moved" and v.sample_ids == (russian,)}
    assert {"account", "tally", "vault.credential", "vault.data_key"} <= left_behind
    assert ("directory", "us-1", "resident", 1) in found(report)
    assert {v.kind for v in report.violations} == {"moved", "directory"}


@smuggles
@pytest.mark.parametrize("change", ["state = 'leaving'", "state = 'arriving'", "tracked = true"])
async def test_who_is_on_a_move_that_the_journal_does_not_know_is_found(
    domicile: Domicile, member: MakeMember, change: str
) -> None:
    german = await member("DE")
    site = domicile.sites[domicile.config.site_names[0]]
    await site.importer.run(f"UPDATE resident SET {change} WHERE member_id = %s", (german,))
    try:
        report = await audited(domicile)
    finally:
        await site.importer.run("UPDATE resident SET state = 'home', tracked = false WHERE member_id = %s", (german,))
    assert [(v.kind, v.site, v.sample_ids) for v in report.violations if v.kind != "directory"] == [
        ("unfinished", "de-1", (german,))
    ]
    assert report.in_transit == 0


async def test_who_moves_back_and_forth_is_in_order_everywhere(domicile: Domicile, member: MakeMember) -> None:
    wanderer = await member("RU")
    for to in ("us-1", "de-1", "ru-1"):
        await move_by_hand(domicile, wanderer, to)
        assert (await audited(domicile)).ok


@smuggles
async def test_a_site_with_more_residents_than_fit_into_memory_is_audited_alike(
    domicile: Domicile, member: MakeMember, monkeypatch: pytest.MonkeyPatch
) -> None:
    await member("DE")
    stranger = next_snowflake(domicile.clock())
    before = await audited(domicile)
    past_the_fence = "SET LOCAL session_replication_role = replica;"
    do = f"{past_the_fence} {stranger_row(stranger)}"
    undo = f"{past_the_fence} DELETE FROM tally WHERE member_id = {stranger}"
    async with superuser(domicile, "de-1") as admin, undone(admin, do, undo):
        by_array = await audited(domicile)
        monkeypatch.setattr("domicile.audit.rows.MOST_IN_MEMORY", 0)
        by_group = await audited(domicile)
    assert before.ok
    assert found(by_array) == found(by_group) == [("stranger", "de-1", "tally", 1)]
    assert by_array.violations[0].sample_ids == by_group.violations[0].sample_ids == (stranger,)
    assert by_array.rows_checked == by_group.rows_checked == before.rows_checked + 1
