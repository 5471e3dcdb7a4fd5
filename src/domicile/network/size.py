"""How large the network is: members and posts, added up over its sites. Numbers only, about nobody."""

import asyncio
from dataclasses import dataclass

from domicile.errors import Unavailable
from domicile.placement.routing import Router
from domicile.placement.sites import Site


@dataclass(frozen=True, slots=True)
class Size:
    """Sites that do not answer are not counted."""

    members: int
    posts: int


async def count_network(router: Router) -> Size:
    """Add up what every site counts of its own."""
    counted = await asyncio.gather(*(_count(site) for site in router.sites.values()))
    return Size(sum(size.members for size in counted), sum(size.posts for size in counted))


async def _count(site: Site) -> Size:
    try:
        rows = await site.app.run(
            "SELECT count(*) AS members, coalesce(sum(t.posts), 0)::bigint AS posts FROM resident r"
            " JOIN tally t USING (member_id) WHERE r.state IN ('home', 'leaving')"
        )
    except Unavailable:
        return Size(0, 0)
    return Size(rows[0].members, rows[0].posts)
