"""Media files without a row, rows without a file, drafts left over, and files of members who are not at home there.

Which columns name files is read from the catalogue's comments. Files and rows cannot be read at one instant: a file is
written before its row, so a young one is no wonder, and whatever seems wrong is looked at again before it counts.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from domicile.audit.catalogue import FoundTable
from domicile.audit.report import Kind, Violation
from domicile.database import Database, Row, Session, sql
from domicile.placement.sites import Site

PATIENCE = timedelta(hours=1)
"""So long a file may lie without its row: an upload is under way."""
FOLDERS_AT_ONCE = 2_000
LOOKS = 3
_FIRST, _LAST = -(1 << 63), (1 << 63) - 1
_DIGITS = frozenset("0123456789abcdef")

_NAMED = (
    "SELECT DISTINCT {owner} AS member, {column} AS digest FROM {table} WHERE {column} <> ''"
    " AND {owner} BETWEEN %(first)s AND %(last)s AND (%(only)s::bigint[] IS NULL OR {owner} = ANY (%(only)s))"
)
_STATES = "SELECT member_id, state FROM public.resident WHERE member_id = ANY (%s)"
_ON_THE_WAY = "SELECT member_id FROM relocation_member WHERE moving AND member_id = ANY (%s)"


@dataclass(frozen=True, slots=True)
class _Doubt:
    kind: Kind
    member: int
    file: str
    table: str | None
    text: str


@dataclass
class FileAudit:
    """The files of one site, against the rows that name them, as of a moment."""

    site: Site
    hub: Database
    tables: Sequence[FoundTable]
    now: datetime
    checked: int = field(default=0, init=False)

    async def compare(self) -> list[Violation]:
        """What does not go together; `checked` is then how many files there are."""
        members, strange = await asyncio.to_thread(_list_folders, self.site.media)
        doubts: set[_Doubt] = set()
        async for first, last, some in _ranges(members):
            files = await asyncio.to_thread(_list_files, self.site.media, some)
            self.checked += len(files)
            doubts |= await self._examine(first, last, None, files)
        doubts = await self._look_again(doubts)
        wrong = list(self._violations(doubts))
        if strange:
            text = f"{len(strange)} things in the store of files that are no member's folder"
            wrong.append(Violation("stray_file", self.site.name, None, len(strange), (), text))
        return wrong

    async def _look_again(self, doubts: set[_Doubt]) -> set[_Doubt]:
        for look in range(1, LOOKS):
            if not doubts:
                break
            await asyncio.sleep(0.1 * look)
            members = sorted({doubt.member for doubt in doubts})
            files = await asyncio.to_thread(_list_files, self.site.media, members)
            doubts &= await self._examine(_FIRST, _LAST, members, files)
            moving = {row.member_id for row in await self.hub.run(_ON_THE_WAY, (members,))}
            doubts = {doubt for doubt in doubts if doubt.member not in moving}
        return doubts

    async def _examine(
        self, first: int, last: int, only: list[int] | None, files: dict[tuple[int, str], str]
    ) -> set[_Doubt]:
        """Compare the files of some members with the rows of the same ones."""
        named: dict[tuple[int, str], str] = {}
        async with self.site.auditor.snapshot() as session:
            for table in self.tables:
                for column in table.stored:
                    for row in await _named(session, table, column, first, last, only):
                        named[row.member, row.digest] = str(table)
            doubtful = named.keys() - files.keys()
            members = sorted({member for member, _ in (*doubtful, *files)})
            states = {row.member_id: row.state for row in await session.fetch(_STATES, (members,))}
        found = {
            _Doubt("no_file", member, name, named[member, name], "rows name files that are not there")
            for member, name in doubtful
            if states.get(member) in ("home", "leaving")
        }
        found |= {doubt for doubt in self._strays(files, named.keys(), states) if self._is_old(files, doubt)}
        return found

    def _strays(
        self, files: Iterable[tuple[int, str]], named: Iterable[tuple[int, str]], states: dict[int, str]
    ) -> Iterator[_Doubt]:
        known = set(named)
        for member, name in files:
            state = states.get(member)
            if state not in ("home", "leaving", "arriving"):
                text = "files of members who have moved away" if state == "moved" else "files of nobody who lives here"
                yield _Doubt("stray_file", member, name, None, text)
            elif name.endswith(".part"):
                yield _Doubt("stray_file", member, name, None, "drafts of files that never became whole")
            elif (member, name) not in known and state != "arriving":
                yield _Doubt("stray_file", member, name, None, "files that no row names")

    def _is_old(self, files: dict[tuple[int, str], str], doubt: _Doubt) -> bool:
        try:
            written_at = Path(files[doubt.member, doubt.file]).stat().st_mtime
        except FileNotFoundError:
            return False
        return self.now.timestamp() - written_at > PATIENCE.total_seconds()

    def _violations(self, doubts: Iterable[_Doubt]) -> Iterator[Violation]:
        grouped: dict[tuple[Kind, str | None, str], list[int]] = {}
        for doubt in doubts:
            grouped.setdefault((doubt.kind, doubt.table, doubt.text), []).append(doubt.member)
        for (kind, table, text), members in sorted(grouped.items(), key=str):
            sample = tuple(sorted(set(members))[:10])
            yield Violation(kind, self.site.name, table, len(members), sample, f"{len(members)} {text}")


async def _named(
    session: Session, table: FoundTable, column: str, first: int, last: int, only: list[int] | None
) -> list[Row]:
    names = {"table": sql.Identifier(table.schema, table.name), "owner": sql.Identifier(table.owner)}
    query = sql.SQL(_NAMED).format(**names, column=sql.Identifier(column)).as_string()
    return await session.fetch(query, {"first": first, "last": last, "only": only})


async def _ranges(members: list[int]) -> AsyncIterator[tuple[int, int, list[int]]]:
    """All ids there can be, cut into ranges that hold some folders each."""
    first = _FIRST
    for start in range(0, max(len(members), 1), FOLDERS_AT_ONCE):
        some = members[start : start + FOLDERS_AT_ONCE]
        last = some[-1] if start + FOLDERS_AT_ONCE < len(members) else _LAST
        yield first, last, some
        first = last + 1


def _list_folders(root: Path) -> tuple[list[int], list[str]]:
    """The members who have a folder, in order, and whatever else lies there."""
    members: list[int] = []
    strange: list[str] = []
    for entry in _entries(str(root)):
        if entry.name.isascii() and entry.name.isdigit():
            members += [int(entry.name)] if entry.is_dir() else []
        else:
            strange.append(entry.name)
    return sorted(members), strange


def _list_files(root: Path, members: Iterable[int]) -> dict[tuple[int, str], str]:
    """Every file of these members, by member and name; what lies in folders that went meanwhile is not there."""
    found: dict[tuple[int, str], str] = {}
    for member in members:
        folders = [f"{root}/{member}"]
        while folders:
            for entry in _entries(folders.pop()):
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    found[member, entry.name] = entry.path
    return found


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
