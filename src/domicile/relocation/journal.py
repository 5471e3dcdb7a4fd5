"""The relocation journal at the hub: which members are on their way from where to where, and the only truth about it.

A batch is open until one transaction of the hub makes it `flipped` (the members' homes and epochs change in the same
transaction) or `abandoned`. Where the source never answers again, the operator's word makes a flipped batch `vouched`:
the target settles without it, and what the source holds is `owed` until it comes back, if ever. Where the target has
lost its members, a flipped batch is `returned`: their home is the source again, and what a target that does not answer
may hold of them is `due`. No site leaves `leaving` or `arriving` on its own opinion: it follows the journal. Whoever
takes a batch over replaces its token, and nothing is accepted any more from the coordinator before.

How long a coordinator has been silent is told by the hub's own clock, which is nobody's fact.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from domicile.database import Database, Row, Session, array
from domicile.errors import Conflict, DomicileError, NotFound, Unavailable
from domicile.ids import MemberId, SiteName, next_snowflake
from domicile.lifecycle import Lifecycle
from domicile.placement.routing import Clock
from domicile.placement.sites import new_token
from domicile.placement.waits import longest_wait_ms
from domicile.relocation.chain import add_entry, is_intact, lock_head, read_entries
from domicile.relocation.points import NOT_ANSWERED, NOT_COMMITTED

BATCH = Lifecycle(
    "batch",
    {
        "open": ("flipped", "abandoned"),
        "flipped": ("done", "vouched", "returned"),
        "vouched": ("owed",),
        "owed": ("done",),
        "abandoned": ("undone", "due"),
        "returned": ("undone", "due"),
        "due": ("undone",),
        "done": (),
        "undone": (),
    },
)

FLIPPED = ("flipped", "vouched", "owed")
"""The states after the members' home has changed, until the batch is done."""
RETURNED = ("returned", "due")
"""The states after it has changed back, until the batch is undone."""
WAITING = ("owed", "due")
"""The states in which a lost site has yet to follow; its members are free."""
AT_WORK = sorted(BATCH.moves.keys() - BATCH.ends - set(WAITING))

BEAT_S = 2.0

# A coordinator that is stopped in the middle of a transaction must not hold up the hub: nobody could sign up.
_BEGIN = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '5s'; SET LOCAL lock_timeout = '10s'"


class Superseded(Conflict):
    """Another coordinator has taken this batch over, or it has been decided already."""


class Gone(Conflict):
    """Members of a batch are no longer where it found them (erased meanwhile). Nothing was moved."""

    default_safe = "This cannot be moved at the moment."


@dataclass(frozen=True, slots=True)
class Batch:
    """Members on their way. `members` maps each to the epoch under which they leave."""

    number: int
    source: SiteName
    target: SiteName
    state: str
    token: bytes
    members: Mapping[MemberId, int]


class Journal:
    """Opens, decides and closes batches at the hub.

    `on_point` is told each point inside an order or an entry (`points`) as it is passed: tests crash there.
    """

    def __init__(self, hub: Database, clock: Clock) -> None:
        self.hub = hub
        self.clock = clock
        self.on_point: Callable[[str], Awaitable[None]] = lambda point: asyncio.sleep(0)

    async def open_batch(self, source: SiteName, target: SiteName, members: Sequence[MemberId], reason: str) -> Batch:
        """A new batch of those members who live at `source` and are in no other. Raises NotFound if there are none."""
        now, token = self.clock(), new_token()
        async with self._entering("open") as (hub, head):
            rows = await hub.fetch(
                "SELECT h.member_id, h.epoch FROM home h WHERE h.member_id = ANY (%s::bigint[]) AND h.site = %s"
                " AND NOT EXISTS (SELECT FROM relocation_member m WHERE m.member_id = h.member_id AND m.moving)"
                " ORDER BY h.member_id FOR UPDATE",
                (array(members), source),
            )
            if not rows:
                raise NotFound(f"none of these members lives at {source} and is free to move")
            last = await hub.value("SELECT max(batch_id) FROM relocation")
            number = next_snowflake(now, last or 0)
            await hub.execute(
                "INSERT INTO relocation (batch_id, source, target, state, token, reason, opened_at, seen_at)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, clock_timestamp())",
                (number, source, target, BATCH.start, token, reason, now),
            )
            epochs = {MemberId(row.member_id): int(row.epoch) for row in rows}
            await hub.execute(
                "INSERT INTO relocation_member (batch_id, member_id, epoch)"
                " SELECT %s, m, e FROM unnest(%s::bigint[], %s::int[]) AS t (m, e)",
                (number, array(epochs), array(epochs.values())),
            )
            fields = {"source": source, "target": target, "members": len(rows), "reason": reason}
            await add_entry(hub, head, number, "open", fields, now)
        return Batch(number, source, target, BATCH.start, token, epochs)

    async def drop_members(self, batch: Batch, members: Sequence[MemberId], why: str) -> None:
        """Members who did not yield, or were erased meanwhile, are free again: both sites have dropped them."""
        async with self._entering("drop") as (hub, head):
            await _guard(hub, batch)
            await hub.execute(
                "UPDATE relocation_member SET moving = false WHERE batch_id = %s AND member_id = ANY (%s::bigint[])",
                (batch.number, array(members)),
            )
            await add_entry(hub, head, batch.number, "drop", {"members": len(members), "why": why}, self.clock())

    async def flip(self, batch: Batch, members: int, counts: Mapping[str, Any]) -> None:
        """The one moment: homes, epochs and the batch's state change together, or nothing does.

        `members` is how many the coordinator believes to be on their way. Raises Superseded, or Gone.
        """
        async with self._entering("flip") as (hub, head):
            await _decide(hub, batch, "flipped")
            await hub.execute(
                "INSERT INTO interest SELECT %s, member_id FROM relocation_member WHERE batch_id = %s AND moving"
                " ON CONFLICT DO NOTHING",
                (batch.source, batch.number),
            )
            flipped = await hub.execute(
                "UPDATE home SET site = %(target)s, epoch = home.epoch + 1 FROM relocation_member m"
                " WHERE m.batch_id = %(batch)s AND m.moving AND home.member_id = m.member_id"
                " AND home.site = %(source)s AND home.epoch = m.epoch",
                {"batch": batch.number, "source": batch.source, "target": batch.target},
            )
            if flipped != members:
                raise Gone(f"batch {batch.number}: of {members} members {flipped} are still at {batch.source}")
            await add_entry(hub, head, batch.number, "flip", {"members": flipped, **counts}, self.clock())

    async def abandon(self, batch: Batch, why: str) -> None:
        """From here the batch can only be undone. Raises Superseded if it is flipped, or not ours."""
        async with self._entering("abandon") as (hub, head):
            await _decide(hub, batch, "abandoned")
            await add_entry(hub, head, batch.number, "abandon", {"why": why}, self.clock())

    async def close(self, batch: Batch, state: str, fields: Mapping[str, Any]) -> None:
        """`done`, or `undone` if it was not flipped or that was taken back: both sites have followed and forgotten."""
        async with self._entering(state) as (hub, head):
            await _decide(hub, batch, state)
            await hub.execute("UPDATE relocation_member SET moving = false WHERE batch_id = %s", (batch.number,))
            await add_entry(hub, head, batch.number, state, fields, self.clock())

    async def vouch(self, batch: Batch, why: str) -> None:
        """The operator's word that the source will not answer again: the target need not wait for it any longer."""
        async with self._entering("vouch") as (hub, head):
            await _decide(hub, batch, "vouched")
            fields = {"without": batch.source, "members": len(batch.members), "why": why}
            await add_entry(hub, head, batch.number, "vouch", fields, self.clock())

    async def give_back(self, batch: Batch, whole: Sequence[MemberId], why: str) -> None:
        """The other moment: what was flipped flips back, as the target has lost them. Raises Superseded.

        `whole` are those of whom the source still has everything. Raises Gone if the target alone has others.
        """
        async with self._entering("return") as (hub, head):
            await _decide(hub, batch, "returned")
            await hub.execute(
                "INSERT INTO interest SELECT %s, member_id FROM home WHERE member_id = ANY (%s::bigint[])"
                " ON CONFLICT DO NOTHING",
                (batch.target, array(whole)),
            )
            returned = await hub.fetch(
                "UPDATE home SET site = %(source)s, epoch = home.epoch + 1 FROM relocation_member m"
                " WHERE m.batch_id = %(batch)s AND m.moving AND home.member_id = m.member_id"
                " AND home.site = %(target)s AND home.epoch = m.epoch + 1 RETURNING home.member_id",
                {"batch": batch.number, "source": batch.source, "target": batch.target},
            )
            if others := {row.member_id for row in returned}.difference(whole):
                has_erased = f"{batch.source} has erased {len(others)} members"
                raise Gone(f"batch {batch.number}: {has_erased}, and only {batch.target} may have them: restore it")
            fields = {"members": len(returned), "to": batch.source, "why": why}
            await add_entry(hub, head, batch.number, "return", fields, self.clock())

    async def owe(self, batch: Batch, state: str) -> None:
        """One site has followed: its members are free. What the lost one may hold waits for whoever finds it again.

        `owed` by the source of a batch that was vouched for, `due` from the target of one that is returned or undone.
        """
        async with self._entering("owe") as (hub, head):
            await _decide(hub, batch, state)
            await hub.execute(
                "UPDATE relocation SET seen_at = clock_timestamp() - interval '1 hour' WHERE batch_id = %s",
                (batch.number,),
            )
            await hub.execute("UPDATE relocation_member SET moving = false WHERE batch_id = %s", (batch.number,))
            site = batch.source if state == "owed" else batch.target
            await add_entry(hub, head, batch.number, "owe", {"site": site}, self.clock())

    async def note(self, batch: Batch, step: str, fields: Mapping[str, Any]) -> None:
        """Write down a step that both sites have taken. Raises Superseded."""
        async with self._entering(step) as (hub, head):
            await _guard(hub, batch)
            await add_entry(hub, head, batch.number, step, fields, self.clock())

    async def beat(self, batch: Batch) -> None:
        """The coordinator lives. Raises Superseded."""
        seen = await self.hub.run(
            "UPDATE relocation SET seen_at = clock_timestamp() WHERE batch_id = %s AND token = %s RETURNING 1",
            (batch.number, batch.token),
        )
        if not seen:
            raise Superseded(f"batch {batch.number} has another coordinator now")

    async def take_over(self, number: int, silent_for: timedelta) -> Batch:
        """Become the coordinator of a batch whose own has been silent so long. Raises Superseded if it has not."""
        async with self._entering("take over") as (hub, head):
            state = await hub.value(
                "UPDATE relocation SET token = %s, seen_at = clock_timestamp() WHERE batch_id = %s"
                " AND state <> ALL (%s) AND seen_at <= clock_timestamp() - %s RETURNING state",
                (new_token(), number, sorted(BATCH.ends), silent_for),
            )
            if state is None:
                raise Superseded(f"batch {number} is at work elsewhere, or closed")
            await add_entry(hub, head, number, "take over", {"state": state}, self.clock())
        return await self.find(number)

    async def find(self, number: int) -> Batch:
        """A batch with the members still in it (if a lost site has yet to follow, all it ever had). Raises NotFound."""
        rows = await self.hub.run(
            "SELECT r.*, m.* FROM relocation r LEFT JOIN LATERAL (SELECT array_agg(member_id) AS members,"
            " array_agg(o.epoch) AS epochs FROM relocation_member o"
            "   WHERE o.batch_id = r.batch_id AND (moving OR r.state = ANY (%s))) m ON true"
            " WHERE r.batch_id = %s",
            (list(WAITING), number),
        )
        if not rows:
            raise NotFound(f"there is no batch {number}")
        found = rows[0]
        members = dict(zip(map(MemberId, found.members or ()), found.epochs or (), strict=True))
        return Batch(number, SiteName(found.source), SiteName(found.target), found.state, bytes(found.token), members)

    async def state_of(self, batch: Batch) -> str:
        """The state of a batch of ours. Raises Superseded."""
        rows = await self.hub.run("SELECT state, token FROM relocation WHERE batch_id = %s", (batch.number,))
        if not rows or bytes(rows[0].token) != batch.token:
            raise Superseded(f"batch {batch.number} has another coordinator now")
        return str(rows[0].state)

    @contextlib.asynccontextmanager
    async def _entering(self, entry: str) -> AsyncIterator[tuple[Session, bytes]]:
        """The transaction of an entry, with the head of the chain locked for it."""
        async with self.hub.transaction(_BEGIN) as hub:
            yield hub, await lock_head(hub)
            await self.on_point(f"{entry} in the journal, {NOT_COMMITTED}")
        await self.on_point(f"{entry} in the journal, {NOT_ANSWERED}")

    async def unfinished(self) -> list[int]:
        """Every batch that somebody must complete or undo, oldest first."""
        rows = await self.hub.run(
            "SELECT batch_id FROM relocation WHERE state = ANY (%s) ORDER BY batch_id", (AT_WORK,)
        )
        return [row.batch_id for row in rows]

    async def waiting(self) -> list[tuple[int, SiteName]]:
        """Every batch that was concluded without one of its sites, with that site."""
        rows = await self.hub.run(
            "SELECT batch_id, CASE state WHEN 'owed' THEN source ELSE target END AS site FROM relocation"
            " WHERE state = ANY (%s) ORDER BY batch_id",
            (list(WAITING),),
        )
        return [(row.batch_id, SiteName(row.site)) for row in rows]

    @contextlib.asynccontextmanager
    async def beating(self, batch: Batch) -> AsyncIterator[None]:
        """Tell the hub that this coordinator lives, while it works on the batch."""

        async def beat() -> None:
            while True:
                await asyncio.sleep(BEAT_S)
                with contextlib.suppress(Unavailable):
                    await self.beat(batch)

        beating = asyncio.create_task(beat())
        try:
            yield
        finally:
            beating.cancel()
            with contextlib.suppress(asyncio.CancelledError, DomicileError):
                await beating

    async def record_rate(
        self, source: SiteName, target: SiteName, members: int, rows: int, size: int, seconds: float
    ) -> None:
        """How fast a relocation was, for the next plan's estimate."""
        await self.hub.run(
            "INSERT INTO move_rate (source, target, measured_at, members, rows, bytes, seconds)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (source, target, self.clock(), members, rows, size, seconds),
        )

    async def longest_wait_ms(self) -> float | None:
        """How long members' writes wait at present, as the network's processes tell the hub."""
        return await longest_wait_ms(self.hub)

    async def entries(self, number: int | None = None) -> list[Row]:
        return await read_entries(self.hub, number)

    async def is_intact(self) -> bool:
        return await is_intact(self.hub)


async def _guard(hub: Session, batch: Batch) -> None:
    """The batch is ours and open, and stays so until the transaction ends."""
    ours = await hub.execute(
        "UPDATE relocation SET seen_at = clock_timestamp() WHERE batch_id = %s AND token = %s AND state = %s",
        (batch.number, batch.token, BATCH.start),
    )
    if not ours:
        raise Superseded(f"batch {batch.number} is not ours any more, or no longer open")


async def _decide(hub: Session, batch: Batch, state: str) -> None:
    changed = await hub.execute(
        "UPDATE relocation SET state = %s, seen_at = clock_timestamp()"
        " WHERE batch_id = %s AND token = %s AND state = ANY (%s)",
        (state, batch.number, batch.token, BATCH.before(state)),
    )
    if not changed:
        raise Superseded(f"batch {batch.number} is not ours to make {state}")
