"""Brings forward what PostgreSQL does in time: dead rows, old statistics and old WAL of one server go now.

Measured: after DELETE and a plain VACUUM most of the deleted values still lie in the heap file, because a page is
compacted and its free part is not wiped. Only writing a table anew (`full`) ends that; the table is shut meanwhile.
ANALYZE leaves the statistics of a table that has become empty as they were: those are removed.
Recycled WAL segments keep their content until they are written over: a switch of segments fills each with zeros.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from domicile.database import Database, Row, conninfo_to_dict, make_conninfo, sql
from domicile.errors import DomicileError, Unavailable
from domicile.placement.remains import LastScrub, Remains, read_last_scrub, read_remains, record_scrub

LOCK = "2s"
"""So long a statement waits for a table that is in use; members wait behind it meanwhile."""
TRIES = 5
PATIENCE_S = 5.0
"""So long transactions that still see dead rows are waited for."""
Show = Callable[[str, int, int], None]

_TABLES = """
SELECT n.nspname AS schema, c.relname AS name, coalesce(s.n_dead_tup, 0) AS dead, pg_total_relation_size(c.oid) AS size
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
ORDER BY 1, 2
"""
_CATALOGUES = ("pg_statistic", "pg_statistic_ext_data")
_STALE = """
FROM pg_stats s JOIN pg_class c ON c.relname = s.tablename AND c.relkind IN ('r', 'm') AND c.reltuples = 0
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = s.schemaname
WHERE n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
"""
_CLEAR = f"SELECT pg_clear_attribute_stats(s.schemaname, s.tablename, s.attname, s.inherited) {_STALE}"
_CLEAR_BEFORE_18 = f"DELETE FROM pg_statistic WHERE starelid IN (SELECT c.oid {_STALE})"
_STILL_SEEN = """
SELECT count(*) AS others FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid()
  AND datname = current_database() AND xact_start < %s
"""
_HALF_MADE = r"""
SELECT n.nspname AS schema, c.relname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT i.indisvalid AND c.relname ~ '_ccnew\d*$'
"""
# Names without the timeline sort as the WAL goes on; those after the current one are recycled, with their old content.
_CURRENT = "SELECT substr(pg_walfile_name(pg_current_wal_insert_lsn()), 9) AS name"
_SEGMENTS = "SELECT substr(name, 9) AS name FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$' ORDER BY 1"
_MARK = "SELECT pg_logical_emit_message(true, 'domicile', 'scrub')"


@dataclass
class Scrubbed:
    """What was done. `left`: what could not be, and why; `longest_s`: how long one table was shut at most.

    Without `full` what lay in the freed space of tables stays until new rows use it: that is no failure.
    """

    site: str
    began_at: datetime
    full: bool
    tables: int = 0
    size_before: int = 0
    size_after: int = 0
    longest_s: float = 0.0
    statistics_removed: int = 0
    wal_overwritten: int = 0
    left: list[str] = field(default_factory=list)
    remains: Remains | None = None


@dataclass(frozen=True, repr=False)
class Scrub:
    """The remains at one server. `conninfo`: a superuser, or the owner of database and tables."""

    name: str
    conninfo: str

    async def scrub(self, now: datetime, show: Show, *, full: bool = False, reindex: bool = False) -> Scrubbed:
        """Everything that can be done at once. Raises Unavailable if the server does not answer."""
        done = Scrubbed(self.name, now, full)
        database = self._database()
        await database.open()
        try:
            moment = (await database.run("SELECT clock_timestamp() AS now"))[0].now
            held = await _wait_for_readers(database, moment)
            whole = await self._rewrite(database, done, show, reindex=reindex)
            statistics = await self._clear_statistics(database, done)
            wal = await self._overwrite_wal(database, done, show)
            done.remains = await read_remains(self.name, database)
            if held:
                done.left.append("rows that a transaction open since before still sees; run this again when it ended")
            await self._record(database, done, heap=full and whole and not held, statistics=statistics, wal=wal)
        finally:
            await database.close()
        return done

    async def tidy(self) -> int:
        """The cheap part, while members are served: dead rows are freed and statistics renewed. How many tables."""
        database = self._database()
        await database.open()
        try:
            tables = [row for row in await database.run(_TABLES) if row.dead]
            for row in tables:
                await database.run(_statement("VACUUM (ANALYZE, INDEX_CLEANUP ON, SKIP_LOCKED) {}", row))
            if tables:
                await database.run(await _clearing(database))
        finally:
            await database.close()
        return len(tables)

    def _database(self) -> Database:
        options = conninfo_to_dict(self.conninfo).get("options") or ""
        return Database(self.name, make_conninfo(self.conninfo, options=f"{options} -c lock_timeout={LOCK}"), size=1)

    async def _rewrite(self, database: Database, done: Scrubbed, show: Show, *, reindex: bool) -> bool:
        """Vacuum every table. Whether all could be."""
        tables = await database.run(_TABLES)
        statement = "VACUUM (FULL, ANALYZE) {}" if done.full else "VACUUM (ANALYZE, INDEX_CLEANUP ON) {}"
        busy: list[str] = []
        for number, row in enumerate(tables):
            show(f"{self.name} tables", number, len(tables))
            began = time.monotonic()
            if not await _try(database, _statement(statement, row)):
                busy.append(str(row.name))
            elif done.full:
                done.longest_s = max(done.longest_s, time.monotonic() - began)
            if (
                reindex
                and not done.full
                and not await _try(database, _statement("REINDEX TABLE CONCURRENTLY {}", row), tries=1)
            ):
                await _drop_half_made(database)
                done.left.append(f"the indexes of {row.name}, which is in use: run this again")
        show(f"{self.name} tables", len(tables), len(tables))
        done.tables, done.size_before = len(tables) - len(busy), sum(row.size for row in tables)
        if busy:
            done.left.append(f"what is in {', '.join(busy)}, in use all the time: run this again")
        return not busy

    async def _clear_statistics(self, database: Database, done: Scrubbed) -> bool:
        cleared = True
        try:
            before = (await database.run(f"SELECT count(*) AS n {_STALE}"))[0].n
            if before:
                await database.run(await _clearing(database))
            done.statistics_removed = before
        except DomicileError as error:
            cleared = False
            done.left.append(f"statistics of tables that have become empty: {error.detail}")
        for catalogue in _CATALOGUES:
            if not await _try(database, f"VACUUM FULL pg_catalog.{catalogue}"):
                cleared = False
                done.left.append(f"old statistics in {catalogue}, in use all the time: run this again")
        done.size_after = sum(row.size for row in await database.run(_TABLES))
        return cleared

    async def _overwrite_wal(self, database: Database, done: Scrubbed, show: Show) -> bool:
        """Let every old segment be removed or recycled, and write over the recycled ones. Whether none is left."""
        try:
            ended = (await database.run(_CURRENT))[0].name
            await _next_segment(database)
            await database.run("CHECKPOINT")
            segments = [row.name for row in await database.run(_SEGMENTS)]
            while (now := (await database.run(_CURRENT))[0].name) <= segments[-1]:
                show(f"{self.name} WAL segments", sum(name < now for name in segments), len(segments))
                await _next_segment(database)
                done.wal_overwritten += 1
            show(f"{self.name} WAL segments", len(segments), len(segments))
            await database.run("CHECKPOINT")
        except DomicileError as error:
            done.left.append(f"WAL, until the server has overwritten it by itself: {error.detail}")
            return False
        if kept := sum(name <= ended for name in segments):
            done.left.append(f"{kept} WAL segments from before, which a slot or a setting keeps")
        return not kept

    async def _record(self, database: Database, done: Scrubbed, *, heap: bool, statistics: bool, wal: bool) -> None:
        """Of WAL only if the heap is clean: else whole pages of it, with what lies in their free part, follow anew."""
        if self.name == "hub":
            return
        last, now = await read_last_scrub(database), done.began_at
        scrubbed = LastScrub(
            heap=now if heap else last.heap,
            statistics=now if statistics else last.statistics,
            wal=now if wal and heap else last.wal,
        )
        await record_scrub(database, scrubbed, now)


async def _wait_for_readers(database: Database, moment: datetime) -> bool:
    """Whether somebody still sees what was erased before."""
    until = time.monotonic() + PATIENCE_S
    while (await database.run(_STILL_SEEN, (moment,)))[0].others:
        if time.monotonic() > until:
            return True
        await asyncio.sleep(0.1)
    return False


async def _try(database: Database, statement: str, tries: int = TRIES) -> bool:
    for _ in range(tries):
        try:
            await database.run(statement)
            return True
        except Unavailable as error:
            if "55P03" not in error.detail:  # lock_not_available
                raise
    return False


async def _drop_half_made(database: Database) -> None:
    for row in await database.run(_HALF_MADE):
        await database.run(_statement("DROP INDEX CONCURRENTLY {}", row))


async def _next_segment(database: Database) -> None:
    """The rest of the segment in use is filled with zeros, and the next one begun."""
    await database.run(_MARK)
    await database.run("SELECT pg_switch_wal()")


async def _clearing(database: Database) -> str:
    version = (await database.run("SELECT current_setting('server_version_num')::int AS number"))[0].number
    return _CLEAR if version >= 180000 else _CLEAR_BEFORE_18


def _statement(text: str, row: Row) -> str:
    return sql.SQL(text).format(sql.Identifier(row.schema, row.name)).as_string()
