"""The parts of a residue: rows as JSON, sealed values opened, and files; each sealed under the residue's own key."""

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from domicile.database import Row, Session, array, sql
from domicile.errors import NotFound
from domicile.ids import MemberId
from domicile.placement.files import file_of
from domicile.placement.ownership import OwnedTable, Ownership
from domicile.placement.sealing import BrokenSeal, DataKey
from domicile.placement.sites import Site
from domicile.relocation.archive import plain_value
from domicile.relocation.covers import Cover, tables_of
from domicile.relocation.rows import copied_tables
from domicile.relocation.shape import table_name

ROWS_A_PART = 2_000
PLACE = "residue_part.body"

_KEYS = "SELECT member_id, wrapped FROM vault.data_key WHERE member_id = ANY (%s::bigint[])"


class Part(msgspec.Struct, array_like=True):
    """A piece of a residue: rows of a table, or a file. `unopened`: columns of which a value did not open."""

    table: str = ""
    rows: list[dict[str, Any]] = []
    file: str = ""
    content: bytes = b""
    unopened: list[str] = []


def seal_part(key: DataKey, number: int, part: Part) -> bytes:
    """A part under the residue's key, bound to its number: parts cannot change places."""
    return key.seal(f"{PLACE}/{number}", zlib.compress(msgspec.msgpack.encode(part, enc_hook=str)))


def open_part(key: DataKey, number: int, body: bytes) -> Part:
    """Raises BrokenSeal."""
    return msgspec.msgpack.decode(zlib.decompress(key.open(f"{PLACE}/{number}", body)), type=Part)


@dataclass(frozen=True)
class Collected:
    """What some members have in the tables of which something stays, as one transaction sees it."""

    site: Site
    keys: Mapping[MemberId, DataKey]
    tables: Sequence[tuple[OwnedTable, Mapping[MemberId, list[Row]]]]

    async def parts(self, member: MemberId, cover: Cover) -> AsyncIterator[Part]:
        """One member's rows under one cover, without the columns that it does not keep; then the files they name."""
        files: dict[str, None] = {}
        for owned, rows_of in self.tables:
            columns = cover.columns_of(owned)
            rows = rows_of.get(member, []) if columns else []
            files |= dict.fromkeys(_named_files(owned, columns, rows))
            for start in range(0, len(rows), ROWS_A_PART):
                yield self._part(owned, columns, rows[start : start + ROWS_A_PART], member)
        for digest in files:
            try:
                content = await asyncio.to_thread(file_of(self.site.media, member, digest).read_bytes)
            except (FileNotFoundError, NotFound):
                continue
            yield Part(file=digest, content=content)

    def _part(self, owned: OwnedTable, columns: Sequence[str], rows: Sequence[Row], member: MemberId) -> Part:
        part = Part(table=owned.name)
        for row in rows:
            part.rows.append({name: self._value(owned, name, getattr(row, name), member, part) for name in columns})
        return part

    def _value(self, owned: OwnedTable, name: str, value: Any, member: MemberId, part: Part) -> Any:
        """A value that does not open is lost already: it must not keep the others from staying, and is named."""
        if name in owned.sealed and value is not None:
            try:
                value = self.keys[member].open(f"{owned.table.name}.{name}", bytes(value))
            except (BrokenSeal, KeyError):
                part.unopened.append(name)
                return None
            with contextlib.suppress(UnicodeDecodeError):
                value = value.decode()
        return plain_value(value)


async def collect(
    session: Session, site: Site, ownership: Ownership, covered: Mapping[MemberId, Sequence[Cover]]
) -> Collected:
    """Read all rows of these members in the tables that any of their covers keeps."""
    wanted = tables_of([cover for covers in covered.values() for cover in covers], copied_tables(ownership))
    members = array(covered)
    tables = [
        (owned, await _read(session, owned, wanted[owned.name], members))
        for owned in copied_tables(ownership)
        if owned.name in wanted
    ]
    keys = {}
    for row in await session.fetch(_KEYS, (members,)):
        with contextlib.suppress(BrokenSeal):
            keys[MemberId(row.member_id)] = site.key.unwrap(row.member_id, bytes(row.wrapped))
    return Collected(site, keys, tables)


async def _read(session: Session, owned: OwnedTable, columns: Sequence[str], members: str) -> dict[MemberId, list[Row]]:
    query = sql.SQL("SELECT {}, {} AS the_owner FROM {} WHERE {} = ANY (%s::bigint[]) ORDER BY {}").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.Identifier(owned.owner),
        table_name(owned),
        sql.Identifier(owned.owner),
        sql.SQL(", ").join(map(sql.Identifier, owned.key)),
    )
    found: dict[MemberId, list[Row]] = {}
    for row in await session.fetch(query.as_string(), (members,)):
        found.setdefault(MemberId(row.the_owner), []).append(row)
    return found


def _named_files(owned: OwnedTable, columns: Sequence[str], rows: Sequence[Row]) -> Iterator[str]:
    """The files that these rows name in columns that stay."""
    stored = [name for name in columns if owned.table.columns[name].info.get("domicile.stored")]
    for row in rows:
        yield from (value for name in stored if (value := getattr(row, name)))
