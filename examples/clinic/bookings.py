"""The clinic at work: what its web pages would call. Every function runs at the home of the one member it is about.

A patient books with a doctor who may live in another country: the appointment is the patient's row, the doctor gets a
stub of opaque ids. Names, numbers and reasons never leave home.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from domicile.app import App
from domicile.database import Session
from domicile.errors import NotFound
from domicile.ids import MemberId, next_snowflake
from domicile.placement.routing import SiteReader, SiteWriter


class Chart(msgspec.Struct):
    """What a patient sees of themselves."""

    full_name: str
    phone: str | None
    appointments: list[tuple[int, datetime, str]]


async def join(app: App, country: str, full_name: str, language: str, phone: str, site: str | None = None) -> MemberId:
    """A new patient or doctor. Their number is sealed under a key of their own. Raises Conflict if it is taken."""

    async def write(writer: SiteWriter) -> None:
        await writer.execute("INSERT INTO patient VALUES (%s, %s, %s)", (writer.member, full_name, language))
        sealed = (await writer.data_key()).seal_text("contact.phone", phone)
        await writer.execute("SELECT vault.write_contact(%s, %s, NULL)", (writer.member, sealed))

    return await app.place(country, write, site=site, names={"phone": phone})


async def book(app: App, patient: MemberId, doctor: MemberId, begins_at: datetime, reason: str) -> int:
    """Two rows about two people, each at home; the doctor's holds ids alone. Writing it again changes nothing."""

    async def with_patient(writer: SiteWriter) -> int:
        last = await writer.value("SELECT max(appointment_id) FROM appointment WHERE patient_id = %s", (patient,))
        number = next_snowflake(writer.now, int(str(last or 0)))
        row = (patient, number, doctor, begins_at, reason)
        await writer.execute("INSERT INTO appointment VALUES (%s, %s, %s, %s, %s)", row)
        return number

    number = await app.transact(patient, with_patient)

    async def with_doctor(writer: SiteWriter) -> None:
        row = (doctor, number, patient, begins_at)
        await writer.execute("INSERT INTO agenda_stub VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING", row)

    await app.transact(doctor, with_doctor)
    return number


async def chart(app: App, patient: MemberId) -> Chart:
    """Read at home, in one snapshot. Raises NotFound."""

    async def read(reader: SiteReader) -> Chart:
        person = await reader.one("SELECT full_name FROM patient WHERE patient_id = %s", (patient,))
        contact = await reader.one("SELECT phone FROM vault.read_contact(%s)", ([patient],))
        if person is None:
            raise NotFound("no patient")
        key = (await reader.data_keys([patient]))[patient]
        rows = await reader.fetch(
            "SELECT appointment_id, begins_at, reason FROM appointment WHERE patient_id = %s ORDER BY 1", (patient,)
        )
        phone = key.open_text("contact.phone", contact.phone and bytes(contact.phone)) if contact else None
        return Chart(person.full_name, phone, [(row.appointment_id, row.begins_at, row.reason) for row in rows])

    return await app.read(patient, read)


async def agenda(app: App, doctor: MemberId) -> list[tuple[int, MemberId]]:
    """Whom a doctor sees, by opaque id; the names stay with the patients' homes."""

    async def read(reader: SiteReader) -> list[tuple[int, MemberId]]:
        rows = await reader.fetch(
            "SELECT appointment_id, patient_id FROM agenda_stub WHERE doctor_id = %s ORDER BY 1", (doctor,)
        )
        return [(row.appointment_id, MemberId(row.patient_id)) for row in rows]

    return await app.read(doctor, read)


async def forget(session: Session, erased: Sequence[MemberId]) -> None:
    """Of somebody who is erased no stub stays: run at every site, in the transaction in which it hears of it."""
    await session.execute("DELETE FROM agenda_stub WHERE patient_id = ANY (%s)", (list(erased),))
