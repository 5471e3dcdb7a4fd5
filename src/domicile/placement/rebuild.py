"""The directory remade from what the sites hold: the hub can be lost, or restored as it was, without losing anybody.

A member whom two sites call their own belongs to the one with the higher epoch; the other is told at its next start.
Whom their home has erased since is erased here too, and every site hears of it again. Numbers of the feed that a site
has read are not used a second time. All of it is one transaction of the hub.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from domicile.database import Session, array, sql
from domicile.ids import MemberId, SiteName
from domicile.placement.directory import Directory
from domicile.placement.sites import Site

PAGE = 20_000

_HELD = (
    "SELECT member_id, epoch FROM resident WHERE member_id > %s AND"
    " (state IN ('home', 'leaving') OR (state = 'arriving' AND member_id = ANY (%s::bigint[])))"
    " ORDER BY member_id LIMIT %s"
)
_CLAIMED = "SELECT kind, digest, member_id, token FROM name_claim WHERE member_id = ANY (%s::bigint[])"
_READ_UP_TO = (
    "SELECT greatest((SELECT max(entry) FROM feed_position WHERE feed = 'home'), (SELECT max(entry) FROM erasure), 0)"
    " AS number"
)
_TABLES = (
    "CREATE TEMP TABLE held (member_id bigint, site text, epoch integer) ON COMMIT DROP",
    "CREATE TEMP TABLE held_claim (kind text, digest bytea, member_id bigint, token bytea, site text) ON COMMIT DROP",
    "CREATE TEMP TABLE gone (member_id bigint PRIMARY KEY) ON COMMIT DROP",
    "CREATE TEMP TABLE winner (member_id bigint PRIMARY KEY, site text, epoch integer) ON COMMIT DROP",
)
_WINNERS = """
INSERT INTO winner SELECT DISTINCT ON (member_id) member_id, site, epoch FROM held
WHERE NOT EXISTS (SELECT FROM gone WHERE gone.member_id = held.member_id)
AND NOT EXISTS (SELECT FROM feed WHERE feed.member_id = held.member_id AND feed.site IS NULL)
AND NOT EXISTS (SELECT FROM home WHERE home.member_id = held.member_id AND home.epoch > held.epoch)
ORDER BY member_id, epoch DESC
"""
# What their home does not hold is no claim of theirs any more; it may be somebody else's by now.
_PRUNE = """
DELETE FROM claim USING winner WHERE claim.member_id = winner.member_id AND NOT EXISTS (SELECT FROM held_claim h
WHERE h.kind = claim.kind AND h.digest = claim.digest AND h.member_id = claim.member_id AND h.site = winner.site)
"""
_CLAIMS = """
INSERT INTO claim SELECT h.kind, h.digest, h.member_id, h.token FROM held_claim h JOIN winner USING (member_id, site)
ON CONFLICT DO NOTHING
"""
_HOMES = """
INSERT INTO home SELECT member_id, site, epoch FROM winner ON CONFLICT (member_id) DO UPDATE
SET site = EXCLUDED.site, epoch = EXCLUDED.epoch WHERE home.epoch < EXCLUDED.epoch
"""
_UNTOLD = "gone WHERE NOT EXISTS (SELECT FROM feed WHERE feed.member_id = gone.member_id AND feed.site IS NULL)"
_TELL = (
    f"WITH head AS (UPDATE feed_head SET number = number + (SELECT count(*) FROM {_UNTOLD}) RETURNING number)"
    f" INSERT INTO feed SELECT head.number - row_number() OVER () + 1, member_id, NULL, 1 FROM head, {_UNTOLD}"
)
_TOLD = (
    "SELECT member_id, max(number) AS number FROM feed JOIN gone USING (member_id) WHERE feed.site IS NULL GROUP BY 1"
)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How many homes and claims the sites hold, and whom they have erased."""

    homes: int
    claims: int
    erased: int


@dataclass
class Rebuilding:
    """`arrived`: site -> members who are arriving there, and whose home it is (a relocation had been decided).

    `prune` for a directory that is older than the sites: claims that their homes have given up since are freed.
    """

    sites: Mapping[SiteName, Site]
    directory: Directory
    arrived: Mapping[SiteName, Sequence[MemberId]] = field(default_factory=dict)
    prune: bool = False

    async def rebuild(self) -> Rebuilt:
        """Enter every site's residents and the digests they claimed; what the hub still holds stays, unless pruned."""
        for name, site in self.sites.items():
            async for members in _pages(site, "SELECT member_id FROM route WHERE member_id > %s"):
                await self.directory.note_interest(name, members)
        read = max([(await site.app.run(_READ_UP_TO))[0].number for site in self.sites.values()], default=0)
        async with self.directory.database.transaction() as hub:
            for statement in _TABLES:
                await hub.execute(statement)
            for name, site in self.sites.items():
                await self._collect(hub, name, site)
            rebuilt, told = await self._enter(hub, read)
        for site in self.sites.values():
            await _note_told(site, told)
        return rebuilt

    async def _collect(self, hub: Session, name: SiteName, site: Site) -> None:
        async for members in _pages(site, "SELECT member_id FROM erasure WHERE member_id > %s"):
            await hub.execute("INSERT INTO gone SELECT unnest(%s::bigint[]) ON CONFLICT DO NOTHING", (array(members),))
        after, arrived = 0, array(self.arrived.get(name, ()))
        while residents := await site.app.run(_HELD, (after, arrived, PAGE)):
            after = residents[-1].member_id
            claimed = await site.app.run(_CLAIMED, (array(row.member_id for row in residents),))
            homes = [(row.member_id, name, row.epoch) for row in residents]
            await hub.copy_in(sql.Identifier("held"), ("member_id", "site", "epoch"), homes)
            claims = [(row.kind, bytes(row.digest), row.member_id, bytes(row.token), name) for row in claimed]
            await hub.copy_in(sql.Identifier("held_claim"), ("kind", "digest", "member_id", "token", "site"), claims)

    async def _enter(self, hub: Session, read: int) -> tuple[Rebuilt, dict[MemberId, int]]:
        """Claims before homes, as a sign-up does it: whoever changes a home holds the feed until the end."""
        await hub.execute(_WINNERS)
        await hub.execute("DELETE FROM claim USING gone WHERE claim.member_id = gone.member_id")
        if self.prune:
            await hub.execute(_PRUNE)
        await hub.execute(_CLAIMS)
        await hub.execute("UPDATE feed_head SET number = greatest(number, %s)", (read,))
        await hub.execute(_HOMES)
        await hub.execute("DELETE FROM home USING gone WHERE home.member_id = gone.member_id")
        await hub.execute(_TELL)
        told = {MemberId(row.member_id): int(row.number) for row in await hub.fetch(_TOLD)}
        homes = await hub.value("SELECT count(*) FROM winner")
        claims = await hub.value("SELECT count(*) FROM held_claim JOIN winner USING (member_id, site)")
        return Rebuilt(homes, claims, len(told)), told


async def is_older_than_sites(sites: Mapping[SiteName, Site], directory: Directory) -> bool:
    """Whether a site has read entries that the hub's feed does not have: the hub was lost, or restored as it was."""
    read = max([(await site.app.run(_READ_UP_TO))[0].number for site in sites.values()], default=0)
    return (await directory.sizes())["feed"] < read


async def _note_told(site: Site, told: Mapping[MemberId, int]) -> None:
    """The receipts of erasures name the entry after which every site has heard."""
    await site.app.run(
        "UPDATE erasure SET entry = t.number FROM unnest(%s::bigint[], %s::bigint[]) AS t (member_id, number)"
        " WHERE erasure.member_id = t.member_id AND state = 'released' AND entry IS DISTINCT FROM t.number",
        (array(told), array(told.values())),
    )


async def _pages(site: Site, query: str) -> AsyncIterator[list[MemberId]]:
    after = 0
    while rows := await site.app.run(f"{query} ORDER BY member_id LIMIT {PAGE}", (after,)):
        after = rows[-1].member_id
        yield [MemberId(row.member_id) for row in rows]
