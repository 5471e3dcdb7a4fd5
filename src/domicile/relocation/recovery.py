"""Batches of a hub that was lost, or restored as it was: decided again, by what the sites' own records say.

The source follows the hub's decision before the target does, and keeps every row until it has. So a batch that its
source has settled was flipped, and is completed; any other is undone, for the source still has everything, and nobody
has written at the target. If it had been flipped all the same, somebody may know the epoch that it gave: who stays at
the source stays under a later one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from domicile.database import Session, array
from domicile.errors import Misconfigured
from domicile.ids import MemberId, SiteName
from domicile.placement.directory import Directory
from domicile.placement.rebuild import Rebuilding, Rebuilt, is_older_than_sites
from domicile.placement.sites import Site, new_token
from domicile.relocation.chain import add_entry, lock_head
from domicile.relocation.journal import AT_WORK, BATCH, FLIPPED, RETURNED, WAITING, Journal

LONG_AGO = timedelta(days=1)
"""How long the coordinator of a recovered batch is said to have been silent: anybody may take it over at once."""

_UNSURE = set(AT_WORK).difference(RETURNED)
"""What an older hub says of a batch that may have gone on since. Where it has given members back, that stands."""

_RECORDS = "SELECT batch_id, role, other, state, members FROM relocation ORDER BY batch_id"
_RESIDENTS = "SELECT member_id, state, epoch FROM resident WHERE member_id = ANY (%s::bigint[])"
# Twice: once above the epoch that a flip would have given.
_STAY = "UPDATE resident SET epoch = epoch + 2 WHERE member_id = ANY (%s::bigint[]) AND state = 'leaving'"
_KNOWN = "SELECT batch_id, state FROM relocation WHERE batch_id = ANY (%s)"
_MOVED = (
    "SELECT r.batch_id, r.state, EXISTS (SELECT FROM relocation_member m JOIN home h USING (member_id)"
    " WHERE m.batch_id = r.batch_id AND m.moving AND h.site = r.target AND h.epoch > m.epoch) AS moved"
    " FROM relocation r WHERE r.state <> ALL (%s) AND r.batch_id <> ALL (%s)"
)


@dataclass
class Record:
    """A batch as its two sites have it: role -> state, and role -> members; a site may have closed it already."""

    number: int
    source: SiteName
    target: SiteName
    states: dict[str, str] = field(default_factory=dict)
    members: dict[str, list[MemberId]] = field(default_factory=dict)

    def decide(self, known: str | None) -> str:
        """Flipped or `abandoned`. `known`: what the journal says, if it has the batch; `open` decides nothing."""
        if known is not None and known != BATCH.start:
            return known
        return "flipped" if "settled" in self.states.values() and "undone" not in self.states.values() else "abandoned"

    @property
    def everybody(self) -> list[MemberId]:
        """The members still in the batch: who is dropped from it leaves the target's record first."""
        sides = [self.members[role] for role in ("target", "source") if role in self.members]
        return sorted(set.union(*map(set, sides)))


@dataclass(frozen=True, slots=True)
class Recovered:
    """What the directory holds again, and the batches that were decided anew: number -> `flipped` or `abandoned`."""

    rebuilt: Rebuilt
    batches: Mapping[int, str]


@dataclass
class Recovery:
    """Every site must answer: what one of them holds may be the truth about a batch."""

    sites: Mapping[SiteName, Site]
    directory: Directory
    journal: Journal

    async def recover(self, *, older: bool | None = None) -> Recovered:
        """Remake the directory and the open batches. `older`: the hub is one restored; found out if not said.

        The coordinator's `resume` then completes or undoes the batches.
        """
        if older is None:
            older = await is_older_than_sites(self.sites, self.directory)
        records = await self._read_records()
        known = {row.batch_id: row.state for row in await self.journal.hub.run(_KNOWN, (sorted(records),))}
        lost = {n: record for n, record in records.items() if n not in known or (older and known[n] in _UNSURE)}
        decided = {number: record.decide(known.get(number)) for number, record in lost.items()}
        epochs: dict[int, dict[MemberId, int]] = {}
        arrived: dict[SiteName, list[MemberId]] = {}
        for number, record in lost.items():
            epochs[number] = await self._epochs(record)
            if decided[number] != "abandoned":
                arrived.setdefault(record.target, []).extend(record.everybody)
            else:
                await self.sites[record.source].importer.run(_STAY, (array(record.everybody),))
        rebuilt = await Rebuilding(self.sites, self.directory, arrived, older).rebuild()
        await self._enter(lost, decided, epochs, records, older=older)
        return Recovered(rebuilt, decided)

    async def _read_records(self) -> dict[int, Record]:
        found: dict[int, Record] = {}
        for name, site in self.sites.items():
            for row in await site.importer.run(_RECORDS):
                ends = (name, SiteName(row.other)) if row.role == "source" else (SiteName(row.other), name)
                record = found.setdefault(row.batch_id, Record(row.batch_id, *ends))
                record.states[row.role] = row.state
                record.members[row.role] = [MemberId(member) for member in row.members]
        for record in found.values():
            if missing := {record.source, record.target} - self.sites.keys():
                raise Misconfigured(f"batch {record.number} cannot be decided without {', '.join(sorted(missing))}")
        return found

    async def _epochs(self, record: Record) -> dict[MemberId, int]:
        """The epoch under which each member leaves, as the target or else the source knows it."""
        asked = (array(record.everybody),)
        leaving = {
            MemberId(row.member_id): int(row.epoch)
            for row in await self.sites[record.source].importer.run(_RESIDENTS, asked)
        }
        for row in await self.sites[record.target].importer.run(_RESIDENTS, asked):
            if row.state == "arriving" or (row.state == "home" and row.epoch > leaving.get(row.member_id, 0)):
                leaving[MemberId(row.member_id)] = row.epoch - 1
        return {member: leaving.get(member, 1) for member in record.everybody}

    async def _enter(
        self,
        records: Mapping[int, Record],
        decided: Mapping[int, str],
        epochs: Mapping[int, Mapping[MemberId, int]],
        remembered: Iterable[int],
        *,
        older: bool,
    ) -> None:
        async with self.journal.hub.transaction() as hub:
            head = await lock_head(hub)
            if older:
                head = await self._close_forgotten(hub, head, remembered)
            for number, record in records.items():
                head = await self._enter_batch(hub, head, record, decided[number], epochs[number])

    async def _close_forgotten(self, hub: Session, head: bytes, records: Iterable[int]) -> bytes:
        """Batches that were open when the hub was backed up, and that no site remembers: they were closed since."""
        for row in await hub.fetch(_MOVED, (sorted(BATCH.ends | set(WAITING)), sorted(records))):
            flipped = row.state in FLIPPED or (row.state == "open" and row.moved)
            state = "done" if flipped else "undone"
            await hub.execute(
                "UPDATE relocation SET state = %s, token = %s WHERE batch_id = %s", (state, new_token(), row.batch_id)
            )
            await hub.execute("UPDATE relocation_member SET moving = false WHERE batch_id = %s", (row.batch_id,))
            head = await add_entry(hub, head, row.batch_id, "recover", {"state": state}, self.journal.clock())
        return head

    async def _enter_batch(
        self, hub: Session, head: bytes, record: Record, state: str, epochs: Mapping[MemberId, int]
    ) -> bytes:
        await hub.execute(
            "INSERT INTO relocation (batch_id, source, target, state, token, reason, opened_at, seen_at)"
            " VALUES (%s, %s, %s, %s, %s, 'as the sites remember it', %s, clock_timestamp() - %s)"
            " ON CONFLICT (batch_id) DO UPDATE SET state = EXCLUDED.state, token = EXCLUDED.token,"
            " seen_at = EXCLUDED.seen_at",
            (record.number, record.source, record.target, state, new_token(), self.journal.clock(), LONG_AGO),
        )
        await hub.execute("UPDATE relocation_member SET moving = false WHERE batch_id = %s", (record.number,))
        await hub.execute(
            "INSERT INTO relocation_member (batch_id, member_id, epoch)"
            " SELECT %s, m, e FROM unnest(%s::bigint[], %s::int[]) AS t (m, e)"
            " ON CONFLICT (batch_id, member_id) DO UPDATE SET moving = true, epoch = EXCLUDED.epoch",
            (record.number, array(epochs), array(epochs.values())),
        )
        fields = {"state": state, "source": record.source, "target": record.target, "members": len(epochs)}
        return await add_entry(hub, head, record.number, "recover", fields, self.journal.clock())
