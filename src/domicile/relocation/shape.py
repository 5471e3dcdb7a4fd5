"""Whether two sites' tables are the same, asked of each server's catalogue and not of our declaration."""

import hashlib

from domicile.database import Session, sql
from domicile.placement.ownership import OwnedTable, Ownership

_COLUMNS = """
SELECT a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS filled
FROM pg_attribute a WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attname
"""
_KEYS = """
SELECT pg_get_constraintdef(oid) AS key FROM pg_constraint
WHERE conrelid = to_regclass(%s) AND contype IN ('p', 'u', 'c', 'f') ORDER BY 1
"""
# PostgreSQL hashes alike on servers of one byte order; should two not, rows are compared by their text.
_PROBE = """
SELECT hash_record_extended(ROW(1::bigint, 'äß'::text, '{1,2}'::int[], '\\x00ff'::bytea, true,
  '2026-01-01 00:00:00+00'::timestamptz, '{"a": [1, null]}'::jsonb, NULL::text), 0)::text
"""


def table_name(owned: OwnedTable) -> sql.Composable:
    return sql.Identifier(*owned.name.split("."))


async def describe_tables(session: Session, ownership: Ownership) -> dict[str, str]:
    """Table -> a digest of its columns (by name, in no order), types and keys."""
    found = {}
    for owned in ownership.owned:
        columns = await session.fetch(_COLUMNS, (owned.name,))
        keys = await session.fetch(_KEYS, (owned.name,))
        text = "\n".join([*(f"{c.name} {c.type} {c.filled}" for c in columns), *(k.key for k in keys)])
        found[owned.name] = hashlib.sha256(text.encode()).hexdigest()
    return found


async def probe_hash(session: Session) -> str:
    """This server's hash of a row that is the same everywhere."""
    return str(await session.value(_PROBE))


def differences(source: dict[str, str], target: dict[str, str]) -> list[str]:
    """The tables that are not the same at both sites."""
    return sorted(name for name in source.keys() | target.keys() if source.get(name) != target.get(name))
