"""Another app's tables are checked before they run, and then really work on the engine."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Table

from domicile.audit.catalogue import read_catalogue
from domicile.audit.check import ENGINE_TABLES, check_declaration, with_engine_tables
from domicile.audit.rows import count_rows
from domicile.database import Database, conninfo_to_dict, make_conninfo
from domicile.errors import DomicileError, InvalidInput, NotResident
from domicile.ids import MemberId, SiteName
from domicile.placement.fence import site_ddl
from domicile.placement.ownership import load_ownership
from domicile.placement.residue import list_residue
from domicile.relocation.covers import Cover
from domicile.relocation.opening import open_residue
from domicile.relocation.residue import Keeper
from domicile.relocation.rows import erase_rows
from domicile.running import Domicile
from network_at import superuser

ROOT = Path(__file__).parents[2]
MODELS = "examples.clinic.models:METADATA"

REFUSED = {
    "no_home": "no column is home()",
    "two_homes": "has 2 homes (patient_id, doctor_id)",
    "home_without_key.patient_id": 'needs ForeignKey("resident.member_id")',
    "home_of_32_bits.patient_id": "needs 64 bits",
    "home_may_be_null.patient_id": "may not be null",
    "key_begins_elsewhere": "primary key (number, patient_id) does not begin with the owner",
    "unique_across_members": "unique constraint (badge) does not begin with the owner",
    "unique_index_across_members": "unique index one_badge does not begin with the owner",
    "local_sequence.number": "a local sequence collides",
    "key_to_another_member.doctor_id": "points to another member",
    "key_to_a_site_table.room": "room stays at its site",
    "key_that_crosses_sites.other": "the foreign key to visit could cross sites",
    "key_to_nothing.bill": "points to nowhere, which is not declared",
    "network_with_an_owner.patient_id": "a network table has no owner",
    "network_that_points_to_members.m": "a network table points to visit",
    "network_with_personal_data.note": "personal data in a network table",
    "site_without_retention.note": "local() needs retention",
    "no_such_category.blood": "is no fideslang category; did you mean 'user.contact.email'?",
    "personal_and_not_said.e_mail": "looks personal (user.contact.email?)",
    "sealed_outside_the_vault.blood": 'sealed columns live in schema="vault"',
    "vault.sealed_text.note": "make it LargeBinary",
    "billing.another_schema": "lives in another schema",
    "circle": "foreign keys form a circle",
    "outbox": "choose another",
    "resident": "and nothing else",
}


def check(where: str) -> list[str]:
    return check_declaration(where, ROOT).problems


async def test_a_right_declaration_is_described_table_by_table() -> None:
    report = check_declaration(MODELS, ROOT)
    assert (report.ok, report.problems) == (True, [])
    tables = {table.name: dataclasses.asdict(table) for table in report.tables}
    assert tables.keys().isdisjoint(ENGINE_TABLES)
    assert tables["vault.contact"]["owner"] == "patient_id"
    assert tables["vault.contact"]["personal"] == [
        {"column": "phone", "category": "user.contact.phone_number", "sealed": True},
        {"column": "birth_date", "category": "user.demographic.date_of_birth", "sealed": True},
    ]
    kinds = {name: tables[name]["kind"] for name in ("appointment", "speciality", "visitor_log")}
    assert kinds == {"appointment": "owned", "speciality": "network", "visitor_log": "site"}


@pytest.mark.parametrize("place", REFUSED)
async def test_every_wrong_table_is_refused_by_name_with_the_reason(place: str) -> None:
    problems = check("examples.clinic.wrong:METADATA")
    assert any(problem.startswith(place) and REFUSED[place] in problem for problem in problems), "\n".join(problems)


async def test_nothing_else_is_refused() -> None:
    refused = {problem.split(":")[0].split(" ->")[0] for problem in check("examples.clinic.wrong:METADATA")}
    also = {"home_may_be_null", "circle_a", "circle_b"}  # its key then begins elsewhere, and where a circle begins
    assert refused - also == REFUSED.keys() - {"circle"}


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        ("examples.clinic.models", "not of the form module:METADATA"),
        ("no_such_clinic:METADATA", "no_such_clinic cannot be imported"),
        ("examples.clinic.models:BASE", "has no BASE; it holds MetaData as METADATA"),
        ("examples.clinic.models:home", "is of type function, not SQLAlchemy's MetaData"),
        ("broken_clinic:METADATA", "ZeroDivisionError"),
    ],
)
async def test_what_cannot_be_checked_is_said_so(where: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "broken_clinic.py").write_text("1 / 0\n")
    with pytest.raises(InvalidInput, match=sentence.replace("(", r"\(")):
        check_declaration(where, tmp_path if "broken" in where else ROOT)


async def test_an_empty_declaration_says_that_nothing_was_imported(tmp_path: Path) -> None:
    (tmp_path / "empty_clinic.py").write_text("from sqlalchemy import MetaData\nM = MetaData()\n")
    assert "holds no tables" in check_declaration("empty_clinic:M", tmp_path).problems[0]


async def test_the_network_itself_passes_its_own_check() -> None:
    assert check("domicile.network.schema:metadata") == []


@contextlib.asynccontextmanager
async def clinic_at(domicile: Domicile, name: str) -> AsyncIterator[tuple[Database, Database]]:
    """A database of its own for the clinic on the server of a site: the application's connection and the auditor's."""
    site = domicile.sites[SiteName(name)]
    ddl = site_ddl(load_ownership(with_engine_tables(_tables()[0].metadata)))
    async with superuser(domicile, name) as admin:
        await admin.run("CREATE DATABASE clinic OWNER domicile_owner")
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(admin.run, "DROP DATABASE clinic WITH (FORCE)")
            owner = make_conninfo(admin.conninfo, dbname="clinic", options="-c role=domicile_owner")
            logins = [conninfo_to_dict(database.conninfo) for database in (site.app, site.auditor)]
            conninfos = [owner, *(make_conninfo(**{**login, "dbname": "clinic"}) for login in logins)]
            opened = [Database("clinic", conninfo, size=1) for conninfo in conninfos]
            for database in opened:
                await database.open()
                stack.push_async_callback(database.close)
            async with opened[0].transaction() as session:
                await session.execute(ddl)
            yield opened[1], opened[2]


def _tables() -> list[Table]:
    from examples.clinic.models import METADATA

    return list(METADATA.tables.values())


async def test_what_must_stay_of_a_patient_is_sealed_by_the_same_engine(domicile: Domicile) -> None:
    ownership, site = load_ownership(with_engine_tables(_tables()[0].metadata)), domicile.sites[SiteName("de-1")]
    keeper = Keeper(ownership, domicile.keeper.covering)
    key, wrapped = site.key.new_data_key(MemberId(33))
    cover = Cover("DE-PATIENT-FILE", "DE", "a law on patients' files", ("user.health_and_medical",), True, None, ())
    phone = dataclasses.replace(cover, rule="DE-PHONE", categories=("user.contact",))
    async with clinic_at(domicile, "de-1") as (app, auditor), superuser(domicile, "de-1") as admin:
        await app.run("INSERT INTO resident VALUES (33, 'home', 1)")
        await app.run("INSERT INTO patient VALUES (33, 'A. Patient', 'de')")
        await app.run("INSERT INTO appointment VALUES (33, 1, 44, now(), 'a cough')")
        sealed = key.seal_text("contact.phone", "+49 30 901820")
        await app.run("SELECT vault.write_contact(33, %s, NULL)", (sealed,))
        await app.run("SELECT vault.write_data_key(33, %s, %s)", (wrapped, site.key.name))
        importer = Database("clinic", make_conninfo(admin.conninfo, dbname="clinic", options="-c role=domicile_import"))
        owner = make_conninfo(admin.conninfo, dbname="clinic", options="-c role=domicile_owner")
        await importer.open()
        async with importer.transaction() as session:
            stayed = await keeper.seal(session, site, {MemberId(33): (cover, phone)}, "moved", 7)
            await erase_rows(session, ownership, [MemberId(33)])
        await importer.close()
        by_rule = {one.rule: one for one in await list_residue(site.name, auditor, domicile.clock().date())}
        opened = {r: await open_residue(site, owner, one.id, "x", "y", domicile.clock) for r, one in by_rule.items()}
    assert (stayed.residues, stayed.rows) == (2, 2)
    (kept,) = opened["DE-PATIENT-FILE"].tables["appointment"]
    assert (kept["reason"], kept["doctor_id"]) == ("a cough", 44)
    assert opened["DE-PATIENT-FILE"].tables.keys() == {"appointment"}
    assert opened["DE-PHONE"].tables["vault.contact"][0]["phone"] == "+49 30 901820"


async def test_two_patients_live_at_two_sites_and_a_strangers_row_is_refused(domicile: Domicile) -> None:
    insert = "INSERT INTO appointment VALUES (%s, 1, %s, now(), 'a cough')"
    async with clinic_at(domicile, "de-1") as (german, auditor), clinic_at(domicile, "ru-1") as (russian, _):
        for database, patient, doctor in ((german, 11, 22), (russian, 22, 11)):
            await database.run("INSERT INTO resident VALUES (%s, 'home', 1)", (patient,))
            await database.run("INSERT INTO patient VALUES (%s, 'A. Patient', 'de')", (patient,))
            await database.run(insert, (patient, doctor))
            with pytest.raises(NotResident):
                await database.run(insert, (doctor, patient))
            with pytest.raises(DomicileError, match="42501"):
                await database.run("SELECT * FROM vault.contact")
            await database.run("SELECT vault.write_contact(%s, %s, NULL)", (patient, b"sealed"))
            assert (await database.run("SELECT phone FROM vault.read_contact(%s)", ([patient],)))[0].phone == b"sealed"
        async with auditor.snapshot() as session:
            tables, wrong = await read_catalogue("de-1", session)
            counted = {str(table): (await count_rows("de-1", session, table))[0] for table in tables}
        assert wrong == []
        assert counted["appointment"] == counted["vault.contact"] == 1
