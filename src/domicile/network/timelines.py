"""Timelines, read where the posts live. The home timeline takes at most two rounds over the sites.

Round one asks each followed member's site for the ids of its newest posts, all at the same time; of those the page is
chosen; round two asks each site once for what the page shows and refers to, naming the reader only for closed posts.
"""

from dataclasses import dataclass, field, replace
from typing import TypeVar

from domicile.border.crossing import Door, Seen
from domicile.database import Row
from domicile.errors import InvalidInput, Unavailable
from domicile.ids import MemberId, PostId, SiteName
from domicile.network.items import PostItem, PostKey
from domicile.network.posts import Posts
from domicile.network.questions import Authors, Bounds, Everybodys, Newest, RelationsAsked
from domicile.network.views import AUTHORS, EVERYBODYS, NEWEST, RELATIONS
from domicile.placement.directory import Home
from domicile.placement.routing import Router

LARGEST_PAGE = 40

K = TypeVar("K", PostItem, PostKey)


@dataclass(frozen=True)
class Page:
    """Posts, newest first, and whether every site answered. `others` holds what they refer to, by id."""

    items: list[PostItem]
    complete: bool
    others: dict[PostId, PostItem] = field(default_factory=dict)


@dataclass(frozen=True)
class Timelines:
    router: Router
    door: Door
    posts: Posts

    async def home(self, member: MemberId, bounds: Bounds) -> Page:
        """Posts of those whom the member follows, and their own."""
        at = (await self.router.home_of(member)).site
        homes, unknown = _read_homes(await self.router.rows(member, _FOLLOWED, {"member": member}))
        lost = False
        if unknown:
            try:
                homes |= await self.router.learn_routes(at, unknown)
            except Unavailable:
                lost = True  # not every route is known: the page must say that something is missing
        homes[member] = await self.router.home_of(member)
        seen = await self.door.look(at, NEWEST, Newest(bounds), homes)
        page = await self._fetch_page(_choose(seen.items, bounds), reader=member, at=at)
        return replace(page, complete=page.complete and seen.complete and not lost)

    async def public(
        self,
        bounds: Bounds,
        *,
        reader: MemberId | None,
        tag: str | None = None,
        only_media: bool = False,
        local: bool = False,
        remote: bool = False,
    ) -> Page:
        """Public posts of the whole network (`local`: of the reader's site; `remote`: of the others)."""
        at = await self._at(reader)
        sites = [name for name in self.router.sites if not (local and name != at) and not (remote and name == at)]
        asked = Everybodys(bounds, tag.casefold() if tag else None, only_media, reader is not None)
        seen = await self.door.look_everywhere(at, sites, EVERYBODYS, asked)
        seen.items = [item for item in seen.items if item.body is not None]
        return await self._page(seen, bounds, reader=reader, at=at)

    async def author(self, author: MemberId, asked: Authors, *, reader: MemberId | None) -> Page:
        """One member's posts, as this reader may see them."""
        at = await self._at(reader)
        home = await self.router.home_of(author)
        asked.reader = await self._named(reader, author, home.site, at) if reader is not None else MemberId(0)
        seen = await self.door.look(at, AUTHORS, asked, {author: home})
        if reader is None:
            seen.items = [item for item in seen.items if item.profile is not None and item.profile.published]
        return await self._page(seen, asked.bounds, reader=reader, at=at)

    async def _named(self, reader: MemberId, author: MemberId, site: SiteName, at: SiteName) -> MemberId:
        """The reader, if this author's followers-only posts may be theirs to see and their id may go there; else 0."""
        if site == at:
            return reader
        follows = await self.router.rows(reader, _FOLLOWS, {"member": reader, "author": author})
        return reader if follows and await self.door.may_be_named(reader, [site]) else MemberId(0)

    async def relations(
        self,
        kind: str,
        member: MemberId,
        *,
        reader: MemberId | None,
        before: int,
        after: int,
        limit: int,
        post: int = 0,
    ) -> tuple[list[tuple[int, MemberId]], bool]:
        """Followers, following, or who favourited or boosted a post: (version to page by, member), newest first."""
        at = await self._at(reader)
        asked = RelationsAsked(kind, before, after, limit, post)
        seen = await self.door.look(at, RELATIONS, asked, {member: await self.router.home_of(member)})
        return sorted(((item.version, item.other) for item in seen.items), reverse=True), seen.complete

    async def _page(self, seen: Seen[PostItem], bounds: Bounds, *, reader: MemberId | None, at: SiteName) -> Page:
        """A page of posts that came with their words, and the boosted ones they refer to."""
        chosen = _choose(seen.items, bounds)
        boosted = [PostId(*item.boost_of) for item in chosen if item.boost_of is not None]
        more = await self.posts.collect(boosted, [], reader=reader, at=at)
        others = {item.id: item for item in more.items if not item.closed}
        return Page(chosen, seen.complete and more.complete, others)

    async def _fetch_page(self, keys: list[PostKey], *, reader: MemberId, at: SiteName) -> Page:
        """The posts of a page and the boosted ones they refer to, in one request a site."""
        boosted = [PostId(*key.boost_of) for key in keys if key.boost_of is not None]
        open_ones = [key.id for key in keys if not key.closed]
        closed = [key.id for key in keys if key.closed]
        seen = await self.posts.collect([*open_ones, *boosted], closed, reader=reader, at=at)
        found = {item.id: item for item in seen.items if not item.closed}
        items = [found[key.id] for key in keys if key.id in found]
        return Page(items, seen.complete, {post: found[post] for post in boosted if post in found})

    async def _at(self, reader: MemberId | None) -> SiteName:
        return (await self.router.home_of(reader)).site if reader else self.posts.members.default_site


_FOLLOWS = "SELECT 1 AS follows FROM follow WHERE member_id = %(member)s AND target = %(author)s AND state = 'accepted'"

_FOLLOWED = """
SELECT r.site, array_agg(f.target) AS members, array_agg(r.epoch) AS epochs
FROM follow f LEFT JOIN route r ON r.member_id = f.target
WHERE f.member_id = %(member)s AND f.state = 'accepted' GROUP BY r.site
"""


def _read_homes(rows: list[Row]) -> tuple[dict[MemberId, Home], list[MemberId]]:
    """Whom the member follows, by home as this site knows it; and those whose home it does not know."""
    homes: dict[MemberId, Home] = {}
    unknown: list[MemberId] = []
    for row in rows:
        if row.site is None:
            unknown = list(row.members)
            continue
        homes |= {m: Home(SiteName(row.site), epoch) for m, epoch in zip(row.members, row.epochs, strict=True)}
    return homes, unknown


def _choose(candidates: list[K], bounds: Bounds) -> list[K]:
    """The page: the newest of all sites' candidates (or those just above a bound), newest first."""
    chosen = sorted(candidates, key=lambda item: item.id, reverse=not bounds.upward)[: bounds.limit]
    return chosen[::-1] if bounds.upward else chosen


def make_bounds(
    limit: int, *, before: PostId | None = None, after: PostId | None = None, above: PostId | None = None
) -> Bounds:
    """A page's bounds: `before` (max_id), `after` (since_id), or the page just above `above` (min_id)."""
    if limit < 1:
        raise InvalidInput("Validation failed: limit must be at least 1")
    lower = above or after
    return Bounds(
        before=(before.snowflake, before.author) if before else Bounds().before,
        after=(lower.snowflake, lower.author) if lower else (0, 0),
        upward=above is not None,
        limit=min(limit, LARGEST_PAGE),
    )
