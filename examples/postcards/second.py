"""Postcards, version two: the same tables, and a phone number beside the password."""

from examples.postcards import first
from sqlalchemy import Column, LargeBinary, MetaData

from domicile.placement.ownership import personal

METADATA = MetaData()
for _table in first.METADATA.tables.values():
    _table.to_metadata(METADATA)

METADATA.tables["vault.secret"].append_column(
    Column("phone", LargeBinary, info=personal("user.contact.phone_number", sealed=True))
)
