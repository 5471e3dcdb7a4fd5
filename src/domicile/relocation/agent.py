"""One site's side of a batch: it obeys the coordinator whose token the journal knows, and the journal before anybody.

Every order can be repeated: the second time it finds its work done. How orders of an overtaken coordinator are kept
from doing harm is in `holding`.
"""

import asyncio
import contextlib
import errno
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeVar

import msgspec

from domicile.database import Session, array
from domicile.errors import NoRoom, Unavailable
from domicile.ids import MemberId, country_of_site
from domicile.placement.files import Draft, empty_folders, erase_file, file_of, list_files, open_folders
from domicile.placement.ownership import Ownership
from domicile.placement.routing import Router
from domicile.placement.sites import Site
from domicile.relocation import residents, rows
from domicile.relocation.arrival import learn_routes, refuse_absent
from domicile.relocation.holding import Holding
from domicile.relocation.journal import Journal, Superseded
from domicile.relocation.messages import (
    VERSION,
    Begin,
    Close,
    Compare,
    Copied,
    Describe,
    Discard,
    Done,
    Drop,
    DropFiles,
    Erase,
    Erased,
    Export,
    Fence,
    Fenced,
    FilePiece,
    Files,
    GiveBack,
    Import,
    Keys,
    ListFiles,
    ListWhole,
    Members,
    Order,
    Reopen,
    SealedKeys,
    SendFiles,
    Settle,
    Shape,
    Sums,
    TakeFiles,
    TakeKeys,
    channel,
)
from domicile.relocation.residue import Keeper
from domicile.relocation.sealed_keys import open_keys, receiving_key, seal_keys
from domicile.relocation.shape import describe_tables, probe_hash
from domicile.transport.exchange import Exchange, decode, encode

O = TypeVar("O", bound=Order)  # noqa: E741 - an order
Take = Callable[[Session, list[MemberId], bool], Awaitable[list[MemberId]]]

TRACKING_S = 1.0
FENCING_S = 0.1
WAIT = "SET LOCAL lock_timeout = '50ms'"
"""How long it is waited for writers at work (they hold their member's row for milliseconds): in all, and for one."""
FILE_PIECE = 1 << 18

_OTHER = "SELECT other FROM relocation WHERE batch_id = %s AND role = %s"


class SiteAgent:
    """Answers a coordinator for one site. `open` makes it reachable."""

    def __init__(self, site: Site, ownership: Ownership, journal: Journal, router: Router, keeper: Keeper) -> None:
        self.site = site
        self.ownership = ownership
        self.router = router
        self.keeper = keeper
        self.holding = Holding(site, journal)

    def open(self, exchange: Exchange) -> None:
        """Take orders from now on."""
        handlers: list[tuple[type[Any], Callable[[Any], Awaitable[msgspec.Struct]]]] = [
            (Describe, self.describe),
            (Begin, self.begin),
            (Drop, self.drop),
            (Keys, self.seal_data_keys),
            (TakeKeys, self.take_data_keys),
            (ListFiles, self.list_files),
            (DropFiles, self.drop_files),
            (Fence, self.fence),
            (Compare, self.compare),
            (Settle, self.settle),
            (Erase, self.erase),
            (Discard, self.discard),
            (Reopen, self.reopen),
            (ListWhole, self.list_whole),
            (GiveBack, self.give_back),
            (Close, self.close),
        ]
        for kind, handle in handlers:
            exchange.serve(self.site.name, channel(kind), _served(kind, handle))
        exchange.serve_stream(self.site.name, channel(Export), lambda body: self.export(decode(body, Export)))
        exchange.serve_stream(self.site.name, channel(SendFiles), lambda body: self.send_files(decode(body, SendFiles)))
        exchange.take_stream(self.site.name, channel(Import), self._import)
        exchange.take_stream(self.site.name, channel(TakeFiles), self._take_files)

    async def describe(self, order: Describe) -> Shape:
        async with self.site.importer.transaction() as session:
            tables = await describe_tables(session, self.ownership)
            probe = await probe_hash(session)
        return Shape(VERSION, tables, probe, receiving_key(self.site.key).public_key().public_bytes_raw())

    async def begin(self, order: Begin) -> Members:
        """As source: note from now on what changes. As target: residents are `arriving`, under the next epoch."""
        async with self.holding.enter(order) as (session, members):
            epochs = {member: order.members[member] for member in members if member in order.members}
            if order.role == "target":
                return Members(await residents.receive_members(session, epochs))

        async def track(session: Session, some: list[MemberId], wait: bool) -> list[MemberId]:
            return await residents.track_members(session, {m: epochs[m] for m in some}, wait=wait)

        return Members(await self._take_all(order, list(epochs), track, TRACKING_S))

    async def drop(self, order: Drop) -> Done:
        async with self.holding.work(order, alone=True) as (session, members):
            dropped = sorted(set(order.members) & set(members))
            if order.role == "source":
                await residents.reopen_members(session, dropped)
            else:
                await self._discard(session, dropped)
            await session.execute(
                "UPDATE relocation SET members = %s::bigint[] WHERE batch_id = %s AND role = %s",
                (array(sorted(set(members) - set(dropped))), order.batch, order.role),
            )
        return Done()

    async def export(self, order: Export) -> AsyncGenerator[bytes]:
        """The rows in one snapshot, or the changes since."""
        async with self.holding.work(order, snapshot=True) as (session, members):
            export = rows.export_changes if order.changed else rows.export_rows
            present = await residents.present_members(session, order.role, members)
            async with contextlib.aclosing(export(session, self.ownership, present)) as frames:
                async for frame in frames:
                    yield frame

    async def _import(self, body: bytes, pieces: AsyncIterator[bytes]) -> bytes:
        order = decode(body, Import)
        async with self.holding.work(order) as (session, members):
            if order.anew:
                await rows.erase_rows(session, self.ownership, members, keys=False)
            take = rows.import_changes if order.changed else rows.import_rows
            return encode(await take(session, self.ownership, rows.Incoming(pieces)))

    async def seal_data_keys(self, order: Keys) -> SealedKeys:
        async with self.holding.work(order) as (session, members):
            present = await residents.present_members(session, order.role, members)
            found = await session.fetch(
                "SELECT member_id, wrapped FROM vault.data_key WHERE member_id = ANY (%s::bigint[])", (array(present),)
            )
        keys = [self.site.key.unwrap(row.member_id, bytes(row.wrapped)) for row in found]
        return seal_keys(keys, order.batch, order.public_key)

    async def take_data_keys(self, order: TakeKeys) -> Copied:
        keys = open_keys(order.sealed, order.batch, self.site.key)
        async with self.holding.work(order) as (session, _):
            await session.execute(
                "INSERT INTO vault.data_key (member_id, wrapped, site_key)"
                " SELECT m, w, %s FROM unnest(%s::bigint[], %b::bytea[]) AS t (m, w)"
                " ON CONFLICT (member_id) DO UPDATE SET wrapped = EXCLUDED.wrapped, site_key = EXCLUDED.site_key",
                (self.site.key.name, array(key.member for key in keys), [self.site.key.wrap(key) for key in keys]),
            )
        return Copied(len(keys), 0)

    async def list_files(self, order: ListFiles) -> Files:
        async with self.holding.work(order) as (session, members):
            present = await residents.present_members(session, order.role, members)
        return Files(await asyncio.to_thread(list_files, self.site.media, present))

    async def send_files(self, order: SendFiles) -> AsyncGenerator[bytes]:
        async with self.holding.work(order) as (_, members):
            of_batch = set(members)
        for member, digest in order.files:
            if member not in of_batch:
                continue
            try:
                source = file_of(self.site.media, member, digest).open("rb")
            except FileNotFoundError:
                continue
            with source:
                while piece := await asyncio.to_thread(source.read, FILE_PIECE):
                    yield encode(FilePiece(member, digest, piece))
        yield encode(FilePiece(end=True))

    async def _take_files(self, body: bytes, pieces: AsyncIterator[bytes]) -> bytes:
        """Each file under the batch's lock from its first piece to its last, so that a late one is not kept."""
        order = decode(body, TakeFiles)
        copied, coming = Copied(0, 0), decode(await anext(pieces), FilePiece)
        while not coming.end:
            async with self.holding.work(order) as (session, members):
                arriving = await residents.present_members(session, order.role, members)
                if coming.member not in arriving:
                    raise Superseded(f"batch {order.batch}: a file came for somebody who is not arriving")
                with self._room():
                    file = await asyncio.to_thread(Draft, self.site.media, coming.member, coming.digest)
                try:
                    whose = (coming.member, coming.digest)
                    while (coming.member, coming.digest) == whose and not coming.end:
                        await session.execute("SELECT 1")  # the lock still holds, now that the folder is open
                        with self._room():
                            await asyncio.to_thread(file.write, coming.piece)
                        coming = decode(await anext(pieces), FilePiece)
                    with self._room():
                        await asyncio.to_thread(file.keep)
                    copied = Copied(copied.rows + 1, copied.size + file.size)
                finally:
                    file.close()
        return encode(copied)

    @contextlib.contextmanager
    def _room(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise NoRoom(f"the media store of {self.site.name} has no room left") from error
            raise

    async def drop_files(self, order: DropFiles) -> Done:
        async with self.holding.work(order) as (session, members):
            arriving = set(await residents.present_members(session, order.role, members))
            for member, digest in order.files:
                if member in arriving:
                    await asyncio.to_thread(erase_file, self.site.media, member, digest)
        return Done()

    async def fence(self, order: Fence) -> Fenced:
        """Residents become `leaving`, row by row as their writers let go; who does not yield is not in the answer."""

        async def fence(session: Session, some: list[MemberId], wait: bool) -> list[MemberId]:
            return await residents.fence_members(session, some, wait=wait)

        fenced = await self._take_all(order, None, fence, FENCING_S)
        changed = await self.site.importer.run(
            "SELECT DISTINCT relation FROM changed WHERE member_id = ANY (%s::bigint[])", (array(fenced),)
        )
        return Fenced(fenced, [row.relation for row in changed])

    async def compare(self, order: Compare) -> Sums:
        async with self.holding.work(order, snapshot=True) as (session, members):
            present = await residents.present_members(session, order.role, members)
            return Sums(await rows.sum_rows(session, self.ownership, present, plain=order.plain))

    async def settle(self, order: Settle) -> Done:
        async with self.holding.follow(order, "flipped") as (session, members, state):
            if state == "settled":
                return Done()  # since then, somebody may have been erased
            if order.role == "source":
                await residents.settle_source(session, list(members))
            elif missing := await residents.settle_target(session, members):
                await refuse_absent(self.site.name, self.router, members, missing)
            await self.holding.set_state(session, order, "settled")
        return Done()

    async def erase(self, order: Erase) -> Erased:
        """After the flip nothing here is the truth any more: rows, data keys, files. Counts what is left afterwards.

        Only of those who have `moved`: somebody may have come back since the order was given. What a law or a hold says
        must stay is sealed as residue in the same transaction; the second time there is nothing more to seal.
        """
        async with self.holding.follow(order, "flipped") as (session, members, _):
            if await residents.lock_members(session, list(members), "leaving"):
                raise Superseded(f"batch {order.batch}: {self.site.name} erases only after it has settled")
            return await self._erase(session, order, await residents.lock_members(session, list(members), "moved"))

    async def list_whole(self, order: ListWhole) -> Members:
        async with self.holding.follow(order, "flipped") as (session, members, _):
            return Members(await residents.whole_members(session, members))

    async def give_back(self, order: GiveBack) -> Erased:
        """After a flip was taken back: as the hub says who is at home here, so it is.

        At the source they are served again. At the target, whatever came of them goes; and so does at the source what
        is left of somebody who was erased while the target was their home.
        """
        async with self.holding.follow(order, "returned") as (session, members, _):
            homes = await self.router.directory.homes(members)
            here = {m: e for m, e in members.items() if m in homes and homes[m].site == self.site.name}
            gone = {member: epoch for member, epoch in members.items() if member not in here}
            await residents.take_back_members(session, here)
            await self._discard(session, list(gone))
            erased = await self._erase(session, order, await residents.retire_members(session, gone))
            await self.holding.set_state(session, order, "undone")
        return erased

    async def discard(self, order: Discard) -> Done:
        async with self.holding.follow(order, "abandoned") as (session, members, _):
            await self._discard(session, list(members))
            await self.holding.set_state(session, order, "undone")
        return Done()

    async def reopen(self, order: Reopen) -> Done:
        async with self.holding.follow(order, "abandoned") as (session, members, _):
            await residents.reopen_members(session, list(members))
            await self.holding.set_state(session, order, "undone")
        return Done()

    async def close(self, order: Close) -> Done:
        """The last word: what the site kept of the batch goes. Learns where those live to whom new residents refer."""
        if order.role == "target":
            await learn_routes(self.site, self.router, self.ownership, order)
        await self.holding.forget(order)
        return Done()

    async def _take_all(
        self, order: Order, members: list[MemberId] | None, take: Take, patience_s: float
    ) -> list[MemberId]:
        """Take all whose rows nobody holds at once, then the others one by one as their writers let go of them."""
        end = time.monotonic() + patience_s
        async with self.holding.work(order) as (session, here):
            members = here if members is None else members
            taken = set(await take(session, members, False))
        for member in members:
            if member in taken or time.monotonic() > end:
                continue
            with contextlib.suppress(Unavailable):
                async with self.holding.work(order) as (session, _):
                    await session.execute(WAIT)
                    taken |= set(await take(session, [member], True))
        return sorted(taken)

    async def _discard(self, session: Session, members: list[MemberId]) -> None:
        """Everything that arrived of those who are `arriving`; nobody else's row or file is touched."""
        arriving = await residents.lock_members(session, members, "arriving")
        if not arriving:
            return  # as where the sites' tables differ: what is not the same here must not be asked for either
        await rows.erase_rows(session, self.ownership, arriving)
        await self._erase_files(session, arriving)
        await residents.remove_arriving(session, arriving)

    async def _erase(self, session: Session, order: Order, moved: list[MemberId]) -> Erased:
        """Rows, data keys and files of those who live elsewhere now, but for what must stay as residue."""
        other = await session.value(_OTHER, (order.batch, order.role))
        stayed = await self.keeper.leave(session, self.site, moved, country_of_site(other), order.batch)
        erased = await rows.erase_rows(session, self.ownership, moved)
        files = await self._erase_files(session, moved)
        left = await rows.count_rows(session, moved)
        await self.keeper.note_left(session, stayed, "moved", order.batch)
        return Erased(erased, files, left, await self.keeper.count_left(session, order.batch))

    async def _erase_files(self, session: Session, members: list[MemberId]) -> int:
        """The folders are opened while the session's locks hold; that they still do is asked before anything goes."""
        erased = 0
        with contextlib.closing(open_folders(self.site.media, members)) as some:
            for folders in some:
                await session.execute("SELECT 1")
                erased += await asyncio.to_thread(empty_folders, folders)
        return erased


def _served(kind: type[O], handle: Callable[[O], Awaitable[msgspec.Struct]]) -> Callable[[bytes], Awaitable[bytes]]:
    async def serve(body: bytes) -> bytes:
        return encode(await handle(decode(body, kind)))

    return serve
