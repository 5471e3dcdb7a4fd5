"""`hub rebuild`: remake the directory from what the sites hold. The hub can be lost without losing anybody.

A member whom two sites call their own belongs to the one with the higher epoch; the other is told at its next start.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from domicile.ids import MemberId, SiteName
from domicile.placement.directory import Directory
from domicile.placement.sites import Site


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How many homes and claims the directory holds again."""

    homes: int
    claims: int


async def rebuild_directory(sites: Mapping[SiteName, Site], directory: Directory) -> Rebuilt:
    """Enter every site's residents and the digests they claimed; what the hub still holds stays."""
    homes = claims = 0
    for name, site in sites.items():
        residents = await site.app.run(
            "SELECT member_id, epoch FROM resident WHERE state IN ('home', 'leaving') ORDER BY member_id"
        )
        claimed = await site.app.run(
            "SELECT c.kind, c.digest, c.member_id, c.token FROM name_claim c JOIN resident r USING (member_id)"
            " WHERE r.state IN ('home', 'leaving') ORDER BY c.member_id"
        )
        cared_for = await site.app.run("SELECT member_id FROM route")
        await directory.enter(
            [(MemberId(row.member_id), name, row.epoch) for row in residents],
            [(row.kind, bytes(row.digest), MemberId(row.member_id), bytes(row.token)) for row in claimed],
        )
        await directory.note_interest(name, [MemberId(row.member_id) for row in cared_for])
        await site.app.run("DELETE FROM feed_position")  # the new feed counts from one again
        homes += len(residents)
        claims += len(claimed)
    return Rebuilt(homes, claims)
