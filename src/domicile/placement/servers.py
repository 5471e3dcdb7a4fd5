"""The PostgreSQL servers of one installation, ours or the operator's, with their roles and databases made."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from domicile.config import Config
from domicile.errors import Unavailable
from domicile.ids import SiteName
from domicile.placement.embedded import Embedded
from domicile.placement.silence import is_reachable
from domicile.placement.sites import (
    Credentials,
    check_roles,
    configured_credentials,
    embedded_credentials,
    prepare_server,
)


async def open_servers(
    config: Config,
    stack: AsyncExitStack,
    *,
    exclusive: bool,
    progress: Callable[[str], None] | None,
) -> "Servers":
    """Every site and the hub, ready, but for those sites that do not answer. What is started ends with `stack`."""
    if config.hub.dsn:
        return await _configured(config)
    return await _embedded(config, stack, exclusive, progress)


@dataclass(frozen=True)
class Servers:
    """Credentials by name of the site, or `hub`. `silent`: the operator's own that nobody answers at."""

    embedded: Embedded | None
    credentials: dict[str, Credentials]
    silent: frozenset[SiteName] = frozenset()


async def _configured(config: Config) -> Servers:
    credentials = {site.name: configured_credentials(site) for site in config.sites}
    credentials["hub"] = configured_credentials(config.hub)
    if not await is_reachable(credentials["hub"].app):
        raise Unavailable("the hub does not answer, and nothing starts without it")
    silent = {name for name in config.site_names if not await is_reachable(credentials[name].app)}
    for name, credential in credentials.items():
        if name not in silent:
            await check_roles(name, credential)
    return Servers(None, credentials, frozenset(silent))


async def _embedded(
    config: Config, stack: AsyncExitStack, exclusive: bool, progress: Callable[[str], None] | None
) -> Servers:
    names = [*config.site_names, "hub"]
    embedded = await asyncio.to_thread(
        Embedded.start,
        config.data,
        names,
        bindir=config.embedded.bindir,
        run_as=config.embedded.run_as,
        progress=progress,
        exclusive=exclusive,
    )
    stack.callback(embedded.close)
    credentials = {name: embedded_credentials(config.data, embedded.servers[name]) for name in names}
    await asyncio.gather(*(prepare_server(embedded.servers[name], credentials[name]) for name in names))
    return Servers(embedded, credentials)
