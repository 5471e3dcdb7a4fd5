"""One site's side of a batch: it obeys the coordinator whose token the journal knows, and the journal before anybody.

Every order can be repeated: the second time it finds its work done. Work on rows holds a share of the batch's row at
the site; whoever brings a new token, discards or closes waits for it. So nothing that an overtaken coordinator has
begun can land after its successor has cleaned up.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from domicile.database import Row, Session, array
from domicile.errors import NotFound
from domicile.ids import MemberId
from domicile.placement.directory import Directory
from domicile.placement.files import erase_files, file_of, keep_file, list_files
from domicile.placement.ownership import Ownership
from domicile.placement.sites import Site
from domicile.relocation import rows
from domicile.relocation.journal import Journal, Superseded
from domicile.relocation.messages import (
    Begin,
    Close,
    Compare,
    Copied,
    Describe,
    Discard,
    Done,
    Drop,
    Erase,
    Erased,
    Export,
    Fence,
    File,
    Files,
    Import,
    Keys,
    ListFiles,
    Members,
    Order,
    Reopen,
    SealedKeys,
    SendFile,
    Settle,
    Shape,
    Sums,
    TakeFile,
    TakeKeys,
)
from domicile.relocation.sealed_keys import open_keys, receiving_key, seal_keys
from domicile.relocation.shape import describe_tables, probe_hash
from domicile.transport.exchange import Exchange, decode, encode

O = TypeVar("O", bound=Order)  # noqa: E741 - an order

YIELD_ROUNDS = 10
YIELD_PAUSE_S = 0.02
"""How long a fence waits for writers at work: they hold their member's row for milliseconds."""

_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ"


class SiteAgent:
    """Answers a coordinator for one site. `open` makes it reachable."""

    def __init__(self, site: Site, ownership: Ownership, journal: Journal, directory: Directory) -> None:
        self.site = site
        self.ownership = ownership
        self.journal = journal
        self.directory = directory

    def open(self, exchange: Exchange) -> None:
        """Take orders from now on."""
        handlers: list[tuple[type[Any], Callable[[Any], Awaitable[msgspec.Struct]]]] = [
            (Describe, self.describe),
            (Begin, self.begin),
            (Drop, self.drop),
            (Keys, self.seal_data_keys),
            (TakeKeys, self.take_data_keys),
            (ListFiles, self.list_files),
            (SendFile, self.send_file),
            (TakeFile, self.take_file),
            (Fence, self.fence),
            (Compare, self.compare),
            (Settle, self.settle),
            (Erase, self.erase),
            (Discard, self.discard),
            (Reopen, self.reopen),
            (Close, self.close),
        ]
        for kind, handle in handlers:
            exchange.serve(self.site.name, channel(kind), _served(kind, handle))
        exchange.serve_stream(self.site.name, channel(Export), lambda body: self.export(decode(body, Export)))
        exchange.take_stream(self.site.name, channel(Import), self._import)

    async def describe(self, order: Describe) -> Shape:
        async with self.site.importer.transaction() as session:
            tables = await describe_tables(session, self.ownership)
            probe = await probe_hash(session)
        return Shape(tables, probe, receiving_key(self.site.key).public_key().public_bytes_raw())

    async def begin(self, order: Begin) -> Members:
        """As source: note from now on what changes. As target: residents are `arriving`, under the next epoch."""
        await self._follow(order, "open")
        async with self.site.importer.transaction() as session:
            await session.execute(
                "INSERT INTO relocation (batch_id, role, other, state, token, members, began_at)"
                " VALUES (%s, %s, %s, 'open', %s, %s, now()) ON CONFLICT DO NOTHING",
                (order.batch, order.role, order.other, order.token, list(order.members)),
            )
        if order.role == "source":
            return Members(await self._by_rounds(order, list(order.members), self._track))
        async with self._hold(order) as (session, _):
            await session.execute_many(
                "INSERT INTO resident (member_id, state, epoch) VALUES (%s, 'arriving', %s)"
                " ON CONFLICT (member_id) DO UPDATE SET state = 'arriving', epoch = EXCLUDED.epoch"
                " WHERE resident.state = 'moved' AND resident.epoch < EXCLUDED.epoch",
                [(member, epoch + 1) for member, epoch in order.members.items()],
            )
            found = await session.fetch(
                "SELECT member_id FROM resident WHERE member_id = ANY (%s) AND state = 'arriving'",
                (list(order.members),),
            )
        return Members([MemberId(row.member_id) for row in found])

    async def drop(self, order: Drop) -> Done:
        async with self._hold(order) as (session, _):
            if order.role == "source":
                await self._untrack(session, order.members)
            else:
                await self._discard_members(session, order.members)
        return Done()

    async def export(self, order: Export) -> AsyncGenerator[bytes]:
        """The rows in one snapshot, or the changes since."""
        async with self._hold(order, _SNAPSHOT) as (session, batch):
            export = rows.export_changes if order.changed else rows.export_rows
            members = await self._present(session, order, batch)
            async with contextlib.aclosing(export(session, self.ownership, members)) as frames:
                async for frame in frames:
                    yield frame

    async def _import(self, body: bytes, pieces: AsyncIterator[bytes]) -> bytes:
        order = decode(body, Import)
        async with self._hold(order) as (session, _):
            take = rows.import_changes if order.changed else rows.import_rows
            return encode(await take(session, self.ownership, rows.Incoming(pieces)))

    async def seal_data_keys(self, order: Keys) -> SealedKeys:
        async with self._hold(order) as (session, batch):
            members = await self._present(session, order, batch)
            found = await session.fetch(
                "SELECT member_id, wrapped FROM vault.data_key WHERE member_id = ANY (%s)", (members,)
            )
        keys = [self.site.key.unwrap(row.member_id, bytes(row.wrapped)) for row in found]
        return seal_keys(keys, order.batch, order.public_key)

    async def take_data_keys(self, order: TakeKeys) -> Copied:
        keys = open_keys(order.sealed, order.batch, self.site.key)
        async with self._hold(order) as (session, _):
            await session.execute_many(
                "INSERT INTO vault.data_key (member_id, wrapped, site_key) VALUES (%s, %s, %s)"
                " ON CONFLICT (member_id) DO UPDATE SET wrapped = EXCLUDED.wrapped, site_key = EXCLUDED.site_key",
                [(key.member, self.site.key.wrap(key), self.site.key.name) for key in keys],
            )
        return Copied(len(keys), 0)

    async def list_files(self, order: ListFiles) -> Files:
        async with self._hold(order) as (session, batch):
            members = await self._present(session, order, batch)
        return Files(await asyncio.to_thread(list_files, self.site.media, members))

    async def send_file(self, order: SendFile) -> File:
        async with self._hold(order):
            file = file_of(self.site.media, order.member, order.digest)
            try:
                return File(await asyncio.to_thread(file.read_bytes))
            except FileNotFoundError:
                return File(None)

    async def take_file(self, order: TakeFile) -> Done:
        async with self._hold(order):
            kept = await asyncio.to_thread(keep_file, self.site.media, order.member, order.content)
        if kept != order.digest:
            raise NotFound("a file arrived that is not what its digest says")
        return Done()

    async def fence(self, order: Fence) -> Members:
        """Residents become `leaving`, row by row as their writers let go; who does not yield is not in the answer."""
        async with self._hold(order) as (_, batch):
            members = [MemberId(member) for member in batch.members]
        return Members(await self._by_rounds(order, members, self._fence))

    async def compare(self, order: Compare) -> Sums:
        async with self._hold(order, _SNAPSHOT) as (session, batch):
            members = await self._present(session, order, batch)
            return Sums(await rows.sum_rows(session, self.ownership, members, plain=order.plain))

    async def settle(self, order: Settle) -> Done:
        members = await self._follow(order, "flipped")
        async with self._hold(order, exclusive=True) as (session, _):
            if order.role == "source":
                await session.execute(
                    "UPDATE resident SET state = 'moved', tracked = false WHERE member_id = ANY (%s)"
                    " AND state = 'leaving'",
                    (members,),
                )
                await session.execute("DELETE FROM changed WHERE member_id = ANY (%s)", (members,))
            else:
                await session.execute(
                    "UPDATE resident SET state = 'home' WHERE member_id = ANY (%s) AND state = 'arriving'", (members,)
                )
            await session.execute(
                "UPDATE relocation SET state = 'settled' WHERE batch_id = %s AND role = %s", (order.batch, order.role)
            )
        return Done()

    async def erase(self, order: Erase) -> Erased:
        """After the flip nothing here is the truth any more: rows, data keys, files. Counts what is left afterwards."""
        members = await self._follow(order, "flipped")
        async with self._hold(order, exclusive=True) as (session, batch):
            if batch.state != "settled":
                raise Superseded(f"batch {order.batch}: the source erases only after it has settled")
            erased = await rows.erase_rows(session, self.ownership, members)
        files = await asyncio.to_thread(erase_files, self.site.media, members)
        async with self.site.importer.transaction() as session:
            left = await rows.count_rows(session, self.ownership, members)
        return Erased(erased, files, left)

    async def discard(self, order: Discard) -> Done:
        await self._follow(order, "abandoned")
        async with self._hold(order, exclusive=True, absent=True) as (session, batch):
            if batch is not None:
                await self._discard_members(session, [MemberId(member) for member in batch.members])
                await session.execute(
                    "UPDATE relocation SET state = 'discarded' WHERE batch_id = %s AND role = %s",
                    (order.batch, order.role),
                )
        return Done()

    async def reopen(self, order: Reopen) -> Done:
        await self._follow(order, "abandoned")
        async with self._hold(order, exclusive=True, absent=True) as (session, batch):
            if batch is not None:
                members = [MemberId(member) for member in batch.members]
                await session.execute(
                    "UPDATE resident SET state = 'home' WHERE member_id = ANY (%s) AND state = 'leaving'", (members,)
                )
                await self._untrack(session, members)
                await session.execute(
                    "UPDATE relocation SET state = 'reopened' WHERE batch_id = %s AND role = %s",
                    (order.batch, order.role),
                )
        return Done()

    async def close(self, order: Close) -> Done:
        """The last word: what the site kept of the batch goes. Learns interest in whom the new residents refer to."""
        if order.role == "target":
            await self._note_interest(order)
        await self.site.importer.run(
            "DELETE FROM relocation WHERE batch_id = %s AND role = %s AND state <> 'open'", (order.batch, order.role)
        )
        return Done()

    async def _note_interest(self, order: Order) -> None:
        batch = await self._batch(order)
        if batch is None or batch.state != "settled":
            return
        known: set[MemberId] = set()
        for owned in self.ownership.owned:
            for column, what in owned.remotes.items():
                if what == "member":
                    query = f'SELECT DISTINCT "{column}" AS other FROM {owned.name} WHERE {owned.owner} = ANY (%s)'
                    known |= {row.other for row in await self.site.importer.run(query, (batch.members,)) if row.other}
        if known:
            await self.directory.note_interest(self.site.name, sorted(known))

    async def _follow(self, order: Order, state: str) -> list[MemberId]:
        """The members of a batch that the journal has in this state, under this coordinator. Raises Superseded."""
        batch = await self.journal.find(order.batch)
        if batch.token != order.token:
            raise Superseded(f"batch {order.batch} has another coordinator now")
        if batch.state != state:
            raise Superseded(f"batch {order.batch} is {batch.state} and not {state}")
        if self.site.name != (batch.source if order.role == "source" else batch.target):
            raise Superseded(f"{self.site.name} is not the {order.role} of batch {order.batch}")
        return sorted(batch.members)

    @contextlib.asynccontextmanager
    async def _hold(
        self, order: Order, begin: str = "BEGIN", *, exclusive: bool = False, absent: bool = False
    ) -> AsyncIterator[tuple[Session, Any]]:
        """A transaction that holds the batch's row here. A token unknown here is asked of the journal, once."""
        await self._learn_token(order)
        lock = "UPDATE" if exclusive else "SHARE"
        async with self.site.importer.transaction(begin) as session:
            batch = await session.one(
                f"SELECT token, state, members FROM relocation WHERE batch_id = %s AND role = %s FOR {lock}",
                (order.batch, order.role),
            )
            if batch is None and not absent:
                raise Superseded(f"batch {order.batch} is not at work at {self.site.name}")
            if batch is not None and bytes(batch.token) != order.token:
                raise Superseded(f"batch {order.batch} has another coordinator now")
            if batch is not None and batch.state in ("discarded", "reopened") and not absent:
                raise Superseded(f"batch {order.batch} is undone at {self.site.name}")
            yield session, batch

    async def _learn_token(self, order: Order) -> None:
        batch = await self._batch(order)
        if batch is None or bytes(batch.token) == order.token:
            return
        if (await self.journal.find(order.batch)).token != order.token:
            raise Superseded(f"batch {order.batch} has another coordinator now")
        await self.site.importer.run(
            "UPDATE relocation SET token = %s WHERE batch_id = %s AND role = %s",
            (order.token, order.batch, order.role),
        )

    async def _batch(self, order: Order) -> Row | None:
        found = await self.site.importer.run(
            "SELECT token, state, members FROM relocation WHERE batch_id = %s AND role = %s", (order.batch, order.role)
        )
        return found[0] if found else None

    async def _present(self, session: Session, order: Order, batch: Row) -> list[MemberId]:
        """The batch's members who are on their way here: tracked or leaving at the source, arriving at the target."""
        where = "(tracked OR state = 'leaving')" if order.role == "source" else "state = 'arriving'"
        found = await session.fetch(
            f"SELECT member_id FROM resident WHERE member_id = ANY (%s) AND {where} ORDER BY member_id",
            (batch.members,),
        )
        return [MemberId(row.member_id) for row in found]

    async def _by_rounds(
        self, order: Order, members: list[MemberId], take: Callable[[Session, list[MemberId]], Awaitable[list[Row]]]
    ) -> list[MemberId]:
        """Take members whose rows nobody holds, and come back a few times for those at whose rows a writer is."""
        taken: set[MemberId] = set()
        for _ in range(YIELD_ROUNDS):
            rest = [member for member in members if member not in taken]
            async with self._hold(order) as (session, _batch):
                taken |= {MemberId(row.member_id) for row in await take(session, rest)}
            if len(taken) == len(members):
                break
            await asyncio.sleep(YIELD_PAUSE_S)
        return sorted(taken)

    async def _track(self, session: Session, members: list[MemberId]) -> list[Row]:
        """The lock waits for writers, and the changed row tells later ones, at any isolation level."""
        await session.execute(
            "DELETE FROM changed c USING resident r WHERE c.member_id = ANY (%s) AND r.member_id = c.member_id"
            " AND NOT r.tracked",
            (members,),
        )
        return await session.fetch(
            "WITH free AS (SELECT member_id FROM resident WHERE member_id = ANY (%s) AND state = 'home'"
            " ORDER BY member_id FOR UPDATE SKIP LOCKED)"
            " UPDATE resident r SET tracked = true FROM free WHERE r.member_id = free.member_id RETURNING r.member_id",
            (members,),
        )

    async def _fence(self, session: Session, members: list[MemberId]) -> list[Row]:
        return await session.fetch(
            "WITH free AS (SELECT member_id FROM resident WHERE member_id = ANY (%s)"
            " AND (state = 'leaving' OR (state = 'home' AND tracked)) ORDER BY member_id FOR UPDATE SKIP LOCKED)"
            " UPDATE resident r SET state = 'leaving' FROM free WHERE r.member_id = free.member_id"
            " RETURNING r.member_id",
            (members,),
        )

    async def _untrack(self, session: Session, members: list[MemberId]) -> None:
        await session.execute("UPDATE resident SET tracked = false WHERE member_id = ANY (%s) AND tracked", (members,))
        await session.execute("DELETE FROM changed WHERE member_id = ANY (%s::bigint[])", (array(members),))

    async def _discard_members(self, session: Session, members: list[MemberId]) -> None:
        """Everything that arrived of those who are `arriving`; nobody else's row is touched."""
        found = await session.fetch(
            "SELECT member_id FROM resident WHERE member_id = ANY (%s) AND state = 'arriving' FOR UPDATE", (members,)
        )
        arriving = [MemberId(row.member_id) for row in found]
        await rows.erase_rows(session, self.ownership, arriving)
        await session.execute("DELETE FROM resident WHERE member_id = ANY (%s) AND state = 'arriving'", (arriving,))
        await asyncio.to_thread(erase_files, self.site.media, arriving)


def channel(kind: type[Order]) -> str:
    """The channel on which orders of a kind arrive."""
    return f"relocation.{kind.__name__}"


def _served(kind: type[O], handle: Callable[[O], Awaitable[msgspec.Struct]]) -> Callable[[bytes], Awaitable[bytes]]:
    async def serve(body: bytes) -> bytes:
        return encode(await handle(decode(body, kind)))

    return serve
