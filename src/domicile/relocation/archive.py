"""Everything that is a member's, read at their home by the same ownership graph that places, moves and erases it.

GDPR arts. 15 and 20. Sealed values are opened with the member's own data key; that key and the password's hash stay.
"""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from domicile.database import Row, sql
from domicile.ids import MemberId, SiteName
from domicile.law.categories import covers
from domicile.placement.files import file_of, list_files
from domicile.placement.ownership import VAULT, OwnedTable, Ownership
from domicile.placement.routing import Router, SiteReader
from domicile.placement.sealing import DataKey
from domicile.relocation.rows import copied_tables

_SAFE_WHOLE = 1 << 53
"""Beyond this, a number would lose digits in JSON readers; ids are text."""


@dataclass(frozen=True)
class Archive:
    """A member's rows by table, as JSON takes them, and the digests of their files, as of one moment."""

    member: MemberId
    home: SiteName
    at: datetime
    tables: dict[str, list[dict[str, Any]]]
    categories: dict[str, dict[str, str]]
    files: list[str]


async def read_archive(router: Router, ownership: Ownership, member: MemberId) -> Archive:
    """All of it in one snapshot at home. Raises NotFound."""

    async def read(reader: SiteReader) -> Archive:
        key = (await reader.data_keys([member]))[member]
        tables = {owned.name: await _read_table(reader, owned, key) for owned in copied_tables(ownership)}
        files = await asyncio.to_thread(list_files, reader.site.media, [member])
        names = [digest for _, digest in files]
        return Archive(member, reader.site.name, reader.now, tables, _categories(ownership), names)

    return await router.read(member, read)


async def read_files(router: Router, archive: Archive) -> AsyncIterator[tuple[str, bytes]]:
    """The files that the archive names, one after another; one that vanished meanwhile is left out."""
    root = router.sites[archive.home].media
    for digest in archive.files:
        try:
            yield digest, await asyncio.to_thread(file_of(root, archive.member, digest).read_bytes)
        except FileNotFoundError:
            continue


async def _read_table(reader: SiteReader, owned: OwnedTable, key: DataKey) -> list[dict[str, Any]]:
    """A vault table is read through its function, like everywhere else."""
    if owned.table.schema == VAULT:
        rows = await reader.fetch(f"SELECT * FROM vault.read_{owned.table.name}(%s)", ([key.member],))
    else:
        query = sql.SQL("SELECT * FROM {} WHERE {} = %s ORDER BY {}").format(
            sql.Identifier(owned.table.name),
            sql.Identifier(owned.owner),
            sql.SQL(", ").join(map(sql.Identifier, owned.key)),
        )
        rows = await reader.fetch(query.as_string(), (key.member,))
    return [dict(_values(owned, row, key)) for row in rows]


def _values(owned: OwnedTable, row: Row, key: DataKey) -> Iterator[tuple[str, Any]]:
    for name in owned.columns:
        if covers("user.authorization", owned.sealed.get(name, "")):
            continue
        value = getattr(row, name)
        if name in owned.sealed and value is not None:
            value = key.open(f"{owned.table.name}.{name}", bytes(value))
            with contextlib.suppress(UnicodeDecodeError):
                value = value.decode()
        yield name, plain_value(value)


def plain_value(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _SAFE_WHOLE:
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(value).decode()
    return [plain_value(item) for item in value] if isinstance(value, list | tuple) else value


def _categories(ownership: Ownership) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for table, column, category in ownership.personal_columns():
        found.setdefault(str(table.fullname), {})[str(column.name)] = category
    return found
