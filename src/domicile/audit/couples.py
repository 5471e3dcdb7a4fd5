"""All that the sites and the hub know at this moment of some couples of members: their rows, parcels, homes, moves."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domicile.database import Database, Row, Session, array, sql
from domicile.ids import SiteName, moment_of
from domicile.placement.pairs import AT_HOME, Pair, PairTable, parcels_of
from domicile.placement.sites import Site

Couple = tuple[int, int]
"""Who keeps the truth, and who the half."""
Key = tuple[Couple, tuple[str, ...]]
"""A couple, and what else identifies the pair."""
Parents = Mapping[str, Sequence[tuple[str, str, Sequence[str], Sequence[str]]]]

_COUPLES = "unnest(%(truths)s::bigint[], %(halves)s::bigint[]) AS c (truth, half)"
_ROWS = f"""
SELECT {{whose}} AS owner, c.truth, c.half, {{rest}} AS rest, {{version}} AS version, {{same}} AS same,
  {{dead}} AS dead, {{since}} AS since
FROM {_COUPLES} JOIN {{table}} t ON {{truth}} = c.truth AND {{half}} = c.half WHERE {{wanted}} AND {{at_home}}
"""
_WAITING = f"SELECT c.truth, c.half FROM {_COUPLES} WHERE NOT ({{to_half}} AND {{to_truth}})"
_RESIDENTS = "SELECT member_id, state FROM public.resident WHERE member_id = ANY (%(members)s)"
_HEARD = "SELECT coalesce(max(entry), 0) FROM public.feed_position WHERE feed = 'home'"
_HOMES = "SELECT member_id, site FROM home WHERE member_id = ANY (%s)"
_MOVING = "SELECT member_id FROM relocation_member WHERE moving AND member_id = ANY (%s)"


@dataclass(frozen=True, slots=True)
class Found:
    """A row of one side as it is. `dead`: a tombstone."""

    site: SiteName
    table: str
    owner: int
    version: int | None
    same: tuple[str, ...]
    dead: bool
    since: datetime | None

    def is_older(self, moment: datetime) -> bool:
        """Whether a tombstone has stood since before a moment."""
        return (self.since or moment_of(self.version or 0)) < moment


@dataclass
class Seen:
    """What was seen of some couples. `orphaned` truths have no half because what it would hang on is gone."""

    truths: dict[Key, Found] = field(default_factory=dict)
    halves: dict[Key, Found] = field(default_factory=dict)
    waiting: set[Couple] = field(default_factory=set)
    orphaned: set[Key] = field(default_factory=set)
    states: dict[int, list[tuple[SiteName, str]]] = field(default_factory=dict)
    homes: dict[int, SiteName] = field(default_factory=dict)
    moving: set[int] = field(default_factory=set)
    behind: set[SiteName] = field(default_factory=set)

    def is_settled(self, couple: Couple) -> bool:
        """Nothing is on its way between them, and both live where the hub says."""
        return couple not in self.waiting and all(map(self._is_at_home, couple))

    def is_forgotten(self, row: Found, member: int) -> bool:
        """Whether a row refers to somebody whose erasure its site has heard of."""
        here = any(state != "moved" for _, state in self.states.get(member, ()))
        return not row.dead and not here and member not in self.homes and row.site not in self.behind

    def versions_of(self, key: Key) -> tuple[Any, ...]:
        half = self.halves.get(key)
        return () if half is None else (half.version, half.same, half.dead)

    def _is_at_home(self, member: int) -> bool:
        here = [(site, state) for site, state in self.states.get(member, ()) if state != "moved"]
        return here == [(self.homes.get(member), "home")] and member not in self.moving


async def look_at_couples(
    sites: Mapping[SiteName, Site],
    hub: Database,
    at: Mapping[SiteName, Pair],
    parents: Parents,
    couples: Sequence[Couple],
) -> Seen:
    """Look once. What waits is read first: what has been delivered since is then seen as a half."""
    seen = Seen()
    members = sorted({member for couple in couples for member in couple})
    asked = {"truths": array(c[0] for c in couples), "halves": array(c[1] for c in couples), "members": members}
    await asyncio.gather(*(_look_for_parcels(sites[name], pair, asked, seen) for name, pair in at.items()))
    for row in await hub.run(_HOMES, (members,)):
        seen.homes[row.member_id] = SiteName(row.site)
    seen.moving |= {row.member_id for row in await hub.run(_MOVING, (members,))}
    head = (await hub.run("SELECT number FROM feed_head"))[0].number
    await asyncio.gather(*(_look_at_site(sites[name], pair, asked, head, seen) for name, pair in at.items()))
    for name, pair in at.items():
        seen.orphaned |= await _find_orphaned(sites[name], pair, parents, seen)
    return seen


async def _look_for_parcels(site: Site, pair: Pair, asked: Mapping[str, Any], seen: Seen) -> None:
    there, back = parcels_of(pair.name, "c.truth", "c.half"), parcels_of(pair.name, "c.half", "c.truth")
    rows = await site.auditor.run(_WAITING.format(to_half=there, to_truth=back), asked)
    seen.waiting |= {(row.truth, row.half) for row in rows}


async def _look_at_site(site: Site, pair: Pair, asked: Mapping[str, Any], head: int, seen: Seen) -> None:
    async with site.auditor.snapshot() as session:
        for row in await session.fetch(_RESIDENTS, asked):
            seen.states.setdefault(row.member_id, []).append((site.name, row.state))
        if await session.value(_HEARD) < head:
            seen.behind.add(site.name)
        for found, table, wanted in ((seen.truths, pair.truth, pair.truth.live), (seen.halves, pair.half, "true")):
            found.update(await _read_rows(session, site.name, table, wanted, asked))


async def _read_rows(
    session: Session, site: SiteName, table: PairTable, wanted: str, asked: Mapping[str, Any]
) -> dict[Key, Found]:
    truth, half = table.members
    same = [f"t.{sql.Identifier(name).as_string()}::text" for name in table.side.same]
    query = _ROWS.format(
        whose=table.whose,
        rest=table.rest,
        version=table.version if table.versioned or table.side.side == "half" else "NULL::bigint",
        same=f"ARRAY[{', '.join(same)}]::text[]",
        dead=table.dead if table.side.side == "half" else "false",
        since=table.since,
        table=table.table,
        truth=truth,
        half=half,
        wanted=wanted,
        at_home=AT_HOME.format(owner=table.whose),
    )
    name = table.name if table.schema == "public" else f"{table.schema}.{table.name}"
    return {
        ((row.truth, row.half), tuple(row.rest)): Found(
            site, name, row.owner, row.version, tuple(row.same), row.dead, row.since
        )
        for row in await session.fetch(query, asked)
    }


async def _find_orphaned(site: Site, pair: Pair, parents: Parents, seen: Seen) -> set[Key]:
    """Truths whose half would hang on a row that is gone from this site, where its owner lives."""
    lonely = [
        key for key in seen.truths if key not in seen.halves and (site.name, "home") in seen.states.get(key[0][1], ())
    ]
    half = pair.half
    name = half.name if half.schema == "public" else f"{half.schema}.{half.name}"
    gone: set[Key] = set()
    for parent in parents.get(name, ()) if lonely else ():
        there = await _parents_there(site, half, parent, lonely)
        gone |= {key for place, key in enumerate(lonely, 1) if place not in there}
    return gone


async def _parents_there(
    site: Site, half: PairTable, parent: tuple[str, str, Sequence[str], Sequence[str]], lonely: Sequence[Key]
) -> set[int]:
    """Places of those of the keys whose parent row exists."""
    schema, name, columns, targets = parent
    values: dict[str, list[str]] = {half.owner: [str(key[0][1]) for key in lonely]}
    values[half.other] = [str(key[0][0]) for key in lonely]
    values |= {column: [key[1][place] for key in lonely] for place, column in enumerate(half.side.rest)}
    if not set(columns) <= values.keys():
        return set(range(1, len(lonely) + 1))
    ties = " AND ".join(
        f"p.{sql.Identifier(target).as_string()} = (c.v{n})::{half.types[column]}"
        for n, (column, target) in enumerate(zip(columns, targets, strict=True))
    )
    lists = ", ".join(f"%(v{n})s::text[]" for n in range(len(columns)))
    names = ", ".join(f"v{n}" for n in range(len(columns)))
    rows: list[Row] = await site.auditor.run(
        f"SELECT c.place::int AS place FROM unnest({lists}) WITH ORDINALITY AS c ({names}, place)"
        f" JOIN {sql.Identifier(schema, name).as_string()} p ON {ties}",
        {f"v{n}": values[column] for n, column in enumerate(columns)},
    )
    return {row.place for row in rows}
