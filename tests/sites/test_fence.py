"""The fence is PostgreSQL's: it refuses plain SQL too, whoever sends it, unless it is the importer."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from domicile.database import Database, sql
from domicile.errors import Conflict, DomicileError, NotResident
from domicile.ids import MemberId, next_snowflake
from domicile.placement.ownership import VAULT
from domicile.placement.sites import Site
from domicile.running import Domicile
from network_at import MakeMember, superuser

CONSENT = "INSERT INTO consent VALUES (%s, %s, 'abroad', '', '{}', now(), NULL)"
WRITES = {
    "insert": "INSERT INTO consent VALUES ({m}, 77, 'abroad', '', '{{}}', now(), NULL)",
    "update": "UPDATE account SET note = 'x' WHERE member_id = {m}",
    "delete": "DELETE FROM name_claim WHERE member_id = {m}",
}
PENDING = "INSERT INTO resident VALUES (%s, 'pending', 1)"


@pytest.fixture
def site(domicile: Domicile) -> Site:
    return domicile.sites[domicile.config.site_names[0]]


@pytest.fixture
async def german(member: MakeMember) -> MemberId:
    return await member("DE")


@pytest.fixture
async def admin(domicile: Domicile, site: Site) -> AsyncIterator[Database]:
    async with superuser(domicile, site.name) as database:
        yield database


async def put(site: Site, member: MemberId, state: str) -> None:
    await site.importer.run("UPDATE resident SET state = %s WHERE member_id = %s", (state, member))


async def refusal(database: Database, query: str, params: tuple[object, ...] = ()) -> DomicileError:
    with pytest.raises(DomicileError) as caught:
        await database.run(query, params or None)
    return caught.value


@pytest.mark.parametrize("role", ["app", "superuser"])
async def test_a_strangers_row_is_refused_whoever_sends_it(
    domicile: Domicile, site: Site, admin: Database, member: MakeMember, role: str
) -> None:
    russian = await member("RU")
    error = await refusal(site.app if role == "app" else admin, CONSENT, (russian, 1))
    assert isinstance(error, NotResident)


async def test_every_owned_table_has_the_fence(domicile: Domicile, site: Site, admin: Database) -> None:
    for owned in domicile.ownership.owned:
        table = sql.Identifier(*owned.name.split("."))
        query = sql.SQL("INSERT INTO {} ({}) VALUES (%s)").format(table, sql.Identifier(owned.owner)).as_string()
        assert isinstance(await refusal(admin, query, (4711,)), NotResident), owned.name


@pytest.mark.parametrize(
    ("write", "state"),
    [
        (write, state)
        for write in WRITES
        for state in ("leaving", "arriving", "moved", "pending")
        if (write, state) != ("delete", "pending")  # a lost sign-up is taken away
    ],
)
@pytest.mark.parametrize("role", ["app", "superuser"])
async def test_nobody_writes_for_a_member_who_is_not_at_home(
    site: Site, german: MemberId, admin: Database, write: str, state: str, role: str
) -> None:
    await put(site, german, state)
    try:
        error = await refusal(site.app if role == "app" else admin, WRITES[write].format(m=german))
        assert isinstance(error, NotResident)
        assert "55006" in error.detail
    finally:
        await put(site, german, "home")


async def test_a_cascade_does_not_slip_under_the_fence(site: Site, german: MemberId) -> None:
    await site.app.run("INSERT INTO post (author_id, post_id, visibility) VALUES (%s, 5, 0)", (german,))
    await site.app.run("INSERT INTO post_tag VALUES (%s, 5, 'here')", (german,))
    await put(site, german, "leaving")
    try:
        assert isinstance(await refusal(site.app, "DELETE FROM post WHERE author_id = %s", (german,)), NotResident)
    finally:
        await put(site, german, "home")
    assert await site.app.run("SELECT 1 FROM post_tag WHERE author_id = %s", (german,))


async def test_who_moves_a_member_waits_for_the_write_in_flight_and_stops_the_next(
    site: Site, german: MemberId, admin: Database
) -> None:
    async with site.app.transaction() as writing:
        await writing.execute(CONSENT, (german, 1))
        fence = asyncio.create_task(put(site, german, "leaving"))
        await asyncio.sleep(0.1)
        assert not fence.done()
    await fence
    try:
        assert len(await site.app.run("SELECT 1 FROM consent WHERE member_id = %s AND consent_id = 1", (german,))) == 1
        assert isinstance(await refusal(site.app, CONSENT, (german, 2)), NotResident)
    finally:
        await put(site, german, "home")


async def test_an_insert_that_waited_for_the_move_is_refused_when_it_ends(
    site: Site, german: MemberId, admin: Database
) -> None:
    async with site.importer.transaction() as move:
        await move.execute("UPDATE resident SET state = 'leaving' WHERE member_id = %s", (german,))
        writes = [asyncio.create_task(refusal(site.app, WRITES[write].format(m=german))) for write in WRITES]
        await asyncio.sleep(0.1)
        assert not any(write.done() for write in writes)
    assert {type(await write) for write in writes} == {NotResident}
    await put(site, german, "home")


async def test_the_importer_copies_past_the_trigger_but_not_past_the_key(
    domicile: Domicile, site: Site, german: MemberId, member: MakeMember
) -> None:
    russian = await member("RU")
    await put(site, german, "arriving")
    table, columns = sql.Identifier("tally"), ("member_id", "posts")
    async with site.importer.transaction() as session:
        await session.execute("DELETE FROM tally WHERE member_id = %s", (german,))
        assert await session.copy_in(table, columns, [(german, 3)]) == 1
    await put(site, german, "home")
    with pytest.raises(DomicileError, match="23503"):
        async with site.importer.transaction() as session:
            await session.copy_in(table, columns, [(russian, 3)])


@pytest.mark.parametrize("role", ["app", "importer", "auditor"])
@pytest.mark.parametrize(
    "attempt",
    [
        "ALTER TABLE post DISABLE TRIGGER fence",
        "ALTER TABLE post DROP CONSTRAINT post_author_id_fkey",
        "DROP TRIGGER fence ON post",
        "DROP TABLE post",
        "TRUNCATE post",
        "CREATE TABLE elsewhere (a int)",
        "CREATE OR REPLACE FUNCTION domicile.fence_post() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "SET session_replication_role = replica",
        "SET ROLE domicile_owner",
        "COPY post TO PROGRAM 'cat'",
        "SELECT pg_read_file('PG_VERSION')",
    ],
)
async def test_no_role_of_the_application_can_switch_the_fence_off(site: Site, role: str, attempt: str) -> None:
    database: Database = getattr(site, role)
    assert "42501" in (await refusal(database, attempt)).detail


@pytest.mark.parametrize("verb", ["SELECT * FROM {t}", "DELETE FROM {t}", "INSERT INTO {t} DEFAULT VALUES"])
async def test_the_application_reaches_the_vault_by_its_functions_only(
    domicile: Domicile, site: Site, german: MemberId, verb: str
) -> None:
    vault = [owned.name for owned in domicile.ownership.owned if owned.table.schema == VAULT]
    assert vault == ["vault.data_key", "vault.credential", "vault.direct_text", "vault.challenge_contact"]
    for name in vault:
        assert "42501" in (await refusal(site.app, verb.format(t=name))).detail
    assert len(await site.app.run("SELECT * FROM vault.read_credential(%s)", ([german],))) == 1
    assert await site.app.run("SELECT * FROM vault.read_credential(%s)", ([german + 1],)) == []


async def test_the_vaults_functions_write_replace_and_erase(site: Site, german: MemberId) -> None:
    write = "SELECT vault.write_direct_text(%s, %s, %s)"
    read = "SELECT body FROM vault.read_some_direct_text(%s, %s)"
    for body in (b"first", b"second"):
        await site.app.run(write, (german, 9, body))
    assert [row.body for row in await site.app.run(read, ([german, german], [9, 10]))] == [b"second"]
    assert (await site.app.run("SELECT vault.erase_direct_text(%s, %s) AS n", (german, 9)))[0].n == 1
    assert await site.app.run(read, ([german], [9])) == []
    await put(site, german, "leaving")
    assert isinstance(await refusal(site.app, write, (german, 9, b"third")), NotResident)
    await put(site, german, "home")


async def test_the_auditor_sees_ids_and_no_content_of_the_vault(site: Site, german: MemberId) -> None:
    assert await site.auditor.run("SELECT member_id FROM vault.credential WHERE member_id = %s", (german,))
    assert "42501" in (await refusal(site.auditor, "SELECT email FROM vault.credential")).detail
    assert "42501" in (await refusal(site.auditor, "SELECT vault.read_credential(%s)", ([german],))).detail


async def test_a_row_never_changes_its_owner(site: Site, german: MemberId, member: MakeMember, admin: Database) -> None:
    other = await member("DE")
    for database in (site.app, admin):
        error = await refusal(database, "UPDATE claim SET member_id = %s WHERE member_id = %s", (other, german))
        assert isinstance(error, NotResident)


async def test_a_resident_with_rows_cannot_be_deleted_from_under_them(site: Site, german: MemberId) -> None:
    assert "23503" in (await refusal(site.app, "DELETE FROM resident WHERE member_id = %s", (german,))).detail


async def test_a_pending_member_is_written_only_by_the_transaction_that_made_them(
    domicile: Domicile, site: Site
) -> None:
    pending = MemberId(next_snowflake(domicile.clock()))
    async with site.app.transaction() as session:
        await session.execute(PENDING, (pending,))
        await session.execute(CONSENT, (pending, 1))
    assert isinstance(await refusal(site.app, CONSENT, (pending, 2)), NotResident)
    update = "UPDATE consent SET kind = 'parental' WHERE member_id = %s"
    assert isinstance(await refusal(site.app, update, (pending,)), NotResident)
    for table in ("consent", "resident"):
        await site.app.run(f"DELETE FROM {table} WHERE member_id = %s", (pending,))


async def test_two_sites_cannot_both_take_one_member_in(site: Site, german: MemberId) -> None:
    assert isinstance(await refusal(site.app, PENDING, (german,)), Conflict)
