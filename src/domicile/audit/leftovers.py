"""What a relocation has left lying about: batches that are closed and still at work at a site, keys noted for nobody.

Members who are leaving or arriving without an open entry of the journal are the agreement's to find.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from domicile.audit.report import Violation
from domicile.database import Database, Row
from domicile.ids import SiteName
from domicile.placement.sites import Site

PATIENCE = timedelta(minutes=1)
"""So long after a batch is closed at the hub its sites may still be told so."""

_BATCHES = "SELECT batch_id, role, members FROM public.relocation ORDER BY batch_id"
_CLOSED = "SELECT batch_id, state, seen_at FROM relocation WHERE batch_id = ANY (%s)"
_NOTED = """
SELECT count(*) AS rows, (array_agg(DISTINCT c.member_id))[1:10] AS sample FROM public.changed c
LEFT JOIN public.resident r ON r.member_id = c.member_id AND r.tracked WHERE r.member_id IS NULL
"""
_MOVING = """
SELECT count(*) AS members, (array_agg(m.member_id ORDER BY m.member_id))[1:10] AS sample
FROM relocation_member m JOIN relocation r USING (batch_id) WHERE m.moving AND r.state IN ('done', 'undone')
"""


async def find_leftovers(sites: Mapping[SiteName, Site], hub: Database, now: datetime) -> list[Violation]:
    """Leftovers at every site and at the hub."""
    wrong: list[Violation] = []
    for name, site in sites.items():
        held = await site.auditor.run(_BATCHES)
        known = {row.batch_id: row for row in await hub.run(_CLOSED, ([row.batch_id for row in held],))} if held else {}
        wrong += _of_batches(name, held, known, now)
        noted = (await site.auditor.run(_NOTED))[0]
        if noted.rows:
            text = f"{noted.rows} keys noted for members whom nobody copies"
            wrong.append(Violation("leftover", name, "changed", noted.rows, tuple(noted.sample), text))
    moving = (await hub.run(_MOVING))[0]
    if moving.members:
        text = f"{moving.members} members on the move in batches that are closed"
        wrong.append(Violation("leftover", "hub", "relocation_member", moving.members, tuple(moving.sample), text))
    return wrong


def _of_batches(site: str, held: list[Row], known: Mapping[int, Row], now: datetime) -> Iterator[Violation]:
    for row in held:
        batch = known.get(row.batch_id)
        if batch is None or (batch.state in ("done", "undone") and now - batch.seen_at > PATIENCE):
            said = "knows nothing of it" if batch is None else f"has it as {batch.state}"
            text = f"batch {row.batch_id} is still at work here as {row.role}, and the hub {said}"
            yield Violation("leftover", site, "relocation", len(row.members), tuple(sorted(row.members)[:10]), text)
