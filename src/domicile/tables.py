"""The tables of an app that brings no migrations of its own: made where there are none, refused where they differ."""

from sqlalchemy import Connection

from domicile.database import open_engine
from domicile.engine import Upgrade
from domicile.errors import Misconfigured
from domicile.migrations.upgrade import upgrade as upgrade_hub
from domicile.placement.fence import site_ddl
from domicile.placement.ownership import Ownership

_COLUMNS = """
SELECT n.nspname || '.' || c.relname AS place, a.attname AS name
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
WHERE n.nspname IN ('public', 'vault') AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
"""


def make_tables(ownership: Ownership) -> Upgrade:
    """An `Upgrade` for the first version of an app. Raises Misconfigured for tables of another version."""

    def make(name: str, kind: str, conninfo: str) -> None:
        if kind == "hub":
            upgrade_hub(name, kind, conninfo)
            return
        engine = open_engine(conninfo)
        try:
            with engine.begin() as connection:
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('domicile tables'))")
                if connection.exec_driver_sql("SELECT to_regclass('public.resident')").scalar() is None:
                    connection.exec_driver_sql(site_ddl(ownership))
                else:
                    _compare(name, ownership, connection)
        finally:
            engine.dispose()

    return make


def _compare(site: str, ownership: Ownership, connection: Connection) -> None:
    """The columns that are there against those declared."""
    there: dict[str, set[str]] = {}
    for place, column in connection.exec_driver_sql(_COLUMNS):
        there.setdefault(place, set()).add(column)
    for table in ownership.metadata.tables.values():
        found = there.get(f"{table.schema or 'public'}.{table.name}", set())
        if odd := sorted(found ^ set(table.columns.keys())):
            raise Misconfigured(
                f"{site}: {table.fullname} is of another version of this app ({', '.join(odd)});"
                " hand open_app an `upgrade` that brings its tables to this one"
            )
