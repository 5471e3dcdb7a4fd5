"""Rows about two people: has every truth its half, every half its truth, and do they say the same?

Which tables hold them, and what must be the same, stands in the servers' own catalogues. Each site counts and digests
its truths and halves in buckets, where they are; over all sites both must come out the same, wherever the members live.
Only rows of buckets that do not are looked at, by ids. Sites cannot be read at one instant, so whatever seems wrong is
looked at again; a parcel in an outbox, or a member on the move, explains what is not there yet. A half is not missed
where the row that it would hang on is gone.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from domicile.audit.catalogue import FoundTable
from domicile.audit.couples import Couple, Found, Key, Seen, look_at_couples
from domicile.audit.report import Violation
from domicile.database import Database
from domicile.ids import SEQUENCE_BITS, SiteName, milliseconds
from domicile.placement.pairs import AT_HOME, BUCKETS, Pair, PairTable, Sums, count_by_bucket, join_sides
from domicile.placement.sites import Site

FINE = 1 << 20
AT_ONCE = 4096  # fine buckets whose rows are read at a time
COUPLES = 5000
LOOKS = 4
PATIENCE = timedelta(days=7)
"""How long a tombstone may stand after both sides agree: the reconciler takes it away within hours."""

_ROWS = """
SELECT key, {content} AS content, truth, half FROM (SELECT {compared} {truth} AS truth, {half} AS half, {key} AS key
  FROM {table} t WHERE {live} AND {at_home}) t WHERE key & %(mask)s = ANY (%(buckets)s)
"""
_TOMBSTONES = """
SELECT DISTINCT {truth} AS truth, {half} AS half FROM {table} t
WHERE {dead} AND {version} < %(version)s AND ({since} IS NULL OR {since} < %(since)s) AND {at_home} LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Doubt:
    """One row that seems wrong: of whom, about whom, and what was found, which tells whether it is still the same."""

    site: SiteName
    table: str
    owner: int
    key: Key
    found: Any
    text: str


class HalfAudit:
    """The comparison of every pair that these sites' catalogues declare, as of a moment. No site may be missing."""

    def __init__(
        self,
        sites: Mapping[SiteName, Site],
        hub: Database,
        tables: Mapping[SiteName, Iterable[FoundTable]],
        now: datetime,
    ) -> None:
        self.sites = sites
        self.hub = hub
        self.now = now
        self.parents = {str(table): table.parents for found in tables.values() for table in found}
        self.pairs = {name: join_sides(_sides(found)) for name, found in tables.items()}

    async def compare(self) -> list[Violation]:
        """What is wrong with the halves of all sites."""
        doubts: set[Doubt] = set()
        for name in sorted({name for found in self.pairs.values() for name in found}):
            at = {site: found[name] for site, found in self.pairs.items() if name in found}
            couples = await self._differing(at) | await self._tombstones(at)
            listed = sorted(couples)
            for start in range(0, len(listed), COUPLES):
                doubts |= await self._look_again(at, listed[start : start + COUPLES])
        return list(_violations(doubts))

    async def _differing(self, at: Mapping[SiteName, Pair]) -> set[Couple]:
        """Couples of members who seem to have a half too few, too many or another."""
        if not await self._differing_buckets(at, 1, "true", {}):
            return set()
        coarse = await self._differing_buckets(at, BUCKETS, "true", {})
        if not coarse:
            return set()
        fine = await self._differing_buckets(at, FINE, f"key & {BUCKETS - 1} = ANY (%(buckets)s)", {"buckets": coarse})
        couples: set[Couple] = set()
        for start in range(0, len(fine), AT_ONCE):
            asked = {"mask": FINE - 1, "buckets": fine[start : start + AT_ONCE]}
            truths, halves = await asyncio.gather(*(self._rows(at, kind, asked) for kind in ("truth", "half")))
            couples |= {truths[key][1] for key in truths if halves.get(key) != truths[key]}
            couples |= {halves[key][1] for key in halves if truths.get(key) != halves[key]}
        return couples

    async def _differing_buckets(
        self, at: Mapping[SiteName, Pair], buckets: int, inside: str, asked: dict[str, Any]
    ) -> list[int]:
        truths, halves = await asyncio.gather(
            *(self._sum(at, kind, buckets, inside, asked) for kind in ("truth", "half"))
        )
        return truths.differing(halves)

    async def _sum(
        self, at: Mapping[SiteName, Pair], kind: str, buckets: int, inside: str, asked: dict[str, Any]
    ) -> Sums:
        """Counts and digests of one side, over all sites."""
        sums = Sums()
        queries = {name: count_by_bucket(pair, kind, buckets, inside) for name, pair in at.items()}
        for rows in await asyncio.gather(*(self.sites[name].auditor.run(q, asked) for name, q in queries.items())):
            sums.add(rows)
        return sums

    async def _rows(
        self, at: Mapping[SiteName, Pair], kind: str, asked: dict[str, Any]
    ) -> dict[int, tuple[int, Couple]]:
        found: dict[int, tuple[int, Couple]] = {}
        for name, pair in at.items():
            query = _fill(_ROWS, pair.side(kind))
            for row in await self.sites[name].auditor.run(query, asked):
                found[row.key] = (row.content, (row.truth, row.half))
        return found

    async def _tombstones(self, at: Mapping[SiteName, Pair]) -> set[Couple]:
        """Couples between whom a tombstone has stood for long."""
        since = self.now - PATIENCE
        asked = {"version": milliseconds(since) << SEQUENCE_BITS, "since": since, "limit": 2 * COUPLES}
        found: set[Couple] = set()
        for name, pair in at.items():
            rows = await self.sites[name].auditor.run(_fill(_TOMBSTONES, pair.half), asked)
            found |= {(row.truth, row.half) for row in rows}
        return found

    async def _look_again(self, at: Mapping[SiteName, Pair], couples: Sequence[Couple]) -> set[Doubt]:
        """Only what stays wrong, in the same way, is wrong: somebody may have followed between two reads."""
        doubts: set[Doubt] = set()
        for look in range(LOOKS):
            await asyncio.sleep(0.1 * look)
            seen = await look_at_couples(self.sites, self.hub, at, self.parents, couples)
            found = set(self._find_doubts(seen))
            doubts = doubts & found if look else found
            couples = sorted({doubt.key[0] for doubt in doubts})
            if not couples:
                break
        return doubts

    def _find_doubts(self, seen: Seen) -> Iterator[Doubt]:
        for key, truth in seen.truths.items():
            if text := self._of_truth(seen, key, truth):
                yield _doubt(truth, key, (truth.version, truth.same, seen.versions_of(key)), text)
        for key, half in seen.halves.items():
            if text := self._of_half(seen, key, half):
                yield _doubt(half, key, (half.version, half.same), text)

    def _of_truth(self, seen: Seen, key: Key, truth: Found) -> str | None:
        half = seen.halves.get(key)
        if seen.is_forgotten(truth, key[0][1]):
            return "rows about members who are erased"
        if not seen.is_settled(key[0]):
            return None
        if half is None or half.dead:
            return None if key in seen.orphaned else "rows whose other half is missing"
        if half.same != truth.same or (truth.version is not None and half.version != truth.version):
            return "rows whose other half says something else"
        return None

    def _of_half(self, seen: Seen, key: Key, half: Found) -> str | None:
        if seen.is_forgotten(half, key[0][0]):
            return "halves of members who are erased"
        if key in seen.truths or not seen.is_settled(key[0]):
            return None
        if not half.dead:
            return "halves without their truth"
        return "tombstones that never end" if half.is_older(self.now - PATIENCE) else None


def _doubt(found: Found, key: Key, what: Any, text: str) -> Doubt:
    return Doubt(found.site, found.table, found.owner, key, what, text)


def _sides(tables: Iterable[FoundTable]) -> Iterator[PairTable]:
    for table in tables:
        for other, side in table.sides.items():
            yield PairTable(table.schema, table.name, table.owner, other, side, table.types)


def _fill(query: str, table: PairTable) -> str:
    truth, half = table.members
    return query.format(
        table=table.table,
        truth=truth,
        half=half,
        key=table.key(),
        content=table.content("key"),
        compared="".join(f"{column}, " for column in table.compared),
        live=table.live,
        dead=table.dead,
        version=table.version,
        since=table.since,
        at_home=AT_HOME.format(owner=table.whose),
    )


def _violations(doubts: Iterable[Doubt]) -> Iterator[Violation]:
    grouped: dict[tuple[SiteName, str, str], list[int]] = {}
    for doubt in doubts:
        grouped.setdefault((doubt.site, doubt.table, doubt.text), []).append(doubt.owner)
    for (site, table, text), owners in sorted(grouped.items()):
        sample = tuple(sorted(set(owners))[:10])
        yield Violation("half", site, table, len(owners), sample, f"{len(owners)} {text}")
