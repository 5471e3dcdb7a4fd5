"""Copies that are past their licence, and copies of which the home knows nothing, so that nobody would recall them.

Both sides are read as they are: what a site keeps, and what the registers of the others say. They cannot be read at one
instant, so a copy that seems unknown is looked for again before it counts.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta

from domicile.audit.report import Violation
from domicile.errors import Unavailable
from domicile.ids import SiteName
from domicile.placement.sites import Site

GRACE = timedelta(minutes=5)
"""Recurring work deletes what has ended; a reader is shown nothing of it from the first instant."""
BATCH = 20_000
LOOKS = 3

_ENDED = """
SELECT count(*) AS copies, (array_agg(DISTINCT member_id))[1:10] AS sample, min(until) AS since
FROM kept_copy WHERE NOT recalled AND until < %s
"""
_KEPT = """
SELECT member_id, view, number, version FROM kept_copy
WHERE NOT recalled AND (member_id, view, number) > (%s, %s, %s) ORDER BY member_id, view, number LIMIT %s
"""
_SOME = "SELECT member_id, view, number, version FROM kept_copy WHERE NOT recalled AND member_id = ANY (%s)"
_REGISTERED = "SELECT member_id, view, number, version FROM copy_register WHERE holder = %s AND member_id = ANY (%s)"
_AT_HOME = "SELECT member_id FROM resident WHERE state IN ('home', 'leaving') AND member_id = ANY (%s)"

Key = tuple[int, str, int]


async def find_lawless_copies(sites: Mapping[SiteName, Site], everybody: bool, now: datetime) -> list[Violation]:
    """What is wrong with the copies at these sites. `everybody`: no site is missing among them.

    Of a member whose home does not answer it is not known what is registered.
    """
    wrong: list[Violation] = []
    for name in sites:
        try:
            wrong += [violation async for violation in _look_at(name, sites, everybody, now)]
        except Unavailable:
            text = "ceased to answer while its copies were read"
            wrong.append(Violation("unreachable", name, "kept_copy", 1, (), text))
    return wrong


async def _look_at(
    name: SiteName, sites: Mapping[SiteName, Site], everybody: bool, now: datetime
) -> AsyncIterator[Violation]:
    (ended,) = await sites[name].auditor.run(_ENDED, (now - GRACE,))
    if ended.copies:
        text = f"{ended.copies} copies past their licence, the oldest since {ended.since:%Y-%m-%d %H:%M} UTC"
        yield Violation("copy", name, "kept_copy", ended.copies, tuple(ended.sample), text)
    doubtful: set[int] = set()
    async for kept in _read_copies(sites[name]):
        doubtful |= {key[0] for key in await _find_unknown(name, sites, kept, everybody)}
    if unknown := await _look_again(name, sites, sorted(doubtful), everybody):
        sample = tuple(sorted({key[0] for key in unknown})[:10])
        text = f"{len(unknown)} copies that no home has registered: nobody would recall them"
        yield Violation("copy", name, "kept_copy", len(unknown), sample, text)


async def _read_copies(site: Site) -> AsyncIterator[dict[Key, int]]:
    """What a site keeps, with the versions, by batches."""
    after: Key = (0, "", -1)
    while True:
        rows = await site.auditor.run(_KEPT, (*after, BATCH))
        if rows:
            yield {(row.member_id, row.view, row.number): row.version for row in rows}
            after = (rows[-1].member_id, rows[-1].view, rows[-1].number)
        if len(rows) < BATCH:
            return


async def _look_again(name: SiteName, sites: Mapping[SiteName, Site], members: list[int], everybody: bool) -> list[Key]:
    unknown: list[Key] = []
    for look in range(LOOKS):
        if not members:
            return []
        await asyncio.sleep(0.1 * look)
        rows = await sites[name].auditor.run(_SOME, (members,))
        kept = {(row.member_id, row.view, row.number): row.version for row in rows}
        unknown = await _find_unknown(name, sites, kept, everybody)
        members = sorted({key[0] for key in unknown})
    return unknown


async def _find_unknown(
    name: SiteName, sites: Mapping[SiteName, Site], kept: Mapping[Key, int], everybody: bool
) -> list[Key]:
    """Copies that no register of these sites has under this version or a later one."""
    members = sorted({member for member, _, _ in kept})
    registered: dict[Key, int] = {}
    at_home: set[int] = set()
    for site in sites.values():
        try:
            at_home |= {row.member_id for row in await site.auditor.run(_AT_HOME, (members,))}
            for row in await site.auditor.run(_REGISTERED, (name, members)):
                key = (row.member_id, row.view, row.number)
                registered[key] = max(row.version, registered.get(key, 0))
        except Unavailable:
            everybody = False
    unknown = [key for key, version in kept.items() if registered.get(key, 0) < version]
    return [key for key in unknown if everybody or key[0] in at_home]
