"""The hub as it looks to everybody while its server does not answer."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from domicile.errors import Unavailable
from domicile.running import Domicile


class _Silent:
    def __getattr__(self, name: str) -> Any:
        raise Unavailable("the hub does not answer")


@contextlib.asynccontextmanager
async def hub_down(domicile: Domicile) -> AsyncIterator[None]:
    """Nothing that is asked of the hub is answered until the block ends."""
    directory: Any = domicile.directory
    directory.database, answering = _Silent(), directory.database
    try:
        yield
    finally:
        directory.database = answering
