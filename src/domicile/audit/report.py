"""What an audit says: every row where the law says, or which are not; and what no query can prove."""

from dataclasses import dataclass, field
from typing import Literal

from domicile.ids import SiteName

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
    "law",
    "copy",
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
law          the law of that day does not let these members live there
copy         a copy is kept past its licence, or its home has not registered it
unreachable  the site or the hub does not answer, so nothing is known
"""

NOTES = (
    "The place of the disk that a server writes to is not visible from inside PostgreSQL.",
    "Whoever is root on a server while it holds its keys can read and change everything.",
    "Freed pages, the write-ahead log and backups may hold deleted rows until they are overwritten; not read here.",
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


@dataclass
class AuditReport:
    """The answer: `ok` when nothing is wrong. `in_transit` members are on a move or in a sign-up at this moment."""

    rows_checked: int = 0
    files_checked: int = 0
    violations: list[Violation] = field(default_factory=list)
    in_transit: int = 0
    sites: list[SiteName] = field(default_factory=list)
    notes: tuple[str, ...] = NOTES

    @property
    def ok(self) -> bool:
        return not self.violations
