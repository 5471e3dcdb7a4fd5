"""The hub's word on made-up members: whom it knows, their site opens; whom it does not, their site forgets.

Seeded residents are loaded as `pending` and without what they claimed at the hub, which tells them from sign-ups. The
hub learns of all of them in one transaction: before it, nobody of the run is there; after it, everybody will be. So
settling ends a run, and ends one that a crash cut short.
"""

import asyncio
import shutil
from collections.abc import Mapping, Sequence

from domicile.database import Session, sql
from domicile.ids import MemberId, SiteName
from domicile.network.seeding.copying import sql_name
from domicile.placement.directory import Directory
from domicile.placement.ownership import OwnedTable, Ownership
from domicile.placement.sites import Site

_WAITING = (
    "SELECT member_id FROM resident r WHERE state = 'pending'"
    " AND NOT EXISTS (SELECT FROM name_claim c WHERE c.member_id = r.member_id)"
)
_TIES = (
    "SELECT target AS member_id FROM follow WHERE member_id = ANY (%(members)s)"
    " UNION SELECT follower FROM follower WHERE member_id = ANY (%(members)s)"
)


async def settle(sites: Mapping[SiteName, Site], directory: Directory, ownership: Ownership) -> None:
    """Open or forget every seeded member who waits."""
    await asyncio.gather(*(_settle_site(site, directory, ownership) for site in sites.values()))


async def _settle_site(site: Site, directory: Directory, ownership: Ownership) -> None:
    waiting = [MemberId(row.member_id) for row in await site.importer.run(_WAITING)]
    if not waiting:
        return
    homes = await directory.homes(waiting)
    known = [member for member in waiting if member in homes]
    unknown = [member for member in waiting if member not in homes]
    if unknown:
        await _forget(site, ownership, unknown)
    if known:
        await _open(site, directory, ownership["name_claim"], known)


async def _open(site: Site, directory: Directory, claimed: OwnedTable, members: Sequence[MemberId]) -> None:
    ties = await site.importer.run(_TIES, {"members": list(members)})
    routes = await directory.homes((MemberId(row.member_id) for row in ties), asker=site.name)
    async with site.importer.transaction() as session:
        columns = ("member_id", "kind", "digest", "token")
        await session.copy_in(sql_name(claimed), columns, await directory.claims_of(members))
        await _add_routes(
            session,
            [*routes, *members],
            [*(home.site for home in routes.values()), *(site.name for _ in members)],
            [*(home.epoch for home in routes.values()), *(1 for _ in members)],
        )
        await session.execute(
            "UPDATE resident SET state = 'home' WHERE member_id = ANY (%s) AND state = 'pending'", (list(members),)
        )


async def _add_routes(
    session: Session, members: Sequence[MemberId], names: Sequence[SiteName], epochs: Sequence[int]
) -> None:
    await session.execute(
        "INSERT INTO route (member_id, site, epoch) SELECT * FROM unnest(%s::bigint[], %s::text[], %s::int[])"
        " ON CONFLICT DO NOTHING",
        (members, names, epochs),
    )


async def _forget(site: Site, ownership: Ownership, members: list[MemberId]) -> None:
    async with site.importer.transaction() as session:
        for owned in reversed(ownership.owned):
            query = sql.SQL("DELETE FROM {} WHERE {} = ANY (%s)").format(sql_name(owned), sql.Identifier(owned.owner))
            await session.execute(query.as_string(), (members,))
        await session.execute("DELETE FROM resident WHERE member_id = ANY (%s)", (members,))
    for member in members:
        await asyncio.to_thread(shutil.rmtree, site.media / str(member), ignore_errors=True)
