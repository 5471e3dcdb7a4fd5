"""The engine, opened: sites and hub with their tables, the law, and whether what the tables declare may be collected.

It knows no social network: `wiring` builds one on it, and so can somebody else's app, with tables of its own.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy import MetaData

from domicile.audit.search import Ground
from domicile.audit.wal_pages import OLDEST as WALDUMP_SINCE
from domicile.border.collection import Collecting
from domicile.border.meter import Meter
from domicile.border.operator import OperatorNow, state_operator
from domicile.config import Config
from domicile.database import Database
from domicile.errors import DomicileError, InvalidInput, Misconfigured
from domicile.ids import MemberId, SiteName
from domicile.law.compiled import Law
from domicile.law.library import load_packs, load_policy
from domicile.law.policy import Policy
from domicile.placement.directory import Directory
from domicile.placement.embedded import Embedded
from domicile.placement.inventory import take_inventory
from domicile.placement.ownership import Ownership, load_ownership
from domicile.placement.pgbinaries import account, find
from domicile.placement.routing import Clock, Router
from domicile.placement.sealing import load_secret, load_site_key
from domicile.placement.servers import Servers, open_servers
from domicile.placement.silence import is_reachable, looking
from domicile.placement.sites import (
    DATABASE,
    Credentials,
    Site,
    check_roles,
    check_server,
    make_site,
    superuser_conninfo,
)
from domicile.plan.planning import Network
from domicile.plan.prices import Prices, load_prices
from domicile.relocation.agent import SiteAgent
from domicile.relocation.asking import Asked, Asking
from domicile.relocation.backup import Backups
from domicile.relocation.coordinator import Coordinator
from domicile.relocation.covers import Covering
from domicile.relocation.dump import Dumps
from domicile.relocation.erasure import Erasure
from domicile.relocation.holds import Holds
from domicile.relocation.journal import Journal
from domicile.relocation.kept import backups_folder, keep_hub, keep_site
from domicile.relocation.kept_backups import KeptBackup, Lingering, find_lingering, list_backups
from domicile.relocation.recovery import Recovery
from domicile.relocation.residue import Keeper
from domicile.relocation.scrub import Scrub
from domicile.relocation.tidying import Tidying
from domicile.relocation.wishes import Wishes
from domicile.transport.exchange import Exchange

log = structlog.get_logger("domicile")

Upgrade = Callable[[str, str, str], None]
"""(name, `site` or `hub`, the owner's connection string): bring a database to this version's tables."""


@dataclass(frozen=True)
class Engine:
    """The parts that every app on the engine has."""

    config: Config
    ownership: Ownership
    sites: dict[SiteName, Site]
    hub: Database
    directory: Directory
    router: Router
    exchange: Exchange
    journal: Journal
    coordinator: Coordinator
    erasure: Erasure
    tidying: Tidying
    keeper: Keeper
    holds: Holds
    law: Law
    policy: Policy
    meter: Meter
    operator: OperatorNow
    collecting: Collecting
    clock: Clock
    upgrade: Upgrade = field(repr=False)
    embedded: Embedded | None
    credentials: dict[str, Credentials] = field(repr=False)
    look: Upgrade = field(repr=False)
    silent: dict[SiteName, str] = field(repr=False)
    """Sites that did not answer at the start, and why they do not serve."""

    @property
    def answering(self) -> list[str]:
        """The hub, and the sites but for those that have been silent since the start."""
        return ["hub", *(name for name in self.sites if name not in self.silent)]

    def to_plan(self, prices: Prices | None = None) -> Network:
        """What a plan is made of, with prices of one's own or the made-up ones."""
        capacity = {SiteName(site.name): site.capacity for site in self.config.sites if site.capacity is not None}
        return Network(
            sites=self.sites,
            hub=self.hub,
            ownership=self.ownership,
            law=self.law,
            policy=self.policy,
            operator=self.operator.stated,
            count=self.meter.counts,
            capacity=capacity,
            prices=prices or load_prices(),
        )

    @property
    def recovery(self) -> Recovery:
        """What a hub that was lost, or restored as it was, needs before it serves."""
        return Recovery(self.sites, self.directory, self.journal)

    def backups(self, name: str) -> Backups:
        """The backups of a site, or of the `hub`, that this process opened. Raises InvalidInput for another name."""
        programs = self.embedded.binaries if self.embedded else find(self.config.embedded.bindir, account(None, Path()))
        owner = self.credentials[name].owner if name in self.credentials else ""
        upgrade = partial(self.upgrade, name, "hub" if name == "hub" else "site", owner)
        if name == "hub":
            key = load_site_key(self.config.hub.key_file or self.config.data / "secrets" / "hub.key")
            kept, ask, carry = keep_hub(self.hub, key, self._hub_backups), self._ask_the_sites, _carry_nothing
        elif name in self.sites:
            asking = Asking(self.sites[SiteName(name)], self.ownership, self.directory, self.keeper, self.clock)
            kept, ask, carry = keep_site(asking.site), asking.ask, asking.carry_erasures
        else:
            raise InvalidInput(f"there is no site {name}; there are {', '.join(self.sites)}, and the hub")
        return Backups(kept, Dumps(owner, programs), upgrade, ask, carry)

    async def finish_restores(self) -> list[str]:
        """What was restored and has not asked yet asks now, the hub first; their names."""
        return [name for name in self.answering if await self.backups(name).finish()]

    async def refuse_unfinished_restores(self) -> None:
        """For whoever attaches, and leaves repairs to the process that serves. Raises Misconfigured."""
        for name in self.answering:
            if await self.backups(name).is_unfinished():
                raise Misconfigured(f"{name} was restored and has not asked yet who has moved on since; start `up`")

    async def welcome(self, repair: Callable[[SiteName], Awaitable[None]]) -> None:
        """Recurring work: a site that was silent at the start and is back serves when all is as a start wants it.

        `repair` is what the app does before a site serves.
        """
        for name, why in list(self.silent.items()):
            if not await is_reachable(self.credentials[name].app):
                continue
            try:
                with looking():
                    await self._look_at(name)
                    await repair(name)
            except DomicileError as error:
                self.silent[name] = error.detail
                self.sites[name].shut(error.detail)
                if error.detail != why:
                    log.warning("a site that was silent is back and may not serve yet", site=name, why=error.detail)
                continue
            del self.silent[name]
            self.sites[name].shut(None)
            log.info("a site that was silent at the start is back", site=name)

    async def _look_at(self, name: SiteName) -> None:
        credential = self.credentials[name]
        await check_roles(name, credential)
        await asyncio.to_thread(self.look, name, "site", credential.owner)
        fresh = Database(name, credential.app, size=1)  # settings are those of when a connection began
        await fresh.open()
        try:
            await check_server(name, fresh)
        finally:
            await fresh.close()
        await self.backups(name).finish()
        await self.collecting.check()
        await self.collecting.record()

    async def _ask_the_sites(self) -> Asked:
        recovered = await self.recovery.recover(older=True)
        return Asked(erased=recovered.rebuilt.erased)

    @property
    def _hub_backups(self) -> Path:
        return self.config.hub.backups or self.config.data / "hub-backups"

    def kept_backups(self, name: str) -> list[KeptBackup]:
        """The backups of a site, or of the hub, that there are, the oldest first."""
        return list_backups(self.backups(name).folder, self.config.backups.days)

    async def lingering(self, member: MemberId) -> Lingering:
        """Where a member may still lie: homes that they have left, and backups."""
        home = (await self.router.home_of(member, ask_hub=True)).site
        backups = [backup for name in self.sites for backup in self.kept_backups(name)]
        return await find_lingering(member, home, [*self.sites.values()], backups, self.hub)

    async def tidy(self) -> None:
        """Recurring work: the cheap part of a scrub where members have left, and old backups."""
        await self.tidying.tidy(self.sites.values(), self.hub, self.scrub, self.clock())

    def scrub(self, name: str) -> Scrub:
        """What a site's server, or the hub's, holds of rows that are gone."""
        return Scrub(name, self.mightiest(name))

    def mightiest(self, name: str) -> str:
        """The connection string of the role that may do most in a site's database, or the hub's; never for members."""
        if self.embedded is not None:
            return superuser_conninfo(self.embedded.servers[name], DATABASE)
        return self.credentials[name].owner

    def grounds(self, given: Mapping[str, Sequence[Path]]) -> list[Ground]:
        """Everything that can be searched for values that must not be there. `given`: folders by site, or by `hub`."""
        data = self.config.data
        grounds = [self._ground(name, given.get(name, ())) for name in (*self.sites, "hub")]
        backups = (self._hub_backups, *map(backups_folder, self.sites.values()))
        known = {"pg", "media", "messages", "secrets", *(folder.name for folder in backups)}
        rest = [("data folder", path) for path in sorted(data.iterdir()) if path.name not in known]
        return [*grounds, Ground("data folder", None, rest)]

    def _ground(self, name: str, given: Sequence[Path]) -> Ground:
        folders = [("cluster" if (path / "PG_VERSION").is_file() else "given", path) for path in given]
        if self.embedded is not None:
            folders += [("cluster", self.embedded.folder(name)), ("log", self.embedded.log(name))]
        if name == "hub":
            folders.append(("backups", self._hub_backups))
        if name in self.sites:
            site = SiteName(name)
            folders += [("media", self.sites[site].media), ("backups", backups_folder(self.sites[site]))]
            folders.append(("messages", self.config.data / "messages" / name))
        programs = self.embedded.binaries if self.embedded else None
        waldump = programs.bindir / "pg_waldump" if programs and programs.major >= WALDUMP_SINCE else None
        return Ground(name, self.mightiest(name), folders, waldump)


@contextlib.asynccontextmanager
async def open_engine(
    config: Config,
    metadata: MetaData,
    upgrade: Upgrade,
    clock: Clock,
    *,
    attached: Upgrade | None = None,
    announces: str = "",
    exclusive: bool = False,
    progress: Callable[[str], None] | None = None,
    law: Law | None = None,
    policy: Policy | None = None,
    proofs: Collection[str] = (),
    collects: bool = True,
) -> AsyncIterator[Engine]:
    """Open the sites and the hub for an app with these tables.

    `attached` takes the place of `upgrade` where others may be serving: on servers that another process runs, or the
    operator. `announces` is what connections say of this process's version.

    A start that would collect a category under a duty that is not met raises Misconfigured, before the tables change
    where the old ones can tell. `collects=False` opens for looking and for repair: the app stores nothing new.
    """
    ownership = load_ownership(metadata)
    async with contextlib.AsyncExitStack() as stack:
        servers = await open_servers(config, stack, exclusive=exclusive, progress=progress)
        alone = servers.embedded is not None and servers.embedded.owned
        look = upgrade if alone else attached or upgrade
        engine = _assemble(config, ownership, servers, law, policy, proofs, clock, upgrade, look, announces)
        await _open_pools(engine, stack)
        refused, asked = await _ask_before(engine)
        if refused and collects:
            raise refused
        if not refused:  # while it is refused, the tables stay as the version before left them
            await _upgrade(engine)
        if engine.embedded is None:
            for name, site in engine.sites.items():
                if name not in engine.silent:
                    await check_server(name, site.app)
        if collects:
            if not asked:
                await engine.collecting.check()
            await engine.collecting.record()
        await engine.operator.refresh()
        yield engine


def _assemble(
    config: Config,
    ownership: Ownership,
    servers: Servers,
    law: Law | None,
    policy: Policy | None,
    proofs: Collection[str],
    clock: Clock,
    upgrade: Upgrade,
    look: Upgrade,
    announces: str,
) -> Engine:
    law = law or load_packs(config.packs)
    policy = policy or load_policy(None if config.policy == "default" else Path(config.policy))
    credentials = servers.credentials
    sites = {name: make_site(config, name, credentials[name], announces) for name in config.site_names}
    hub = Database("hub", credentials["hub"].app, size=12, says=announces)
    directory = Directory(hub, config.hub.lookups_per_minute)
    router, exchange, journal = Router(sites, directory, clock), Exchange(), Journal(hub, clock)
    meter = Meter(sites, law, load_secret(config.data / "secrets" / "activity.key"), clock)
    operator = OperatorNow(state_operator(config.operator, policy.name, ownership), law, sites, meter, clock)
    keeper = Keeper(ownership, Covering(law, policy, lambda: operator.facts, clock))
    for site in sites.values():
        SiteAgent(site, ownership, journal, router, keeper).open(exchange)
    return Engine(
        config=config,
        ownership=ownership,
        sites=sites,
        hub=hub,
        directory=directory,
        router=router,
        exchange=exchange,
        journal=journal,
        coordinator=Coordinator(journal, exchange, Wishes(hub)),
        tidying=Tidying(config.backups.days),
        erasure=Erasure(router, directory, ownership, clock, keeper),
        keeper=keeper,
        holds=Holds(sites, keeper),
        law=law,
        policy=policy,
        meter=meter,
        operator=operator,
        collecting=Collecting(sites, take_inventory(ownership), law, policy, operator, clock, proofs),
        clock=clock,
        upgrade=upgrade,
        embedded=servers.embedded,
        credentials=credentials,
        look=look,
        silent={name: f"{name} has been silent since the start" for name in servers.silent},
    )


async def _carry_nothing() -> str:
    """The hub is told by the sites what it has missed."""
    return ""


async def _open_pools(engine: Engine, stack: AsyncExitStack) -> None:
    for name, site in engine.sites.items():
        if name in engine.silent:
            site.shut(engine.silent[name])
            log.warning("a site does not answer: the others start without it", site=name)
        await site.open()
        stack.push_async_callback(site.close)
    await engine.hub.open()
    stack.push_async_callback(engine.hub.close)


async def _upgrade(engine: Engine) -> None:
    for name in engine.answering:
        await asyncio.to_thread(engine.look, name, "hub" if name == "hub" else "site", engine.credentials[name].owner)


async def _ask_before(engine: Engine) -> tuple[Misconfigured | None, bool]:
    """The refusal to collect, if there is one, and whether the tables as they still are could be asked at all."""
    try:
        await engine.collecting.check()
    except Misconfigured as refusal:
        kept = "  Nothing was changed: the tables are as they were, and the version that collects less still starts."
        return Misconfigured(f"{refusal.detail}\n{kept}"), True
    except DomicileError:  # they lack a table or a column that this version asks for
        return None, False
    return None, True
