"""Somebody else's app on the engine: a clinic, whose patients move, are audited, exported, erased and restored."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from examples.clinic import bookings
from examples.clinic.__main__ import tell
from examples.clinic.models import METADATA
from sqlalchemy import Column, MetaData, Text

from domicile.app import App, open_app
from domicile.audit.check import with_engine_tables
from domicile.errors import Conflict, InvalidInput, Misconfigured, NotFound
from domicile.ids import MemberId, SiteName
from domicile.placement.embedded import discard
from domicile.placement.ownership import load_ownership, personal
from domicile.placement.routing import SiteWriter
from domicile.tables import make_tables

GERMANY, FRANCE = SiteName("de-1"), SiteName("fr-1")
NOON = datetime(2027, 1, 4, 12, tzinfo=UTC)
APPS_TABLES = ("patient", "vault.contact", "appointment", "agenda_stub")


@pytest.fixture(scope="module")
async def clinic(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[App]:
    folder = tmp_path_factory.mktemp("clinic") / "data"
    try:
        async with open_app(METADATA, folder, "de,fr") as app:
            app.router.forget = bookings.forget
            for site in app.sites.values():
                await site.app.run("INSERT INTO speciality VALUES ('LUNG', 'Diseases of the lung')")
                await site.app.run("INSERT INTO visitor_log VALUES (1, '192.0.2.1')")
            yield app
    finally:
        discard(folder)


@pytest.fixture(autouse=True)
async def audited(clinic: App) -> AsyncIterator[None]:
    """Rule 9, for their tables too."""
    yield
    report = await clinic.audit()
    assert report.ok, "\n".join(str(violation) for violation in report.violations)


_numbers = iter(range(1, 1000))


async def patient(app: App, country: str = "DE", doctor: MemberId | None = None) -> MemberId:
    """A made-up patient with a row in every table of the app, and in those of the engine that an app may fill."""
    number = next(_numbers)
    made = await bookings.join(app, country, f"Patient {number}", "de", f"+49 40 {number:06}")
    for visit in range(3):
        await bookings.book(app, made, doctor or made, NOON, f"visit {visit}")

    async def write(writer: SiteWriter) -> None:
        stub = "INSERT INTO agenda_stub VALUES (%s, 1, %s, now()) ON CONFLICT DO NOTHING"
        await writer.execute(stub, (made, doctor or made))
        consent = "INSERT INTO consent VALUES (%s, 1, 'reminders', 'Yes, remind me', '{}', now())"
        await writer.execute(consent, (made,))

    await app.transact(made, write)
    return made


async def rows_at(app: App, site: SiteName, member: MemberId) -> dict[str, int]:
    """How many rows of the member each owned table of a site holds."""
    found = {}
    for owned in app.ownership.owned:
        query = f"SELECT count(*) AS n FROM {owned.name} WHERE {owned.owner} = %s"
        found[owned.name] = (await app.sites[site].importer.run(query, (member,)))[0].n
    return found


async def home(app: App, member: MemberId) -> SiteName:
    return (await app.router.home_of(member, ask_hub=True)).site


async def test_a_patient_lives_where_the_law_says_with_a_row_in_every_table(clinic: App) -> None:
    anna, ben = await patient(clinic, "DE"), await patient(clinic, "FR")
    assert (await home(clinic, anna), await home(clinic, ben)) == (GERMANY, FRANCE)
    held = await rows_at(clinic, GERMANY, anna)
    assert all(held[table] for table in (*APPS_TABLES, "vault.data_key", "name_claim", "claim", "consent"))
    assert not any((await rows_at(clinic, FRANCE, anna)).values())
    shown = await bookings.chart(clinic, anna)
    assert shown.full_name.startswith("Patient") and (shown.phone or "").startswith("+49")
    sealed = (
        await clinic.sites[GERMANY].importer.run("SELECT phone FROM vault.contact WHERE patient_id = %s", (anna,))
    )[0]
    assert b"+49" not in bytes(sealed.phone)


async def test_a_placement_that_may_not_be_or_is_cut_short_leaves_nothing(clinic: App) -> None:
    async def members() -> int:
        return sum(
            [(await site.importer.run("SELECT count(*) AS n FROM resident"))[0].n for site in clinic.sites.values()]
        )

    anna = await bookings.join(clinic, "DE", "Anna", "de", "+49 30 777777")
    before = await members()
    assert await clinic.find("phone", "+49 30 777777") == anna
    with pytest.raises(Conflict, match="phone"):
        await bookings.join(clinic, "FR", "Another", "fr", "+49 30 777777")
    with pytest.raises(InvalidInput, match="no site of this app is a lawful home for people of RU"):
        await bookings.join(clinic, "RU", "Vera", "ru", "+7 000")
    with pytest.raises(InvalidInput, match="RU does not let"):
        await bookings.join(clinic, "RU", "Vera", "ru", "+7 000", site="fr-1")
    with pytest.raises(InvalidInput, match="'us-1' is no site of this app"):
        await bookings.join(clinic, "DE", "Anna", "de", "+49 1", site="us-1")
    with pytest.raises(InvalidInput, match="'Germany' is no country"):
        await bookings.join(clinic, "Germany", "Anna", "de", "+49 1")

    async def fail(writer: SiteWriter) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await clinic.place("DE", fail)
    assert await members() == before
    lost, known = (MemberId(anna - (minutes * 60_000 << 16)) for minutes in (2, 3))
    for stuck in (lost, known):
        await clinic.sites[GERMANY].app.run("INSERT INTO resident VALUES (%s, 'pending', 1)", (stuck,))
    await clinic.directory.claim_names(known, GERMANY, {}, b"a token")
    await clinic.tick()
    assert await members() == before + 1, "whom the hub knows is at home, the other is nobody"
    await clinic.erase(known)


async def test_patients_move_while_they_book_and_nothing_is_lost_or_left(clinic: App) -> None:
    doctor = await patient(clinic, "FR")
    moving, staying = [await patient(clinic, "DE", doctor) for _ in range(3)], await patient(clinic, "DE", doctor)
    done = asyncio.Event()
    acknowledged: dict[MemberId, list[int]] = {}

    async def go_on_booking(who: MemberId) -> None:
        mine = acknowledged[who] = []
        while not done.is_set():
            mine.append(await bookings.book(clinic, who, doctor, NOON, f"number {len(mine)}"))
            assert mine[-1] in [number for number, _, _ in (await bookings.chart(clinic, who)).appointments]

    writers = [asyncio.create_task(go_on_booking(who)) for who in (*moving, staying)]
    for target in ("fr-1", "de-1", "fr-1"):
        moved = await clinic.relocate(moving, target, "a test")
        assert (sorted(moved.members), moved.left, moved.unfinished) == (sorted(moving), {}, {})
    done.set()
    await asyncio.gather(*writers)
    for who in moving:
        assert await home(clinic, who) == FRANCE
        assert not any((await rows_at(clinic, GERMANY, who)).values())
    stubs = await bookings.agenda(clinic, doctor)
    for who, numbers in acknowledged.items():
        there = [number for number, _, _ in (await bookings.chart(clinic, who)).appointments]
        assert len(there) == len(set(there)) == 3 + len(numbers) and set(numbers) <= set(there)
        assert {number for number, whose in stubs if whose == who} == set(there)
        assert (await bookings.chart(clinic, who)).phone


async def test_who_may_not_move_by_law_stays_with_the_reason(clinic: App) -> None:
    anna, nobody = await patient(clinic, "DE"), MemberId(12345)
    await clinic.sites[GERMANY].importer.run("UPDATE claim SET jurisdiction = 'RU' WHERE member_id = %s", (anna,))
    moved = await clinic.relocate([anna, nobody], "fr-1", "a test")
    assert moved.members == [] and moved.left.keys() == {anna, nobody} and moved.left[nobody] == "is no member"
    assert await home(clinic, anna) == GERMANY
    await clinic.erase(anna)


async def test_a_coordinator_that_dies_is_finished_by_another(clinic: App) -> None:
    anna = await patient(clinic, "DE")

    flipped = asyncio.Event()

    async def hang(step: str) -> None:
        if step == "flipped":
            flipped.set()
            await asyncio.sleep(3600)

    alive, clinic.coordinator.on_step = clinic.coordinator.on_step, hang
    moving = asyncio.create_task(clinic.relocate([anna], "fr-1", "a test"))
    await flipped.wait()
    clinic.coordinator.on_step = alive
    moving.cancel()
    await asyncio.gather(moving, return_exceptions=True)
    await clinic.coordinator.resume(timedelta(0))
    assert await home(clinic, anna) == FRANCE
    assert not any((await rows_at(clinic, GERMANY, anna)).values())


async def test_where_a_patients_data_is_names_every_place_that_knows_them(clinic: App) -> None:
    doctor = await patient(clinic, "FR")
    anna = await patient(clinic, "DE", doctor)
    await clinic.relocate([anna], "fr-1", "a test")
    await clinic.relocate([anna], "de-1", "a test")
    places = await clinic.where(anna)
    assert places.rows == await rows_at(clinic, GERMANY, anna) and (places.astray, places.silent) == ([], [])
    held = {(held.site, held.table): (held.rows, held.kind) for held in places.stubs}
    assert held[FRANCE, "agenda_stub"] == (3, "row")
    assert held[GERMANY, "route"] == (1, "site")
    assert (places.hub.digests, places.hub.relocations) == (("phone",), 2)


async def test_an_archive_holds_every_row_of_theirs_opened_and_of_nobody_else(clinic: App) -> None:
    doctor = await patient(clinic, "FR")
    anna, other = await patient(clinic, "DE", doctor), await patient(clinic, "DE", doctor)
    archive = await clinic.export(anna)
    held = await rows_at(clinic, GERMANY, anna)
    assert "vault.data_key" not in archive.tables
    assert all(len(rows) == held[table] for table, rows in archive.tables.items())
    assert archive.tables.keys() == held.keys() - {"vault.data_key"}
    assert archive.tables["vault.contact"][0]["phone"].startswith("+49 40")
    assert archive.categories["appointment"]["reason"] == "user.health_and_medical"
    assert str(other) not in str(archive.tables)


async def test_who_is_erased_is_gone_at_every_site_and_their_number_is_free(clinic: App) -> None:
    doctor = await bookings.join(clinic, "FR", "Dr. Nobody", "fr", "+33 1")
    anna = await bookings.join(clinic, "DE", "Anna", "de", "+49 30 888888")
    await bookings.book(clinic, anna, doctor, NOON, "a cough")
    receipt = await clinic.erase(anna)
    assert receipt.open == () and receipt.rows >= 5
    assert not any((await rows_at(clinic, GERMANY, anna)).values())
    assert await bookings.agenda(clinic, doctor) == []
    with pytest.raises(NotFound):
        await bookings.chart(clinic, anna)
    again = await bookings.join(clinic, "DE", "Anna again", "de", "+49 30 888888")
    assert await clinic.find("phone", "+49 30 888888") == again


async def test_a_site_is_restored_without_those_who_left_it_or_were_erased(clinic: App) -> None:
    doctor = await patient(clinic, "FR")
    stays, leaves, erased = [await patient(clinic, "DE", doctor) for _ in range(3)]
    was = await bookings.chart(clinic, stays)
    folder, _ = await clinic.back_up("de-1")
    await bookings.book(clinic, stays, doctor, NOON, "after the backup")
    await clinic.relocate([leaves], "fr-1", "a test")
    await clinic.erase(erased)
    restored = await clinic.restore("de-1", folder)
    assert restored.erased >= 2 and restored.lost == 0
    for gone in (leaves, erased):
        assert not any((await rows_at(clinic, GERMANY, gone)).values())
    assert await bookings.chart(clinic, stays) == was
    assert await home(clinic, leaves) == FRANCE and (await bookings.chart(clinic, leaves)).phone
    await bookings.book(clinic, stays, doctor, NOON, "and it goes on")
    await clinic.tick()


async def test_tables_of_another_version_are_refused_by_name(clinic: App) -> None:
    changed = MetaData()
    for table in METADATA.tables.values():
        table.to_metadata(changed)
    changed.tables["patient"].append_column(Column("blood_type", Text, info=personal("user.health_and_medical")))
    make = make_tables(load_ownership(with_engine_tables(changed)))
    with pytest.raises(Misconfigured, match=r"de-1: patient is of another version of this app \(blood_type\)"):
        make("de-1", "site", clinic.credentials[GERMANY].owner)


async def test_the_example_tells_its_story(clinic: App) -> None:
    said: list[str] = []
    await tell(clinic, said.append)
    assert "Audit: True." in said[-1] and "Open: []. The agenda: []." in said[-3]
