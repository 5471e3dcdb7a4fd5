"""The stage of a story: a folder of its own, a clock that stands where it is set, servers that stay up between acts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, TypeVar

from domicile.config import Config, load_config
from domicile.placement.embedded import Embedded, discard

E = TypeVar("E")


class StoryClock:
    """Noon of the day that the story has come to, and a millisecond more each time that it is asked."""

    def __init__(self) -> None:
        self._now = datetime(2000, 1, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        self._now += timedelta(milliseconds=1)
        return self._now

    def turn_to(self, day: date) -> None:
        """It is noon of `day`."""
        self._now = datetime.combine(day, time(12), UTC)

    def wait(self, minutes: int) -> None:
        """So many minutes go by."""
        self._now += timedelta(minutes=minutes)


class Stage:
    """Opens and closes a network, as its operator starts and stops it. `close` at the end throws it away."""

    def __init__(self, folder: Path, hub_country: str, clock: StoryClock) -> None:
        self.folder = folder
        self.clock = clock
        self._hub = {"country": hub_country}
        self._servers: Embedded | None = None
        self._serving: asyncio.Task[None] | None = None
        self._running = AsyncExitStack()

    async def start(
        self, sites: str, opening: Callable[[Config], AbstractAsyncContextManager[E]], **settings: Any
    ) -> E:
        """Stop what runs, and start it as `opening` does at these sites (`us,ru`). Servers that are up stay up.

        Raises Misconfigured if it refuses to.
        """
        await self.stop()
        config = load_config(data=self.folder, sites=sites, hub=self._hub, **settings)
        self._serving = asyncio.create_task(asyncio.to_thread(self._serve, config))
        await asyncio.shield(self._serving)
        return await self._running.enter_async_context(opening(config))

    async def stop(self) -> None:
        """Stop the network. The servers stay up for the next start."""
        await self._running.aclose()

    async def close(self) -> None:
        """Stop everything and leave nothing behind."""
        await self.stop()
        if self._serving is not None:  # whoever interrupts a start still waits for its servers, to stop them
            await asyncio.wait([self._serving])
        if self._servers is not None:
            await asyncio.to_thread(self._servers.close)
        if self.folder.exists():
            await asyncio.to_thread(discard, self.folder)

    def _serve(self, config: Config) -> None:
        """See that every site has a server, and the hub."""
        names = [*config.site_names, "hub"]
        if self._servers is None:
            bindir, run_as = config.embedded.bindir, config.embedded.run_as
            self._servers = Embedded.start(self.folder, names, bindir=bindir, run_as=run_as)
        for name in names:
            self._servers.add(name)


@contextlib.asynccontextmanager
async def set_stage(folder: Path, hub_country: str, clock: StoryClock | None = None) -> AsyncIterator[Stage]:
    """A stage in an empty folder, gone at the end."""
    stage = Stage(folder, hub_country, clock or StoryClock())
    try:
        yield stage
    finally:
        await stage.close()
