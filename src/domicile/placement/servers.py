"""The PostgreSQL servers of one installation, ours or the operator's, with their roles and databases made."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

from domicile.config import Config
from domicile.placement.embedded import Embedded
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
) -> tuple[Embedded | None, dict[str, Credentials]]:
    """Credentials for every site and the hub, by name. What is started is stopped when `stack` closes."""
    if config.hub.dsn:
        return None, await _configured(config)
    return await _embedded(config, stack, exclusive, progress)


async def _configured(config: Config) -> dict[str, Credentials]:
    credentials = {site.name: configured_credentials(site) for site in config.sites}
    credentials["hub"] = configured_credentials(config.hub)
    for name, credential in credentials.items():
        await check_roles(name, credential)
    return credentials


async def _embedded(
    config: Config, stack: AsyncExitStack, exclusive: bool, progress: Callable[[str], None] | None
) -> tuple[Embedded, dict[str, Credentials]]:
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
    return embedded, credentials
