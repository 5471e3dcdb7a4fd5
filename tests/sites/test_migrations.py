"""What the revisions make, from the first to the last, is what the declarations make: two databases are compared."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalogues import describe
from domicile.database import make_conninfo, open_engine
from domicile.migrations.upgrade import Revisions
from domicile.network.schema import metadata
from domicile.placement.directory import HUB_DDL, HUB_PRIVILEGES
from domicile.placement.fence import OWNER_ROLE, site_ddl
from domicile.placement.ownership import load_ownership
from domicile.placement.sites import superuser_conninfo
from domicile.running import Domicile
from revisions import write_revision

DECLARED = {"site": site_ddl(load_ownership(metadata)), "hub": f"{HUB_DDL}{HUB_PRIVILEGES}"}


@contextlib.contextmanager
def empty_database(domicile: Domicile, name: str) -> Iterator[str]:
    """The owner's connection string of a database that is thrown away."""
    assert domicile.embedded is not None
    engine = open_engine(superuser_conninfo(domicile.embedded.servers["hub"]))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} OWNER {OWNER_ROLE}")
    try:
        yield make_conninfo(domicile.credentials["hub"].owner, dbname=name)
    finally:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name}")


def compare(domicile: Domicile, kind: str, revisions: Revisions, ddl: str) -> set[str]:
    """What only one of the two has."""
    with empty_database(domicile, "revised") as revised, empty_database(domicile, "declared") as declared:
        revisions.upgrade("revised", kind, revised)
        with open_engine(declared).begin() as connection:
            connection.exec_driver_sql(ddl)
        found = []
        for conninfo in (revised, declared):
            with open_engine(conninfo).connect() as connection:
                found.append(describe(connection))
        assert len(found[0]) > 50
        return found[0] ^ found[1]


@pytest.mark.parametrize("kind", ["site", "hub"])
async def test_the_revisions_make_what_is_declared(domicile: Domicile, kind: str) -> None:
    assert compare(domicile, kind, Revisions(), DECLARED[kind]) == set()


async def test_a_revision_that_forgets_something_is_found(domicile: Domicile, tmp_path: Path) -> None:
    """The next developer adds a column, declares it, and forgets its comment or its privilege; or gets it right."""
    last = Revisions().of("hub")[-1].number
    write_revision(tmp_path, "9001", last, "ALTER TABLE move_rate ADD COLUMN note text;")
    more = Revisions({"hub": [tmp_path]})
    assert any("move_rate.note" in line for line in compare(domicile, "hub", more, DECLARED["hub"]))
    ddl = DECLARED["hub"].replace(
        "CREATE TABLE move_rate (source text,", "CREATE TABLE move_rate (note text, source text,"
    )
    assert compare(domicile, "hub", more, ddl) == set()
    write_revision(tmp_path, "9001", last, "ALTER TABLE move_rate ADD COLUMN note text NOT NULL DEFAULT '';")
    assert any("move_rate.note" in line for line in compare(domicile, "hub", Revisions({"hub": [tmp_path]}), ddl))
