"""A statement that is given up leaves no other error in its place, and no connection that its next user must fear."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from domicile.database import Database
from domicile.errors import Unavailable
from domicile.running import Domicile

BUSY_S = 0.01
"""psycopg lets others go first where they had no turn for 5 ms: at a statement, or as it enters a pipeline."""


def give_up_at_the_next_turn() -> None:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().call_soon(task.cancel)
    time.sleep(BUSY_S)


async def many(database: Database) -> None:
    async with database.transaction() as session:
        give_up_at_the_next_turn()
        await session.execute_many("SELECT %s::int", [(n,) for n in range(50)])


async def snapshot(database: Database) -> None:
    give_up_at_the_next_turn()
    async with database.snapshot() as session:
        await session.fetch("SELECT 1 AS one")


@pytest.mark.parametrize("work", [many, snapshot])
async def test_what_is_cancelled_is_cancelled_and_the_next_statement_is_answered(
    domicile: Domicile, work: Callable[[Database], Awaitable[None]]
) -> None:
    database = next(iter(domicile.sites.values())).app
    for _ in range(3):
        (ended,) = await asyncio.gather(asyncio.create_task(work(database)), return_exceptions=True)
        assert isinstance(ended, asyncio.CancelledError), repr(ended)
        for _ in range(12):  # more than the pool has connections
            assert (await database.run("SELECT 7 AS seven"))[0].seven == 7


async def test_a_session_that_the_server_ended_for_idling_is_a_server_that_went_away(domicile: Domicile) -> None:
    """As when this process was stopped in the middle of a transaction: whoever tries again can go on."""
    database = next(iter(domicile.sites.values())).app
    with pytest.raises(Unavailable):
        async with database.transaction() as session:
            await session.execute("SET LOCAL idle_in_transaction_session_timeout = '50ms'")
            await asyncio.sleep(0.5)
            await session.execute("SELECT 1")
    assert (await database.run("SELECT 1 AS one"))[0].one == 1
