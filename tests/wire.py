"""Everything that sites say to each other, as the bytes that leave them."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from domicile.errors import Unavailable
from domicile.ids import SiteName
from domicile.transport.exchange import Exchange, Handler


@dataclass
class Wire:
    """`asked` and `answered`: (site that answers, channel, bytes)."""

    asked: list[tuple[SiteName, str, bytes]] = field(default_factory=list)
    answered: list[tuple[SiteName, str, bytes]] = field(default_factory=list)

    def carried(self, text: str) -> bool:
        """Whether this text left any site."""
        return any(text.encode() in body for _, _, body in [*self.asked, *self.answered])


@contextlib.contextmanager
def tapped(exchange: Exchange) -> Iterator[Wire]:
    """Listen to an exchange until the block ends."""
    wire = Wire()

    def listening(site: SiteName, channel: str, handler: Handler) -> Handler:
        async def handle(body: bytes) -> bytes:
            wire.asked.append((site, channel, body))
            answer = await handler(body)
            wire.answered.append((site, channel, answer))
            return answer

        return handle

    with _handled_by(exchange, listening):
        yield wire


def unreachable(exchange: Exchange, *sites: str) -> AbstractContextManager[None]:
    """These sites answer nothing that is asked of them from outside."""
    return exchange.cut_off(*map(SiteName, sites))


@contextlib.contextmanager
def no_parcels(exchange: Exchange, *sites: str) -> Iterator[None]:
    """These sites take no parcels; everything else goes on."""

    def deaf(site: SiteName, channel: str, handler: Handler) -> Handler:
        async def refuse(body: bytes) -> bytes:
            raise Unavailable(f"{site} takes no parcels")

        return refuse if channel == "parcel" and site in sites else handler

    with _handled_by(exchange, deaf):
        yield


@contextlib.contextmanager
def _handled_by(exchange: Exchange, change: Callable[[SiteName, str, Handler], Handler]) -> Iterator[None]:
    before = dict(exchange._handlers)
    for (site, channel), handler in before.items():
        exchange.serve(site, channel, change(site, channel, handler))
    try:
        yield
    finally:
        exchange._handlers.update(before)
