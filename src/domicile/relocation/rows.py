"""A member's rows as streams of frames: out of one site's tables and into another's, by names and never by position."""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from functools import cache
from typing import Any

from sqlalchemy import JSON
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB

from domicile.database import Session, array, sql
from domicile.ids import MemberId
from domicile.placement.ownership import OwnedTable, Ownership
from domicile.relocation.messages import Copied, Frame
from domicile.relocation.shape import table_name
from domicile.transport.exchange import decode, encode

KEY_TABLE = "vault.data_key"
"""Wrapped under the site's key, so never copied: keys travel sealed, see `sealed_keys`."""
GONE_AT_ONCE = 5_000
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_OWNED = """
SELECT n.nspname AS schema, c.relname AS name, a.attname AS owner FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
WHERE k.contype = 'f' AND k.confrelid = to_regclass('public.resident') AND cardinality(k.conkey) = 1
"""


def copied_tables(ownership: Ownership) -> list[OwnedTable]:
    """The tables whose rows are copied, parents first."""
    return [owned for owned in ownership.owned if owned.name != KEY_TABLE]


def carried_tables(ownership: Ownership) -> list[OwnedTable]:
    """Those of them that a relocation carries; what a member leaves behind is erased with the rest."""
    return [owned for owned in copied_tables(ownership) if not owned.stays]


async def export_rows(session: Session, ownership: Ownership, members: list[MemberId]) -> AsyncGenerator[bytes]:
    """All rows that these members take along, table by table, and the end."""
    ids = sql.Literal(array(members))  # COPY takes no parameters, and ids are numbers
    filled = {row.relation for row in await session.fetch(_filled(ownership), {"members": array(members)})}
    for owned in carried_tables(ownership):
        if owned.name not in filled:
            continue
        query = sql.SQL("SELECT {} FROM {} t WHERE t.{} = ANY ({}::bigint[])").format(
            _columns(owned, "t"), table_name(owned), sql.Identifier(owned.owner), ids
        )
        yield encode(Frame(table=owned.name, columns=list(owned.columns)))
        async with contextlib.aclosing(session.copy_out(query)) as pieces:
            async for piece in pieces:
                yield encode(Frame(piece=piece))
    yield encode(Frame(end=True))


async def export_changes(session: Session, ownership: Ownership, members: list[MemberId]) -> AsyncGenerator[bytes]:
    """Only the rows whose keys were noted while the members were tracked, and the keys whose rows are gone."""
    noted = await session.fetch(
        "SELECT DISTINCT relation FROM changed WHERE member_id = ANY (%s::bigint[])", (array(members),)
    )
    relations = {row.relation for row in noted}
    for owned in carried_tables(ownership):
        if owned.name not in relations:
            continue
        parts = {"columns": _columns(owned, "t"), "table": table_name(owned), "same": _same_key(owned)}
        parts["noted"] = sql.SQL("c.relation = {} AND c.member_id = ANY ({}::bigint[])").format(
            sql.Literal(owned.name), sql.Literal(array(members))
        )
        yield encode(Frame(table=owned.name, columns=list(owned.columns)))
        query = "SELECT {columns} FROM changed c JOIN {table} t ON {same} WHERE {noted}"
        async with contextlib.aclosing(session.copy_out(sql.SQL(query).format(**parts))) as pieces:
            async for piece in pieces:
                yield encode(Frame(piece=piece))
        parts["owner"] = sql.Identifier("t", owned.owner)
        query = "SELECT c.member_id, c.row_key FROM changed c LEFT JOIN {table} t ON {same}"
        gone = await session.fetch(sql.SQL(query + " WHERE {noted} AND {owner} IS NULL").format(**parts).as_string())
        for start in range(0, len(gone), GONE_AT_ONCE):
            keys = [(MemberId(row.member_id), list(row.row_key)) for row in gone[start : start + GONE_AT_ONCE]]
            yield encode(Frame(gone=keys))
    yield encode(Frame(end=True))


class Incoming:
    """The frames of a stream, table by table."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self._frame = Frame()
        self.size = 0
        self.gone: list[tuple[MemberId, list[str]]] = []

    async def next_table(self) -> Frame | None:
        """The head of the next table, or None at the end. A stream that breaks off raises ValueError."""
        while not (self._frame.table or self._frame.end):
            await self._advance()
        head, self._frame, self.gone = self._frame, Frame(), []
        return None if head.end else head

    async def rows(self) -> AsyncIterator[bytes]:
        """The pieces of the table whose head was read last; keys that are gone collect in `gone`."""
        while True:
            await self._advance()
            if self._frame.table or self._frame.end:
                return
            self.gone += self._frame.gone
            self.size += len(self._frame.piece)
            if self._frame.piece:
                yield self._frame.piece

    async def _advance(self) -> None:
        try:
            self._frame = decode(await anext(self._pieces), Frame)
        except StopAsyncIteration:
            raise ValueError("a stream of rows broke off before its end") from None


async def import_rows(session: Session, ownership: Ownership, incoming: Incoming) -> Copied:
    """Take all rows of a stream into tables that hold none of these members' rows yet."""
    rows = 0
    while (head := await incoming.next_table()) is not None:
        owned = ownership[head.table]
        rows += await session.copy_pieces(_target(table_name(owned), head.columns), incoming.rows())
    return Copied(rows, incoming.size)


async def import_changes(session: Session, ownership: Ownership, incoming: Incoming) -> Copied:
    """Take rows that replace those with the same key; then remove the rows whose keys are gone, children first."""
    rows = 0
    gone: dict[str, list[tuple[MemberId, list[str]]]] = {}
    while (head := await incoming.next_table()) is not None:
        owned = ownership[head.table]
        table = table_name(owned)
        await session.execute(sql.SQL("CREATE TEMP TABLE incoming (LIKE {}) ON COMMIT DROP").format(table).as_string())
        rows += await session.copy_pieces(_target(sql.Identifier("incoming"), head.columns), incoming.rows())
        await session.execute(_upsert(owned, head.columns).as_string())
        await session.execute("DROP TABLE incoming")
        gone[owned.name] = incoming.gone
    for owned in reversed(copied_tables(ownership)):
        if keys := gone.get(owned.name):
            await session.execute_many(_delete(owned), [(member, *rest) for member, rest in keys])
    return Copied(rows, incoming.size)


async def sum_rows(
    session: Session, ownership: Ownership, members: list[MemberId], *, plain: bool
) -> dict[str, tuple[int, str]]:
    """Table -> rows of these members, and the sum of the hashes of their columns in order of name."""
    rows = await session.fetch(_sums(ownership, plain), {"members": array(members)})
    return {row.relation: (int(row.rows), str(row.digest)) for row in rows}


async def erase_rows(session: Session, ownership: Ownership, members: list[MemberId], *, keys: bool = True) -> int:
    """Delete every owned row of these members, their data keys (unless `keys` are to stay) first; how many."""
    about = {"members": array(members)}
    async with session.pipeline():
        done = [await session.send(statement, about) for statement in _erasures(ownership)[0 if keys else 1 :]]
    return sum(cursor.rowcount for cursor in done)


async def count_rows(session: Session, members: list[MemberId]) -> int:
    """How many rows these members own, in whatever tables the server's catalogue says have owners."""
    counts = [
        sql.SQL("(SELECT count(*) FROM {} t WHERE t.{} = ANY (%(members)s::bigint[]))").format(
            sql.Identifier(table.schema, table.name), sql.Identifier(table.owner)
        )
        for table in await session.fetch(_OWNED)
    ]
    query = sql.SQL("SELECT {}").format(sql.SQL(" + ").join(counts)).as_string()
    return int(await session.value(query, {"members": array(members)}))


@cache
def unknown_routes(ownership: Ownership) -> str:
    """The statement that finds `others`: to whom the rows of %(members)s refer, and whose home this site does not know.

    One array: rows of one number each cost the driver more than the server.
    """
    query = "SELECT {} AS other FROM {} t WHERE {}"
    columns = [(owned, name) for owned in ownership.owned for name, what in owned.remotes.items() if what == "member"]
    others = " UNION ".join(_about(query, owned, sql.Identifier("t", name)) for owned, name in columns)
    return (
        f"SELECT array_agg(other) AS others FROM ({others or 'SELECT NULL::bigint AS other'}) o WHERE other IS NOT NULL"
        " AND NOT EXISTS (SELECT FROM route r WHERE r.member_id = o.other)"
    )


@cache
def _filled(ownership: Ownership) -> str:
    """Those tables in which members have rows at all: a COPY of nothing costs as much as one of a few rows."""
    query = "SELECT {} AS relation WHERE EXISTS (SELECT FROM {} t WHERE {})"
    return " UNION ALL ".join(_about(query, owned, sql.Literal(owned.name)) for owned in carried_tables(ownership))


@cache
def _erasures(ownership: Ownership) -> list[str]:
    """A statement for each owned table: the data keys first, then children before parents."""
    tables = (ownership[KEY_TABLE], *reversed(copied_tables(ownership)))
    return [_about("DELETE FROM {} t WHERE {}", owned) for owned in tables]


def _about(query: str, owned: OwnedTable, *before: sql.Composable) -> str:
    """A statement about a table (the next to last place in `query`) and the rows of %(members)s in it (the last)."""
    mine = sql.SQL("t.{} = ANY (%(members)s::bigint[])").format(sql.Identifier(owned.owner))
    return sql.SQL(query).format(*before, table_name(owned), mine).as_string()


@cache
def _sums(ownership: Ownership, plain: bool) -> str:
    """One statement for all tables, the same for any members: the server parses and plans it once a connection."""
    query = "SELECT {} AS relation, count(*) AS rows, coalesce(sum({}), 0)::text AS digest FROM {} t WHERE {}"
    tables = (ownership[KEY_TABLE], *carried_tables(ownership))
    return " UNION ALL ".join(_about(query, o, sql.Literal(o.name), _hash(o, plain)) for o in tables)


def _columns(owned: OwnedTable, table: str) -> sql.Composable:
    return sql.SQL(", ").join(sql.Identifier(table, name) for name in owned.columns)


def _target(table: sql.Composable, columns: list[str]) -> sql.Composable:
    return sql.SQL("{} ({})").format(table, sql.SQL(", ").join(map(sql.Identifier, columns)))


def _rest(owned: OwnedTable) -> list[tuple[str, str]]:
    """The columns of the key beside the owner's, with their types."""
    types: dict[str, Any] = {str(column.name): column.type for column in owned.table.columns}
    return [(name, types[name].compile(_DIALECT)) for name in owned.key if name != owned.owner]


def _same_key(owned: OwnedTable) -> sql.Composable:
    """That a row `t` has the key that was noted in `c`."""
    conditions = [sql.SQL("t.{} = c.member_id").format(sql.Identifier(owned.owner))]
    for place, (name, kind) in enumerate(_rest(owned), 1):
        cast = sql.SQL(kind)
        conditions.append(sql.SQL("t.{} = (c.row_key[{}])::{}").format(sql.Identifier(name), sql.Literal(place), cast))
    return sql.SQL(" AND ").join(conditions)


def _upsert(owned: OwnedTable, columns: list[str]) -> sql.Composable:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    others = [name for name in columns if name not in owned.key] or [owned.owner]
    changes = sql.SQL(", ").join(sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(name)) for name in others)
    return sql.SQL("INSERT INTO {} ({}) SELECT {} FROM incoming ON CONFLICT ({}) DO UPDATE SET {}").format(
        table_name(owned), names, names, sql.SQL(", ").join(map(sql.Identifier, owned.key)), changes
    )


def _delete(owned: OwnedTable) -> str:
    conditions = [sql.SQL("{} = %s").format(sql.Identifier(owned.owner))]
    conditions += [
        sql.SQL("{} = (%s::text)::{}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in _rest(owned)
    ]
    return sql.SQL("DELETE FROM {} WHERE {}").format(table_name(owned), sql.SQL(" AND ").join(conditions)).as_string()


def _hash(owned: OwnedTable, plain: bool) -> sql.Composable:
    """A row's hash. Of a data key only its owner counts: the two sites wrap it differently."""
    names = [owned.owner] if owned.name == KEY_TABLE else sorted(owned.columns)
    parts = [_hashed(owned, name) for name in names]
    row = sql.SQL("ROW({})").format(sql.SQL(", ").join(parts))
    if plain:
        return sql.SQL("('x' || substr(md5({}::text), 1, 15))::bit(60)::bigint").format(row)
    return sql.SQL("hash_record_extended({}, 0)").format(row)


def _hashed(owned: OwnedTable, name: str) -> sql.Composable:
    """A column; PostgreSQL has no hash for `json`, which has no equality either."""
    kind = owned.table.columns[name].type
    column = sql.Identifier("t", name)
    return sql.SQL("{}::text").format(column) if isinstance(kind, JSON) and not isinstance(kind, JSONB) else column
