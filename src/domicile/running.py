"""A running Domicile: its parts, as web and command line use them, and its recurring work. `wiring` builds it."""

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import timedelta

import structlog

from domicile.border.crossing import Door
from domicile.border.delivery import Deliverer
from domicile.border.meter import Meter
from domicile.border.operator import OperatorNow
from domicile.config import Config
from domicile.database import Database
from domicile.errors import Unavailable
from domicile.ids import SiteName
from domicile.law.compiled import Law
from domicile.law.policy import Policy
from domicile.network.access import Access
from domicile.network.confirmation import Confirmation
from domicile.network.declaration import Declarations
from domicile.network.follows import Follows
from domicile.network.media import Media
from domicile.network.members import Members
from domicile.network.notifications import Notifications
from domicile.network.posts import Posts
from domicile.network.profiles import Profiles
from domicile.network.reactions import Reactions
from domicile.network.timelines import Timelines
from domicile.network.verification import Verifications
from domicile.placement.directory import Directory
from domicile.placement.embedded import Embedded
from domicile.placement.ownership import Ownership
from domicile.placement.quarantine import quarantine_stale
from domicile.placement.routing import Clock, Router
from domicile.placement.sites import Site
from domicile.relocation.coordinator import Coordinator
from domicile.relocation.journal import Journal
from domicile.transport.exchange import Exchange

log = structlog.get_logger("domicile")


TICK_S = 1.0
STUCK_AFTER = timedelta(minutes=1)


@dataclass(frozen=True)
class Domicile:
    """Everything that web and command line use."""

    config: Config
    ownership: Ownership
    sites: dict[SiteName, Site]
    hub: Database
    directory: Directory
    router: Router
    exchange: Exchange
    journal: Journal
    coordinator: Coordinator
    law: Law
    policy: Policy
    meter: Meter
    operator: OperatorNow
    door: Door
    deliverer: Deliverer
    members: Members
    verifications: Verifications
    declarations: Declarations
    access: Access
    confirmation: Confirmation
    profiles: Profiles
    posts: Posts
    follows: Follows
    reactions: Reactions
    notifications: Notifications
    timelines: Timelines
    media: Media
    clock: Clock
    embedded: Embedded | None

    async def tick(self) -> None:
        """Recurring work: hear the hub, deliver what waits, finish sign-ups, write down what was counted."""
        for name in self.sites:
            with contextlib.suppress(Unavailable, TimeoutError):
                await self.router.apply_feed(name)
                await self.deliverer.deliver_due(name)
                await self.members.repair_sign_ups(name, STUCK_AFTER)
                await self.verifications.prune(name)
        with contextlib.suppress(Unavailable):
            await self.door.write_tally()
        await self.meter.tick()
        await self.operator.refresh()
        await self.operator.warn_of_expiry()

    async def keep_ticking(self) -> None:
        """`tick` for ever; a failure is logged and tried again."""
        while True:
            await asyncio.sleep(TICK_S)
            try:
                await self.tick()
            except Exception:
                log.exception("recurring work failed")

    async def repair(self) -> None:
        """Before a site serves: set stale members aside, finish or undo sign-ups that a crash cut short."""
        for name, site in self.sites.items():
            try:
                await quarantine_stale(site, self.directory)
                await self.members.repair_sign_ups(name)
            except Unavailable as error:
                log.warning("not checked against the hub before serving", site=name, detail=error.detail)
