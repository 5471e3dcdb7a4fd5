"""What an audit says: every row where the law says, or which are not; and what no query can prove."""

from dataclasses import dataclass, field
from typing import Literal

from domicile.ids import SiteName
from domicile.placement.remains import Remains

Kind = Literal[
    "stranger",
    "moved",
    "directory",
    "fence",
    "undeclared",
    "privilege",
    "log",
    "unfinished",
    "leftover",
    "no_file",
    "stray_file",
    "half",
    "law",
    "copy",
    "remains",
    "residue_past_end",
    "residue_without_rule",
    "readable_residue",
    "broken_chain",
    "unreachable",
]
"""What kind of thing is wrong.

stranger     a row whose owner is no resident of this site
moved        a live row of a member who has moved away
directory    site and hub disagree about a member's home or epoch
fence        a foreign key or trigger that should refuse such rows or recall copies is missing, changed or switched off
undeclared   a table that nobody declared
privilege    a role may do more than its work needs
log          the server would write members' data into its own log (rule 10)
unfinished   a sign-up or a move that has stood still for more than an hour
leftover     what a relocation that is closed has left lying about
no_file      a row names a file that is not in the site's store
stray_file   a file that no row names, a draft left over, or a file of somebody who does not live here
half         a row about two people of which one side is missing, says something else, or never ends
law          the law of that day does not let these members live there
copy         a copy is kept past its licence, or its home has not registered it
remains      a value that was looked for lies where it must not be
unreachable  the site or the hub does not answer, so nothing is known

residue_past_end      what had to stay has ended, no hold keeps it, and it was not destroyed
residue_without_rule  it stays under no rule and no hold that the site knows, or not as its heading says
readable_residue      a role of the application can read what was sealed away
broken_chain          the chain of what was done to holds and residue was changed
"""

GOES_WHEN = {
    "rows": "live rows, which stay until somebody erases them",
    "heap": "in dead rows or freed space (or live rows) until that is used again; `scrub {site} --full` ends it now",
    "toast": "in dead rows or freed space (or live rows) until that is used again; `scrub {site} --full` ends it now",
    "index": "in freed space of an index (or live) until it is used again; `scrub {site} --reindex` ends it now",
    "sequence": "nothing of ours writes there",
    "statistics": "until the next ANALYZE or, of texts of queries, until those are reset; `scrub {site}` analyses now",
    "wal": "until these segments are overwritten; `scrub {site}` overwrites them now",
    "wal pages": "whole pages in the WAL, until these segments are overwritten; `scrub {site}` overwrites them now",
    "temporary": "until the statement ends that uses the file, or the server starts anew",
    "replication": "until the slot's consumer has read on, or the slot is dropped",
    "log": "until whoever keeps that log deletes it; no log may hold it (rule 10)",
    "media": "until its row is erased; files are erased with their member",
    "backups": "until that backup's term is over; a backup should be sealed",
    "messages": "until the next message to that member, or the folder is emptied",
    "data folder": "until somebody deletes it",
    "given": "until whoever keeps that folder deletes it",
    "other": "the server's own; until it starts anew at the latest",
}
"""Until when a value stays in each kind of place. `{site}`: whose."""

NOTES = (
    "The place of the disk that a server writes to is not visible from inside PostgreSQL.",
    "Whoever is root on a server while it holds its keys can read and change everything.",
    "What lay in freed blocks of a disk, in its snapshots, or in copies made past us (standbys, archived WAL, dumps of"
    " your own) is not visible here.",
    "Sealed columns are not read: that they are sealed follows from the code that writes them, not from this audit.",
    "Media files are counted and matched with the rows that name them; what is in them is not read.",
)


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is not as the law and the rules say. `sample_ids` are opaque ids of members, at most ten."""

    kind: Kind
    site: str
    table: str | None
    count: int
    sample_ids: tuple[int, ...]
    text: str

    def __str__(self) -> str:
        place = f"{self.site} {self.table}" if self.table else self.site
        sample = f" (for example {', '.join(map(str, self.sample_ids))})" if self.sample_ids else ""
        return f"{place}: {self.text}{sample}"


@dataclass(frozen=True, slots=True)
class Found:
    """A value, by its line in the operator's file, so many times in one kind of place. `lawful`: it may be there."""

    site: str
    place: str
    table: str | None
    line: int
    count: int
    lawful: bool


@dataclass(slots=True)
class Searched:
    """So many tables or files of a kind, and bytes of them, were read to their end."""

    site: str
    place: str
    parts: int = 0
    size: int = 0


@dataclass
class CanaryReport:
    """What a search for canaries read, what it could not read and why, and what it found."""

    values: int = 0
    searched: list[Searched] = field(default_factory=list)
    not_searched: list[str] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)


@dataclass
class AuditReport:
    """The answer: `ok` when nothing is wrong. `in_transit` members are on a move or in a sign-up at this moment.

    `residue` rows lie sealed beside those checked, because a law or an order says that they must.
    """

    rows_checked: int = 0
    files_checked: int = 0
    violations: list[Violation] = field(default_factory=list)
    in_transit: int = 0
    residue: int = 0
    sites: list[SiteName] = field(default_factory=list)
    notes: tuple[str, ...] = NOTES
    canaries: CanaryReport | None = None
    remains: list[Remains] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.violations
