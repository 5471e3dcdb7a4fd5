"""Postcards, version one: an app that knows its people by a handle and nothing else."""

from sqlalchemy import BigInteger, Column, ForeignKey, LargeBinary, MetaData, String, Table, Text

from domicile.placement.ownership import home, personal

METADATA = MetaData()


def _owner() -> Column[int]:
    return Column(
        "sender_id", BigInteger, ForeignKey("resident.member_id"), primary_key=True, autoincrement=False, info=home()
    )


sender = Table(
    "sender",
    METADATA,
    _owner(),
    Column("handle", String(30), nullable=False, info=personal("user.account.username")),
)

secret = Table(
    "secret",
    METADATA,
    _owner(),
    Column("password_hash", LargeBinary, info=personal("user.authorization.credentials", sealed=True)),
    schema="vault",
)

postcard = Table(
    "postcard",
    METADATA,
    _owner(),
    Column("postcard_id", BigInteger, primary_key=True, autoincrement=False),
    Column("words", Text, nullable=False, info=personal("user.content.public")),
)
