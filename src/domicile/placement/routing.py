"""`read(member, fn)` and `transact(member, fn)`: the only way to a member's rows, and to a reader or a writer.

A reader runs in one REPEATABLE READ transaction whose first statement finds the resident and its epoch; a writer first
locks the resident. Both therefore know that the member was at home here, under at least the epoch the caller knew,
when they read or wrote. A route that has grown stale leads to a refusal, never to an empty or old answer: the router
then asks the hub and tries once more.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

from domicile.database import Params, Row, Session, array
from domicile.errors import Misdirected, NotFound, NotResident, TablesChanged, Unavailable
from domicile.ids import MemberId, SiteName
from domicile.placement.directory import Directory, FeedEntry, Home
from domicile.placement.sealing import DataKey
from domicile.placement.sites import Site
from domicile.placement.waits import Waits

T = TypeVar("T")
Clock = Callable[[], datetime]


Forget = Callable[[Session, Sequence[MemberId]], Awaitable[None]]
"""Removes what refers to erased members at a site, in the transaction in which the site hears of the erasure."""


async def _forget_nothing(session: Session, erased: Sequence[MemberId]) -> None:
    """For an app whose tables refer to nobody across sites."""


class SiteReader:
    """Reads at one site, in one snapshot. Made only by this module."""

    def __init__(self, site: Site, session: Session, now: datetime) -> None:
        self.site = site
        self.now = now
        self._session = session

    async def fetch(self, query: str, params: Params | None = None) -> list[Row]:
        return await self._session.fetch(query, params)

    async def one(self, query: str, params: Params | None = None) -> Row | None:
        return await self._session.one(query, params)

    async def value(self, query: str, params: Params | None = None) -> object:
        return await self._session.value(query, params)

    async def fetch_all(self, *queries: tuple[str, Params | None]) -> list[list[Row]]:
        """Several independent queries in one round trip."""
        async with self._session.pipeline():
            cursors = [await self._session.send(query, params) for query, params in queries]
            return [await cursor.fetchall() for cursor in cursors]

    async def data_keys(self, members: Sequence[MemberId]) -> dict[MemberId, DataKey]:
        """The unwrapped data keys of members at home here."""
        rows = await self.fetch("SELECT member_id, wrapped FROM vault.read_data_key(%s)", (list(members),))
        return {row.member_id: self.site.key.unwrap(row.member_id, bytes(row.wrapped)) for row in rows}


class SiteWriter(SiteReader):
    """Reads and writes one member's rows at their home. The transaction commits when the function returns."""

    def __init__(self, site: Site, session: Session, now: datetime, member: MemberId) -> None:
        super().__init__(site, session, now)
        self.member = member

    async def execute(self, query: str, params: Params | None = None) -> int:
        return await self._session.execute(query, params)

    async def execute_many(self, query: str, rows: Iterable[Params]) -> None:
        await self._session.execute_many(query, rows)

    async def data_key(self) -> DataKey:
        return (await self.data_keys([self.member]))[self.member]


AT_HOME = """unnest(%(members)s::bigint[], %(epochs)s::int[]) AS asked (member_id, epoch)
JOIN resident ON resident.member_id = asked.member_id AND resident.state IN ('home', 'leaving')
 AND resident.epoch >= asked.epoch"""
"""For queries about the members asked for: those of them who are at home here, under an epoch that is not older."""

# A fence holds a member's writes for some tens of milliseconds; a site that comes back, for a second or two.
_PAUSES_S = (0.0, *(0.01,) * 5, *(0.02,) * 10, *(0.05,) * 10, *(0.2,) * 10)

_IF_NEWER = (
    "ON CONFLICT (member_id) DO UPDATE SET site = EXCLUDED.site, epoch = EXCLUDED.epoch"
    " WHERE route.epoch < EXCLUDED.epoch"
)

Asked = dict[str, Any]
"""The parameters of AT_HOME: `members` and `epochs`."""

# One statement is one snapshot and one round trip: it answers the query and, beside it, who is not at home. The row of
# `away` is there even if the query has none, and `found` tells such a row from the query's.
_IN_ONE = """
WITH away AS (SELECT array_agg(asked.member_id) AS gone
  FROM unnest(%(members)s::bigint[], %(epochs)s::int[]) AS asked (member_id, epoch) LEFT JOIN resident
  ON resident.member_id = asked.member_id AND resident.state IN ('home', 'leaving') AND resident.epoch >= asked.epoch
  WHERE resident.member_id IS NULL)
SELECT away.gone, v.* {columns} FROM away LEFT JOIN (SELECT true AS found, q.* FROM ({query}) q) v ON true {joins}
"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one statement read, and who of the members asked for is not at home there.

    Gone are those who moved, are moving in, were never there, or are there under an epoch older than the asker's.
    """

    site: SiteName
    gone: frozenset[MemberId]
    rows: list[Row]


class Router:
    """Knows which site to ask, and what to do when that turns out to be wrong."""

    def __init__(self, sites: Mapping[SiteName, Site], directory: Directory, clock: Clock) -> None:
        self.sites = sites
        self.directory = directory
        self.clock = clock
        self.forget: Forget = _forget_nothing
        self.waits = Waits()
        self._hints: dict[MemberId, Home] = {}

    async def home_of(self, member: MemberId, *, ask_hub: bool = False) -> Home:
        """Where a member lives. Raises NotFound for a member nobody knows, after asking the hub."""
        homes = await self.homes_of([member], ask_hub=ask_hub)
        if member not in homes:
            raise NotFound("the hub knows no such member")
        return homes[member]

    async def homes_of(self, members: Iterable[MemberId], *, ask_hub: bool = False) -> dict[MemberId, Home]:
        """Where these members live; whoever is erased or unknown is absent.

        While the hub does not answer, the sites' read copies do: a site that was left answers `moved` by itself.
        """
        wanted = set(members)
        found = {} if ask_hub else {m: self._hints[m] for m in wanted if m in self._hints}
        unknown = wanted - found.keys()
        if unknown:
            try:
                fresh = await self.directory.homes(unknown)
            except Unavailable:
                fresh = await self._homes_by_copies(unknown)
            for member in unknown - fresh.keys():
                self._hints.pop(member, None)
            for member, home in fresh.items():
                self._remember(member, home)
            found |= fresh
        return found

    async def read(self, member: MemberId, fn: Callable[[SiteReader], Awaitable[T]]) -> T:
        """Run `fn` with a reader at the member's home."""

        async def attempt(home: Home) -> T:
            async with self.read_at(home.site, {member: home.epoch}) as (reader, gone):
                if gone:
                    raise NotResident(f"a member is not at home at {home.site}")
                return await fn(reader)

        return await self._at_home(member, attempt)

    async def transact(self, member: MemberId, fn: Callable[[SiteWriter], Awaitable[T]]) -> T:
        """Run `fn` with a writer at the member's home and commit; if anything fails, nothing is written."""

        async def attempt(home: Home) -> T:
            return await self.transact_at(home.site, member, fn, epoch=home.epoch)

        began = time.monotonic()
        try:
            return await self._at_home(member, attempt)
        finally:
            self.waits.note(began)

    async def transact_at(
        self, name: SiteName, member: MemberId, fn: Callable[[SiteWriter], Awaitable[T]], *, epoch: int = 1
    ) -> T:
        """`transact` at a site that is told and not looked up. Raises NotResident before anything is written."""
        site = self._site(Home(name, epoch))
        async with site.app.transaction() as session:
            # Reading the state before the first write makes a refusal cost nothing; the lock holds off a move. Whom a
            # move has locked is not waited for with a connection in hand: the move may have been stopped in there.
            row = await session.one(
                "SELECT state, epoch FROM resident WHERE member_id = %s AND state = 'home' AND epoch >= %s"
                " FOR SHARE SKIP LOCKED",
                (member, epoch),
            )
            if row is None:
                raise NotResident(f"a member is not at home at {name}")
            return await fn(SiteWriter(site, session, self.clock(), member))

    async def transact_new(self, name: SiteName, member: MemberId, fn: Callable[[SiteWriter], Awaitable[T]]) -> T:
        """Make somebody `pending` at a site, and write their first rows in the same transaction."""
        site = self._site(Home(name, 1))
        async with site.app.transaction() as session:
            await session.execute("INSERT INTO resident VALUES (%s, 'pending', 1)", (member,))
            return await fn(SiteWriter(site, session, self.clock(), member))

    async def rows(self, member: MemberId, query: str, params: dict[str, Any]) -> list[Row]:
        """`read` for a single statement, in no particular order: one round trip."""
        return (await self.snapshot(member, query, params)).rows

    async def snapshot(self, member: MemberId, query: str, params: dict[str, Any]) -> Snapshot:
        """`rows`, and the site that answered."""

        async def attempt(home: Home) -> Snapshot:
            snapshot = await self.rows_at(home.site, {member: home.epoch}, query, params)
            if snapshot.gone:
                raise NotResident(f"a member is not at home at {home.site}")
            return snapshot

        return await self._at_home(member, attempt)

    async def rows_at(
        self,
        name: SiteName,
        members: Mapping[MemberId, int],
        query: str,
        params: dict[str, Any],
        *,
        columns: str = "",
        joins: str = "",
    ) -> Snapshot:
        """One statement at a site about many members (member -> epoch the asker knows), in no particular order.

        `columns` and `joins` add to each row `v`.
        """
        statement = _in_one(query, columns, joins)
        rows = await self._site(Home(name, 1)).reader.run(statement, params | asked_for(members))
        return Snapshot(name, frozenset(rows[0].gone or ()), [row for row in rows if row.found])

    @contextlib.asynccontextmanager
    async def read_at(
        self, name: SiteName, members: Mapping[MemberId, int]
    ) -> AsyncIterator[tuple[SiteReader, frozenset[MemberId]]]:
        """A reader at a site for many members at once, and who of them is not at home there."""
        site = self._site(Home(name, 1))
        async with site.reader.snapshot() as session:
            query = f"SELECT asked.member_id FROM {AT_HOME}"
            found = await session.fetch(query, asked_for(members)) if members else []
            here = {row.member_id for row in found}
            gone = frozenset(member for member in members if member not in here)
            yield SiteReader(site, session, self.clock()), gone

    async def apply_feed(self, name: SiteName) -> int:
        """Bring a site's read copy of the directory up to date; how many entries were new."""
        site = self._site(Home(name, 1))
        position = await site.app.run("SELECT entry FROM feed_position WHERE feed = 'home'")
        after, heard = position[0].entry if position else 0, 0
        while True:
            entries, up_to = await self.directory.feed_after(name, after)
            if up_to == after:
                return heard
            await self._hear(site, entries, up_to)
            after, heard = up_to, heard + len(entries)

    async def _hear(self, site: Site, entries: list[FeedEntry], up_to: int) -> None:
        """A piece of the feed, in one transaction."""
        erased = [entry.member for entry in entries if entry.home is None]
        if erased:  # before the site's position says that it has heard: a hub that is lost now is told next time
            await self.directory.lose_interest(site.name, erased)
        await _forget_residents(site, erased)
        async with site.app.transaction() as session:
            await _apply(session, entries)
            if erased:
                await self.forget(session, erased)
            await session.execute(
                "INSERT INTO feed_position VALUES ('home', %s) ON CONFLICT (feed) DO UPDATE SET entry = EXCLUDED.entry",
                (up_to,),
            )
        for entry in entries:
            self._hints.pop(entry.member, None)

    async def learn_routes(self, name: SiteName, members: Iterable[MemberId]) -> dict[MemberId, Home]:
        """Ask the hub where these members live, and keep the answer at the site that cares for them."""
        homes = await self.directory.homes(members, asker=name)
        if homes:
            async with self._site(Home(name, 1)).app.transaction() as session:
                await _keep_routes(session, homes)
        for member, home in homes.items():
            self._remember(member, home)
        return homes

    def forget_route(self, member: MemberId) -> None:
        """Ask the hub the next time."""
        self._hints.pop(member, None)

    async def _at_home(self, member: MemberId, attempt: Callable[[Home], Awaitable[T]]) -> T:
        home = await self.home_of(member)
        try:
            return await attempt(home)
        except (NotResident, TablesChanged):
            # Stale, or a move is under way. Only the hub knows; whoever still is refused there is told to wait.
            self.forget_route(member)
        for pause_s in _PAUSES_S:
            await asyncio.sleep(pause_s)
            home = await self.home_of(member, ask_hub=True)
            with contextlib.suppress(NotResident, TablesChanged):
                return await attempt(home)
            self.forget_route(member)
        raise NotResident("a member is at home nowhere that answers; a move or a repair is under way")

    async def _homes_by_copies(self, members: set[MemberId]) -> dict[MemberId, Home]:
        """What the sites of this process know: their own residents, and their copies of the directory."""
        found: dict[MemberId, Home] = {}
        for name, site in self.sites.items():
            with contextlib.suppress(Unavailable):
                for row in await site.app.run(
                    "SELECT member_id, site, epoch FROM route WHERE member_id = ANY (%(members)s) UNION ALL"
                    " SELECT member_id, %(name)s, epoch FROM resident WHERE member_id = ANY (%(members)s)"
                    " AND state IN ('home', 'leaving')",
                    {"members": sorted(members), "name": name},
                ):
                    known = found.get(row.member_id)
                    if known is None or known.epoch < row.epoch:
                        found[row.member_id] = Home(SiteName(row.site), row.epoch)
        if not found:
            raise Unavailable("the hub does not answer, and no site has a copy of these routes")
        return found

    def _site(self, home: Home) -> Site:
        site = self.sites.get(home.site)
        if site is None:
            raise Misdirected(f"site {home.site} is not served by this process", home.site)
        return site

    def _remember(self, member: MemberId, home: Home) -> None:
        if len(self._hints) >= 200_000:
            self._hints.clear()
        self._hints[member] = home


@lru_cache(maxsize=1000)
def _in_one(query: str, columns: str, joins: str) -> str:
    return _IN_ONE.format(query=query, columns=columns, joins=joins)


def asked_for(members: Mapping[MemberId, int]) -> Asked:
    """The parameters of AT_HOME for these members and the epochs known of them."""
    return {"members": array(members), "epochs": array(members.values())}


async def _forget_residents(site: Site, erased: Sequence[MemberId]) -> None:
    """That erased members once lived here is forgotten too, but for those whom a batch still names."""
    if erased:
        await site.importer.run(
            "DELETE FROM resident r WHERE r.member_id = ANY (%s::bigint[]) AND r.state = 'moved' AND NOT r.tracked"
            " AND NOT EXISTS (SELECT FROM relocation b WHERE r.member_id = ANY (b.members))",
            (array(erased),),
        )


async def _apply(session: Session, entries: Sequence[FeedEntry]) -> None:
    """Entries carry the epoch and apply only if it is higher, so that order and repetition do not matter.

    Copies of an erased member go in the same transaction.
    """
    homes = {entry.member: entry.home for entry in entries}  # a member's last entry has their highest epoch
    erased = array(member for member, home in homes.items() if home is None)
    await session.execute("DELETE FROM route WHERE member_id = ANY (%s::bigint[])", (erased,))
    await session.execute("DELETE FROM kept_copy WHERE member_id = ANY (%s::bigint[])", (erased,))
    await _keep_routes(session, {member: home for member, home in homes.items() if home is not None})


async def _keep_routes(session: Session, homes: Mapping[MemberId, Home]) -> None:
    members = sorted(homes)  # one order for all who write here at once
    where, epochs = [homes[member].site for member in members], array(homes[member].epoch for member in members)
    await session.execute(
        f"INSERT INTO route SELECT * FROM unnest(%s::bigint[], %s::text[], %s::int[]) {_IF_NEWER}",
        (array(members), where, epochs),
    )


async def wait_for_site(site: Site, seconds: float = 30.0) -> None:
    """Return when the site's database answers each of its roles. Raises Unavailable after `seconds`."""
    for _ in range(int(seconds / 0.25)):
        with contextlib.suppress(Unavailable):
            for database in (site.app, site.reader, site.auditor):
                await database.run("SELECT 1")
            return
        await asyncio.sleep(0.25)
    raise Unavailable(f"{site.name} does not answer")
