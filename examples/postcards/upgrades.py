"""The migrations of Postcards, as an app hands them to `open_engine`: (name, `site` or `hub`, connection string)."""

from examples.postcards import first

from domicile.audit.check import with_engine_tables
from domicile.database import open_engine
from domicile.migrations.upgrade import upgrade as upgrade_domicile
from domicile.placement.fence import site_ddl
from domicile.placement.ownership import load_ownership

# The functions of a vault are written anew with its columns: `site_ddl` prints them for the tables of version two.
ADD_PHONE = """
ALTER TABLE vault.secret ADD COLUMN IF NOT EXISTS phone bytea;
CREATE OR REPLACE FUNCTION vault.write_secret(entry vault.secret) RETURNS void
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
  AS $$ INSERT INTO vault.secret SELECT entry.* ON CONFLICT (sender_id)
        DO UPDATE SET password_hash = EXCLUDED.password_hash, phone = EXCLUDED.phone $$;
"""


def to_first(name: str, kind: str, conninfo: str) -> None:
    """Make the tables of version one, if the database has none yet."""
    if kind == "hub":
        upgrade_domicile(name, kind, conninfo)
        return
    ddl = site_ddl(load_ownership(with_engine_tables(first.METADATA)))
    with open_engine(conninfo).begin() as connection:
        made = connection.exec_driver_sql("SELECT to_regclass('public.resident')").scalar()
        if made is None:
            connection.exec_driver_sql(ddl)


def to_second(name: str, kind: str, conninfo: str) -> None:
    """The tables of version two."""
    to_first(name, kind, conninfo)
    if kind == "site":
        with open_engine(conninfo).begin() as connection:
            connection.exec_driver_sql(ADD_PHONE)
