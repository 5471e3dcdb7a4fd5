"""Residue, by the audit's own reading: has it a rule, has it ended, is it as its heading says, is its record whole?

What is in it nobody can read here: that no role of the application can either is asked of the catalogue.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from domicile.audit.report import Kind, Violation
from domicile.database import Row, Session
from domicile.ids import SiteName
from domicile.placement.sites import Site

PATIENCE = timedelta(hours=1)
"""So long recurring work may take to destroy what has ended."""

_RESIDUE = """
SELECT r.residue_id, r.member_id, r.hold_id, r.rule, r.citation, r.until, r.rows, r.parts, h.hold_id AS known_hold,
  h.released_at, h.until AS hold_until,
  (SELECT count(*) FROM vault.residue_part p WHERE p.residue_id = r.residue_id) AS found_parts,
  EXISTS (SELECT FROM vault.hold o WHERE o.member_id = r.member_id AND o.state = 'placed'
    AND (o.until IS NULL OR o.until >= %(today)s)) AS held
FROM (SELECT residue_id, member_id, hold_id, rule, citation, until, rows, parts FROM vault.residue) r
LEFT JOIN vault.hold h USING (hold_id)
"""
_ORPHANS = """
SELECT count(*) AS parts FROM (SELECT DISTINCT residue_id FROM vault.residue_part) p
WHERE NOT EXISTS (SELECT FROM vault.residue r WHERE r.residue_id = p.residue_id)
"""
_LINKS = "SELECT number, at, step, member_id, fields, previous, digest FROM vault.keeping_entry ORDER BY number"


async def check_residue(sites: Mapping[SiteName, Site], on: datetime) -> tuple[int, list[Violation]]:
    """How many rows lie as residue at these sites, and what is wrong with it as of a moment."""
    rows, wrong = 0, []
    for name, site in sites.items():
        async with site.auditor.snapshot() as session:
            found = await session.fetch(_RESIDUE, {"today": on.date()})
            rows += sum(row.rows for row in found)
            wrong += list(_judge(name, found, on))
            if orphans := await session.value(_ORPHANS):
                text = f"{orphans} residues of which only parts are there"
                wrong.append(Violation("residue_without_rule", name, "vault.residue_part", orphans, (), text))
            if not await _is_whole(session):
                text = "what is written of holds and residue was changed, or something of it is missing"
                wrong.append(Violation("broken_chain", name, "vault.keeping_entry", 1, (), text))
    return rows, wrong


def _judge(site: str, found: Iterable[Row], on: datetime) -> Iterable[Violation]:
    grouped: dict[tuple[Kind, str], list[int]] = {}
    for row in found:
        if problem := _problem(row, on):
            grouped.setdefault(problem, []).append(row.member_id)
    for (kind, text), members in sorted(grouped.items()):
        sample = tuple(sorted(set(members))[:10])
        yield Violation(kind, site, "vault.residue", len(members), sample, f"{len(members)} residues {text}")


def _problem(row: Row, on: datetime) -> tuple[Kind, str] | None:
    if not (row.rule or row.citation) or (row.hold_id is not None and row.known_hold is None):
        return "residue_without_rule", "under no rule and no hold that is known here"
    if row.parts != row.found_parts:
        return "residue_without_rule", "of which parts are missing or were added"
    last = row.hold_until if row.hold_id is not None else row.until
    ended = (last is not None and last < (on - PATIENCE).date()) or (
        row.released_at is not None and on - row.released_at > PATIENCE
    )
    return ("residue_past_end", "that have ended and were not destroyed") if ended and not row.held else None


async def _is_whole(session: Session) -> bool:
    previous = bytes(32)
    for number, row in enumerate(await session.fetch(_LINKS), 1):
        head = f"{number}\0{row.at.astimezone(UTC).isoformat()}\0{row.step}\0{row.member_id or ''}\0{row.fields}"
        if row.number != number or bytes(row.previous) != previous:
            return False
        previous = bytes(row.digest)
        if hashlib.sha256(bytes(row.previous) + head.encode()).digest() != previous:
            return False
    return True
