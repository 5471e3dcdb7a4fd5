"""Somebody else's app on the engine, in one small way: open the sites, place a member, read and write at home, move.

    async with open_app(METADATA, Path("clinic-data"), "de,us") as app:
        anna = await app.place("DE", write_first_rows)
        await app.transact(anna, write)              # `write` gets a writer of her rows, and of nobody else's
        found = await app.read(anna, read)
        await app.relocate([anna], "us-1", "she asked for it")
        archive, receipt = await app.export(anna), await app.erase(anna)
        report = await app.audit()
        folder, _ = await app.back_up("us-1")

Everything else of `Engine` is there too. `examples/clinic` is such an app.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import MetaData

from domicile.audit.check import with_engine_tables
from domicile.audit.lawfulness import find_unlawful_homes
from domicile.audit.report import AuditReport
from domicile.audit.residency import audit
from domicile.config import load_config
from domicile.engine import Engine, Upgrade, open_engine
from domicile.errors import Conflict, InvalidInput, Unavailable
from domicile.ids import SEQUENCE_BITS, Country, MemberId, SiteName, country_of_site, milliseconds, next_snowflake
from domicile.law.countries import COUNTRIES
from domicile.law.facts import Basis, Claim, Person
from domicile.law.residency import choose_home, lawful_homes
from domicile.placement.ownership import load_ownership
from domicile.placement.routing import Clock, SiteReader, SiteWriter
from domicile.placement.sealing import keyed_digest, load_secret
from domicile.placement.sites import Site, new_token
from domicile.placement.whereabouts import Whereabouts, find_whereabouts
from domicile.relocation.archive import Archive, read_archive
from domicile.relocation.backup import Manifest, Restored
from domicile.relocation.erasure import Receipt
from domicile.relocation.lawful import find_barred
from domicile.relocation.moved import Moved
from domicile.relocation.rows import erase_rows
from domicile.tables import make_tables

T = TypeVar("T")
FirstRows = Callable[[SiteWriter], Awaitable[None]]
TICK_S = 1.0
TIDY_EVERY_S = 60.0
SILENT = timedelta(seconds=30)
STUCK = timedelta(minutes=1)

log = structlog.get_logger("domicile")


def utc_now() -> datetime:
    return datetime.now(UTC)


@contextlib.asynccontextmanager
async def open_app(
    metadata: MetaData,
    data: Path,
    sites: str,
    *,
    clock: Clock = utc_now,
    upgrade: Upgrade | None = None,
    settings: Mapping[str, Any] | None = None,
    **more: Any,
) -> AsyncIterator["App"]:
    """Open an app's tables at these sites ("de,us"), each a PostgreSQL of its own in the folder `data`.

    `upgrade` brings tables of an older version to this one's; without it they are made where there are none, and others
    are refused. `settings` are those of a configuration file, `more` goes to `open_engine`. Raises Misconfigured.
    """
    config = load_config(None, data=data, sites=sites, **settings or {})
    whole = with_engine_tables(metadata)
    make = upgrade or make_tables(load_ownership(whole))
    async with open_engine(config, whole, make, clock, **more) as engine:
        key = load_secret(config.data / "secrets" / "digest.key")
        app = App(**{part.name: getattr(engine, part.name) for part in fields(engine)}, digest_key=key)
        await app.repair()
        yield app


@dataclass(frozen=True)
class App(Engine):
    """An app's members, by opaque id. `digest_key` makes the digests under which names are taken at the hub."""

    digest_key: bytes = field(repr=False)

    async def place(
        self,
        country: str,
        first_rows: FirstRows | None = None,
        *,
        site: str | None = None,
        names: Mapping[str, str] | None = None,
    ) -> MemberId:
        """Make a member who lives in this country, with their first rows, at the home that the law gives or allows.

        `names` (kind -> normal form, such as an e-mail address) belong to one member of the whole app; only keyed
        digests leave home. Raises InvalidInput where no site is lawful, Conflict where a name is taken; nothing is then
        left. Whoever was answered has a home; of a placement that a crash cut short nothing stays.
        """
        if country.upper() not in COUNTRIES:
            raise InvalidInput(f"{country!r} is no country; write two letters of ISO 3166-1, like DE")
        claim = Claim(Country(country.upper()), Basis.RESIDENCE)
        home = self.sites[self._choose(claim, site)]
        member, token = MemberId(next_snowflake(self.clock())), new_token()
        digests = {kind: keyed_digest(self.digest_key, kind, name) for kind, name in (names or {}).items()}
        await self._write_pending(home, member, claim, digests, token, first_rows)
        if taken := await self.directory.claim_names(member, home.name, digests, token):
            await self._undo(home, member)
            raise Conflict(f"taken by another member: {', '.join(sorted(taken))}", "Somebody else has this name")
        if not await self._settle(home, member):
            await self.directory.release(member)
            raise Unavailable("a placement took so long that it was undone meanwhile")
        return member

    async def find(self, kind: str, name: str) -> MemberId | None:
        """Whose name this is, anywhere in the app."""
        return await self.directory.find(kind, keyed_digest(self.digest_key, kind, name))

    async def read(self, member: MemberId, fn: Callable[[SiteReader], Awaitable[T]]) -> T:
        """`Router.read`: one snapshot at the member's home. Raises NotFound."""
        return await self.router.read(member, fn)

    async def transact(self, member: MemberId, fn: Callable[[SiteWriter], Awaitable[T]]) -> T:
        """`Router.transact`: one transaction at the member's home; it waits while they are moving. Raises NotFound."""
        return await self.router.transact(member, fn)

    async def relocate(
        self, members: Sequence[MemberId], to: str, reason: str, *, against_the_law: bool = False
    ) -> Moved:
        """Move members to another site while everything goes on; who may not or cannot move is in `left`, with why."""
        target, total = self._site(to).name, Moved()
        homes = await self.router.homes_of(members, ask_hub=True)
        total.left = {member: "is no member" for member in members if member not in homes}
        for source in sorted({home.site for home in homes.values()} - {target}):
            leaving = [member for member in homes if homes[member].site == source]
            total.left |= {} if against_the_law else await self._barred(source, leaving, target)
            some = [member for member in leaving if member not in total.left]
            done = await self.coordinator.relocate(some, source, target, reason)
            total.seconds += done.seconds
            total.add(done)
        return total

    async def where(self, member: MemberId) -> Whereabouts:
        """Their rows at home, copies and opaque ids elsewhere, and rows where none should be. Raises NotFound."""
        return await find_whereabouts(self.router, self.ownership, member)

    async def export(self, member: MemberId) -> Archive:
        """Every row of a member, sealed values opened, in one snapshot. Raises NotFound."""
        return await read_archive(self.router, self.ownership, member)

    async def erase(self, member: MemberId) -> Receipt:
        """Erase a member everywhere. What others' rows say of them is yours to forget: set `router.forget`."""
        return await self.erasure.erase(member)

    async def audit(self) -> AuditReport:
        """Whether every row is where the law says, asked of the servers and not of your declaration."""
        now = self.clock()
        report = await audit(self.sites, self.hub, now)
        facts = self.operator.facts
        report.violations += await find_unlawful_homes(self.sites, self.law, now.date(), self.policy, facts)
        return report

    async def back_up(self, site: str) -> tuple[Path, Manifest]:
        """A sealed backup of a site, in a new folder beside its files."""
        return await self.backups(self._site(site).name).back_up(self.clock())

    async def restore(self, site: str, folder: Path) -> Restored:
        """Put a backup in the place of a site's rows; who has moved on or was erased since is asked of the hub."""
        return await self.backups(self._site(site).name).restore(folder)

    async def tick(self) -> None:
        """Recurring work: hear the hub, finish what a crash cut short, end residue; `keep_ticking` every second."""
        for name, site in self.sites.items():
            with contextlib.suppress(Unavailable, TimeoutError):
                await self.router.apply_feed(name)
                await self._finish_placements(name)
            with contextlib.suppress(Unavailable):
                await self.keeper.destroy_ended(site)
        with contextlib.suppress(Unavailable):
            await self.coordinator.resume(SILENT, patience_s=TICK_S)

    async def keep_ticking(self) -> None:
        """`tick` for ever, and beside it `tidy`, which may take long; a failure is logged and tried again."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_keep_doing(self.tick, TICK_S))
            tasks.create_task(_keep_doing(partial(self.welcome, self._repair), TICK_S))
            tasks.create_task(_keep_doing(self.tidy, TIDY_EVERY_S))

    async def repair(self) -> None:
        """What a start does first: finish erasures and placements that a crash cut short."""
        for name in self.sites:
            with contextlib.suppress(Unavailable):
                await self._repair(name)

    async def _repair(self, name: SiteName) -> None:
        await self.erasure.resume(name)
        await self._finish_placements(name)

    def _site(self, name: str) -> Site:
        found = self.sites.get(SiteName(name))
        if found is None:
            raise InvalidInput(f"{name!r} is no site of this app; there are {', '.join(self.sites)}")
        return found

    def _choose(self, claim: Claim, site: str | None) -> SiteName:
        """The site that is asked for, if the law allows it, or the first in the country that it gives."""
        person, on, operator = Person(frozenset({claim})), self.law.on(self.clock().date()), self.operator.facts
        if site is not None:
            found = self._site(site).name
            if not lawful_homes(person, [country_of_site(found)], on, self.policy, operator):
                raise InvalidInput(f"the law of {claim.jurisdiction} does not let its people's data live at {site}")
            return found
        countries = list(dict.fromkeys(map(country_of_site, self.sites)))
        proposed = choose_home(person, countries, on, self.policy, operator).proposed
        if proposed is None:
            raise InvalidInput(f"no site of this app is a lawful home for people of {claim.jurisdiction}")
        return next(name for name in self.sites if country_of_site(name) == proposed)

    async def _barred(self, source: SiteName, members: list[MemberId], target: SiteName) -> dict[MemberId, str]:
        on, country = self.law.on(self.clock().date()), country_of_site(target)
        return await find_barred(self.router, source, members, country, on, self.policy, self.operator.facts)

    async def _write_pending(
        self,
        site: Site,
        member: MemberId,
        claim: Claim,
        digests: Mapping[str, bytes],
        token: bytes,
        first_rows: FirstRows | None,
    ) -> None:
        """Everything about the member in one transaction at home, before the hub hears of them (rule 2)."""
        _, wrapped = site.key.new_data_key(member)

        async def write(writer: SiteWriter) -> None:
            entry = (member, wrapped, site.key.name)
            await writer.execute("SELECT vault.write_data_key(%s, %s, %s)", entry)
            claimed = [(member, kind, digest, token) for kind, digest in digests.items()]
            await writer.execute_many("INSERT INTO name_claim VALUES (%s, %s, %s, %s)", claimed)
            said = (member, claim.jurisdiction, claim.basis.value, claim.assumed, writer.now)
            await writer.execute("INSERT INTO claim VALUES (%s, %s, %s, %s, %s)", said)
            if first_rows is not None:
                await first_rows(writer)

        await self.router.transact_new(site.name, member, write)

    async def _settle(self, site: Site, member: MemberId) -> bool:
        """From now on the member is at home; False where they are gone."""
        async with site.app.transaction() as session:
            await session.execute(
                "UPDATE resident SET state = 'home' WHERE member_id = %s AND state = 'pending'", (member,)
            )
            there = "SELECT 1 FROM resident WHERE member_id = %s AND state <> 'pending'"
            await session.execute("INSERT INTO route VALUES (%s, %s, 1) ON CONFLICT DO NOTHING", (member, site.name))
            return await session.one(there, (member,)) is not None

    async def _undo(self, site: Site, member: MemberId) -> None:
        """Leave no row of a placement that was not to be."""
        async with site.importer.transaction() as session:
            pending = "SELECT 1 FROM resident WHERE member_id = %s AND state = 'pending' FOR UPDATE"
            if await session.one(pending, (member,)):
                await erase_rows(session, self.ownership, [member])
                await session.execute("DELETE FROM resident WHERE member_id = %s", (member,))

    async def _finish_placements(self, name: SiteName) -> None:
        """Whom the hub knows is at home; of the others, who are nobody's yet, nothing stays."""
        before = milliseconds(self.clock() - STUCK) << SEQUENCE_BITS
        query = "SELECT member_id FROM resident WHERE state = 'pending' AND member_id < %s"
        stuck = [MemberId(row.member_id) for row in await self.sites[name].app.run(query, (before,))]
        known = await self.directory.homes(stuck) if stuck else {}
        for member in stuck:
            await (self._settle if member in known else self._undo)(self.sites[name], member)


async def _keep_doing(work: Callable[[], Awaitable[None]], every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        try:
            await work()
        except Exception as error:
            log.error("recurring work failed", kind=type(error).__name__)
