"""The composition root: builds every part once and hands each only what it uses. No rules, no SQL."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any

import msgspec
import structlog

from domicile.app import utc_now
from domicile.border.copies import Copies
from domicile.border.copying import check_declared
from domicile.border.crossing import Door
from domicile.border.delivery import Deliverer
from domicile.border.desks import Desks
from domicile.border.recalling import Recalling
from domicile.border.reconciling import Reconciler
from domicile.border.register import CopyRegister
from domicile.border.terms import Terms
from domicile.config import Config
from domicile.engine import Engine, open_engine
from domicile.ids import SiteName
from domicile.migrations.upgrade import AtStart, Revisions
from domicile.network.access import Access
from domicile.network.archives import Archives
from domicile.network.confirmation import Confirmation, Post
from domicile.network.declaration import Declarations
from domicile.network.follows import Follows
from domicile.network.forgetting import forget_members
from domicile.network.imports.importing import Imports
from domicile.network.keeping import WANTED, list_copied, list_recollections
from domicile.network.media import FILE, Media
from domicile.network.members import Members
from domicile.network.mending import Mending
from domicile.network.notices import Notices
from domicile.network.notifications import Notifications
from domicile.network.phone_code import open_verifiers
from domicile.network.posts import Posts
from domicile.network.profiles import Profiles
from domicile.network.reactions import Reactions
from domicile.network.schema import metadata
from domicile.network.standing import Standing
from domicile.network.suspension import Suspensions
from domicile.network.timelines import Timelines
from domicile.network.trimming import Trimming
from domicile.network.verification import Verifications
from domicile.network.verifiers import Verifier
from domicile.network.views import VIEWS
from domicile.placement.routing import Clock, Router
from domicile.placement.sealing import load_secret
from domicile.placement.sweeping import Sweeping
from domicile.running import Domicile

log = structlog.get_logger("domicile")


@contextlib.asynccontextmanager
async def open_domicile(
    config: Config, *, exclusive: bool = False, progress: Callable[[str], None] | None = None, **overrides: Any
) -> AsyncIterator[Domicile]:
    """A running Domicile. `overrides` replace parts in tests: `clock`, `law`, `policy`; see `open_engine`.

    `restoring=True` is for a restore, which may come before an earlier one has been finished.
    """
    restoring = overrides.pop("restoring", False)
    revisions = overrides.pop("revisions", Revisions())
    clock: Clock = overrides.pop("clock", utc_now)
    verifiers = open_verifiers(config.verifiers, config.title, config.data / "messages", config.text_messages)
    proofs = [method for verifier in verifiers.values() for method in verifier.methods]
    async with contextlib.AsyncExitStack() as stack:
        engine = await stack.enter_async_context(
            open_engine(
                config,
                metadata,
                AtStart(revisions, progress or _say_nothing, alone=True),
                clock,
                attached=AtStart(revisions, progress or _say_nothing, alone=False),
                announces=revisions.announcement(),
                exclusive=exclusive,
                progress=progress,
                proofs=proofs,
                **overrides,
            )
        )
        domicile = _assemble(engine, verifiers)
        owned = exclusive or (engine.embedded is not None and engine.embedded.owned)
        if not restoring:
            await domicile.settle(serving=owned and overrides.get("collects", True), owned=owned)
        stack.push_async_callback(domicile.meter.write)
        yield domicile


async def refuse_unmet_duties(config: Config) -> None:
    """Before a migration: this version may newly collect what a law hangs a duty on. Raises Misconfigured."""

    class Asked(Exception):
        """The duties are met, as far as the tables can tell before they change; nothing more is wanted."""

    def end(name: str, kind: str, conninfo: str) -> None:
        raise Asked

    verifiers = open_verifiers(config.verifiers, config.title, config.data / "messages", config.text_messages)
    proofs = [method for verifier in verifiers.values() for method in verifier.methods]
    with contextlib.suppress(Asked):
        async with open_engine(config, metadata, end, utc_now, attached=end, proofs=proofs):
            pass


def _say_nothing(text: str) -> None:
    """For whoever does not show progress."""


def _assemble(engine: Engine, verifiers: Mapping[str, Verifier]) -> Domicile:
    config, clock, router, exchange = engine.config, engine.clock, engine.router, engine.exchange
    law, policy = engine.law, engine.policy
    router.forget = forget_members
    door = Door(router, exchange, Desks(engine.sites, law, policy, engine.operator, clock))
    deliverer = Deliverer(router, door, exchange)
    standing = Standing(law, policy, engine.operator, clock, config.url)
    members = _open_members(engine, standing, verifiers)
    access = Access(router, engine.directory, load_secret(config.data / "secrets" / "access.key"), clock, engine.meter)
    posts = Posts(router, door, deliverer, members, standing, config.url, config.limits.post_characters)
    follows, profiles = Follows(router, deliverer), Profiles(router, door, config.url)
    reactions = Reactions(router, deliverer, posts)
    media = Media(router, door, config.limits.media_bytes, config.limits.media_pixels)
    for part in (posts, follows, reactions):
        part.serve()
    copies = _open_copies(config, door)
    reconciler = Reconciler(door, deliverer, engine.ownership)
    Mending(router).serve(reconciler)
    _open_sites(engine.sites, door, deliverer, copies, reconciler)
    return Domicile(
        **{field.name: getattr(engine, field.name) for field in fields(engine)},
        door=door,
        deliverer=deliverer,
        copies=copies,
        sweeping=Sweeping(engine.sites, engine.ownership, clock),
        reconciler=reconciler,
        members=members,
        verifications=members.verifications,
        declarations=Declarations(router, law, policy, engine.operator),
        access=access,
        confirmation=_open_confirmation(config, router, members, access),
        suspensions=Suspensions(router),
        profiles=profiles,
        archives=Archives(router, engine.ownership, profiles, config.url),
        imports=Imports(posts, media, follows, reactions, profiles, config.limits.unpacked_bytes),
        posts=posts,
        follows=follows,
        reactions=reactions,
        trimming=Trimming(router, deliverer, reactions),
        notices=Notices(router, config.notice_days),
        notifications=Notifications(router),
        timelines=Timelines(router, door, posts),
        media=media,
    )


def _open_copies(config: Config, door: Door) -> Copies:
    """What sites may keep of each other's members."""
    copied = list_copied(config.copies.posts)
    check_declared(metadata.tables["kept_copy"].columns.body, copied)
    terms = Terms(door.desks, copied, config.copies.days)
    recollections = list_recollections(config.copies.posts)
    return Copies(door, CopyRegister(door, terms), Recalling(door, terms), recollections, WANTED)


def _open_sites(
    sites: Iterable[SiteName], door: Door, deliverer: Deliverer, copies: Copies, reconciler: Reconciler
) -> None:
    """From here on the sites of this process answer each other."""
    for view in (*VIEWS, FILE):
        door.open_view(view)
    for name in sites:
        door.open_site(name)
        deliverer.open_site(name)
        copies.open_site(name)
        reconciler.sides.open_site(name)


def _open_confirmation(config: Config, router: Router, members: Members, access: Access) -> Confirmation:
    """Sign-up, with letters to confirm addresses where the operator wants them."""
    letters = Post(**msgspec.structs.asdict(config.mail)) if config.confirm_email and config.mail else None
    return Confirmation(router, members, access, letters, config.title, config.url)


def _open_members(engine: Engine, standing: Standing, verifiers: Mapping[str, Verifier]) -> Members:
    """The members, with those who verify them."""
    config, router = engine.config, engine.router
    digest_key = load_secret(config.data / "secrets" / "digest.key")
    default_site = SiteName(config.default_site or config.sites[0].name)
    verifications = Verifications(router, standing, verifiers, digest_key)
    law, policy, operator, clock = standing.law, standing.policy, standing.operator, standing.clock
    return Members(router, engine.directory, law, policy, operator, verifications, digest_key, clock, default_site)
