"""A running Domicile: its parts, as web and command line use them, and its recurring work. `wiring` builds it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import structlog

from domicile.audit.attestation import Attester
from domicile.border.copies import Copies
from domicile.border.crossing import Door
from domicile.border.delivery import Deliverer
from domicile.border.reconciling import Reconciler
from domicile.engine import Engine
from domicile.errors import Misconfigured, Unavailable
from domicile.ids import SiteName
from domicile.network.access import Access
from domicile.network.archives import Archives
from domicile.network.confirmation import Confirmation
from domicile.network.declaration import Declarations
from domicile.network.follows import Follows
from domicile.network.imports.importing import Imports
from domicile.network.media import Media
from domicile.network.members import Members
from domicile.network.notices import Notices
from domicile.network.notifications import Notifications
from domicile.network.posts import Posts
from domicile.network.profiles import Profiles
from domicile.network.reactions import Reactions
from domicile.network.suspension import Suspensions
from domicile.network.timelines import Timelines
from domicile.network.trimming import Trimming
from domicile.network.verification import Verifications
from domicile.placement.quarantine import quarantine_stale
from domicile.placement.rebuild import is_older_than_sites
from domicile.placement.sweeping import Sweeping
from domicile.relocation.backup import Restored
from domicile.relocation.coordinator import Resumed
from domicile.relocation.recovery import Recovered

log = structlog.get_logger("domicile")


TICK_S = 1.0
TIDY_EVERY_S = 60.0
STUCK_AFTER = timedelta(minutes=1)
ABANDONED = timedelta(seconds=30)
"""How long a relocation's coordinator must have been silent before the running network finishes its batches itself."""


_HELD = "SELECT EXISTS (SELECT FROM resident) OR EXISTS (SELECT FROM setting WHERE key = 'asked') AS any"
"""Whether a site holds anybody, or was restored as it was when it held nobody, and has asked who came since."""


@dataclass(frozen=True)
class Domicile(Engine):
    """Everything that web and command line use: the engine, and the social network on it."""

    door: Door
    deliverer: Deliverer
    copies: Copies
    sweeping: Sweeping
    reconciler: Reconciler
    members: Members
    verifications: Verifications
    declarations: Declarations
    access: Access
    confirmation: Confirmation
    suspensions: Suspensions
    profiles: Profiles
    archives: Archives
    imports: Imports
    posts: Posts
    follows: Follows
    reactions: Reactions
    trimming: Trimming
    notices: Notices
    notifications: Notifications
    timelines: Timelines
    media: Media

    def attester(self) -> Attester:
        """Who writes down who was where when, for counsel."""
        return Attester(
            self.sites,
            self.hub,
            self.law,
            self.policy,
            self.operator.facts,
            self.members.digest_key,
            self.config.stats_floor,
            self.config.operator.name,
        )

    async def tick(self) -> None:
        """Recurring work: hear the hub, deliver, finish what crashes cut short, end copies and residue, count."""
        with contextlib.suppress(Unavailable):
            await self.coordinator.collect()
        for name in self.sites:
            with contextlib.suppress(Unavailable, TimeoutError):
                await self.router.apply_feed(name)
                await self.deliverer.deliver_due(name)
                await self.members.repair_sign_ups(name, STUCK_AFTER)
                await self.erasure.resume(name)
                await self.verifications.prune(name)
                await self.suspensions.end_due(name)
                await self.sweeping.tick(name)
            with contextlib.suppress(Unavailable):  # also while the hub does not answer: a licence ends all the same
                await self.copies.tick(name)
            with contextlib.suppress(Unavailable):
                await self.keeper.destroy_ended(self.sites[name])
        with contextlib.suppress(Unavailable):
            await self.door.write_tally()
        await self.meter.tick()
        await self.operator.refresh()
        await self.operator.warn_of_expiry()
        with contextlib.suppress(Unavailable):
            await self.router.waits.tell(self.hub)
            await self.coordinator.resume(ABANDONED, patience_s=TICK_S)

    async def keep_ticking(self) -> None:
        """`tick` for ever, and beside it what may take long: `tidy`, the reconciler, sites that come back."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_keep_doing(self.tick, TICK_S))
            tasks.create_task(_keep_doing(self.welcome_back, TICK_S))
            tasks.create_task(_keep_doing(self.tidy, TIDY_EVERY_S))
            tasks.create_task(_keep_doing(self.reconciler.step, self.reconciler.step_s))

    async def recover_hub(self) -> tuple[Recovered, list[Resumed]]:
        """Remake the hub from the sites; then complete or undo what relocations were under way. What became of them."""
        recovered = await self.recovery.recover()
        await self.access.return_apps()
        for name in self.sites:
            await self.router.apply_feed(name)
        return recovered, await self.coordinator.resume()

    async def restore(self, name: str, folder: Path) -> Restored:
        """Put a backup of a site, or of the `hub`, in the place of what there is."""
        restored = await self.backups(name).restore(folder)
        if name == "hub":
            await self.access.return_apps()
        return restored

    async def settle(self, *, owned: bool, serving: bool) -> None:
        """Before anything is asked of the network. Whoever attaches to a running one leaves repairs to it."""
        if not owned:
            await self.refuse_unfinished_restores()
            return
        if "hub" in await self.finish_restores():
            await self.access.return_apps()
        if serving:
            await self.repair()

    async def repair(self) -> None:
        """Before a site serves: set stale members aside, finish or undo sign-ups that a crash cut short."""
        await self._refuse_lost()
        for name in self.sites:
            try:
                await self._repair(name)
            except Unavailable as error:
                log.warning("not checked against the hub before serving", site=name, detail=error.detail)

    async def welcome_back(self) -> None:
        """Look at sites that were silent at the start, and let those serve that are back and in order."""
        await self.welcome(self._repair)

    async def _repair(self, name: SiteName) -> None:
        await quarantine_stale(self.sites[name], self.directory)
        await self.members.repair_sign_ups(name)
        await self.erasure.resume(name)

    async def _refuse_lost(self) -> None:
        """An empty or old hub, or an emptied site, would answer that members do not exist. Raises Misconfigured."""
        with contextlib.suppress(Unavailable):
            if await is_older_than_sites(self.sites, self.directory):
                raise Misconfigured("the hub is older than the sites (lost, or restored as it was): run `hub rebuild`")
        for name, site in self.sites.items():
            with contextlib.suppress(Unavailable):
                at_home = await self.hub.run("SELECT EXISTS (SELECT FROM home WHERE site = %s) AS any", (name,))
                held = await site.app.run(_HELD)
                if at_home[0].any and not held[0].any:
                    raise Misconfigured(
                        f"{name} holds nobody, and the hub knows members at home there: is this its database?"
                        f" If it was lost, `restore {name} FOLDER`"
                    )


async def _keep_doing(work: Callable[[], Awaitable[object]], every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        try:
            await work()
        except Exception:
            log.exception("recurring work failed")
