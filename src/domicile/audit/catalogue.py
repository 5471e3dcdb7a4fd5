"""What a server's own catalogue says about its tables, fences, roles and log.

Whose rows a table holds is read twice: from the foreign key to `resident`, and from the comment on the owner's column,
which stays when somebody takes key and trigger away. A table without a mark is one that nobody declared. Comments also
say which columns name files, and which rows are one half of a pair (see `placement.marks`).
"""

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from domicile.audit.report import Kind, Violation
from domicile.database import Row, Session
from domicile.placement.fence import APP_ROLE, AUDIT_ROLE, IMPORT_ROLE, fence_body
from domicile.placement.marks import HOME_MARK, PAIR_MARK, STORED_MARK, PairSide, read_pair_side
from domicile.placement.ownership import VAULT
from domicile.placement.sites import LOG_SETTINGS

_TABLES = """
SELECT n.nspname AS schema, c.relname AS name, c.relkind::text AS kind,
  coalesce(substring(obj_description(c.oid, 'pg_class') FROM '^domicile:([a-z]+)'), '') AS declared,
  coalesce((SELECT jsonb_object_agg(a.attname, col_description(c.oid, a.attnum)) FROM pg_attribute a
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
       AND col_description(c.oid, a.attnum) LIKE 'domicile:%%'), '{}') AS marks,
  (SELECT jsonb_object_agg(a.attname, format_type(a.atttypid, a.atttypmod)) FROM pg_attribute a
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS types,
  coalesce((SELECT jsonb_agg(jsonb_build_array(n.nspname, p.relname, f.columns, f.targets)) FROM pg_constraint k
     JOIN pg_class p ON p.oid = k.confrelid JOIN pg_namespace n ON n.oid = p.relnamespace
     CROSS JOIN LATERAL (SELECT jsonb_agg(a.attname ORDER BY i) AS columns, jsonb_agg(b.attname ORDER BY i) AS targets
       FROM unnest(k.conkey, k.confkey) WITH ORDINALITY AS u (x, y, i)
       JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.x
       JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = u.y) f
     WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.confrelid <> to_regclass('public.resident')), '[]') AS parents,
  ARRAY(SELECT a.attname::text FROM pg_constraint k JOIN pg_attribute a
          ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
        WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.confrelid = to_regclass('public.resident')
          AND cardinality(k.conkey) = 1) AS keyed,
  ARRAY(SELECT a.attname::text FROM pg_index i JOIN unnest(i.indkey) WITH ORDINALITY AS k (number, place) ON true
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
        WHERE i.indrelid = c.oid AND i.indisprimary ORDER BY k.place) AS key,
  ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
          AND has_column_privilege(c.oid, a.attnum, 'SELECT')) AS readable,
  (SELECT bool_and(k.convalidated AND to_jsonb(k) ->> 'conenforced' IS DISTINCT FROM 'false' AND NOT EXISTS
      (SELECT FROM pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgenabled NOT IN ('O', 'A')))
     FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'f'
      AND k.confrelid = to_regclass('public.resident')) AS key_works,
  (SELECT t.tgenabled IN ('O', 'A') FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'fence') AS enabled,
  (SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'fence') AS trigger,
  (SELECT p.prosrc FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
    WHERE t.tgrelid = c.oid AND t.tgname = 'fence') AS source,
  pg_has_role(%(app)s, c.relowner, 'MEMBER') OR pg_has_role(%(importer)s, c.relowner, 'MEMBER') AS app_owns,
  ARRAY(SELECT DISTINCT role FROM pg_attribute a, unnest(ARRAY[%(app)s, %(importer)s, %(auditor)s]::text[]) AS role
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND col_description(c.oid, a.attnum) = 'domicile:closed'
          AND has_column_privilege(role, c.oid, a.attnum, 'SELECT') ORDER BY role) AS closed_to_be_read,
  has_table_privilege(%(app)s, c.oid, 'TRUNCATE, TRIGGER') AS app_may_skip,
  has_table_privilege(%(app)s, c.oid, 'SELECT, INSERT, UPDATE, DELETE') OR
    has_any_column_privilege(%(app)s, c.oid, 'SELECT, INSERT, UPDATE') AS app_touches,
  has_table_privilege(%(auditor)s, c.oid, 'SELECT') AS auditor_reads
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm', 'f') AND NOT c.relispartition AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
  AND (n.nspname, c.relname) <> ('public', 'alembic_version')
ORDER BY 1, 2
"""

_ROLES = "SELECT rolname, rolsuper OR rolbypassrls OR rolcreaterole AS mighty FROM pg_roles WHERE rolname = ANY (%s)"

_RECALLS = r"""
SELECT p.proname AS name FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = 'domicile' AND p.proname LIKE 'recall\_%'
  AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgfoid = p.oid AND t.tgenabled IN ('O', 'A'))
"""

_SETTINGS = """
SELECT split_part(entry, '=', 1) AS name, split_part(entry, '=', 2) AS value
FROM pg_db_role_setting, unnest(setconfig) AS entry
"""

_MAY_SWITCH_OFF = """
SELECT bool_or(has_parameter_privilege(role, 'session_replication_role', 'SET')) AS may FROM unnest(%s::text[]) AS role
"""

_TRIGGER = re.compile(
    r"BEFORE INSERT OR DELETE OR UPDATE ON \S+ FOR EACH ROW"
    rf" WHEN \(\(CURRENT_USER <> '{IMPORT_ROLE}'::name\)\) EXECUTE FUNCTION domicile\.fence_"
)


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table with an owner's column, as the catalogue has it.

    `stored` columns name files; `sides` maps the column that names the other member to what it says of the pair.
    `types` are those of its columns, `parents` the tables that its rows hang on: schema, name, columns here, there.
    """

    schema: str
    name: str
    owner: str
    stored: tuple[str, ...] = ()
    sides: Mapping[str, PairSide] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    parents: Sequence[tuple[str, str, Sequence[str], Sequence[str]]] = ()

    def __str__(self) -> str:
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"


async def read_catalogue(site: str, session: Session) -> tuple[list[FoundTable], list[Violation]]:
    """The tables whose rows have owners, and everything in the catalogue that is not as it should be."""
    roles = {"app": APP_ROLE, "importer": IMPORT_ROLE, "auditor": AUDIT_ROLE}
    owned: list[FoundTable] = []
    wrong: list[Violation] = []
    for row in await session.fetch(_TABLES, roles):
        marked = sorted(column for column, mark in row.marks.items() if mark == HOME_MARK)
        owners = list(dict.fromkeys([*marked, *row.keyed]))
        sides, unread = _pair_sides(row)
        stored = tuple(c for c, mark in sorted(row.marks.items()) if mark == STORED_MARK and c in row.readable)
        more = (stored, sides, row.types, row.parents)
        owned += [FoundTable(row.schema, row.name, o, *more) for o in owners if o in row.readable]
        table = row.name if row.schema == "public" else f"{row.schema}.{row.name}"
        found = [*_declaration(row, owners), *(_fence(row, table, owners) if owners else ()), *_table_privileges(row)]
        found += unread
        wrong += [Violation(kind, site, table, 1, (), text) for kind, text in found]
    wrong += [Violation(kind, site, None, 1, (), text) async for kind, text in _server(session)]
    return owned, wrong


def _declaration(row: Row, owners: list[str]) -> Iterator[tuple[Kind, str]]:
    if row.declared not in ("owned", "network", "site"):
        yield "undeclared", "nobody declared this table; whose rows it holds is not known"
    elif row.kind != "r" and row.kind != "p":
        yield "undeclared", "a materialized view or foreign table; it may hold copies of members' rows"
    elif row.declared == "owned" and len(owners) != 1:
        yield "fence", f"has {len(owners)} owner columns where one is needed"
    if not set(owners) <= set(row.readable):
        yield "privilege", "the auditor's role may not read whose rows these are; they were not counted"


def _pair_sides(row: Row) -> tuple[dict[str, PairSide], list[tuple[Kind, str]]]:
    """The table's sides of pairs, by the column that names the other member; and what hinders their comparison."""
    sides: dict[str, PairSide] = {}
    wrong: list[tuple[Kind, str]] = []
    for column, mark in sorted(row.marks.items()):
        if mark.startswith(PAIR_MARK):
            try:
                side = read_pair_side(mark)
            except ValueError:
                wrong.append(("undeclared", f"what the comment on {column} says of a pair cannot be read"))
                continue
            if {column, *side.columns} <= set(row.readable):
                sides[column] = side
            else:
                wrong.append(("privilege", f"the auditor's role may not read what the pair {side.pair} compares"))
    return sides, wrong


def _fence(row: Row, table: str, owners: list[str]) -> Iterator[tuple[Kind, str]]:
    if not row.keyed:
        yield "fence", "the foreign key to resident is gone"
    elif not row.key_works:
        yield "fence", "the foreign key to resident is not enforced or not validated"
    if row.trigger is None:
        yield "fence", "the fence's trigger is gone"
    elif not row.enabled:
        yield "fence", "the fence's trigger is switched off"
    elif not _TRIGGER.search(row.trigger) or row.source not in (fence_body(table, owner, row.key) for owner in owners):
        yield "fence", "the fence's trigger is not the one that was installed"


def _table_privileges(row: Row) -> Iterator[tuple[Kind, str]]:
    if row.app_owns:
        yield "privilege", "belongs to a role of the application, which could switch the fence off"
    if row.app_may_skip:
        yield "privilege", "the application's role may TRUNCATE it or change its triggers, past the fence"
    if row.schema == VAULT and row.app_touches:
        yield "privilege", "the application's role reaches a vault table without its functions"
    for role in row.closed_to_be_read:
        yield "readable_residue", f"role {role} reads what was sealed away; only the role that owns the table may"
    if row.declared == "owned" and row.auditor_reads:
        yield "privilege", "the auditor's role may read more than ids of members' rows"


async def _server(session: Session) -> AsyncIterator[tuple[Kind, str]]:
    for row in await session.fetch(_ROLES, ([APP_ROLE, IMPORT_ROLE, AUDIT_ROLE],)):
        if row.mighty:
            yield "privilege", f"role {row.rolname} is a superuser, or may make roles or pass row security"
    for row in await session.fetch(_RECALLS):
        yield "fence", f"no trigger runs {row.name}: what changes there does not recall the copies that others hold"
    for row in await session.fetch("SELECT name, setting FROM pg_settings WHERE name = ANY (%s)", ([*LOG_SETTINGS],)):
        if row.setting != LOG_SETTINGS[row.name]:
            yield "log", f"{row.name} is {row.setting}, not {LOG_SETTINGS[row.name]}: the log may hold members' data"
    for row in await session.fetch(_SETTINGS):
        if row.name == "session_replication_role":
            yield "fence", "a role or database sets session_replication_role, which switches every fence off"
        elif row.name in LOG_SETTINGS and row.value != LOG_SETTINGS[row.name]:
            yield "log", f"a role or database sets {row.name} to {row.value}: the log may hold members' data"
    if await session.value(_MAY_SWITCH_OFF, ([APP_ROLE, IMPORT_ROLE],)):
        yield "privilege", "a role of the application may set session_replication_role, which switches every fence off"
    if await session.value("SELECT count(*) FROM pg_largeobject_metadata"):
        yield "undeclared", "large objects are stored here; nobody owns them"
