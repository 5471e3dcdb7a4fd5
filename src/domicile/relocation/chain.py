"""The chain of hashes over every step of every relocation, with the fields that the ledger's leaf will have.

An entry's hash covers the one before it: whoever keeps a hash can tell whether anything before it was changed.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from domicile.database import Database, Row, Session

FIRST_LINK = bytes(32)


async def lock_head(hub: Session) -> bytes:
    """The hash of the last entry. Whoever has it writes the next one; taken before any other lock of the journal."""
    return bytes(await hub.value("SELECT digest FROM relocation_head FOR UPDATE"))


async def add_entry(
    hub: Session, previous: bytes, batch: int, step: str, fields: Mapping[str, Any], now: datetime
) -> bytes:
    """Add an entry after `previous`, which `lock_head` gave to the same transaction; the new head."""
    text = msgspec.json.encode(dict(sorted(fields.items()))).decode()
    digest = _link(previous, batch, step, now.isoformat(), text)
    await hub.execute(
        "WITH head AS (UPDATE relocation_head SET number = number + 1, digest = %s RETURNING number)"
        " INSERT INTO relocation_entry (number, batch_id, step, at, fields, previous, digest)"
        " SELECT number, %s, %s, %s, %s, %s, %s FROM head",
        (digest, batch, step, now.isoformat(), text, previous, digest),
    )
    return digest


async def read_entries(hub: Database, batch: int | None = None) -> list[Row]:
    """The chain, or one batch's part of it, in order."""
    where = "" if batch is None else "WHERE batch_id = %s"
    return await hub.run(f"SELECT * FROM relocation_entry {where} ORDER BY number", () if batch is None else (batch,))


async def is_intact(hub: Database) -> bool:
    """Whether every entry's hash is right and follows from the one before, up to the head."""
    previous = FIRST_LINK
    for row in await read_entries(hub):
        if bytes(row.previous) != previous or bytes(row.digest) != _link(
            previous, row.batch_id, row.step, row.at, row.fields
        ):
            return False
        previous = bytes(row.digest)
    head = await hub.run("SELECT digest FROM relocation_head")
    return bytes(head[0].digest) == previous


def _link(previous: bytes, batch: int, step: str, at: str, fields: str) -> bytes:
    return hashlib.sha256(previous + f"{batch}\0{step}\0{at}\0{fields}".encode()).digest()
