"""A booking app of clinics in several countries. It knows no social network; every patient's rows stay at home.

A patient and a doctor are members. An appointment is about both: its body is the patient's, the doctor holds a stub of
opaque ids, so that each lives in the country of their own law.
"""

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, LargeBinary, MetaData, String, Table, Text

from domicile.placement.ownership import harmless, home, local, network, personal, remote

METADATA = MetaData()


def _owner(name: str) -> Column[int]:
    return Column(
        name, BigInteger, ForeignKey("resident.member_id"), primary_key=True, autoincrement=False, info=home()
    )


def _number(name: str) -> Column[int]:
    return Column(name, BigInteger, primary_key=True, autoincrement=False)


patient = Table(
    "patient",
    METADATA,
    _owner("patient_id"),
    Column("full_name", Text, nullable=False, info=personal("user.name")),
    Column("language", String(8), nullable=False),
)

contact = Table(
    "contact",
    METADATA,
    _owner("patient_id"),
    Column("phone", LargeBinary, info=personal("user.contact.phone_number", sealed=True)),
    Column("birth_date", LargeBinary, info=personal("user.demographic.date_of_birth", sealed=True)),
    schema="vault",  # sealed under the patient's own key; the app reaches it by functions only
)

appointment = Table(
    "appointment",
    METADATA,
    _owner("patient_id"),
    _number("appointment_id"),
    Column("doctor_id", BigInteger, nullable=False, info=remote("member")),  # may live in another country
    Column("begins_at", DateTime(timezone=True), nullable=False),
    Column("reason", Text, nullable=False, info=personal("user.health_and_medical")),
)

agenda_stub = Table(
    "agenda_stub",
    METADATA,
    _owner("doctor_id"),
    _number("appointment_id"),
    Column("patient_id", BigInteger, nullable=False, info=remote("member")),
    Column("begins_at", DateTime(timezone=True), nullable=False),
)

speciality = Table(
    "speciality",
    METADATA,
    Column("code", String(8), primary_key=True),
    Column("full_name", Text, nullable=False, info=harmless("a field of medicine, not a person")),
    info=network(),
)

visitor_log = Table(
    "visitor_log",
    METADATA,
    _number("visit"),
    Column("ip_address", String(45), nullable=False, info=personal("user.device.ip_address")),
    info=local(retention="seven days, for the security of the site"),
)
