"""A stream between two sites: both ends work at once, and what ends one of them ends the other."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator

import msgspec
import pytest

from domicile.errors import NoRoom
from domicile.ids import SiteName
from domicile.transport.exchange import AHEAD, Exchange, read_ahead

HERE = SiteName("de-1")


class Ask(msgspec.Struct):
    pass


class Source:
    """Gives numbers, and fails at `failing`; remembers how many were taken and whether it was closed."""

    def __init__(self, failing: int | None = None) -> None:
        self.failing = failing
        self.given = 0
        self.closed = False

    async def give(self, body: bytes) -> AsyncGenerator[bytes]:
        try:
            while self.given < 100:
                if self.given == self.failing:
                    raise NoRoom("no room left")
                self.given += 1
                yield str(self.given).encode()
        finally:
            self.closed = True


@contextlib.asynccontextmanager
async def reading(source: Source) -> AsyncIterator[AsyncGenerator[bytes]]:
    exchange = Exchange()
    exchange.serve_stream(HERE, "numbers", source.give)
    async with (
        contextlib.aclosing(exchange.receive(HERE, "numbers", Ask())) as pieces,
        contextlib.aclosing(read_ahead(pieces)) as stream,
    ):
        yield stream


async def test_a_stream_comes_whole_and_in_order_a_few_pieces_ahead() -> None:
    source = Source()
    async with reading(source) as stream:
        got = [await anext(stream)]
        await asyncio.sleep(0.01)
        assert len(got) < source.given <= AHEAD + 2
        got += [piece async for piece in stream]
    assert got == [str(number).encode() for number in range(1, 101)]


async def test_what_fails_at_the_source_is_raised_where_the_stream_is_read() -> None:
    source = Source(failing=20)
    async with reading(source) as stream:
        got = [await anext(stream) for _ in range(20)]
        with pytest.raises(NoRoom):
            await anext(stream)
    assert got[-1] == b"20" and source.closed


async def test_a_stream_that_is_left_midway_ends_at_its_source() -> None:
    source = Source()
    async with reading(source) as stream:
        await anext(stream)
    assert source.closed and source.given < 100


async def test_a_reader_that_is_cancelled_ends_the_source() -> None:
    source = Source()

    async def read() -> None:
        async with reading(source) as stream:
            await anext(stream)
            await asyncio.sleep(60)

    reader = asyncio.create_task(read())
    await asyncio.sleep(0.01)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert source.closed
