"""The chain of what was done to holds and residue at a site: no role of the application can change or remove a link."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from domicile.database import Database, Row, Session
from domicile.ids import MemberId

FIRST_LINK = bytes(32)

_ALONE = "SELECT pg_advisory_xact_lock(hashtext('domicile keeping'))"
_LAST = "SELECT number, digest FROM vault.keeping_entry ORDER BY number DESC LIMIT 1"
_ADD = """
INSERT INTO vault.keeping_entry (number, at, step, member_id, fields, previous, digest)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""


async def note(session: Session, step: str, member: MemberId | None, fields: Mapping[str, Any], now: datetime) -> None:
    """Add a link. Whoever adds one is alone until their transaction ends, so do it last."""
    await session.execute(_ALONE)
    last = await session.one(_LAST)
    number, previous = (last.number + 1, bytes(last.digest)) if last else (1, FIRST_LINK)
    text = msgspec.json.encode(dict(sorted(fields.items()))).decode()
    digest = _link(previous, number, now, step, member, text)
    await session.execute(_ADD, (number, now, step, member, text, previous, digest))


async def read_links(database: Database) -> list[Row]:
    """The chain, in order."""
    return await database.run("SELECT * FROM vault.keeping_entry ORDER BY number")


async def is_whole(database: Database) -> bool:
    """Whether every link is right and follows from the one before."""
    previous = FIRST_LINK
    for number, row in enumerate(await read_links(database), 1):
        digest = _link(previous, row.number, row.at, row.step, row.member_id, row.fields)
        if row.number != number or bytes(row.previous) != previous or bytes(row.digest) != digest:
            return False
        previous = digest
    return True


def _link(previous: bytes, number: int, at: datetime, step: str, member: int | None, fields: str) -> bytes:
    text = f"{number}\0{at.astimezone(UTC).isoformat()}\0{step}\0{member or ''}\0{fields}"
    return hashlib.sha256(previous + text.encode()).digest()
