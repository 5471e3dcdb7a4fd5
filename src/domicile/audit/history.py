"""Who was at home where on which day: from the hub's directory, the relocation journal, and what the sites erased.

Read with SQL of its own and not by the code that moved anybody. A day is the state at its end (UTC).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any

from domicile.database import Database, Row
from domicile.ids import MemberId, SiteName, moment_of
from domicile.placement.sites import Site

# A flip that was taken back raised the epoch once more. Of two batches under one epoch the member was dropped from the
# first, as a flip would have raised it.
_FLIPPED = """
SELECT DISTINCT ON (m.member_id, f.epoch) m.member_id, f.epoch, f.source, f.target, e.at
FROM relocation_member m JOIN relocation r USING (batch_id)
JOIN relocation_entry e ON e.batch_id = r.batch_id
JOIN LATERAL (VALUES ('flip', m.epoch, r.source, r.target), ('return', m.epoch + 1, r.target, r.source))
  AS f (step, epoch, source, target) ON f.step = e.step
ORDER BY m.member_id, f.epoch, e.number DESC
"""


@dataclass(frozen=True, slots=True)
class Change:
    """From this moment on the member is at home there; nowhere, if they were erased."""

    moment: datetime
    member: MemberId
    site: SiteName | None


async def read_history(sites: Mapping[SiteName, Site], hub: Database) -> list[Change]:
    """Every change of a home since the network began, in order. Raises Unavailable where a site does not answer."""
    erased: dict[MemberId, tuple[SiteName, datetime]] = {}
    for name, site in sites.items():
        for row in await site.auditor.run("SELECT member_id, erased_at FROM public.erasure"):
            erased[MemberId(row.member_id)] = (name, row.erased_at)
    async with hub.snapshot() as session:
        homes = await session.fetch("SELECT member_id, site, epoch FROM home")
        flips = await session.fetch(_FLIPPED)
    moves = {member: list(rows) for member, rows in groupby(flips, key=attrgetter("member_id"))}
    changes: list[Change] = []
    for row in homes:
        of_member = [flip for flip in moves.get(row.member_id, ()) if flip.epoch < row.epoch]
        changes += _changes(MemberId(row.member_id), of_member, SiteName(row.site))
    for member, (last, moment) in erased.items():
        changes += _changes(member, _until_erased(moves.get(member, []), last), last)
        changes.append(Change(moment, member, None))
    return sorted(changes, key=lambda change: (change.moment, change.member))


def _until_erased(flips: list[Row], site: SiteName) -> list[Row]:
    """An erased member's last batch may have dropped them: then they were erased at its source."""
    return flips[:-1] if flips and flips[-1].target != site else flips


def _changes(member: MemberId, flips: Iterable[Any], last: SiteName) -> Iterator[Change]:
    flipped = sorted(flips, key=attrgetter("epoch"))
    first = SiteName(flipped[0].source) if flipped else last
    yield Change(moment_of(member), member, first)
    for flip in flipped:
        yield Change(datetime.fromisoformat(flip.at), member, SiteName(flip.target))


@dataclass
class Residents:
    """Who is at home where as days go by. `changed` sites are those that the last day changed."""

    at: dict[SiteName, set[MemberId]]
    changed: set[SiteName]


def follow_days(
    history: Iterable[Change], sites: Iterable[SiteName], since: date, until: date
) -> Iterator[tuple[date, Residents]]:
    """The end of every day from `since` to `until`, both included. What is yielded changes with the next day."""
    residents = Residents({name: set() for name in sites}, set())
    where: dict[MemberId, SiteName] = {}
    waiting = iter(history)
    change = next(waiting, None)
    day = since
    while day <= until:
        residents.changed = set(residents.at) if day == since else set()
        while change is not None and change.moment.date() <= day:
            _apply(change, residents, where)
            change = next(waiting, None)
        yield day, residents
        day += timedelta(days=1)


def _apply(change: Change, residents: Residents, where: dict[MemberId, SiteName]) -> None:
    left = where.pop(change.member, None)
    if left is not None:
        residents.at[left].discard(change.member)
        residents.changed.add(left)
    if change.site is not None:
        where[change.member] = change.site
        residents.at.setdefault(change.site, set()).add(change.member)
        residents.changed.add(change.site)
