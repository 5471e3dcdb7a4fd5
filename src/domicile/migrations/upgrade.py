"""Bring a site's or the hub's database to this version's tables, by Alembic, in one transaction.

Each step is an Alembic revision under `site/versions` or `hub/versions`: expand first, contract in a later release, so
that an old and a new version can talk to each other meanwhile. A database that a newer version has made is refused.
"""

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep, StampStep
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection

from domicile.database import open_engine
from domicile.errors import Misconfigured

HERE = Path(__file__).parent


def upgrade(name: str, kind: str, conninfo: str) -> None:
    """Upgrade the database `name`, which is a `site` or the `hub`. Raises Misconfigured for one of a newer version."""
    script = scripts(kind)
    engine = open_engine(conninfo)
    try:
        with engine.begin() as connection:
            _upgrade(name, script, connection)
    finally:
        engine.dispose()


def scripts(kind: str) -> ScriptDirectory:
    """The revisions of a kind of database, in order."""
    config = Config()
    config.set_main_option("script_location", str(HERE / kind))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def _upgrade(name: str, script: ScriptDirectory, connection: Connection) -> None:
    def steps(revision: object, context: MigrationContext) -> list[StampStep | RevisionStep]:
        try:
            return script._upgrade_revs("head", revision)  # type: ignore[arg-type,return-value]
        except CommandError:
            raise Misconfigured(f"{name} was made by a newer version of Domicile; run that version") from None

    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('domicile migrations'))")
    with EnvironmentContext(Config(), script, fn=steps, destination_rev="head") as environment:
        environment.configure(connection=connection, target_metadata=None, transaction_per_migration=False)
        environment.run_migrations()
