"""What moving members have: rows of every owned table, the bytes these take, and files in the media store.

Up to FOLDERS moving members a site, everything is counted. Beyond, tables that can be read whole are counted in one
statement, and in larger tables and in the media store some members of each move stand for all of them.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from domicile.database import Row, Session, array, sql
from domicile.ids import SiteName
from domicile.placement.ownership import OwnedTable, Ownership
from domicile.placement.sites import Site
from domicile.plan.census import FACTS, Joined, ask_sites
from domicile.plan.moves import Move

FOLDERS = 20_000
"""Members up to whom each one is looked at."""
SAMPLED = 2_000
"""Members of a move who otherwise stand for all."""
READABLE = 1 << 30
"""Bytes up to which a table is then still counted whole."""

Basis = Literal["counted", "sampled"]

_MOVING = f"""WITH moving AS MATERIALIZED (
  SELECT f.member_id, asked.move FROM ({FACTS}) f
  JOIN unnest(%(claims)s::text[], %(buckets)s::int[], %(moves)s::int[]) AS asked (claims, joined, move)
    USING (claims, joined))
"""
_CHOSEN = f"""{_MOVING} SELECT member_id, move FROM (SELECT member_id, move,
  row_number() OVER (PARTITION BY move ORDER BY hashint8(member_id)) AS place FROM moving) m WHERE place <= %(most)s"""
_OF_CHOSEN = "WITH moving AS (SELECT * FROM unnest(%(members)s::bigint[], %(move_of)s::int[]) AS c (member_id, move))\n"
_COUNT = """SELECT {number} AS owned, move, count(*)::bigint AS rows
FROM moving JOIN {table} t ON t.{owner} = moving.member_id GROUP BY move"""
_SIZES = """SELECT name, pg_table_size(c.oid) AS whole, pg_total_relation_size(c.oid) AS bytes,
  CASE WHEN c.reltuples > 0 AND c.relpages > 0
    THEN c.reltuples / c.relpages * (pg_relation_size(c.oid) / current_setting('block_size')::int) END AS rows
FROM unnest(%(tables)s::text[]) AS name JOIN pg_class c ON c.oid = name::regclass"""


@dataclass
class Held:
    """What the members of one move have. `bytes` is the room on disk, indexes included; `files` are media files."""

    tables: dict[str, int] = field(default_factory=dict)
    bytes: int = 0
    files: int = 0
    file_bytes: int = 0
    basis: Basis = "counted"
    file_basis: Basis = "counted"

    @property
    def rows(self) -> int:
        """Rows of all owned tables."""
        return sum(self.tables.values())


async def find_holdings(
    sites: Mapping[SiteName, Site], ownership: Ownership, joined: Joined, moves: Sequence[Move]
) -> list[Held | None]:
    """What is moved by each move, in their order; None where the site no longer answers."""
    held: list[Held | None] = [None] * len(moves)

    async def look(site: Site) -> None:
        here = {number: move for number, move in enumerate(moves) if move.source == site.name}
        looking = _Looking(ownership, here, joined)
        answer = (await ask_sites({site.name: site}, looking.count))[site.name] if here else None
        if answer is not None:
            await asyncio.to_thread(looking.count_files, site.media, answer)
            for number, found in looking.held.items():
                held[number] = found

    await asyncio.gather(*map(look, sites.values()))
    return held


class _Looking:
    """The counting at one site: `moves` by their numbers."""

    def __init__(self, ownership: Ownership, moves: Mapping[int, Move], joined: Joined) -> None:
        self.tables = {_quoted(owned): owned for owned in ownership.owned}
        self.moves = moves
        self.held = {number: Held() for number in moves}
        keys = {(group.claims, group.joined): number for number, move in moves.items() for group in move.groups}
        everybody = sum(move.members for move in moves.values()) <= FOLDERS
        self.params: dict[str, Any] = {
            "joined": joined.bounds,
            "claims": [claims for claims, _ in keys],
            "buckets": [bucket for _, bucket in keys],
            "moves": list(keys.values()),
            "most": FOLDERS if everybody else SAMPLED,
        }

    async def count(self, session: Session) -> list[Row]:
        """Fill `held` with rows and bytes. The members looked at one by one: everybody, or some of each move."""
        chosen = await session.fetch(_CHOSEN, self.params)
        params = self.params | {
            "members": array(row.member_id for row in chosen),
            "move_of": array(row.move for row in chosen),
        }
        sizes = {row.name: row for row in await session.fetch(_SIZES, {"tables": [*self.tables]})}
        scale = self._scale(Counter(row.move for row in chosen))
        sampled = any(factor > 1 for factor in scale.values())
        whole = [name for name in self.tables if sampled and sizes[name].whole <= READABLE]
        by_index = [name for name in self.tables if name not in whole]
        await self._count_tables(session, _MOVING, whole, params, dict.fromkeys(self.moves, 1.0))
        await self._count_tables(session, _OF_CHOSEN, by_index, params, scale)
        await self._weigh(session, sizes)
        return chosen

    def _scale(self, chosen: Mapping[int, int]) -> dict[int, float]:
        """For how many members one who was chosen stands."""
        return {number: move.members / chosen[number] if number in chosen else 1 for number, move in self.moves.items()}

    async def _count_tables(
        self, session: Session, moving: str, names: Sequence[str], params: Mapping[str, Any], scale: Mapping[int, float]
    ) -> None:
        if not names:
            return
        parts = [
            sql.SQL(_COUNT).format(
                number=sql.Literal(number), table=sql.SQL(name), owner=sql.Identifier(self.tables[name].owner)
            )
            for number, name in enumerate(names)
        ]
        query = sql.SQL(moving) + sql.SQL("\nUNION ALL ").join(parts)
        for row in await session.fetch(query.as_string(), params):
            factor = scale[row.move]
            self.held[row.move].tables[self.tables[names[row.owned]].name] = round(row.rows * factor)
            if factor > 1:
                self.held[row.move].basis = "sampled"

    async def _weigh(self, session: Session, sizes: Mapping[str, Row]) -> None:
        """Bytes in proportion to rows. A table that was never analysed tells no number of rows: it is counted."""
        for name, owned in self.tables.items():
            moving = [held for held in self.held.values() if owned.name in held.tables]
            if moving:
                total = sizes[name].rows or await session.value(f"SELECT count(*) FROM {name}")
                for held in moving:
                    held.bytes += round(sizes[name].bytes * min(1.0, held.tables[owned.name] / total))

    def count_files(self, media: Path, chosen: Sequence[Row]) -> None:
        """Look into the folders of these members in the media store."""
        for row in chosen:
            for size in _sizes(media / str(row.member_id)):
                self.held[row.move].files += 1
                self.held[row.move].file_bytes += size
        for number, factor in self._scale(Counter(row.move for row in chosen)).items():
            held = self.held[number]
            if factor > 1:
                held.files, held.file_bytes = round(held.files * factor), round(held.file_bytes * factor)
                held.file_basis = "sampled"


def _quoted(owned: OwnedTable) -> str:
    names = [owned.table.schema, owned.table.name] if owned.table.schema else [owned.table.name]
    return sql.Identifier(*names).as_string()


def _sizes(folder: Path) -> Iterator[int]:
    """The bytes of every file below a folder; nothing where there is no folder."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    yield from _sizes(Path(entry.path))
                else:
                    yield entry.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return
