"""Before a site serves: whoever it holds under an older epoch than the hub's, or whom the hub knows as erased, waits.

That is what a site would otherwise serve that was restored from a backup, or that was given up for lost in the middle
of a move and comes back: members who have moved on or are gone. Their rows stay for the audit to show and the operator
to settle, or for the relocation to erase; nobody is served from them.
"""

from collections.abc import Sequence

from domicile.ids import MemberId
from domicile.placement.directory import Directory
from domicile.placement.sites import Site

BATCH = 20_000


async def quarantine_stale(site: Site, directory: Directory) -> int:
    """Set `moved` on every resident whom the hub knows elsewhere or erased; how many there were."""
    after = stale = 0
    while True:
        rows = await site.app.run(
            "SELECT member_id, epoch FROM resident WHERE member_id > %s AND state IN ('home', 'leaving')"
            " ORDER BY member_id LIMIT %s",
            (after, BATCH),
        )
        if not rows:
            return stale
        after = rows[-1].member_id
        held = {MemberId(row.member_id): int(row.epoch) for row in rows}
        homes = await directory.homes(held)
        erased = await directory.erased(held.keys() - homes.keys())
        gone = [member for member, home in homes.items() if home.epoch > held[member]] + sorted(erased)
        stale += await _set_moved(site, gone)


async def _set_moved(site: Site, members: Sequence[MemberId]) -> int:
    if not members:
        return 0
    rows = await site.app.run(
        "UPDATE resident SET state = 'moved' WHERE member_id = ANY (%s) AND state IN ('home', 'leaving')"
        " RETURNING member_id",
        (members,),
    )
    return len(rows)
