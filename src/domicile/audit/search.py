"""Looks for canaries in what is easy to forget: logs, statistics, heap and WAL files, and whatever else lies at a site.

Live rows and statistics are read with SQL, so that what PostgreSQL has compressed is found too. Files are read as they
lie on the disk. What cannot be read is named: nothing found there means nothing.
"""

import asyncio
import contextlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG
from subprocess import SubprocessError
from typing import LiteralString

from domicile.audit.canaries import Canary, Matcher, Reading
from domicile.audit.report import GOES_WHEN, CanaryReport, Found, Searched, Violation
from domicile.audit.wal_pages import MEMORY, list_segments, open_pages
from domicile.database import Database, Row, Session, sql
from domicile.errors import DomicileError, InvalidInput

PIECE = 1 << 20
Show = Callable[[str, int, int], None]
"""(what, megabytes read, of how many)"""

_TABLES = """
SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND n.nspname <> 'information_schema'
  AND n.nspname !~ '^pg_' AND has_table_privilege(c.oid, 'SELECT') ORDER BY 1, 2
"""
_FILES = """
SELECT pg_relation_filepath(c.oid) AS path, c.relkind::text AS kind,
  coalesce(owner.nspname, n.nspname) AS schema, coalesce(t.relname, c.relname) AS name
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_index i ON i.indexrelid = c.oid
LEFT JOIN pg_class t ON t.oid = i.indrelid AND t.relkind <> 't'
  OR t.reltoastrelid = coalesce(i.indrelid, c.oid)
LEFT JOIN pg_namespace owner ON owner.oid = t.relnamespace
WHERE pg_relation_filepath(c.oid) IS NOT NULL
"""
_STATISTICS: tuple[tuple[str, LiteralString], ...] = (
    (
        "pg_stats",
        "SELECT most_common_vals::text, histogram_bounds::text, most_common_elems::text FROM pg_stats"
        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
    ),
    ("pg_stats_ext", "SELECT most_common_vals FROM pg_stats_ext"),
    (
        "pg_stats_ext_exprs",
        "SELECT most_common_vals::text, histogram_bounds::text, most_common_elems::text FROM pg_stats_ext_exprs",
    ),
    ("pg_stat_activity", "SELECT query FROM pg_stat_activity WHERE pid <> pg_backend_pid()"),
)
_EXTENSION = """
SELECT n.nspname AS schema FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_stat_statements'
"""
_IDENTIFIER = "SELECT system_identifier FROM pg_control_system()"
_RELATION = re.compile(r"(.*/(t\d+_)?\d+)(_[a-z]+)?(\.\d+)?\Z")
_KINDS = {"r": "heap", "m": "heap", "t": "toast", "i": "index", "S": "sequence"}
_FOLDERS = {
    "pg_wal": "wal",
    "pg_stat": "statistics",
    "pg_stat_tmp": "statistics",
    "log": "log",
    "pg_log": "log",
    "pg_replslot": "replication",
    "pg_logical": "replication",
}


@dataclass(frozen=True, repr=False)
class Ground:
    """What of a site, or of the hub, can be searched: `database` as a role that reads all rows, and folders by kind.

    A folder of the kind `cluster` is the server's data folder. `waldump` is PostgreSQL's program, 16 or later.
    """

    name: str
    database: str | None
    folders: Sequence[tuple[str, Path]] = ()
    waldump: Path | None = None

    @property
    def has_cluster(self) -> bool:
        return any(kind == "cluster" for kind, _ in self.folders)


@dataclass
class Search:
    """One search. `report` grows while it goes on."""

    canaries: Sequence[Canary]
    show: Show
    report: CanaryReport = field(default_factory=CanaryReport)
    _found: Counter[tuple[str, str, str | None, int]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.report.values = len(self.canaries)
        self._matcher = Matcher(self.canaries)

    async def look_at(self, ground: Ground) -> None:
        """Search one site: its rows and statistics by SQL, then its files."""
        names: dict[str, tuple[str, str]] = {}
        if ground.database is not None:
            database = Database(ground.name, ground.database, size=1)
            await database.open()
            try:
                await self._check_cluster(ground, database)
                await self._look_at_rows(ground.name, database)
                await self._look_at_statistics(ground.name, database)
                names = {row.path: _named(row) for row in await database.run(_FILES)}
                await self._write_pages(ground, database)
            except InvalidInput:
                raise
            except DomicileError as error:
                self._skip(ground.name, f"rows and statistics: {error.detail}")
            finally:
                await database.close()
        if ground.database is not None and not ground.has_cluster:
            self._skip(ground.name, "the server's own files (heap, indexes, WAL, log): they are not ours to read here")
        await asyncio.to_thread(self._look_at_files, ground, names)
        for kind, folder in ground.folders:
            if kind == "cluster":
                await asyncio.to_thread(self._look_at_pages, ground, folder / "pg_wal")

    def end(self) -> list[Violation]:
        """Write down what was found; the violations are what is where it must not be."""
        allowed = {canary.line: canary.may_be_at for canary in self.canaries}
        wrong: dict[tuple[str, str, str | None], Counter[int]] = {}
        for (site, place, table, line), count in sorted(self._found.items(), key=str):
            lawful = site in allowed[line] and place != "log"
            self.report.found.append(Found(site, place, table, line, count, lawful))
            if not lawful:
                wrong.setdefault((site, place, table), Counter())[line] += count
        return [_violation(*where, lines) for where, lines in wrong.items()]

    async def _look_at_rows(self, name: str, database: Database) -> None:
        tables = await database.run(_TABLES)
        for done, row in enumerate(tables):
            self.show(f"{name} rows", done, len(tables))
            query = sql.SQL("SELECT * FROM {}").format(sql.Identifier(row.schema, row.name))
            async with database.transaction("BEGIN READ ONLY") as session:
                await self._read(name, "rows", _table(row.schema, row.name), session, query)
        self.show(f"{name} rows", len(tables), len(tables))

    async def _look_at_statistics(self, name: str, database: Database) -> None:
        views: list[tuple[str, sql.Composable]] = [(view, sql.SQL(query)) for view, query in _STATISTICS]
        for row in await database.run(_EXTENSION):
            view = sql.Identifier(row.schema, "pg_stat_statements")
            views.append(("pg_stat_statements", sql.SQL("SELECT query FROM {}").format(view)))
        for name_of_view, query in views:
            async with database.transaction("BEGIN READ ONLY") as session:
                await self._read(name, "statistics", name_of_view, session, query)

    async def _read(self, name: str, place: str, table: str, session: Session, query: sql.Composable) -> None:
        reading = Reading(self._matcher)
        async with contextlib.aclosing(session.copy_out(query)) as pieces:
            async for piece in pieces:
                reading.feed(piece)
        self._note(name, place, table, reading)

    async def _check_cluster(self, ground: Ground, database: Database) -> None:
        """A folder of another server would prove nothing."""
        for kind, folder in ground.folders:
            if kind != "cluster":
                continue
            with contextlib.suppress(OSError):
                theirs = int.from_bytes((folder / "global" / "pg_control").read_bytes()[:8], "little")
                ours = (await database.run(_IDENTIFIER))[0].system_identifier
                if theirs != ours % (1 << 64):
                    raise InvalidInput(f"{folder} is the data folder of another server than that of {ground.name}")

    async def _write_pages(self, ground: Ground, database: Database) -> None:
        if ground.has_cluster:
            try:
                await database.run("CHECKPOINT")
            except DomicileError as error:
                self._skip(ground.name, f"pages that the server has not written to its files yet ({error.detail})")

    def _look_at_files(self, ground: Ground, names: Mapping[str, tuple[str, str]]) -> None:
        files = [(kind, root, path) for kind, root in ground.folders for path in _walk(root)]
        total = sum(_size(path) for *_, path in files) >> 20
        done = hidden = 0
        for kind, root, path in files:
            place, table = _classify(kind, path.relative_to(root), names)
            reading = Reading(self._matcher)
            try:
                with path.open("rb", buffering=0) as file:
                    while S_ISREG(os.fstat(file.fileno()).st_mode) and (piece := file.read(PIECE)):
                        reading.feed(piece)
                        done += len(piece)
                        self.show(f"{ground.name} files, MB", min(done >> 20, total), total)
            except FileNotFoundError:
                continue  # the server has removed it
            except OSError:
                hidden += 1
            self._note(ground.name, place, table, reading)
        if hidden:
            self._skip(ground.name, f"{hidden} files that this user may not read")

    def _look_at_pages(self, ground: Ground, wal: Path) -> None:
        if ground.waldump is None or not MEMORY.is_dir():
            return self._skip(ground.name, "whole pages in the WAL, which are compressed unless wal_compression is off")
        try:
            segments = list_segments(wal)
            for done, pages in enumerate(open_pages(ground.waldump, segments)):
                self.show(f"{ground.name} pages in WAL segments", done, len(segments))
                for page in pages:
                    reading = Reading(self._matcher)
                    reading.feed(page.read_bytes())
                    self._note(ground.name, "wal pages", None, reading)
            self.show(f"{ground.name} pages in WAL segments", len(segments), len(segments))
        except (OSError, SubprocessError) as error:
            self._skip(ground.name, f"whole pages in the WAL: {type(error).__name__}")

    def _note(self, name: str, place: str, table: str | None, reading: Reading) -> None:
        for line, count in reading.counts.items():
            self._found[name, place, table, line] += count
        known = next((s for s in self.report.searched if (s.site, s.place) == (name, place)), None)
        if known is None:
            known = Searched(name, place)
            self.report.searched.append(known)
        known.parts += 1
        known.size += reading.size

    def _skip(self, name: str, why: str) -> None:
        self.report.not_searched.append(f"{name}: {why}")


def _violation(site: str, place: str, table: str | None, lines: Counter[int]) -> Violation:
    which = ", ".join(str(line) for line in sorted(lines)[:10]) + (", …" if len(lines) > 10 else "")
    times = sum(lines.values())
    text = f"values of lines {which} are in the {place}, {times} times in all: {GOES_WHEN[place].format(site=site)}"
    return Violation("remains", site, table, times, (), text)


def _named(row: Row) -> tuple[str, str]:
    return _KINDS.get(row.kind, "other"), _table(row.schema, row.name)


def _table(schema: str, name: str) -> str:
    return name if schema == "public" else f"{schema}.{name}"


def _classify(kind: str, path: Path, names: Mapping[str, tuple[str, str]]) -> tuple[str, str | None]:
    """(place, table) of a file."""
    if kind != "cluster":
        return kind, None
    first = path.parts[0]
    if first in ("base", "global", "pg_tblspc"):
        if "pgsql_tmp" in path.parts:
            return "temporary", None
        found = _RELATION.fullmatch(path.as_posix())
        if found and found[2]:
            return "temporary", None
        return names.get(found[1], ("heap", None)) if found else ("other", None)
    return _FOLDERS.get(first, "other"), None


def _walk(root: Path) -> Iterator[Path]:
    """Every file below a folder, or the file itself; links to folders are followed (tablespaces, WAL elsewhere)."""
    if root.is_file():
        yield root
        return
    seen: set[str] = set()
    for folder, inside, files in os.walk(root, followlinks=True):
        where = os.path.realpath(folder)
        if where in seen:
            inside.clear()
            continue
        seen.add(where)
        yield from (Path(folder, name) for name in files)


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0
