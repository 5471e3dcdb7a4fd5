"""Sites that do not answer when the network starts: they are left out, and looked at before they serve again.

A country that is cut off, or a machine that is down, must not keep the others from starting. What a start checks and
repairs at each site is done at such a one when it is back; until then it is shut, as if it were still away.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from domicile.database import Database, conninfo_to_dict
from domicile.errors import Unavailable

CONNECT_S = 5.0
"""How long a server may take to accept a connection."""
_looking: ContextVar[bool] = ContextVar("looking", default=False)


class SiteDatabase(Database):
    """One of a site's pools. While `shut` says why, it is there only for whoever is `looking`."""

    shut: str | None = None

    async def take(self) -> Any:
        if self.shut is not None and not _looking.get():
            raise Unavailable(self.shut)
        return await super().take()


@contextlib.contextmanager
def looking() -> Iterator[None]:
    """For the block: what a start does with a site, before anybody is served there."""
    token = _looking.set(True)
    try:
        yield
    finally:
        _looking.reset(token)


async def is_reachable(conninfo: str) -> bool:
    """Whether anything listens where a connection string leads; yes, if that cannot be told from it."""
    parts = conninfo_to_dict(conninfo)
    hosts = str(parts.get("hostaddr") or parts.get("host") or "").split(",")
    ports = str(parts.get("port") or 5432).split(",")
    for place, host in enumerate(hosts):
        port = ports[place] if len(ports) == len(hosts) else ports[0]
        if not host or await _listens(host, int(port)):
            return True
    return False


async def _listens(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(CONNECT_S):
            if host.startswith("/"):
                _, writer = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
            else:
                _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
