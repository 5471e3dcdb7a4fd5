"""Typed messages between sites, always serialised, also when both sites are in one process.

What one site can learn of another is exactly what fits into these messages: a shape test holds that nothing else
reads a foreign site.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import TypeVar

import msgspec

from domicile.errors import Unavailable
from domicile.ids import SiteName

A = TypeVar("A")
H = TypeVar("H")
Handler = Callable[[bytes], Awaitable[bytes]]
Source = Callable[[bytes], AsyncGenerator[bytes]]
Sink = Callable[[bytes, AsyncIterator[bytes]], Awaitable[bytes]]

LONGEST = 8 << 20  # bytes of one message; a page of posts is some 50 kB
AHEAD = 8  # pieces of a stream, of some 128 kB each

_encoder = msgspec.msgpack.Encoder()
_decoders: dict[type, msgspec.msgpack.Decoder[object]] = {}


def encode(message: msgspec.Struct) -> bytes:
    return _encoder.encode(message)


def decode(body: bytes, kind: type[A]) -> A:
    """A message of exactly this type; raises msgspec.ValidationError for anything else."""
    if len(body) > LONGEST:
        raise msgspec.ValidationError(f"a message of {len(body)} bytes is longer than {LONGEST}")
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.msgpack.Decoder(kind)
    return decoder.decode(body)  # type: ignore[return-value]


class Exchange:
    """Carries a message to a site's handler and the answer back. This one serves sites of one process."""

    def __init__(self) -> None:
        self._handlers: dict[tuple[SiteName, str], Handler] = {}
        self._sources: dict[tuple[SiteName, str], Source] = {}
        self._sinks: dict[tuple[SiteName, str], Sink] = {}
        self._cut_off: frozenset[SiteName] = frozenset()

    @contextlib.contextmanager
    def cut_off(self, *sites: SiteName) -> Iterator[None]:
        """Until the block ends these sites cannot be reached by others; they go on for themselves. For drills."""
        before, self._cut_off = self._cut_off, self._cut_off.union(sites)
        try:
            yield
        finally:
            self._cut_off = before

    def serve(self, site: SiteName, channel: str, handler: Handler) -> None:
        """From now on `handler` answers what arrives for `site` on `channel`."""
        self._handlers[site, channel] = handler

    async def ask(self, site: SiteName, channel: str, message: msgspec.Struct, answer: type[A]) -> A:
        """Send a message and wait for its answer. Raises Unavailable when the site cannot be reached."""
        handler = self._reach(self._handlers, site, channel)
        return decode(await handler(encode(message)), answer)

    def serve_stream(self, site: SiteName, channel: str, source: Source) -> None:
        """From now on `source` answers what arrives for `site` on `channel` with a stream of pieces."""
        self._sources[site, channel] = source

    def take_stream(self, site: SiteName, channel: str, sink: Sink) -> None:
        """From now on `sink` takes the streams that arrive for `site` on `channel`."""
        self._sinks[site, channel] = sink

    def receive(self, site: SiteName, channel: str, message: msgspec.Struct) -> AsyncGenerator[bytes]:
        """Send a message; the answer is a stream, which the caller closes. Raises Unavailable for an unknown site."""
        source = self._reach(self._sources, site, channel)
        return source(encode(message))

    async def send(
        self, site: SiteName, channel: str, message: msgspec.Struct, pieces: AsyncIterator[bytes], answer: type[A]
    ) -> A:
        """Send a message and a stream, and wait for the answer. Raises Unavailable when the site cannot be reached."""
        sink = self._reach(self._sinks, site, channel)
        return decode(await sink(encode(message), pieces), answer)

    def _reach(self, served: Mapping[tuple[SiteName, str], H], site: SiteName, channel: str) -> H:
        if site in self._cut_off or (site, channel) not in served:
            raise Unavailable(f"no way to {site} for {channel}")
        return served[site, channel]


async def read_ahead(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """The pieces, up to `AHEAD` of them before anybody asks: so both ends of a stream work at once.

    Close it before the stream that it reads.
    """
    queue: asyncio.Queue[bytes | BaseException | None] = asyncio.Queue(AHEAD)

    async def fill() -> None:
        failure = None
        try:
            async for piece in pieces:
                await queue.put(piece)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # whatever it is, it is for who reads the stream
            failure = error
        await queue.put(failure)

    filling = asyncio.create_task(fill())
    try:
        while (piece := await queue.get()) is not None:
            if isinstance(piece, BaseException):
                raise piece
            yield piece
    finally:
        filling.cancel()
        await asyncio.wait([filling])
