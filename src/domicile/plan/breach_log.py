"""Where the entries of incidents are kept: at each site concerned, and at the hub.

A site may be lost, or restored from a backup made before the incident; the hub may be lost and rebuilt. Entries are
only added, and each has an id that follows from what it says: copies are merged by adding what the other has, which
every reading does.
"""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256

import msgspec

from domicile.database import Database, Row
from domicile.errors import Conflict, NotFound, Unavailable
from domicile.ids import SiteName
from domicile.placement.sites import Site
from domicile.plan.breach_case import Case, Entry, Opened, Told, read_case

HUB = "hub"
_INSERT = (
    "INSERT INTO incident_entry (entry_id, incident, at, told) VALUES (%s, %s, %s, %s)"
    " ON CONFLICT (entry_id) DO NOTHING"
)


class IncidentLog:
    """The copies at the sites of this process and at the hub, as one log."""

    def __init__(self, sites: Mapping[SiteName, Site], hub: Database) -> None:
        self._copies: dict[str, Database] = {name: site.app for name, site in sites.items()} | {HUB: hub}

    async def cases(self) -> list[Case]:
        """Every incident that some copy knows, the latest first; copies that lack entries are given them."""
        found = await self._read(None)
        cases = [case for entries in found.values() if (case := read_case(entries))]
        return sorted(cases, key=lambda case: (case.opened_at, case.name), reverse=True)

    async def find(self, incident: str) -> Case:
        """One incident. Raises NotFound."""
        case = read_case((await self._read(incident)).get(incident, ()))
        if case is None:
            raise NotFound(f"no incident is called {incident}; `breach list` shows them")
        return case

    async def open(self, incident: str, told: Opened, at: datetime) -> Case:
        """Write the first entry, or find the one that an earlier try has written.

        Raises Conflict for another incident of this name, Unavailable if no copy could be written.
        """
        known = read_case((await self._read(incident)).get(incident, ()))
        if known is None:
            await self._write(make_entry(incident, told, at), told.sites)
            known = await self.find(incident)
        if known.key != told.key:
            raise Conflict(f"another incident is called {incident}; give this one a `--key` of its own")
        return known

    async def add(self, case: Case, told: Told, at: datetime) -> Case:
        """Write a further entry to every copy. Raises Unavailable if no copy could be written."""
        await self._write(make_entry(case.name, told, at), case.sites)
        return await self.find(case.name)

    async def _write(self, entry: Entry, sites: Iterable[SiteName]) -> None:
        """To the sites concerned and the hub; if none of them answers, to any other site: time is running."""
        concerned = [name for name in (*sites, HUB) if name in self._copies]
        written = [name for name in concerned if await self._insert(name, entry)]
        for name in self._copies:
            if not written and await self._insert(name, entry):
                written = [name]
        if not written:
            raise Unavailable("no site answers, nor does the hub, so that nothing was written down")

    async def _insert(self, name: str, *entries: Entry) -> bool:
        """Whether the copy answered; if not, the next reading gives it the entries."""
        rows = [
            (entry.entry_id, entry.incident, entry.at, msgspec.json.encode(entry.told).decode()) for entry in entries
        ]
        try:
            async with self._copies[name].transaction() as session:
                await session.execute_many(_INSERT, rows)
        except Unavailable:
            return False
        return True

    async def _read(self, incident: str | None) -> dict[str, list[Entry]]:
        """The entries of all copies by incident, each once; copies that lack some are given them."""
        held = dict(zip(self._copies, await asyncio.gather(*map(_entries, self._copies.values())), strict=True))
        merged = {entry.entry_id: entry for entries in held.values() for entry in entries or ()}
        by_incident: dict[str, list[Entry]] = {}
        for entry in merged.values():
            if incident in (None, entry.incident):
                by_incident.setdefault(entry.incident, []).append(entry)
        for entries in by_incident.values():
            case = read_case(entries)
            for name in (*case.sites, HUB) if case else ():
                await self._give(name, held.get(name), entries)
        return by_incident

    async def _give(self, name: str, held: list[Entry] | None, entries: list[Entry]) -> None:
        if held is None:
            return
        has = {entry.entry_id for entry in held}
        if lacking := [entry for entry in entries if entry.entry_id not in has]:
            await self._insert(name, *lacking)


async def _entries(copy: Database) -> list[Entry] | None:
    """All entries of one copy; None if it does not answer."""
    try:
        rows = await copy.run("SELECT entry_id, incident, at, told FROM incident_entry")
    except Unavailable:
        return None
    return [_entry(row) for row in rows]


def _entry(row: Row) -> Entry:
    told = msgspec.json.decode(row.told, type=Told)
    return Entry(entry_id=row.entry_id, incident=row.incident, at=row.at, told=told)


def make_entry(incident: str, told: Told, at: datetime) -> Entry:
    """An entry with the id that follows from what it says. The first of an incident has the incident's own."""
    said = b"opened" if isinstance(told, Opened) else msgspec.json.encode(told)
    return Entry(entry_id=sha256(incident.encode() + b"\0" + said).hexdigest(), incident=incident, at=at, told=told)
