"""The relocation journal at the hub: which members are on their way from where to where, and the only truth about it.

A batch is open until one transaction of the hub makes it `flipped` (the members' homes and epochs change in the same
transaction) or `abandoned`. No site leaves `leaving` or `arriving` on its own opinion: it follows the journal. Whoever
takes a batch over replaces its token, and nothing is accepted any more from the coordinator before.

Every step adds an entry to one chain of hashes, with the fields that the ledger's leaf will have.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from domicile.database import Database, Row, Session
from domicile.errors import Conflict, NotFound
from domicile.ids import MemberId, SiteName, next_snowflake
from domicile.lifecycle import Lifecycle
from domicile.placement.routing import Clock
from domicile.placement.sites import new_token

BATCH = Lifecycle(
    "batch",
    {
        "open": ("flipped", "abandoned"),
        "flipped": ("done",),
        "abandoned": ("undone",),
        "done": (),
        "undone": (),
    },
)
FIRST_LINK = bytes(32)


class Superseded(Conflict):
    """Another coordinator has taken this batch over, or it has been decided already."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Members on their way. `members` maps each to the epoch under which they leave."""

    number: int
    source: SiteName
    target: SiteName
    state: str
    token: bytes
    members: Mapping[MemberId, int]
    seen_at: datetime


class Journal:
    """Opens, decides and closes batches at the hub."""

    def __init__(self, hub: Database, clock: Clock) -> None:
        self.hub = hub
        self.clock = clock

    async def open_batch(self, source: SiteName, target: SiteName, members: Sequence[MemberId], reason: str) -> Batch:
        """A new batch of those members who live at `source` and are in no other. Raises NotFound if there are none."""
        now, token = self.clock(), new_token()
        async with self.hub.transaction() as hub:
            head = await hub.value("SELECT digest FROM relocation_head FOR UPDATE")
            rows = await hub.fetch(
                "SELECT h.member_id, h.epoch FROM home h WHERE h.member_id = ANY (%s) AND h.site = %s"
                " AND NOT EXISTS (SELECT FROM relocation_member m WHERE m.member_id = h.member_id AND m.moving)"
                " ORDER BY h.member_id FOR UPDATE",
                (list(members), source),
            )
            if not rows:
                raise NotFound(f"none of these members lives at {source} and is free to move")
            last = await hub.value("SELECT max(batch_id) FROM relocation")
            number = next_snowflake(now, last or 0)
            await hub.execute(
                "INSERT INTO relocation (batch_id, source, target, state, token, reason, opened_at, seen_at)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                (number, source, target, BATCH.start, token, reason, now, now),
            )
            await hub.execute_many(
                "INSERT INTO relocation_member (batch_id, member_id, epoch) VALUES (%s, %s, %s)",
                [(number, row.member_id, row.epoch) for row in rows],
            )
            fields = {"source": source, "target": target, "members": len(rows), "reason": reason}
            await _write(hub, bytes(head), number, "open", fields, now)
        epochs = {MemberId(row.member_id): int(row.epoch) for row in rows}
        return Batch(number, source, target, BATCH.start, token, epochs, now)

    async def drop_members(self, batch: Batch, members: Sequence[MemberId], why: str) -> None:
        """Members who did not yield, or were erased meanwhile, stay where they are. Raises Superseded."""
        if not members:
            return
        async with self.hub.transaction() as hub:
            await _guard(hub, batch, "open")
            await hub.execute(
                "UPDATE relocation_member SET moving = false WHERE batch_id = %s AND member_id = ANY (%s)",
                (batch.number, list(members)),
            )
        await self.note(batch, "drop", {"members": len(members), "why": why})

    async def flip(self, batch: Batch, counts: Mapping[str, Any]) -> None:
        """The one moment: homes, epochs and the batch's state change together, or nothing does. Raises Superseded."""
        async with self.hub.transaction() as hub:
            head = await hub.value("SELECT digest FROM relocation_head FOR UPDATE")
            await self._decide(hub, batch, "flipped")
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
            moving = await hub.value(
                "SELECT count(*) FROM relocation_member WHERE batch_id = %s AND moving", (batch.number,)
            )
            if flipped != moving:
                raise Superseded(f"batch {batch.number}: {moving - flipped} members are no longer at {batch.source}")
            await _write(hub, bytes(head), batch.number, "flip", {"members": flipped, **counts}, self.clock())

    async def abandon(self, batch: Batch, why: str) -> None:
        """From here the batch can only be undone. Raises Superseded if it is flipped, or not ours."""
        await self._change(batch, "abandoned", "abandon", {"why": why})

    async def close(self, batch: Batch, state: str, fields: Mapping[str, Any]) -> None:
        """`done` after `flipped`, `undone` after `abandoned`: both sites have followed."""
        async with self.hub.transaction() as hub:
            head = await hub.value("SELECT digest FROM relocation_head FOR UPDATE")
            await self._decide(hub, batch, state)
            await hub.execute("UPDATE relocation_member SET moving = false WHERE batch_id = %s", (batch.number,))
            await _write(hub, bytes(head), batch.number, state, fields, self.clock())

    async def _change(self, batch: Batch, state: str, step: str, fields: Mapping[str, Any]) -> None:
        async with self.hub.transaction() as hub:
            head = await hub.value("SELECT digest FROM relocation_head FOR UPDATE")
            await self._decide(hub, batch, state)
            await _write(hub, bytes(head), batch.number, step, fields, self.clock())

    async def _decide(self, hub: Session, batch: Batch, state: str) -> None:
        changed = await hub.execute(
            "UPDATE relocation SET state = %s, seen_at = %s WHERE batch_id = %s AND token = %s AND state = ANY (%s)",
            (state, self.clock(), batch.number, batch.token, BATCH.before(state)),
        )
        if not changed:
            raise Superseded(f"batch {batch.number} is not ours to make {state}")

    async def note(self, batch: Batch, step: str, fields: Mapping[str, Any]) -> None:
        """Write down a step that both sites have taken, and that the coordinator lives. Raises Superseded."""
        async with self.hub.transaction() as hub:
            head = await hub.value("SELECT digest FROM relocation_head FOR UPDATE")
            seen = await hub.execute(
                "UPDATE relocation SET seen_at = %s WHERE batch_id = %s AND token = %s",
                (self.clock(), batch.number, batch.token),
            )
            if not seen:
                raise Superseded(f"batch {batch.number} has another coordinator now")
            await _write(hub, bytes(head), batch.number, step, fields, self.clock())

    async def record_rate(
        self, source: SiteName, target: SiteName, members: int, rows: int, size: int, seconds: float
    ) -> None:
        """How fast a relocation was, for the next plan's estimate."""
        await self.hub.run(
            "INSERT INTO move_rate (source, target, measured_at, members, rows, bytes, seconds)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (source, target, self.clock(), members, rows, size, seconds),
        )

    async def take_over(self, number: int, silent_for: timedelta) -> Batch:
        """Become the coordinator of a batch whose own has been silent so long. Raises Superseded if it has not."""
        now = self.clock()
        rows = await self.hub.run(
            "UPDATE relocation SET token = %s, seen_at = %s WHERE batch_id = %s AND state <> ALL (%s)"
            " AND seen_at <= %s RETURNING batch_id",
            (new_token(), now, number, sorted(BATCH.ends), now - silent_for),
        )
        if not rows:
            raise Superseded(f"batch {number} is at work elsewhere, or closed")
        batch = await self.find(number)
        await self.note(batch, "take over", {"state": batch.state})
        return batch

    async def find(self, number: int) -> Batch:
        """A batch with the members still in it. Raises NotFound."""
        rows = await self.hub.run("SELECT * FROM relocation WHERE batch_id = %s", (number,))
        if not rows:
            raise NotFound(f"there is no batch {number}")
        members = await self.hub.run(
            "SELECT member_id, epoch FROM relocation_member WHERE batch_id = %s AND moving", (number,)
        )
        return _batch(rows[0], {MemberId(row.member_id): int(row.epoch) for row in members})

    async def unfinished(self) -> list[Batch]:
        """Every batch that is not closed, oldest first."""
        rows = await self.hub.run(
            "SELECT batch_id FROM relocation WHERE state <> ALL (%s) ORDER BY batch_id", (sorted(BATCH.ends),)
        )
        return [await self.find(row.batch_id) for row in rows]

    async def entries(self, number: int | None = None) -> list[Row]:
        """The chain, or one batch's part of it, in order."""
        where = "" if number is None else "WHERE batch_id = %s"
        params = () if number is None else (number,)
        return await self.hub.run(f"SELECT * FROM relocation_entry {where} ORDER BY number", params)

    async def is_intact(self) -> bool:
        """Whether every entry's hash is right and follows from the one before, up to the head."""
        previous = FIRST_LINK
        for row in await self.entries():
            if bytes(row.previous) != previous or bytes(row.digest) != _link(previous, row.batch_id, row.step, row):
                return False
            previous = bytes(row.digest)
        head = await self.hub.run("SELECT digest FROM relocation_head")
        return bytes(head[0].digest) == previous


async def _guard(hub: Session, batch: Batch, state: str) -> None:
    row = await hub.one(
        "SELECT 1 AS ours FROM relocation WHERE batch_id = %s AND token = %s AND state = %s FOR UPDATE",
        (batch.number, batch.token, state),
    )
    if row is None:
        raise Superseded(f"batch {batch.number} is not ours any more, or no longer {state}")


async def _write(
    hub: Session, previous: bytes, batch: int, step: str, fields: Mapping[str, Any], now: datetime
) -> None:
    """Add an entry. The caller holds the head's lock, so that the chain is one chain."""
    text = msgspec.json.encode(dict(sorted(fields.items()))).decode()
    digest = hashlib.sha256(previous + f"{batch}\0{step}\0{now.isoformat()}\0{text}".encode()).digest()
    await hub.execute(
        "INSERT INTO relocation_entry (number, batch_id, step, at, fields, previous, digest)"
        " SELECT number + 1, %s, %s, %s, %s, %s, %s FROM relocation_head",
        (batch, step, now.isoformat(), text, previous, digest),
    )
    await hub.execute("UPDATE relocation_head SET number = number + 1, digest = %s", (digest,))


def _link(previous: bytes, batch: int, step: str, row: Row) -> bytes:
    return hashlib.sha256(previous + f"{batch}\0{step}\0{row.at}\0{row.fields}".encode()).digest()


def _batch(row: Row, members: Mapping[MemberId, int]) -> Batch:
    source, target = SiteName(row.source), SiteName(row.target)
    return Batch(row.batch_id, source, target, row.state, bytes(row.token), members, row.seen_at)
