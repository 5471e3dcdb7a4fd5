"""Safeguards on file: contracts, notices, certifications and assessments that the border's gates ask for.

They are kept at the exporting site. Taking one away acts on the very next crossing: the border reads them each time.
"""

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from domicile.database import Database, Row
from domicile.errors import NotFound, Unavailable
from domicile.ids import Country, SiteName
from domicile.law.compiled import LawOn
from domicile.law.facts import Safeguard
from domicile.law.papers import last_day
from domicile.placement.sites import Site

ON_FILE = (
    "SELECT safeguard_id, kind, exporter, importer, scope, filed_on, valid_until, withdrawn_on, document, made_up,"
    " note"
    " FROM safeguard ORDER BY safeguard_id"
)


# What is on file, in one value: whoever changes a row by whatever means changes it.
STAMP = "(SELECT md5(string_agg(s::text, '|' ORDER BY s.safeguard_id)) FROM safeguard s)"


@dataclass(frozen=True, slots=True)
class OnFile:
    """A safeguard as it is on file at a site. `document` is the SHA-256 of the paper, or empty.

    `last_day` is the last on which it counts: its own end, or the term that a rule gives to papers of this kind.
    """

    site: SiteName
    name: str
    safeguard: Safeguard
    last_day: date | None
    withdrawn_on: date | None
    document: str
    made_up: bool
    note: str

    @property
    def counts(self) -> bool:
        """Whether it was not withdrawn."""
        return self.withdrawn_on is None


async def papers_on_file(sites: Mapping[SiteName, Site], law: LawOn) -> list[OnFile]:
    """Every safeguard ever filed at the sites that answer."""
    found: list[OnFile] = []
    for name, site in sites.items():
        with contextlib.suppress(Unavailable):
            found += read_on_file(name, await list_safeguards(site.app), law)
    return found


def read_on_file(site: SiteName, rows: Iterable[Row], law: LawOn) -> list[OnFile]:
    """The safeguards in these rows of a site."""
    found = []
    for row in rows:
        paper = _safeguard(row)
        last, withdrawn = last_day(paper, law), row.withdrawn_on
        found.append(OnFile(site, row.safeguard_id, paper, last, withdrawn, row.document, row.made_up, row.note))
    return found


async def list_safeguards(database: Database) -> list[Row]:
    """Every safeguard ever filed at a site, withdrawn ones too."""
    return await database.run(ON_FILE)


async def file_safeguard(
    database: Database,
    name: str,
    safeguard: Safeguard,
    *,
    made_up: bool,
    note: str,
    now: datetime,
    document: str = "",
) -> None:
    """Put a safeguard on file, or file it anew under its name. `document` is the SHA-256 of the paper."""
    await database.run(
        "INSERT INTO safeguard (safeguard_id, kind, exporter, importer, scope, filed_on, valid_until, document,"
        " made_up, note, changed_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (safeguard_id) DO UPDATE SET withdrawn_on = NULL, kind = EXCLUDED.kind,"
        " exporter = EXCLUDED.exporter, importer = EXCLUDED.importer, scope = EXCLUDED.scope,"
        " filed_on = EXCLUDED.filed_on, valid_until = EXCLUDED.valid_until, document = EXCLUDED.document,"
        " made_up = EXCLUDED.made_up, note = EXCLUDED.note, changed_at = EXCLUDED.changed_at",
        (
            name,
            safeguard.kind,
            safeguard.exporter,
            safeguard.importer,
            sorted(safeguard.scope),
            safeguard.filed_on,
            safeguard.valid_until,
            document,
            made_up,
            note,
            now,
        ),
    )


async def withdraw_safeguard(database: Database, name: str, now: datetime) -> None:
    """Take a safeguard off file from today. Raises NotFound for a name that is not on file."""
    rows = await database.run(
        "UPDATE safeguard SET withdrawn_on = %s, changed_at = %s WHERE safeguard_id = %s RETURNING safeguard_id",
        (now.date(), now, name),
    )
    if not rows:
        raise NotFound(f"no safeguard named {name} is on file", "No safeguard of this name is on file")


def in_force(rows: Iterable[Row], on: date) -> frozenset[Safeguard]:
    """The safeguards that count on a date; expiry is the law's to judge, withdrawal is ours."""
    return frozenset(_safeguard(row) for row in rows if row.withdrawn_on is None or row.withdrawn_on > on)


def _safeguard(row: Row) -> Safeguard:
    return Safeguard(
        kind=row.kind,
        exporter=Country(row.exporter),
        importer=Country(row.importer) if row.importer else None,
        filed_on=row.filed_on,
        valid_until=row.valid_until,
        scope=frozenset(row.scope),
    )
