"""Halves of pairs on their way to the other member's home: a transactional outbox, delivered at least once.

The sender's home writes the parcel in the same transaction as its own half. A parcel carries opaque ids and a version;
the receiving half applies it only if the version is higher, so that repetition and disorder do no harm. The receiver
checks that its member is at home, else answers `moved`, and the sender asks the hub. What is lost all the same, or was
never written, is found and repaired by `reconciling`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Literal

import msgspec
import structlog

from domicile.border.crossing import Door
from domicile.border.persons import find_persons
from domicile.database import Row
from domicile.errors import DomicileError, NotFound, NotResident, Unavailable
from domicile.ids import MemberId, SiteName, Snowflake, country_of_site, next_snowflake
from domicile.placement.directory import Home
from domicile.placement.routing import Router, SiteReader, SiteWriter
from domicile.transport.exchange import Exchange, decode, encode

log = structlog.get_logger("domicile.delivery")

LONGEST_WAIT = timedelta(minutes=10)
REFUSED_WAIT = timedelta(days=1)

Receive = Callable[[SiteWriter, MemberId, bytes], Awaitable[bytes]]
"""Apply a parcel from a sender at the recipient's home; the bytes are the answer to the sender."""
Settle = Callable[[SiteWriter, MemberId, bytes], Awaitable[None]]
"""Take the recipient's answer at the sender's home, in the transaction that removes the parcel."""
Gone = Callable[[SiteWriter, MemberId, bytes], Awaitable[None]]
"""What the parcel (its body is given) refers to is gone at the recipient's home: note so at the sender's, likewise."""


# Of senders at home here: the parcels of who is arriving, or has just moved away, are another site's to deliver.
_WAITING = """
SELECT o.member_id, sequence, recipient, kind, body, attempts FROM outbox o
JOIN resident r ON r.member_id = o.member_id AND r.state = 'home' WHERE true"""


_DRAW = """
INSERT INTO pair_version AS v (member_id, last) VALUES (%(member)s, %(least)s)
ON CONFLICT (member_id) DO UPDATE SET last = greatest(v.last + 1, EXCLUDED.last) RETURNING last
"""


class Parcel(msgspec.Struct, array_like=True):
    """What arrives at the recipient's home."""

    sender: MemberId
    recipient: MemberId
    epoch: int
    kind: str
    body: bytes


class Receipt(msgspec.Struct, array_like=True):
    """`applied` with an answer; `moved`: not at home there; the receiver will never take it: `gone` or `refused`.

    `gone`: what it refers to, a post say, is there no more. `refused`: nobody is there, or the kind is not known.
    """

    outcome: Literal["applied", "moved", "gone", "refused"]
    answer: bytes = b""


async def post_parcel(writer: SiteWriter, recipient: MemberId, kind: str, body: msgspec.Struct) -> None:
    """Put a half into the outbox, in the transaction that writes the truth."""
    await writer.execute(
        f"WITH drawn AS ({_DRAW}) INSERT INTO outbox (member_id, sequence, recipient, kind, body, not_before)"
        " SELECT %(member)s, drawn.last, %(recipient)s, %(kind)s, %(body)s, %(now)s FROM drawn",
        {
            **_asked(writer, 0),
            "recipient": recipient,
            "kind": kind,
            "body": encode(body),
            "now": writer.now,
        },
    )


async def next_version(writer: SiteWriter, above: int = 0) -> Snowflake:
    """The next version for a pair of the writer's member: greater than all before it and than `above`.

    The last one is kept at home and moves along, so that also a home whose clock is behind draws higher ones. Drawn
    before anything else of the member's is locked: it lets those who write pairs of one member follow one another, also
    a reconciler that must know that nobody writes the truth that it misses.
    """
    return Snowflake(int(str(await writer.value(_DRAW, _asked(writer, above)))))


def _asked(writer: SiteWriter, above: int) -> dict[str, object]:
    return {"member": writer.member, "least": next_snowflake(writer.now, above)}


class Deliverer:
    """Empties outboxes. `flush(member)` right after a write; `deliver_due` from time to time for what is left."""

    def __init__(self, router: Router, door: Door, exchange: Exchange) -> None:
        self.router = router
        self.door = door
        self.exchange = exchange
        self._receive: dict[str, Receive] = {}
        self._settle: dict[str, Settle] = {}
        self._gone: dict[str, Gone] = {}

    def accept(self, kind: str, receive: Receive, settle: Settle | None = None, gone: Gone | None = None) -> None:
        """Say how parcels of a kind are applied, and what the sender does with the answer."""
        self._receive[kind] = receive
        if settle is not None:
            self._settle[kind] = settle
        if gone is not None:
            self._gone[kind] = gone

    async def receive(self, writer: SiteWriter, sender: MemberId, kind: str, body: bytes) -> bytes:
        """Apply what a parcel carries at the recipient's home; the answer to the sender. Raises NotFound."""
        return await self._receive[kind](writer, sender, body)

    def open_site(self, site: SiteName) -> None:
        async def serve(body: bytes) -> bytes:
            return encode(await self._serve(site, decode(body, Parcel)))

        self.exchange.serve(site, "parcel", serve)

    async def flush(self, member: MemberId) -> None:
        """Deliver what this member has just sent; whatever cannot be delivered now waits in the outbox."""
        home = await self.router.home_of(member)
        rows = await self.router.sites[home.site].app.run(
            f"{_WAITING} AND o.member_id = %s AND not_before <= %s ORDER BY sequence LIMIT 200",
            (member, self.router.clock()),
        )
        for row in rows:
            await self._deliver(home.site, row)

    async def deliver_due(self, site: SiteName, limit: int = 500) -> int:
        """Deliver parcels of a site whose time has come; how many were tried."""
        rows = await self.router.sites[site].app.run(
            f"{_WAITING} AND not_before <= %s ORDER BY not_before, o.member_id, sequence LIMIT %s",
            (self.router.clock(), limit),
        )
        for row in rows:
            await self._deliver(site, row)
        return len(rows)

    async def _deliver(self, site: SiteName, row: Row) -> None:
        try:
            receipt = await self._carry(site, row)
        except NotFound:
            receipt = Receipt("refused")  # an erased recipient: nobody will ever take it
        except (Unavailable, TimeoutError):
            await self._postpone(row, wait_after(row.attempts))
            return
        except DomicileError as error:
            log.warning("a parcel failed", kind=row.kind, detail=error.detail)
            await self._postpone(row, wait_after(row.attempts + 6))
            return
        if receipt is None:
            await self._postpone(row, REFUSED_WAIT)
            return
        try:
            await self._settle_parcel(row, receipt)
        except NotFound:
            log.info("a parcel's sender was erased while it was under way; the reconciler finds what it left")

    async def _carry(self, site: SiteName, row: Row) -> Receipt | None:
        """Take one parcel to the recipient's home; None when the border refuses the sender's id there."""
        for ask_hub in (False, True):
            home = await self.router.home_of(row.recipient, ask_hub=ask_hub)
            if home.site != site and (self.door.apart(site, home.site) or not await self._licensed(site, row, home)):
                return None
            parcel = Parcel(row.member_id, row.recipient, home.epoch, row.kind, bytes(row.body))
            async with asyncio.timeout(3):
                receipt = await self.exchange.ask(home.site, "parcel", parcel, Receipt)
            if receipt.outcome != "moved":
                return receipt
        raise NotResident("a parcel's recipient is on the move")

    async def _licensed(self, site: SiteName, row: Row, home: Home) -> bool:
        async def decide(reader: SiteReader) -> bool:
            person = (await find_persons(reader, [row.member_id]))[row.member_id]
            return await self.door.decide_ids(reader, person, country_of_site(home.site))

        return await self.router.read(row.member_id, decide)

    async def _settle_parcel(self, row: Row, receipt: Receipt) -> None:
        async def settle(writer: SiteWriter) -> None:
            taken = await writer.execute(
                "DELETE FROM outbox WHERE member_id = %s AND sequence = %s", (row.member_id, row.sequence)
            )
            if taken and receipt.outcome == "applied" and row.kind in self._settle:
                await self._settle[row.kind](writer, row.recipient, receipt.answer)
            elif taken and receipt.outcome == "gone" and row.kind in self._gone:
                await self._gone[row.kind](writer, row.recipient, bytes(row.body))

        await self.router.transact(row.member_id, settle)

    async def _postpone(self, row: Row, wait: timedelta) -> None:
        async def postpone(writer: SiteWriter) -> None:
            await writer.execute(
                "UPDATE outbox SET attempts = attempts + 1, not_before = %s WHERE member_id = %s AND sequence = %s",
                (writer.now + wait, row.member_id, row.sequence),
            )

        try:
            await self.router.transact(row.member_id, postpone)
        except NotFound:
            log.info("a parcel's sender was erased meanwhile")
        except Unavailable:
            log.info("a parcel waits: its sender's site does not answer either")

    async def _serve(self, site: SiteName, parcel: Parcel) -> Receipt:
        if parcel.kind not in self._receive:
            return Receipt("refused")

        async def apply(writer: SiteWriter) -> bytes:
            return await self.receive(writer, parcel.sender, parcel.kind, parcel.body)

        try:
            answer = await self.router.transact_at(site, parcel.recipient, apply, epoch=parcel.epoch)
        except NotResident:
            return Receipt("moved")
        except NotFound:
            return Receipt("gone")
        return Receipt("applied", answer)


def wait_after(attempts: int) -> timedelta:
    """How long to wait before what has failed so often is tried again."""
    return min(timedelta(seconds=2 ** min(attempts, 16)), LONGEST_WAIT)
