"""What members who left, or were erased, have left in a server's freed space and WAL, and since when: facts, no values.

PostgreSQL keeps them until space is used again; `relocation.scrub` brings that forward, and writes down when it has.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from domicile.database import Database
from domicile.errors import DomicileError

_FACTS = """
SELECT coalesce(sum(n_dead_tup), 0)::bigint AS dead_rows, count(*) FILTER (WHERE n_dead_tup > 0) AS dead_tables,
  (SELECT min(xact_start) FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid()
     AND datname = current_database() AND xact_start < now() - interval '1 minute') AS held_since,
  (SELECT array_agg(slot_name::text ORDER BY 1) FROM pg_replication_slots) AS slots,
  current_setting('wal_keep_size') AS wal_keep_size, current_setting('archive_mode') AS archive_mode,
  to_regclass('public.setting') IS NOT NULL AS has_settings
FROM pg_stat_user_tables
"""
_WAL = "SELECT count(*) AS segments, min(modification) AS since FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'"
_SCRUBBED = "SELECT value FROM setting WHERE key = 'scrubbed'"
_RECORD = """
INSERT INTO setting (key, value, changed_at) VALUES ('scrubbed', %s, %s)
ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value, changed_at = EXCLUDED.changed_at
"""


class LastScrub(msgspec.Struct, frozen=True):
    """What was erased before these moments is no longer in heap and indexes, statistics, or WAL; None: not yet."""

    heap: datetime | None = None
    statistics: datetime | None = None
    wal: datetime | None = None


@dataclass(frozen=True, slots=True)
class Remains:
    """A server's remains. `wal_since`: the oldest segment's last write; None where this role may not see it.

    `dead_rows` is the server's own estimate. `held_by`: what keeps WAL or dead rows longer than needed.
    """

    site: str
    dead_rows: int
    dead_tables: int
    wal_segments: int | None
    wal_since: datetime | None
    archived: bool
    held_by: tuple[str, ...]
    scrubbed: LastScrub


async def read_remains(name: str, database: Database) -> Remains:
    """As any role may see them; the WAL only as a member of pg_monitor. Raises Unavailable."""
    facts = (await database.run(_FACTS))[0]
    segments, since = await _wal(database)
    return Remains(
        site=name,
        dead_rows=facts.dead_rows,
        dead_tables=facts.dead_tables,
        wal_segments=segments,
        wal_since=since,
        archived=facts.archive_mode != "off",
        held_by=tuple(_holders(facts)),
        scrubbed=await read_last_scrub(database) if facts.has_settings else LastScrub(),
    )


async def read_last_scrub(database: Database) -> LastScrub:
    rows = await database.run(_SCRUBBED)
    return msgspec.json.decode(rows[0].value, type=LastScrub) if rows else LastScrub()


async def record_scrub(database: Database, scrubbed: LastScrub, now: datetime) -> None:
    """Written down at the site, so that everybody can tell what is gone."""
    await database.run(_RECORD, (msgspec.json.encode(scrubbed).decode(), now))


async def _wal(database: Database) -> tuple[int | None, datetime | None]:
    try:
        row = (await database.run(_WAL))[0]
    except DomicileError as error:
        if "42501" in error.detail:  # insufficient_privilege
            return None, None
        raise
    return row.segments, row.since


def _holders(facts: Any) -> list[str]:
    found = [f"the replication slot {slot} may keep WAL" for slot in facts.slots or ()]
    if facts.wal_keep_size != "0":
        found.append(f"wal_keep_size = {facts.wal_keep_size} keeps WAL")
    if facts.held_since is not None:
        found.append(f"a transaction open since {facts.held_since:%Y-%m-%d %H:%M} UTC keeps dead rows")
    return found
