"""A site's own record of a batch, and the lock on it under which everything is done there.

Work (copying, fencing, comparing) shares the record. What follows a decision of the journal has it alone, and asks the
journal once more when it has: so nothing that an overtaken coordinator began can land after its successor has cleaned
up, wherever the first one was stopped. Whoever comes with a new token ends the sessions that still work under the old.
"""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from domicile.database import Row, Session, array
from domicile.errors import Unavailable
from domicile.ids import MemberId
from domicile.placement.sites import Site
from domicile.relocation.journal import FLIPPED, RETURNED, Batch, Journal, Superseded
from domicile.relocation.messages import Begin, Order
from domicile.relocation.points import NOT_ANSWERED, NOT_COMMITTED

# A coordinator that is stopped in the middle of a transaction keeps its locks no longer than this. Planning a statement
# over all tables takes as long as running it for a thousand members: a connection plans each once.
_LIMITS = (
    "SET LOCAL idle_in_transaction_session_timeout = '15s'; SET LOCAL lock_timeout = '3s';"
    " SET LOCAL plan_cache_mode = force_generic_plan"
)
_BEGIN = f"BEGIN; {_LIMITS}"
_SNAPSHOT = f"BEGIN ISOLATION LEVEL REPEATABLE READ; {_LIMITS}"
# The server lets a role end its own sessions: the login's, not those of the role it has put on.
_AS_LOGIN = "BEGIN; SET LOCAL ROLE NONE"

# Every session at work holds this lock, only to be found by it.
_MARK = "SELECT pg_advisory_xact_lock_shared(%s)"
_END = """
SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND pid <> pg_backend_pid()
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND (classid::bigint << 32 | objid::bigint) = %s
"""
_RECORD = (
    "SELECT token, state, members, pg_advisory_xact_lock_shared(batch_id) FROM relocation"
    " WHERE batch_id = %s AND role = %s"
)
_TAKE = """
INSERT INTO relocation (batch_id, role, other, state, token, members, began_at)
VALUES (%s, %s, %s, 'open', %s, %s::bigint[], now())
ON CONFLICT (batch_id, role) DO UPDATE SET token = EXCLUDED.token RETURNING state
"""
# The same where this coordinator has worked before. If its record is gone, another has closed the batch.
_OWN = """
UPDATE relocation SET token = token WHERE batch_id = %s AND role = %s AND token = %s
RETURNING state, pg_advisory_xact_lock_shared(batch_id)
"""
_OTHERS = "SELECT members FROM relocation WHERE role = %s AND batch_id <> %s"


class Holding:
    """The records of one site."""

    def __init__(self, site: Site, journal: Journal) -> None:
        self.site = site
        self.journal = journal
        self._known: dict[tuple[int, str], bytes] = {}

    @contextlib.asynccontextmanager
    async def enter(self, order: Begin) -> AsyncIterator[tuple[Session, list[MemberId]]]:
        """The transaction in which a batch begins here, and those of its members who are in no other here.

        The record is written before the journal is asked: who abandons the batch after that waits for this to end.
        """
        async with self.site.importer.transaction(_BEGIN) as session:
            await session.execute(_MARK, (order.batch,))
            members = await self._free(session, order, list(order.members))
            await session.execute(
                "INSERT INTO relocation (batch_id, role, other, state, token, members, began_at)"
                " VALUES (%s, %s, %s, 'open', %s, %s::bigint[], now()) ON CONFLICT DO NOTHING",
                (order.batch, order.role, order.other, order.token, array(members)),
            )
            record = await self._record(session, order, "FOR SHARE")
            await self._ask_journal(order, "open")
            yield session, [MemberId(member) for member in record.members]
            await self._pass(order, NOT_COMMITTED)
        await self._pass(order, NOT_ANSWERED)

    @contextlib.asynccontextmanager
    async def work(
        self, order: Order, *, snapshot: bool = False, alone: bool = False
    ) -> AsyncIterator[tuple[Session, list[MemberId]]]:
        """A transaction at work on an open batch, and its members here. Raises Superseded."""
        await self._learn_token(order)
        async with self.site.importer.transaction(_SNAPSHOT if snapshot else _BEGIN) as session:
            record = await self._record(session, order, "FOR UPDATE" if alone else "FOR SHARE")
            yield session, [MemberId(member) for member in record.members]
            await self._pass(order, NOT_COMMITTED)
        await self._pass(order, NOT_ANSWERED)

    @contextlib.asynccontextmanager
    async def follow(self, order: Order, state: str) -> AsyncIterator[tuple[Session, dict[MemberId, int], str]]:
        """A transaction that alone follows what the journal has decided: the batch's members, and its state here.

        A site that never heard of the batch, or has forgotten it, takes the journal's word.
        """
        if new := self._known.get((order.batch, order.role)) != order.token:
            batch = await self._ask_journal(order, state)
            await self._end_others(order)
        try:
            async with self.site.importer.transaction(_BEGIN) as session:
                if new:
                    await session.execute(_MARK, (order.batch,))
                    other = batch.target if order.role == "source" else batch.source
                    values = (order.batch, order.role, other, order.token, array(sorted(batch.members)))
                    here = await session.value(_TAKE, values)
                else:
                    here = await session.value(_OWN, (order.batch, order.role, order.token))
                batch = await self._ask_journal(order, state)
                free = await self._free(session, order, sorted(batch.members))
                yield session, {member: batch.members[member] for member in free}, here
                await self._pass(order, NOT_COMMITTED)
            await self._pass(order, NOT_ANSWERED)
        except Unavailable:
            self._known.pop((order.batch, order.role), None)  # somebody is in the way: end them the next time
            raise
        self._known[order.batch, order.role] = order.token

    async def set_state(self, session: Session, order: Order, state: str) -> None:
        await session.execute(
            "UPDATE relocation SET state = %s WHERE batch_id = %s AND role = %s", (state, order.batch, order.role)
        )

    async def forget(self, order: Order) -> None:
        """The last word: the record goes."""
        async with self.site.importer.transaction(_BEGIN) as session:
            await session.execute(
                "DELETE FROM relocation WHERE batch_id = %s AND role = %s AND token = %s AND state <> 'open'",
                (order.batch, order.role, order.token),
            )
            await self._pass(order, NOT_COMMITTED)
        await self._pass(order, NOT_ANSWERED)
        self._known.pop((order.batch, order.role), None)

    async def _pass(self, order: Order, when: str) -> None:
        await self.journal.on_point(f"{type(order).__name__} at the {order.role}, {when}")

    async def _record(self, session: Session, order: Order, lock: str) -> Row:
        record = await session.one(f"{_RECORD} {lock}", (order.batch, order.role))
        if record is None:
            raise Superseded(f"batch {order.batch} is not at work at {self.site.name}")
        if bytes(record.token) != order.token:
            self._known.pop((order.batch, order.role), None)
            raise Superseded(f"batch {order.batch} has another coordinator now")
        if record.state != "open":
            raise Superseded(f"batch {order.batch} is {record.state} at {self.site.name}")
        return record

    async def _free(self, session: Session, order: Order, members: list[MemberId]) -> list[MemberId]:
        """Those members whom no other batch names here in this role: an order that comes late must not touch them."""
        others = await session.fetch(_OTHERS, (order.role, order.batch))
        taken = set().union(*(row.members for row in others))
        return [member for member in members if member not in taken]

    async def _learn_token(self, order: Order) -> None:
        """A token that is new here is asked of the journal, once; who worked under the one before is ended."""
        place = (order.batch, order.role)
        if self._known.get(place) == order.token:
            return
        found: list[Any] = await self.site.importer.run(_RECORD, place)
        if found and bytes(found[0].token) != order.token:
            if (await self.journal.find(order.batch)).token != order.token:
                raise Superseded(f"batch {order.batch} has another coordinator now")
            await self._end_others(order)
            async with self.site.importer.transaction(_BEGIN) as session:
                await session.execute(
                    "UPDATE relocation SET token = %s WHERE batch_id = %s AND role = %s AND token = %s",
                    (order.token, *place, bytes(found[0].token)),
                )
        self._known[place] = order.token

    async def _end_others(self, order: Order) -> None:
        async with self.site.importer.transaction(_AS_LOGIN) as session:
            await session.execute(_END, (order.batch,))

    async def _ask_journal(self, order: Order, state: str) -> Batch:
        """A batch that the journal has in this state, under this coordinator. Raises Superseded."""
        batch = await self.journal.find(order.batch)
        if batch.token != order.token:
            raise Superseded(f"batch {order.batch} has another coordinator now")
        if batch.state not in {"flipped": FLIPPED, "returned": RETURNED}.get(state, (state,)):
            raise Superseded(f"batch {order.batch} is {batch.state} and not {state}")
        if self.site.name != (batch.source if order.role == "source" else batch.target):
            raise Superseded(f"{self.site.name} is not the {order.role} of batch {order.batch}")
        return batch
