"""What sites tell each other of the halves of pairs, so that what a parcel did not do is found.

The home of the truths asks; the home of the halves answers with hashes under a salt of the question's own. In clear
stands only the truth's member, who is the asker's own: which of the answerer's members has the other half is told to
nobody who does not know it. Counts of buckets tell of no pair.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec

from domicile.border.delivery import Deliverer
from domicile.database import Row, array
from domicile.errors import NotResident
from domicile.ids import SEQUENCE_BITS, MemberId, SiteName, milliseconds
from domicile.placement.pairs import AT_HOME, BUCKETS, Pair, PairTable, count_by_bucket, parcels_of
from domicile.placement.routing import Router, SiteWriter
from domicile.transport.exchange import Exchange, decode, encode

PATIENCE = timedelta(hours=1)
"""How long a tombstone stands at least: no parcel from before it is on its way any more."""
TOMBSTONES_AT_ONCE = 2000

_HALVES = f"""
SELECT {{truth}} AS member, {{couple}} AS couple, key, {{content}} AS content, {{version}} AS version,
  NOT {{dead}} AS live
FROM (SELECT t.*, {{key}} AS key, {{bucket}} & {BUCKETS - 1} AS bucket FROM {{table}} t
  WHERE {{others}} IS NOT NULL AND {{at_home}}) t WHERE bucket = ANY (%(buckets)s)
"""
_TRUTHS = f"""
SELECT {{whose}} AS member, {{others}} AS other, {{rest}} AS rest, key, {{content}} AS content, waiting
FROM (SELECT t.*, {{key}} AS key, {{bucket}} & {BUCKETS - 1} AS bucket, NOT {{no_parcel}} AS waiting FROM {{table}} t
  WHERE {{live}} AND {{at_home}}) t WHERE bucket = ANY (%(buckets)s)
"""
_OF_MEMBERS = """
SELECT {whose} AS owner, {others} AS other, {rest} AS rest, {key} AS key, {couple} AS couple FROM {table} t
WHERE {column} = ANY (%(members)s::bigint[]) AND {live} AND {at_home}
"""
_WAITING = """
SELECT DISTINCT o.member_id AS member,
  hashint8extended(o.recipient, hashint8extended(o.member_id, %(salt)s::bigint)) AS couple FROM outbox o
WHERE o.member_id = ANY (%(members)s::bigint[]) AND (o.kind = %(pair)s OR starts_with(o.kind, %(pair)s || '-'))
"""
_TOMBSTONES = """
SELECT {whose} AS owner, {others} AS other, {rest} AS rest, {version} AS version, {key} AS key, {couple} AS couple
FROM {table} t
JOIN resident r ON r.member_id = {whose} AND r.state = 'home'
WHERE {whose} > %(after)s AND {dead} AND {version} < %(version)s AND ({since} IS NULL OR {since} < %(since)s)
 AND {no_parcel} ORDER BY {whose} LIMIT %(limit)s
"""
_PRUNE = (
    "DELETE FROM {table} t WHERE {whose} = %s AND {others} = %s AND {rest} = %s::text[] AND {version} = %s AND {dead}"
)


Run = Callable[[str, dict[str, Any]], Awaitable[list[Row]]]
"""Runs a statement: of a site's own database, or of a transaction at a member's home."""


@dataclass(frozen=True)
class Pairing:
    """What an app says of a pair so that its halves can be repaired.

    `resend(writer, other, rest, above)`, at the truth's home: send the truth as it is, under a version greater than
    `above`, its own or a new one; whether there was one to send. `removal(rest, version)`: kind and body of the parcel
    that says that there is none.
    """

    resend: Callable[[SiteWriter, MemberId, tuple[str, ...], int], Awaitable[bool]]
    removal: Callable[[tuple[str, ...], int], tuple[str, msgspec.Struct]]


class CountAsk(msgspec.Struct, array_like=True):
    """How many truths and halves of a pair are there with you, in so many buckets?"""

    pair: str
    buckets: int


class Counted(msgspec.Struct, array_like=True):
    """Live truths and halves as `count_by_bucket` counts them: (sign, bucket, rows, digest)."""

    truths: list[tuple[int, int, int, int]]
    halves: list[tuple[int, int, int, int]]


class HalvesAsk(msgspec.Struct, array_like=True):
    """Which halves of these buckets do you hold with members who live with me?"""

    pair: str
    salt: int
    buckets: list[int]
    home: SiteName


class Half(msgspec.Struct, array_like=True):
    """A half, or a tombstone: the truth's member, hashes of the couple, the pair and what it says; its version."""

    member: MemberId
    couple: int
    key: int
    content: int
    version: int
    live: bool

    def names(self) -> set[tuple[int, int]]:
        """Under what `find_known` would know it."""
        return {(self.member, self.couple), (self.member, self.key)}


class Halves(msgspec.Struct, array_like=True):
    """`unknown`: so many are of members whom the hub does not know, and does not know to be erased."""

    halves: list[Half]
    unknown: int


class Untrue(msgspec.Struct, array_like=True):
    """There is no truth for these halves: (the truth's member, hash of the pair, version of the removal)."""

    pair: str
    salt: int
    halves: list[tuple[MemberId, int, int]]


class AgreeAsk(msgspec.Struct, array_like=True):
    """May these tombstones go? (The truth's member, hashes of couple and pair.)"""

    pair: str
    salt: int
    tombstones: list[tuple[MemberId, int, int]]


class Agreed(msgspec.Struct, array_like=True):
    """Hashes of the pairs of which there is no truth, and nothing on its way."""

    keys: list[int]


class Done(msgspec.Struct, array_like=True):
    done: int


class Sides:
    """Both sides of the pairs at the sites of this process, and what they answer."""

    def __init__(self, router: Router, deliverer: Deliverer, exchange: Exchange, pairs: Mapping[str, Pair]) -> None:
        self.router = router
        self.deliverer = deliverer
        self.exchange = exchange
        self.pairs = pairs
        self.pairings: dict[str, Pairing] = {}

    def open_site(self, site: SiteName) -> None:
        """Answer for a site of this process."""

        async def count(body: bytes) -> bytes:
            return encode(await self.count(site, decode(body, CountAsk)))

        async def show(body: bytes) -> bytes:
            return encode(await self.show(site, decode(body, HalvesAsk)))

        async def remove(body: bytes) -> bytes:
            return encode(Done(await self.remove(site, decode(body, Untrue))))

        async def agree(body: bytes) -> bytes:
            return encode(Agreed(await self.agree(site, decode(body, AgreeAsk))))

        for channel, handler in (("count", count), ("show", show), ("remove", remove), ("agree", agree)):
            self.exchange.serve(site, f"halves.{channel}", handler)

    async def count(self, site: SiteName, asked: CountAsk) -> Counted:
        """Counts and digests of a site's truths and halves, by bucket."""
        pair = self.pairs[asked.pair]
        buckets = BUCKETS if asked.buckets != 1 else 1
        counted = [await self._run(site, count_by_bucket(pair, kind, buckets)) for kind in ("truth", "half")]
        return Counted(*([tuple(row) for row in rows] for rows in counted))

    async def show(self, site: SiteName, asked: HalvesAsk) -> Halves:
        """The halves in some buckets whose truth is the asker's; halves of the erased are forgotten."""
        query = _fill(_HALVES, self.pairs[asked.pair].half)
        rows = await self._run(site, query, {"salt": asked.salt, "buckets": asked.buckets})
        homes = await self.router.homes_of({MemberId(row.member) for row in rows})
        unknown = await self.forget_erased(site, {MemberId(row.member) for row in rows} - homes.keys())
        return Halves(
            [
                Half(row.member, row.couple, row.key, row.content, row.version, row.live)
                for row in rows
                if row.member in homes and homes[row.member].site == asked.home
            ],
            sum(row.live and row.member in unknown for row in rows),
        )

    async def truths(self, site: SiteName, pair: Pair, salt: int, buckets: Sequence[int]) -> list[Row]:
        """The live truths of a site in some buckets, in clear; `waiting`: a parcel is on its way."""
        no_parcel = parcels_of(pair.name, pair.truth.whose, pair.truth.others)
        query = _fill(_TRUTHS, pair.truth, no_parcel=no_parcel)
        return await self._run(site, query, {"salt": salt, "buckets": list(buckets)})

    async def remove(self, site: SiteName, untrue: Untrue) -> int:
        """Take away halves without a truth, each in a transaction at its owner's home; how many."""
        half, pairing = self.pairs[untrue.pair].half, self.pairings[untrue.pair]
        versions = {(member, key): version for member, key, version in untrue.halves}
        asked = {"salt": untrue.salt, "members": array({member for member, _ in versions})}
        removed = 0
        for row in await self._run(site, _fill(_OF_MEMBERS, half, column=half.others), asked):
            if (row.other, row.key) in versions:
                kind, body = pairing.removal(tuple(row.rest), versions[row.other, row.key])
                removed += await self._receive(site, row, kind, encode(body))
        return removed

    async def _receive(self, site: SiteName, row: Row, kind: str, body: bytes) -> bool:
        async def apply(writer: SiteWriter) -> None:
            await self.deliverer.receive(writer, row.other, kind, body)

        try:
            await self.router.transact_at(site, row.owner, apply)
        except NotResident:
            return False
        return True

    async def agree(self, site: SiteName, asked: AgreeAsk) -> list[int]:
        """Which tombstones may go, as far as the truth's home is concerned."""
        pair = self.pairs[asked.pair]
        members = sorted({member for member, _, _ in asked.tombstones})
        rows = await self._run(
            site,
            "SELECT member_id FROM resident WHERE state = 'home' AND member_id = ANY (%(members)s::bigint[])",
            {"members": array(members)},
        )
        here = {row.member_id for row in rows}
        known = await find_known(self.router.sites[site].app.run, pair, asked.salt, members)
        return [
            key
            for member, couple, key in asked.tombstones
            if member in here and not known & {(member, couple), (member, key)}
        ]

    async def tombstones(self, site: SiteName, pair: Pair, salt: int, after: int) -> list[Row]:
        """Old tombstones of members at home after this one, in order of their owners."""
        before = self.router.clock() - PATIENCE
        asked: dict[str, Any] = {"salt": salt, "after": after, "since": before, "limit": TOMBSTONES_AT_ONCE}
        asked["version"] = milliseconds(before) << SEQUENCE_BITS
        truth, half = pair.half.members
        return await self._run(site, _fill(_TOMBSTONES, pair.half, no_parcel=parcels_of(pair.name, half, truth)), asked)

    async def prune(self, site: SiteName, pair: Pair, row: Row) -> int:
        """Delete a tombstone that is still the same one."""
        half = pair.half

        async def write(writer: SiteWriter) -> int:
            return await writer.execute(_fill(_PRUNE, half), (row.owner, row.other, row.rest, row.version))

        try:
            return await self.router.transact_at(site, row.owner, write)
        except NotResident:
            return 0

    async def forget_erased(self, site: SiteName, members: set[MemberId]) -> set[MemberId]:
        """Remove what refers to members whom the hub has told to be erased. The others, of whom nothing is known."""
        erased = await self.router.directory.erased(members) if members else set()
        if erased:
            async with self.router.sites[site].app.transaction() as session:
                await self.router.forget(session, sorted(erased))
        return members - erased

    async def _run(self, site: SiteName, query: str, params: Mapping[str, Any] | None = None) -> list[Row]:
        return await self.router.sites[site].app.run(query, params)


async def find_known(run: Run, pair: Pair, salt: int, members: Collection[int]) -> set[tuple[int, int]]:
    """What some members' home knows: (member, hash) of every live truth, and of every couple with a parcel waiting.

    Parcels are read first: what one has brought before it was gone is then among the truths.
    """
    asked = {"salt": salt, "members": array(members), "pair": pair.name}
    waiting = await run(_WAITING, asked)
    truths = await run(_fill(_OF_MEMBERS, pair.truth, column=pair.truth.whose), asked)
    return {(row.member, row.couple) for row in waiting} | {(row.owner, row.key) for row in truths}


_SALT = "%(salt)s::bigint"


def _fill(query: str, table: PairTable, **more: str) -> str:
    truth, _ = table.members
    return query.format(
        table=table.table,
        whose=table.whose,
        others=table.others,
        truth=truth,
        rest=table.rest,
        key=table.key(_SALT),
        bucket=table.key(),
        couple=table.couple(_SALT),
        content=table.content("key"),
        version=table.version,
        since=table.since,
        live=table.live,
        dead=table.dead,
        at_home=AT_HOME.format(owner=table.whose),
        **more,
    )
