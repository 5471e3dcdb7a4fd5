"""Which backups of a site there are, until when each is kept, and who may be in one.

Backups are kept `days` days. The newest is kept until a newer one is there, however old it is: nobody should lose the
only one. A backup that was forced to another place is known here by a note of it.
"""

import contextlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from domicile.database import Database
from domicile.ids import MemberId, SiteName, moment_of
from domicile.placement.remains import LastScrub, read_last_scrub
from domicile.placement.sites import Site
from domicile.relocation.backup import ELSEWHERE, MANIFEST, Manifest

_FLIPS = """
SELECT DISTINCT ON (f.epoch) f.source, e.at FROM relocation_member m JOIN relocation r USING (batch_id)
JOIN relocation_entry e ON e.batch_id = r.batch_id
JOIN LATERAL (VALUES ('flip', m.epoch, r.source), ('return', m.epoch + 1, r.target)) AS f (step, epoch, source)
  ON f.step = e.step
WHERE m.member_id = %s AND f.epoch < (SELECT epoch FROM home WHERE member_id = %s)
ORDER BY f.epoch, e.number DESC
"""


@dataclass(frozen=True, slots=True)
class KeptBackup:
    """A backup of a site. `until`: its last moment; None for the newest, which stays until there is a newer one."""

    site: SiteName
    folder: Path
    taken_at: datetime
    until: datetime | None
    members: int
    forced: str

    def is_over(self, now: datetime) -> bool:
        return self.until is not None and self.until <= now


@dataclass(frozen=True, slots=True)
class LeftHome:
    """A home that a member has left: what of its server was scrubbed since, and the backups that may hold them."""

    site: SiteName
    left_at: datetime
    heap_gone: bool
    statistics_gone: bool
    wal_gone: bool


@dataclass(frozen=True, slots=True)
class Lingering:
    """What still holds a member, by policy: homes they have left, and backups."""

    left: list[LeftHome]
    backups: list[KeptBackup]


def list_backups(folder: Path, days: int) -> list[KeptBackup]:
    """The backups in a site's folder, and those elsewhere of which it has a note; the oldest first."""
    found: list[tuple[Path, Manifest]] = []
    for file in sorted(folder.glob(f"*/{MANIFEST}")):
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            found.append((file.parent, msgspec.json.decode(file.read_bytes(), type=Manifest)))
    for file in sorted(folder.glob(f"{ELSEWHERE}/*.json")):
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            note = msgspec.json.decode(file.read_bytes(), type=Note)
            found.append((Path(note.folder), note.manifest))
    found.sort(key=lambda entry: entry[1].taken_at)
    ends = [manifest.taken_at + timedelta(days=days) for _, manifest in found]
    return [
        KeptBackup(
            SiteName(manifest.site),
            place,
            manifest.taken_at,
            None if place == found[-1][0] else end,
            manifest.members,
            manifest.forced,
        )
        for (place, manifest), end in zip(found, ends, strict=True)
    ]


class Note(msgspec.Struct, frozen=True):
    """Of a backup that lies elsewhere."""

    folder: str
    manifest: Manifest


def prune_backups(folder: Path, days: int, now: datetime) -> list[KeptBackup]:
    """Delete the backups whose time is over; those that were deleted. One on a disk that is not there stays listed."""
    pruned = []
    for backup in list_backups(folder, days):
        if not backup.is_over(now) or not backup.folder.parent.is_dir():
            continue
        if backup.folder.is_dir():
            (backup.folder / MANIFEST).unlink(missing_ok=True)  # a crash after this leaves no backup that looks whole
            shutil.rmtree(backup.folder)
        (folder / ELSEWHERE / f"{backup.folder.name}.json").unlink(missing_ok=True)
        pruned.append(backup)
    return pruned


async def find_lingering(
    member: MemberId, home: SiteName, sites: Sequence[Site], backups: Sequence[KeptBackup], hub: Database
) -> Lingering:
    """Where a member may still lie: each home that they left, and each backup taken while they lived at its site."""
    stays: list[tuple[SiteName, datetime, datetime | None]] = []
    since = moment_of(member)
    for flip in await hub.run(_FLIPS, (member, member)):
        moment = datetime.fromisoformat(flip.at)
        stays.append((SiteName(flip.source), since, moment))
        since = moment
    left = {site: until for site, _, until in stays if until is not None and site != home}
    by_name = {site.name: site for site in sites}
    homes = [
        _left(name, moment, await read_last_scrub(by_name[name].auditor))
        for name, moment in left.items()
        if name in by_name
    ]
    stays.append((home, since, None))
    return Lingering(homes, [backup for backup in backups if any(_holds(backup, stay) for stay in stays)])


def _left(site: SiteName, moment: datetime, scrubbed: LastScrub) -> LeftHome:
    heap, statistics, wal = (
        at is not None and at > moment for at in (scrubbed.heap, scrubbed.statistics, scrubbed.wal)
    )
    return LeftHome(site, moment, heap, statistics, wal)


def _holds(backup: KeptBackup, stay: tuple[SiteName, datetime, datetime | None]) -> bool:
    site, since, until = stay
    return backup.site == site and backup.taken_at >= since and (until is None or backup.taken_at <= until)
