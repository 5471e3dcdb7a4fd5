"""By when what members left behind is gone, site by site, in words that an operator can pass on."""

from datetime import datetime

from domicile.placement.remains import Remains

_DAY = "%Y-%m-%d"
_MINUTE = "%Y-%m-%d %H:%M UTC"


def describe_remains(remains: Remains, oldest_backup: datetime | None, kept_until: datetime | None) -> str:
    """One note of the audit. `kept_until`: when the oldest backup is deleted; None if it waits for a newer one."""
    parts = [_heap(remains), _statistics(remains), _wal(remains), _backups(oldest_backup, kept_until)]
    parts += [f"note: {words}" for words in remains.held_by]
    return f"{remains.site}: {'; '.join(parts)}."


def _heap(remains: Remains) -> str:
    dead = f"about {remains.dead_rows:,} dead rows in {remains.dead_tables} tables"
    if remains.scrubbed.heap is None:
        return (
            f"{dead}; what was erased may lie in freed space until that is used again, or `scrub {remains.site} --full`"
        )
    return f"{dead}; what was erased before {remains.scrubbed.heap:{_MINUTE}} is gone from heap and indexes"


def _statistics(remains: Remains) -> str:
    if remains.scrubbed.statistics is None:
        return "statistics hold values until the next ANALYZE of each table"
    return f"statistics were renewed on {remains.scrubbed.statistics:{_MINUTE}}"


def _wal(remains: Remains) -> str:
    if remains.scrubbed.wal is not None:
        said = f"what was erased before {remains.scrubbed.wal:{_MINUTE}} is gone from the WAL"
    else:
        said = "the WAL holds what was written until its segments are written over"
    if remains.wal_segments is None:
        said += " (how old they are, only a member of pg_monitor sees)"
    elif remains.wal_since is not None:
        said += f" ({remains.wal_segments} segments, the oldest last written {remains.wal_since:{_MINUTE}})"
    if remains.archived:
        said += "; this server archives its WAL, and that archive keeps it as long as you keep the archive"
    return said


def _backups(oldest: datetime | None, until: datetime | None) -> str:
    if oldest is None:
        return "no backup of ours"
    if until is None:
        return f"in the backup of {oldest:{_DAY}}, until there is a newer one"
    return f"in backups, the oldest of {oldest:{_DAY}}, which is deleted on {until:{_DAY}}"
