"""What stays of members at a site: residue by its headings, and holds. Nothing here can read what is in it."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import msgspec

from domicile.database import Database, Row, Session, array
from domicile.errors import Unavailable
from domicile.ids import MemberId, SiteName
from domicile.placement.sites import Site

# The last day of a residue: its own, or its hold's as it stands now. A hold that is released has ended.
_RESIDUE = """
SELECT r.*, h.secret, h.state AS hold_state, h.until AS hold_until, h.released_at,
  EXISTS (SELECT FROM vault.hold o WHERE o.member_id = r.member_id AND o.hold_id IS DISTINCT FROM r.hold_id
    AND o.state = 'placed' AND (o.until IS NULL OR o.until >= %(today)s)) AS held
FROM (SELECT residue_id, member_id, cause, batch_id, hold_id, rule, jurisdiction, citation, settled, categories,
  conflicts, tables, rows, files, left_at, until FROM vault.residue
  WHERE %(members)s::bigint[] IS NULL OR member_id = ANY (%(members)s::bigint[])) r
LEFT JOIN vault.hold h USING (hold_id) ORDER BY r.left_at, r.residue_id
"""
_HOLDS = """
SELECT * FROM vault.hold WHERE %(members)s::bigint[] IS NULL OR member_id = ANY (%(members)s::bigint[])
ORDER BY placed_at, hold_id
"""


@dataclass(frozen=True, slots=True)
class Hold:
    """What an authority wants preserved of a member at a site. `secret`: the member may not be told of it."""

    id: int
    site: SiteName
    member: MemberId
    state: str
    authority: str
    rule: str
    jurisdiction: str
    citation: str
    reason: str
    categories: tuple[str, ...]
    secret: bool
    placed_at: datetime
    until: date | None
    released_at: datetime | None

    def in_force(self, today: date) -> bool:
        """Whether it keeps anything on this day; `until` is its last."""
        return self.state == "placed" and (self.until is None or self.until >= today)


@dataclass(frozen=True, slots=True)
class Residue:
    """The heading of a residue. `until` is its last day, None where nobody said one; `held`: a hold keeps it longer.

    `secret`: it is there by a hold of which the member may not be told.
    """

    id: int
    site: SiteName
    member: MemberId
    cause: str
    rule: str
    jurisdiction: str
    citation: str
    settled: bool
    categories: tuple[str, ...]
    conflicts: tuple[str, ...]
    tables: dict[str, int]
    rows: int
    files: int
    left_at: datetime
    until: date | None
    hold: int | None
    held: bool
    secret: bool


async def list_residue(
    site: SiteName, database: Database | Session, today: date, members: Sequence[MemberId] | None = None
) -> list[Residue]:
    """The residue of some members, or of everybody, at a site, oldest first."""
    rows = await _fetch(database, _RESIDUE, {"today": today, "members": _ids(members)})
    return [_residue(site, row) for row in rows]


async def list_told(sites: Mapping[SiteName, Site], today: date, member: MemberId) -> list[Residue]:
    """What had to stay of a member at the sites that answer, as far as they may be told: not by a secret hold."""
    found: list[Residue] = []
    for name, site in sites.items():
        with contextlib.suppress(Unavailable):
            found += await list_residue(name, site.auditor, today, [member])
    return [residue for residue in found if not residue.secret]


async def list_holds(
    site: SiteName, database: Database | Session, members: Sequence[MemberId] | None = None
) -> list[Hold]:
    """The holds on some members, or on everybody, at a site; also those that have ended."""
    return [_hold(site, row) for row in await _fetch(database, _HOLDS, {"members": _ids(members)})]


async def _fetch(database: Database | Session, query: str, params: dict[str, object]) -> list[Row]:
    return await (database.run(query, params) if isinstance(database, Database) else database.fetch(query, params))


def _ids(members: Sequence[MemberId] | None) -> str | None:
    return None if members is None else array(members)


def _hold(site: SiteName, row: Row) -> Hold:
    return Hold(
        id=row.hold_id,
        site=site,
        member=MemberId(row.member_id),
        state=row.state,
        authority=row.authority,
        rule=row.rule,
        jurisdiction=row.jurisdiction,
        citation=row.citation,
        reason=row.reason,
        categories=tuple(row.categories),
        secret=row.secret,
        placed_at=row.placed_at,
        until=row.until,
        released_at=row.released_at,
    )


def _residue(site: SiteName, row: Row) -> Residue:
    until = row.until
    if row.hold_id is not None:
        until = row.released_at.date() if row.hold_state == "released" else row.hold_until
    return Residue(
        id=row.residue_id,
        site=site,
        member=MemberId(row.member_id),
        cause=row.cause,
        rule=row.rule,
        jurisdiction=row.jurisdiction,
        citation=row.citation,
        settled=row.settled,
        categories=tuple(row.categories),
        conflicts=tuple(row.conflicts),
        tables=msgspec.json.decode(row.tables, type=dict[str, int]),
        rows=row.rows,
        files=row.files,
        left_at=row.left_at,
        until=until,
        hold=row.hold_id,
        held=row.held,
        secret=bool(row.secret),
    )
