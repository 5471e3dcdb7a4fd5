"""Bring a site's or the hub's database to this version's tables, by Alembic, in one transaction.

Each step is an Alembic revision under `site/versions` or `hub/versions`. One that expands lets the version before go on
serving; one that `contracts` takes away what the version before still uses, and comes in a later release. A database
says from which revision on a version may serve it, so that an old version still starts on expanded tables, and refuses
contracted ones.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep, StampStep
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from domicile.database import open_engine
from domicile.errors import DomicileError, Misconfigured, Unavailable

HERE = Path(__file__).parent
PATIENCE_S = 60.0
LOCK_MS = 100
"""How long a statement of a revision waits for a lock: everybody else who wants that table waits behind it."""
_AGAIN = ("55P03", "40P01", "40001")  # lock not available, deadlock, serialization
_LOST = ("08", "57P")


@dataclass(frozen=True, slots=True)
class Revision:
    """One step. `contracts`: the version before cannot serve what it makes."""

    number: str
    contracts: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a database stands: its revision (None: no tables yet), and what is to come.

    `newer`: a newer version has made it; `serves`: this version may serve it all the same.
    """

    revision: str | None
    pending: tuple[Revision, ...]
    newer: bool = False
    serves: bool = True

    @property
    def expanding(self) -> tuple[Revision, ...]:
        """What is to come before the first revision that contracts."""
        first = next((place for place, step in enumerate(self.pending) if step.contracts), len(self.pending))
        return self.pending[:first]


@dataclass(frozen=True)
class Revisions:
    """This version's revisions. `more`: further folders of them, by kind of database (`site` or `hub`)."""

    more: Mapping[str, Sequence[Path]] = field(default_factory=dict)

    def of(self, kind: str) -> list[Revision]:
        """In order."""
        found = reversed(list(self._scripts(kind).walk_revisions("base", "heads")))
        return [Revision(script.revision, bool(getattr(script.module, "contracts", False))) for script in found]

    def announcement(self) -> str:
        """What a process says of itself wherever it is connected: the revisions it was made for."""
        return f"tables {self.of('site')[-1].number}/{self.of('hub')[-1].number}"

    def look(self, name: str, kind: str, conninfo: str) -> Standing:
        """Where a database stands. Raises Unavailable."""
        return _connected(name, conninfo, lambda connection: self._look(kind, connection))

    def apply(
        self, name: str, kind: str, conninfo: str, steps: Sequence[Revision], patience_s: float = PATIENCE_S
    ) -> None:
        """Take these steps in one transaction, tried again while somebody holds a lock it needs, up to `patience_s`.

        It never waits long for a lock, so that nobody waits long behind it. Raises Unavailable, or DomicileError that
        names the revision; then the tables are as they were.
        """
        end, pause = time.monotonic() + patience_s, 0.1
        while True:
            try:
                return _connected(name, conninfo, lambda connection: self._apply(kind, connection, steps[-1]))
            except _Busy as busy:
                if time.monotonic() > end:
                    raise Unavailable(f"{name}: {busy.detail} for {patience_s:.0f} s; nothing was changed") from None
                time.sleep(pause := min(2 * pause, 1.0))

    def upgrade(self, name: str, kind: str, conninfo: str) -> None:
        """All steps at once. Raises Misconfigured for a database of a newer version."""
        standing = self.look(name, kind, conninfo)
        if standing.newer:
            raise Misconfigured(f"{name} was made by a newer version of Domicile; run that version")
        if standing.pending:
            self.apply(name, kind, conninfo, standing.pending)

    def _look(self, kind: str, connection: Connection) -> Standing:
        known = self.of(kind)
        numbers = [revision.number for revision in known]
        current = MigrationContext.configure(connection).get_current_revision()
        if current is None:
            return Standing(None, tuple(known))
        if current not in numbers:
            comment = connection.exec_driver_sql(
                "SELECT obj_description(to_regclass('public.alembic_version'), 'pg_class')"
            ).scalar()
            return Standing(current, (), newer=True, serves=str(comment or "").rpartition(" ")[2] in numbers)
        return Standing(current, tuple(known[numbers.index(current) + 1 :]))

    def _apply(self, kind: str, connection: Connection, last: Revision) -> None:
        script = self._scripts(kind)

        def steps(revision: object, context: MigrationContext) -> list[StampStep | RevisionStep]:
            return script._upgrade_revs(last.number, revision)  # type: ignore[arg-type,return-value]

        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_MS}ms'")
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('domicile migrations'))")
        with EnvironmentContext(Config(), script, fn=steps, destination_rev=last.number) as environment:
            environment.configure(connection=connection, target_metadata=None, transaction_per_migration=False)
            environment.run_migrations()
        taken = [revision for revision in self.of(kind) if revision.number <= last.number]
        since = next((revision for revision in reversed(taken) if revision.contracts), taken[0])
        connection.exec_driver_sql(
            f"COMMENT ON TABLE public.alembic_version IS 'for versions that know revision {since.number}'"
        )

    def _scripts(self, kind: str) -> ScriptDirectory:
        config = Config()
        folders = [HERE / kind / "versions", *self.more.get(kind, ())]
        config.set_main_option("script_location", str(HERE / kind))
        config.set_main_option("version_locations", "\n".join(map(str, folders)))
        config.set_main_option("path_separator", "newline")
        return ScriptDirectory.from_config(config)


def upgrade(name: str, kind: str, conninfo: str) -> None:
    """Bring a database, a `site` or the `hub`, to this version's tables. Raises Misconfigured for a newer one."""
    Revisions().upgrade(name, kind, conninfo)


@dataclass(frozen=True)
class AtStart:
    """What a start does with tables that are not this version's. `alone`: nobody else serves them meanwhile."""

    revisions: Revisions
    say: Callable[[str], None]
    alone: bool

    def __call__(self, name: str, kind: str, conninfo: str) -> None:
        standing = self.revisions.look(name, kind, conninfo)
        if not standing.serves:
            raise Misconfigured(f"{name} was made by a newer version of Domicile; run that version")
        if not standing.pending:
            return
        last = standing.pending[-1].number
        if standing.revision is None:
            self.revisions.apply(name, kind, conninfo, standing.pending)
        elif self.alone:
            self.say(f"{name}: its tables go from revision {standing.revision} to {last}")
            self.revisions.apply(name, kind, conninfo, standing.pending)
        elif standing.expanding:
            raise Misconfigured(
                f"{name} has tables of revision {standing.revision}, and this version needs {last}: run `migrate`"
            )


T = TypeVar("T")


class _Busy(DomicileError):
    """Somebody holds a lock that is needed, or the server is just coming back."""


def _connected(name: str, conninfo: str, work: Callable[[Connection], T]) -> T:
    engine = open_engine(conninfo)
    try:
        with engine.begin() as connection:
            return work(connection)
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None) or ""
        if state in _AGAIN:
            raise _Busy("others hold its tables") from None
        if not state or state.startswith(_LOST):
            raise Unavailable(f"{name} does not answer") from None
        where = getattr(getattr(error.orig, "diag", None), "constraint_name", None) or ""
        raise DomicileError(f"{name}: PostgreSQL {state} {where}".strip() + "; nothing was changed there") from None
    finally:
        engine.dispose()
