"""The reconciler: finds pairs whose two sides do not agree, and repairs them.

Over all sites truths and halves are counted and digested in buckets (see `placement.pairs`); of buckets that differ,
the truths' homes ask the others' for what they hold. The truth is right: what its member's home has is sent again, by
the outbox and with a version as ever, and where it has nothing, the half is removed under a version drawn there. Twice
looked at, and once more in the transaction that repairs, so that nothing is repaired that is only on its way. It knows
no social network: an app says by `Pairing` how its truths are sent.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec
import structlog

from domicile.border.crossing import Door
from domicile.border.delivery import Deliverer, next_version
from domicile.border.halves import (
    AgreeAsk,
    Agreed,
    CountAsk,
    Counted,
    Done,
    Half,
    Halves,
    HalvesAsk,
    Pairing,
    Run,
    Sides,
    Untrue,
    find_known,
)
from domicile.errors import DomicileError, NotResident, Unavailable
from domicile.ids import MemberId, SiteName
from domicile.placement.ownership import Ownership
from domicile.placement.pairs import BUCKETS, Pair, Sums, pairs_of
from domicile.placement.routing import SiteWriter

log = structlog.get_logger("domicile.reconciling")

ROUND_S = 3600.0
"""How long the running network takes for all pairs, tombstones and counters."""
PATIENCE_S = 120.0
"""How long a site may count."""
BUCKETS_AT_ONCE = 32
LOOK_AGAIN_S = 0.3

A = TypeVar("A", bound=msgspec.Struct)
Recount = Callable[[SiteName], Awaitable[int]]
"""Set right what an app counts by halves at a site; how many numbers were wrong."""


@dataclass
class Reconciled:
    """What a round found and did. `compared` truths; `left`: pairs that still differ; `missing` sites were silent."""

    compared: Counter[str] = field(default_factory=Counter)
    resent: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)
    pruned: int = 0
    recounted: int = 0
    failed: int = 0
    left: int = 0
    missing: set[SiteName] = field(default_factory=set)

    @property
    def ok(self) -> bool:
        return not (self.left or self.failed or self.missing)


@dataclass(frozen=True, slots=True)
class Lacking:
    """A truth whose half is missing or says something else, which has the version `above`."""

    member: MemberId
    other: MemberId
    rest: tuple[str, ...]
    above: int


@dataclass
class Differences:
    """What one look at a home's truths found, by the hash of each pair. `unknown` rows are about nobody's members."""

    salt: int
    unknown: int = 0
    lacking: dict[int, Lacking] = field(default_factory=dict)
    untrue: dict[int, tuple[SiteName, Half]] = field(default_factory=dict)

    def both(self, later: "Differences") -> "Differences":
        """What a later look found too, in the same way."""
        lacking = {key: found for key, found in self.lacking.items() if later.lacking.get(key) == found}
        untrue = {key: found for key, found in self.untrue.items() if later.untrue.get(key) == found}
        return Differences(self.salt, self.unknown, lacking, untrue)

    def __len__(self) -> int:
        return len(self.lacking) + len(self.untrue) + self.unknown


class Reconciler:
    """Reconciles the sites of this process."""

    def __init__(self, door: Door, deliverer: Deliverer, ownership: Ownership) -> None:
        self.door = door
        self.router = door.router
        self.deliverer = deliverer
        self.sides = Sides(door.router, deliverer, door.exchange, pairs_of(ownership))
        self.recounts: list[Recount] = []
        self._step = 0

    def repair(self, pair: str, pairing: Pairing) -> None:
        """Say how a pair is repaired. Others are left alone."""
        self.sides.pairings[pair] = pairing

    @property
    def pairs(self) -> list[Pair]:
        return [pair for name, pair in self.sides.pairs.items() if name in self.sides.pairings]

    @property
    def step_s(self) -> float:
        """How many seconds there are between two steps: a round takes an hour."""
        return ROUND_S / self._steps

    @property
    def _steps(self) -> int:
        return len(self.pairs) + 2

    async def step(self) -> Reconciled:
        """The next step of a round: one pair, or the tombstones, or the counters."""
        place, self._step = self._step, (self._step + 1) % self._steps
        report = Reconciled()
        if place < len(self.pairs):
            await self.reconcile(self.pairs[place], report)
        elif place == len(self.pairs):
            await self.prune(report)
        else:
            await self.recount(report)
        if report.resent or report.removed or report.recounted or report.failed:
            counts = {"resent": report.resent.total(), "removed": report.removed.total()}
            log.warning("halves of pairs were repaired", **counts, recounted=report.recounted, failed=report.failed)
        return report

    async def round(self) -> Reconciled:
        """Everything at once: repair, deliver, and look whether all is well."""
        report = Reconciled()
        for pair in self.pairs:
            await self.reconcile(pair, report, deliver=True)
        await self.prune(report)
        await self.recount(report)
        again = Reconciled()
        for pair in self.pairs:
            async for _, found in self._differences(pair, again):
                again.left += len(found)
        report.left, report.missing = again.left, report.missing | again.missing
        return report

    async def reconcile(self, pair: Pair, report: Reconciled, *, deliver: bool = False) -> None:
        """Repair what differs in a pair; with `deliver`, take the parcels there at once."""
        async for site, found in self._differences(pair, report):
            await self._resend(site, pair, found.lacking.values(), report, deliver=deliver)
            await self._remove(site, pair, found, report)

    async def recount(self, report: Reconciled) -> None:
        """Set right what is counted by halves."""
        for site in self.router.sites:
            for recount in self.recounts:
                try:
                    report.recounted += await recount(site)
                except Unavailable:
                    report.missing.add(site)

    async def prune(self, report: Reconciled) -> None:
        """Let old tombstones go of which both sides agree that nothing is left."""
        for site in self.router.sites:
            for pair in self.pairs:
                try:
                    await self._prune(site, pair, report)
                except Unavailable:
                    report.missing.add(site)

    async def _ask(self, at: SiteName, site: SiteName, channel: str, message: msgspec.Struct, answer: type[A]) -> A:
        return await self.door.ask(at, site, f"halves.{channel}", message, answer, patience_s=PATIENCE_S)

    async def _differences(self, pair: Pair, report: Reconciled) -> AsyncIterator[tuple[SiteName, Differences]]:
        """Site by site, what its truths and the others' halves disagree about."""
        buckets = await self._differing_buckets(pair, report)
        for start in range(0, len(buckets), BUCKETS_AT_ONCE):
            for site in self.router.sites:
                some, salt = buckets[start : start + BUCKETS_AT_ONCE], secrets.randbits(62)
                found = await self._look(site, pair, salt, some, report)
                if found:
                    await asyncio.sleep(LOOK_AGAIN_S)
                    found = found.both(await self._look(site, pair, salt, some, report))
                if found:
                    yield site, found

    async def _differing_buckets(self, pair: Pair, report: Reconciled) -> list[int]:
        """Buckets in which truths and halves do not come out the same; none while a site is silent."""
        truths, halves = await self._count(pair, 1, report)
        report.compared[pair.name] += sum(rows for rows, _ in truths.values())
        if report.missing or truths == halves:
            return []
        truths, halves = await self._count(pair, BUCKETS, report)
        return [] if report.missing else truths.differing(halves)

    async def _count(self, pair: Pair, buckets: int, report: Reconciled) -> tuple[Sums, Sums]:
        """Truths and halves over all sites."""
        truths, halves, here = Sums(), Sums(), next(iter(self.router.sites))
        for site in self.router.sites:
            try:
                counted = await self._ask(here, site, "count", CountAsk(pair.name, buckets), Counted)
            except Unavailable:
                report.missing.add(site)
                continue
            truths.add(counted.truths)
            halves.add(counted.halves)
        return truths, halves

    async def _look(self, site: SiteName, pair: Pair, salt: int, buckets: list[int], report: Reconciled) -> Differences:
        """Compare a site's truths in some buckets with what the others' homes hold of them."""
        rows = await self.sides.truths(site, pair, salt, buckets)
        homes = await self.router.homes_of({MemberId(row.other) for row in rows})
        unknown = await self.sides.forget_erased(site, {MemberId(row.other) for row in rows} - homes.keys())
        held, silent, halves = await self._ask_halves(site, pair, salt, buckets, report)
        found, mine = Differences(salt, halves), {row.key for row in rows}
        found.unknown += sum(row.other in unknown for row in rows)
        for row in rows:
            there = homes.get(row.other)
            if row.waiting or there is None or there.site in silent:
                continue
            _, half = held.get(row.key, (there.site, None))
            if half is None or not half.live or half.content != row.content:
                above = half.version if half is not None else 0
                found.lacking[row.key] = Lacking(row.member, row.other, tuple(row.rest), above)
        untrue = {key: found for key, found in held.items() if found[1].live and key not in mine}
        known = await find_known(self._run_at(site), pair, salt, {half.member for _, half in untrue.values()})
        found.untrue = {key: (at, half) for key, (at, half) in untrue.items() if not half.names() & known}
        return found

    def _run_at(self, site: SiteName) -> Run:
        return self.router.sites[site].app.run

    async def _ask_halves(
        self, site: SiteName, pair: Pair, salt: int, buckets: list[int], report: Reconciled
    ) -> tuple[dict[int, tuple[SiteName, Half]], set[SiteName], int]:
        """Hash of pair -> where its half is, and the half; the sites that did not say; the site's halves of nobody."""
        unknown = 0
        held: dict[int, tuple[SiteName, Half]] = {}
        silent: set[SiteName] = set()
        for other in self.router.sites:
            if self.door.apart(site, other):
                silent.add(other)
                continue
            try:
                answer = await self._ask(site, other, "show", HalvesAsk(pair.name, salt, buckets, site), Halves)
            except Unavailable:
                silent.add(other)
                report.missing.add(other)
                continue
            unknown += answer.unknown if other == site else 0
            held |= {half.key: (other, half) for half in answer.halves}
        return held, silent, unknown

    async def _resend(
        self, site: SiteName, pair: Pair, lacking: Collection[Lacking], report: Reconciled, *, deliver: bool
    ) -> None:
        pairing = self.sides.pairings[pair.name]
        for member in sorted({found.member for found in lacking}):

            async def write(writer: SiteWriter, member: MemberId = member) -> int:
                await next_version(writer)
                waiting = await writer.fetch(
                    "SELECT recipient FROM outbox WHERE member_id = %s AND (kind = %s OR starts_with(kind, %s))",
                    (member, pair.name, f"{pair.name}-"),
                )
                to = {row.recipient for row in waiting}
                mine = [found for found in lacking if found.member == member and found.other not in to]
                return sum([await pairing.resend(writer, found.other, found.rest, found.above) for found in mine])

            report.resent[pair.name] += await self._repair(site, member, write, report)
            if deliver:
                await self.deliverer.flush(member)

    async def _remove(self, site: SiteName, pair: Pair, found: Differences, report: Reconciled) -> None:
        """Have halves removed for which there is no truth: also now, when nobody can be writing one."""
        versions: dict[SiteName, list[tuple[MemberId, int, int]]] = {}
        for member in sorted({half.member for _, half in found.untrue.values()}):
            theirs = [(at, half) for at, half in found.untrue.values() if half.member == member]

            async def draw(
                writer: SiteWriter, theirs: list[tuple[SiteName, Half]] = theirs, member: MemberId = member
            ) -> int:
                await next_version(writer)
                known = await find_known(writer.fetch, pair, found.salt, [member])
                for at, half in theirs:
                    if not known & half.names():
                        version = await next_version(writer, half.version)
                        versions.setdefault(at, []).append((member, half.key, version))
                return 0

            await self._repair(site, member, draw, report)
        for at, halves in versions.items():
            try:
                done = await self._ask(site, at, "remove", Untrue(pair.name, found.salt, halves), Done)
            except Unavailable:
                report.missing.add(at)
                continue
            report.removed[pair.name] += done.done

    async def _repair(
        self, site: SiteName, member: MemberId, fn: Callable[[SiteWriter], Awaitable[int]], report: Reconciled
    ) -> int:
        """Run a repair at a member's home. Whoever is on the move is somebody else's, or waits for the next round."""
        try:
            return await self.router.transact_at(site, member, fn)
        except NotResident:
            return 0
        except DomicileError as error:
            log.warning("a pair could not be repaired", detail=error.detail)
            report.failed += 1
            return 0

    async def _prune(self, site: SiteName, pair: Pair, report: Reconciled) -> None:
        salt, after = secrets.randbits(62), 0
        while rows := await self.sides.tombstones(site, pair, salt, after):
            after = rows[-1].owner
            homes = await self.router.homes_of({MemberId(row.other) for row in rows})
            for other in {home.site for home in homes.values()}:
                if self.door.apart(site, other):
                    continue
                theirs = [row for row in rows if row.other in homes and homes[row.other].site == other]
                asked = AgreeAsk(pair.name, salt, [(row.other, row.couple, row.key) for row in theirs])
                agreed = set((await self._ask(site, other, "agree", asked, Agreed)).keys)
                for row in theirs:
                    if row.key in agreed:
                        report.pruned += await self.sides.prune(site, pair, row)
