"""The stage of a story: a folder of its own, a clock that stands where it is set, servers that stay up between acts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from sqlalchemy import MetaData

from domicile.config import Config, load_config
from domicile.engine import Engine, Upgrade, open_engine
from domicile.placement.embedded import Embedded, discard


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


class Stage:
    """Opens and closes a network, as its operator starts and stops it. `close` at the end throws it away."""

    def __init__(self, folder: Path, hub_country: str, clock: StoryClock) -> None:
        self.folder = folder
        self.clock = clock
        self._hub = {"country": hub_country}
        self._servers: Embedded | None = None
        self._sites = ""
        self._running = AsyncExitStack()

    async def start(self, metadata: MetaData, upgrade: Upgrade, sites: str, *, collects: bool = True) -> Engine:
        """Stop what runs and start this version at these sites (`us,ru`). Raises Misconfigured if it refuses to."""
        await self.stop()
        config = await self._serve(sites)
        opening = open_engine(config, metadata, upgrade, self.clock, collects=collects)
        return await self._running.enter_async_context(opening)

    async def stop(self) -> None:
        """Stop the network. The servers stay up for the next start."""
        await self._running.aclose()

    async def close(self) -> None:
        """Stop everything and leave nothing behind."""
        await self.stop()
        if self._servers is not None:
            await asyncio.to_thread(self._servers.close)
        if self.folder.exists():
            await asyncio.to_thread(discard, self.folder)

    async def _serve(self, sites: str) -> Config:
        config = load_config(data=self.folder, sites=sites, hub=self._hub)
        if sites != self._sites:
            if self._servers is not None:
                await asyncio.to_thread(self._servers.close)
            names = [*config.site_names, "hub"]
            bindir, run_as = config.embedded.bindir, config.embedded.run_as
            self._servers = await asyncio.to_thread(
                lambda: Embedded.start(self.folder, names, bindir=bindir, run_as=run_as)
            )
            self._sites = sites
        return config


@contextlib.asynccontextmanager
async def set_stage(folder: Path, hub_country: str, clock: StoryClock | None = None) -> AsyncIterator[Stage]:
    """A stage in an empty folder, gone at the end."""
    stage = Stage(folder, hub_country, clock or StoryClock())
    try:
        yield stage
    finally:
        await stage.close()
