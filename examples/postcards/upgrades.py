"""The migrations of Postcards, as an app hands them to `open_engine`: (name, `site` or `hub`, connection string)."""

from examples.postcards import first

from domicile.audit.check import with_engine_tables
from domicile.database import open_engine
from domicile.migrations.upgrade import upgrade as upgrade_domicile
from domicile.placement.fence import site_ddl
from domicile.placement.ownership import load_ownership

# Beside the function of version one, which goes on writing what it knows: versions that serve side by side need both.
ADD_PHONE = """
ALTER TABLE vault.secret ADD COLUMN IF NOT EXISTS phone bytea;
CREATE OR REPLACE FUNCTION vault.write_secret(the_sender_id bigint, the_password_hash bytea, the_phone bytea)
  RETURNS void
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
  AS $$ INSERT INTO vault.secret (sender_id, password_hash, phone) VALUES (the_sender_id, the_password_hash, the_phone)
        ON CONFLICT (sender_id) DO UPDATE SET password_hash = EXCLUDED.password_hash, phone = EXCLUDED.phone $$;
REVOKE ALL ON FUNCTION vault.write_secret(bigint, bytea, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault.write_secret(bigint, bytea, bytea) TO domicile_app, domicile_import;
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
