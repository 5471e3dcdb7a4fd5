"""Whether two sites' tables are the same, asked of each server's catalogue and not of our declaration."""

from domicile.database import Session, sql
from domicile.ids import SiteName
from domicile.placement.ownership import OwnedTable, Ownership
from domicile.relocation.messages import Shape

_COLUMNS = """
SELECT t.name AS relation, a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
  || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END AS line
FROM unnest(%(tables)s::text[]) AS t (name) JOIN pg_attribute a ON a.attrelid = to_regclass(t.name)
WHERE a.attnum > 0 AND NOT a.attisdropped
UNION ALL SELECT t.name, pg_get_constraintdef(k.oid)
FROM unnest(%(tables)s::text[]) AS t (name) JOIN pg_constraint k ON k.conrelid = to_regclass(t.name)
WHERE k.contype IN ('p', 'u', 'c', 'f') ORDER BY 1, 2
"""
# PostgreSQL hashes alike on servers of one byte order; should two not, rows are compared by their text.
_PROBE = """
SELECT hash_record_extended(ROW(1::bigint, 'äß'::text, '{1,2}'::int[], '\\x00ff'::bytea, true,
  '2026-01-01 00:00:00+00'::timestamptz, '{"a": [1, null]}'::jsonb, NULL::text), 0)::text
"""


def table_name(owned: OwnedTable) -> sql.Composable:
    return sql.Identifier(*owned.name.split("."))


async def describe_tables(session: Session, ownership: Ownership) -> dict[str, list[str]]:
    """Table -> its columns (by name, in no order), with their types, and its keys: a line each."""
    found: dict[str, list[str]] = {}
    for row in await session.fetch(_COLUMNS, {"tables": [owned.name for owned in ownership.owned]}):
        found.setdefault(row.relation, []).append(row.line)
    return found


async def probe_hash(session: Session) -> str:
    """This server's hash of a row that is the same everywhere."""
    return str(await session.value(_PROBE))


def differences(source: Shape, target: Shape, names: tuple[SiteName, SiteName]) -> list[str]:
    """What only one of the two sites has, in words; nothing if rows can be copied as they are."""
    if source.version != target.version:
        versions = zip(names, (source.version, target.version), strict=True)
        return [f"{name} speaks version {version} of relocation" for name, version in versions]
    found = []
    for table in sorted(source.tables.keys() | target.tables.keys()):
        here, there = (shape.tables.get(table, []) for shape in (source, target))
        found += [f"{names[0]} alone has {table}: {line}" for line in here if line not in there]
        found += [f"{names[1]} alone has {table}: {line}" for line in there if line not in here]
    return found
