"""The same app, declared wrongly: one table for every way in which Domicile refuses a declaration. Never use it."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from domicile.placement.ownership import home, local, network, personal

METADATA = MetaData()


def _owner(name: str = "patient_id", kind: type = BigInteger, **more: object) -> Column[int]:
    key = ForeignKey("resident.member_id")
    return Column(name, kind, key, **{"primary_key": True, "autoincrement": False, "info": home(), **more})  # type: ignore[arg-type]


def _number(name: str = "number") -> Column[int]:
    return Column(name, BigInteger, primary_key=True, autoincrement=False)


def _bad(name: str, *parts: object, **more: object) -> Table:
    return Table(name, METADATA, *parts, **more)  # type: ignore[arg-type]


_bad("no_home", _number(), Column("reason", Text))
_bad("two_homes", _owner(), _owner("doctor_id"))
_bad("home_without_key", Column("patient_id", BigInteger, primary_key=True, autoincrement=False, info=home()))
_bad("home_of_32_bits", _owner(kind=Integer))
_bad("home_may_be_null", _owner(primary_key=False, nullable=True), _number())
_bad("key_begins_elsewhere", _number(), _owner())
_bad("unique_across_members", _owner(), Column("badge", String(20)), UniqueConstraint("badge"))
_bad("unique_index_across_members", _owner(), Column("badge", String(20)), Index("one_badge", "badge", unique=True))
_bad("local_sequence", _owner(), Column("number", BigInteger, primary_key=True, autoincrement=True))
_bad("key_to_another_member", _owner(), Column("doctor_id", BigInteger, ForeignKey("resident.member_id")))
_bad("room", _number(), info=local())
_bad("key_to_a_site_table", _owner(), Column("room", BigInteger, ForeignKey("room.number")))
_bad("visit", _owner(), _number())
_bad(
    "key_that_crosses_sites",
    _owner(),
    Column("other", BigInteger),
    Column("visit", BigInteger),
    ForeignKeyConstraint(["other", "visit"], ["visit.patient_id", "visit.number"]),
)
_bad("key_to_nothing", _owner(), Column("bill", BigInteger, ForeignKey("nowhere.number")))
_bad("network_with_an_owner", _owner(), info=network())
_bad("network_that_points_to_members", _number(), Column("m", BigInteger, ForeignKey("visit.number")), info=network())
_bad("network_with_personal_data", _number(), Column("note", Text, info=personal("user.content")), info=network())
_bad("site_without_retention", _number(), Column("note", Text, info=personal("user.content")), info=local())
_bad("no_such_category", _owner(), Column("blood", Text, info=personal("user.contact.emial")))
_bad("personal_and_not_said", _owner(), Column("e_mail", Text))
_bad("sealed_outside_the_vault", _owner(), Column("blood", LargeBinary, info=personal("user.content", sealed=True)))
_bad("sealed_text", _owner(), Column("note", Text, info=personal("user.content", sealed=True)), schema="vault")
_bad("another_schema", _owner(), schema="billing")
_bad("circle_a", _owner(), Column("number", BigInteger), ForeignKeyConstraint(["patient_id"], ["circle_b.patient_id"]))
_bad("circle_b", _owner(), Column("number", BigInteger), ForeignKeyConstraint(["patient_id"], ["circle_a.patient_id"]))
_bad("outbox", _owner(), _number(), Column("words", Text))
_bad("resident", Column("member_id", BigInteger, primary_key=True), Column("full_name", Text))
