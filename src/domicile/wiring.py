"""The composition root: builds every part once and hands each only what it uses. No rules, no SQL."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import structlog

from domicile.border.crossing import Door
from domicile.border.delivery import Deliverer
from domicile.border.meter import Meter
from domicile.border.operator import OperatorNow, state_operator
from domicile.config import Config
from domicile.database import Database
from domicile.ids import SiteName
from domicile.law.library import load_packs, load_policy
from domicile.migrations.upgrade import upgrade
from domicile.network.access import Access
from domicile.network.confirmation import Confirmation, Post
from domicile.network.declaration import Declarations
from domicile.network.follows import Follows
from domicile.network.media import FILE, Media
from domicile.network.members import Members
from domicile.network.notifications import Notifications
from domicile.network.phone_code import open_verifiers
from domicile.network.posts import Posts
from domicile.network.profiles import Profiles
from domicile.network.reactions import Reactions
from domicile.network.schema import metadata
from domicile.network.standing import Standing
from domicile.network.timelines import Timelines
from domicile.network.verification import Verifications
from domicile.network.views import VIEWS
from domicile.placement.directory import Directory
from domicile.placement.embedded import Embedded
from domicile.placement.ownership import Ownership, load_ownership
from domicile.placement.routing import Clock, Router
from domicile.placement.sealing import load_secret
from domicile.placement.servers import open_servers
from domicile.placement.sites import Site, check_server, make_site
from domicile.relocation.agent import SiteAgent
from domicile.relocation.coordinator import Coordinator
from domicile.relocation.journal import Journal
from domicile.running import Domicile
from domicile.transport.exchange import Exchange

log = structlog.get_logger("domicile")


def utc_now() -> datetime:
    return datetime.now(UTC)


@contextlib.asynccontextmanager
async def open_domicile(
    config: Config, *, exclusive: bool = False, progress: Callable[[str], None] | None = None, **overrides: Any
) -> AsyncIterator[Domicile]:
    """A running Domicile. `overrides` replace parts in tests: `clock`, `law`, `policy`."""
    ownership = load_ownership(metadata)
    async with contextlib.AsyncExitStack() as stack:
        embedded, credentials = await open_servers(config, stack, upgrade, exclusive=exclusive, progress=progress)
        sites = {name: make_site(config, name, credentials[name]) for name in config.site_names}
        hub = Database("hub", credentials["hub"].app, size=12)
        for site in sites.values():
            await site.open()
            stack.push_async_callback(site.close)
        await hub.open()
        stack.push_async_callback(hub.close)
        if embedded is None:
            for name, site in sites.items():
                await check_server(name, site.app)
        domicile = _assemble(config, ownership, sites, hub, embedded, overrides)
        await domicile.operator.refresh()
        if exclusive or (embedded is not None and embedded.owned):
            await domicile.repair()  # whoever attaches to a running network leaves that to it
        stack.push_async_callback(domicile.meter.write)
        yield domicile


def _assemble(
    config: Config,
    ownership: Ownership,
    sites: dict[SiteName, Site],
    hub: Database,
    embedded: Embedded | None,
    overrides: dict[str, Any],
) -> Domicile:
    clock: Clock = overrides.get("clock", utc_now)
    law = overrides.get("law") or load_packs(config.packs)
    policy = overrides.get("policy") or load_policy(None if config.policy == "default" else Path(config.policy))
    keys = {name: load_secret(config.data / "secrets" / f"{name}.key") for name in ("access", "activity")}
    directory = Directory(hub, config.hub.lookups_per_minute)
    router = Router(sites, directory, clock)
    exchange = Exchange()
    journal = Journal(hub, clock)
    meter = Meter(sites, law, keys["activity"], clock)
    operator = OperatorNow(state_operator(config.operator, policy.name, ownership), law, sites, meter, clock)
    door = Door(router, exchange, law, policy, operator, clock)
    deliverer = Deliverer(router, door, exchange)
    standing = Standing(law, policy, operator, clock, config.url)
    members = _open_members(config, router, directory, standing)
    access = Access(router, directory, keys["access"], clock, meter)
    posts = Posts(router, door, deliverer, members, standing, config.url, config.limits.post_characters)
    follows = Follows(router, deliverer)
    reactions = Reactions(router, deliverer, posts)
    for part in (posts, follows, reactions):
        part.serve()
    _open_sites(sites, door, deliverer, [SiteAgent(site, ownership, journal, directory) for site in sites.values()])
    return Domicile(
        config=config,
        ownership=ownership,
        sites=sites,
        hub=hub,
        directory=directory,
        router=router,
        exchange=exchange,
        journal=journal,
        coordinator=Coordinator(journal, exchange),
        law=law,
        policy=policy,
        meter=meter,
        operator=operator,
        door=door,
        deliverer=deliverer,
        members=members,
        verifications=members.verifications,
        declarations=Declarations(router, law, policy, operator),
        access=access,
        confirmation=_open_confirmation(config, router, members, access),
        profiles=Profiles(router, door, config.url),
        posts=posts,
        follows=follows,
        reactions=reactions,
        notifications=Notifications(router),
        timelines=Timelines(router, door, posts),
        media=Media(router, door, config.limits.media_bytes, config.limits.media_pixels),
        clock=clock,
        embedded=embedded,
    )


def _open_sites(sites: Iterable[SiteName], door: Door, deliverer: Deliverer, agents: list[SiteAgent]) -> None:
    """From here on the sites of this process answer each other."""
    for view in (*VIEWS, FILE):
        door.open_view(view)
    for name in sites:
        door.open_site(name)
        deliverer.open_site(name)
    for agent in agents:
        agent.open(door.exchange)


def _open_confirmation(config: Config, router: Router, members: Members, access: Access) -> Confirmation:
    """Sign-up, with letters to confirm addresses where the operator wants them."""
    letters = Post(**msgspec.structs.asdict(config.mail)) if config.confirm_email and config.mail else None
    return Confirmation(router, members, access, letters, config.title, config.url)


def _open_members(config: Config, router: Router, directory: Directory, standing: Standing) -> Members:
    """The members, with those who verify them."""
    digest_key = load_secret(config.data / "secrets" / "digest.key")
    default_site = SiteName(config.default_site or config.sites[0].name)
    verifiers = open_verifiers(config.verifiers, config.title, config.data / "messages", config.text_messages)
    verifications = Verifications(router, standing, verifiers, digest_key)
    law, policy, operator, clock = standing.law, standing.policy, standing.operator, standing.clock
    return Members(router, directory, law, policy, operator, verifications, digest_key, clock, default_site)
