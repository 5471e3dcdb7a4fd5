"""Residue: rows that a law or a hold says must stay, written in the transaction that destroys them.

Each residue has a key of its own, which the site's key wraps: the member's data key is destroyed, so what it sealed is
opened and sealed again. The parts are written by a role that cannot read them. Destroying a residue destroys its key.
"""

import hashlib
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from domicile.database import Session
from domicile.ids import Country, MemberId
from domicile.placement.ownership import Ownership
from domicile.placement.sites import Site
from domicile.relocation.covers import Cover, Covering
from domicile.relocation.kept_chain import note
from domicile.relocation.parts import Collected, collect, seal_part

AT_ONCE = 20

_ADD = """
INSERT INTO vault.residue (residue_id, member_id, cause, batch_id, hold_id, rule, jurisdiction, citation, settled,
 categories, conflicts, tables, rows, files, parts, digest, wrapped, site_key, left_at, until)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_ADD_PART = "INSERT INTO vault.residue_part (residue_id, number, body) VALUES (%s, %s, %s)"
_OF_BATCH = "SELECT coalesce(sum(rows), 0)::bigint AS rows FROM vault.residue WHERE batch_id = %s"
# A hold on the member keeps all residue of theirs at the site. Residue without a last day ends with its hold alone.
_ENDED = """
DELETE FROM vault.residue WHERE residue_id IN (
  SELECT r.residue_id FROM (SELECT residue_id, member_id, hold_id, until FROM vault.residue) r
  LEFT JOIN vault.hold h USING (hold_id)
  WHERE (CASE WHEN r.hold_id IS NULL THEN r.until < %(today)s ELSE h.state = 'released' OR h.until < %(today)s END)
    AND NOT EXISTS (SELECT FROM vault.hold o WHERE o.member_id = r.member_id AND o.hold_id IS DISTINCT FROM r.hold_id
      AND o.state = 'placed' AND (o.until IS NULL OR o.until >= %(today)s)))
RETURNING residue_id, member_id, rule, until, rows, files
"""


@dataclass(frozen=True, slots=True)
class Stayed:
    """How much was left as residue, and a digest over the digests of each."""

    residues: int = 0
    rows: int = 0
    files: int = 0
    digest: bytes = b""

    def and_one(self, rows: int, files: int, digest: bytes) -> "Stayed":
        """With one residue more."""
        both = hashlib.sha256(self.digest + digest).digest()
        return Stayed(self.residues + 1, self.rows + rows, self.files + files, both)


@dataclass(frozen=True)
class Keeper:
    """Writes residue at the sites of this process, and destroys it when it has ended."""

    ownership: Ownership
    covering: Covering

    async def leave(
        self, session: Session, site: Site, members: Sequence[MemberId], to: Country | None, batch: int | None = None
    ) -> Stayed:
        """Seal what must stay of members whose rows this transaction destroys next: they moved, or are erased."""
        covered = await self.covering.find(session, site, members, to)
        return await self.seal(session, site, covered, "erased" if to is None else "moved", batch)

    async def seal(
        self,
        session: Session,
        site: Site,
        covered: Mapping[MemberId, Sequence[Cover]],
        cause: str,
        batch: int | None = None,
    ) -> Stayed:
        """Write residue of what these covers keep, as it stands in this transaction. Nothing is destroyed by it."""
        stayed = Stayed()
        members = sorted(covered)
        writing = _Writing(session, site, cause, batch, self.covering.clock())
        for start in range(0, len(members), AT_ONCE):
            some = {member: covered[member] for member in members[start : start + AT_ONCE]}
            collected = await collect(session, site, self.ownership, some)
            for member, covers in some.items():
                for cover in covers:
                    stayed = await writing.write(collected, member, cover, stayed)
        return stayed

    async def note_left(self, session: Session, stayed: Stayed, cause: str, of: int | None) -> None:
        """Say so in the site's chain, as the last thing of the transaction. `of`: the member, or the batch moved."""
        if stayed.residues:
            fields = {"cause": cause, "residues": stayed.residues, "rows": stayed.rows, "files": stayed.files}
            batch = {"batch": str(of)} if cause == "moved" else {}
            member = None if batch or of is None else MemberId(of)
            more = {**batch, "digest": stayed.digest.hex()}
            await note(session, "left", member, {**fields, **more}, self.covering.clock())

    async def count_left(self, session: Session, batch: int) -> int:
        """How many rows a batch has left here as residue."""
        return int(await session.value(_OF_BATCH, (batch,)))

    async def destroy_ended(self, site: Site) -> int:
        """Destroy the residue that has ended, and its keys; how many."""
        now = self.covering.clock()
        async with site.importer.transaction() as session:
            gone = await session.fetch(_ENDED, {"today": now.date()})
            for row in gone:
                fields = {"residue": str(row.residue_id), "rule": row.rule, "rows": row.rows, "files": row.files}
                await note(session, "destroyed", MemberId(row.member_id), fields, now)
        return len(gone)


@dataclass(frozen=True)
class _Writing:
    """One transaction in which residue is written."""

    session: Session
    site: Site
    cause: str
    batch: int | None
    now: datetime

    async def write(self, collected: Collected, member: MemberId, cover: Cover, stayed: Stayed) -> Stayed:
        """One member's rows under one cover: the parts, then the heading. Nothing where there are none."""
        number = secrets.randbits(62)
        key, wrapped = self.site.key.new_data_key(MemberId(number))
        digest, tables, files, parts = hashlib.sha256(), Counter[str](), 0, 0
        async for part in collected.parts(member, cover):
            body = seal_part(key, parts, part)
            await self.session.execute(_ADD_PART, (number, parts, body))
            digest.update(body)
            parts += 1
            files += bool(part.file)
            if part.table:
                tables[part.table] += len(part.rows)
        if not parts:
            return stayed
        rows = tables.total()
        counts = (msgspec.json.encode(tables, order="sorted").decode(), rows, files, parts, digest.digest())
        kept = (cover.settled, list(cover.categories), list(cover.conflicts))
        by = (member, self.cause, self.batch, cover.hold, cover.rule, cover.jurisdiction, cover.citation)
        sealed = (wrapped, self.site.key.name, self.now, None if cover.hold else cover.until)
        await self.session.execute(_ADD, (number, *by, *kept, *counts, *sealed))
        return stayed.and_one(rows, files, digest.digest())
