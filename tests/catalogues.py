"""What a database holds, as its own catalogue says: to compare what revisions make with what a declaration makes."""

from sqlalchemy import Connection

# Columns by name and never by place: one that a revision adds stands last, wherever the declaration has it.
_PARTS = {
    "schema": "SELECT nspname || ' ' || coalesce(nspacl::text, '') FROM pg_namespace WHERE nspname = ANY (%(schemas)s)",
    "table": "SELECT oid::regclass || ' ' || relkind::text || ' ' || coalesce(obj_description(oid, 'pg_class'), '')"
    " || ' ' || {acl} FROM pg_class c WHERE relkind IN ('r', 'S', 'v') AND relnamespace::regnamespace::text = ANY"
    " (%(schemas)s) AND relname <> 'alembic_version'",
    "column": "SELECT c.oid::regclass || '.' || attname || ' ' || format_type(atttypid, atttypmod) || ' '"
    " || attnotnull::text || ' ' || coalesce(pg_get_expr(d.adbin, d.adrelid), '') || ' '"
    " || coalesce(col_description(c.oid, attnum), '') || ' '"
    " || coalesce((SELECT string_agg(x, ',' ORDER BY x) FROM unnest(attacl::text[]) x), '')"
    " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON (adrelid, adnum) ="
    " (attrelid, attnum) WHERE relkind = 'r' AND attnum > 0 AND NOT attisdropped AND relname <> 'alembic_version'"
    " AND relnamespace::regnamespace::text = ANY (%(schemas)s)",
    "constraint": "SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace::regnamespace::text = ANY (%(schemas)s) AND conrelid <> 0"
    " AND conrelid IS DISTINCT FROM to_regclass('public.alembic_version')",
    "index": "SELECT indexdef FROM pg_indexes WHERE schemaname = ANY (%(schemas)s) AND tablename <> 'alembic_version'",
    "trigger": "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "function": "SELECT pg_get_functiondef(oid) || ' ' || {proacl} FROM pg_proc p"
    " WHERE pronamespace::regnamespace::text = ANY (%(schemas)s)",
}
_ACL = "coalesce((SELECT string_agg(x, ',' ORDER BY x) FROM unnest({}::text[]) x), '')"


def describe(connection: Connection) -> set[str]:
    """Every table, column, constraint, index, trigger, function and privilege, a line each."""
    found: set[str] = set()
    for part, query in _PARTS.items():
        query = query.replace("{acl}", _ACL.format("relacl")).replace("{proacl}", _ACL.format("proacl"))
        rows = connection.exec_driver_sql(query, {"schemas": ["public", "vault", "domicile"]})
        found |= {f"{part} {row[0]}" for row in rows}
    return found
