"""How large the network is: members and posts, counted at its sites. Numbers only, about nobody."""

import asyncio
from dataclasses import dataclass

from domicile.errors import Unavailable
from domicile.ids import SiteName
from domicile.placement.routing import Router
from domicile.placement.sites import Site


@dataclass(frozen=True, slots=True)
class Size:
    members: int
    posts: int


async def count_sites(router: Router) -> dict[SiteName, Size | None]:
    """What every site counts of its own; None for one that does not answer."""
    counted = await asyncio.gather(*map(_count, router.sites.values()))
    return dict(zip(router.sites, counted, strict=True))


async def count_network(router: Router) -> Size:
    """All sites together. Those that do not answer are not counted."""
    known = [size for size in (await count_sites(router)).values() if size is not None]
    return Size(sum(size.members for size in known), sum(size.posts for size in known))


async def _count(site: Site) -> Size | None:
    try:
        rows = await site.app.run(
            "SELECT count(*) AS members, coalesce(sum(t.posts), 0)::bigint AS posts FROM resident r"
            " JOIN tally t USING (member_id) WHERE r.state IN ('home', 'leaving')"
        )
    except Unavailable:
        return None
    return Size(rows[0].members, rows[0].posts)
