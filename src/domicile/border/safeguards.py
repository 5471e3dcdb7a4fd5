"""Safeguards on file: contracts, notices, certifications and assessments that the border's gates ask for.

They are kept at the exporting site. Taking one away acts on the very next crossing: the border reads them each time.
"""

from collections.abc import Iterable
from datetime import date, datetime

from domicile.database import Database, Row
from domicile.errors import NotFound
from domicile.ids import Country
from domicile.law.facts import Safeguard

ON_FILE = (
    "SELECT safeguard_id, kind, exporter, importer, scope, filed_on, valid_until, withdrawn_on, document, made_up,"
    " note"
    " FROM safeguard ORDER BY safeguard_id"
)


# What is on file, in one value: whoever changes a row by whatever means changes it.
STAMP = "(SELECT md5(string_agg(s::text, '|' ORDER BY s.safeguard_id)) FROM safeguard s)"


async def list_safeguards(database: Database) -> list[Row]:
    """Every safeguard ever filed at a site, withdrawn ones too."""
    return await database.run(ON_FILE)


async def file_safeguard(
    database: Database, name: str, safeguard: Safeguard, *, made_up: bool, note: str, now: datetime
) -> None:
    """Put a safeguard on file, or file it again after it was withdrawn."""
    await database.run(
        "INSERT INTO safeguard (safeguard_id, kind, exporter, importer, scope, filed_on, valid_until, made_up, note,"
        " changed_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (safeguard_id) DO UPDATE"
        " SET withdrawn_on = NULL,"
        " filed_on = EXCLUDED.filed_on, valid_until = EXCLUDED.valid_until, changed_at = EXCLUDED.changed_at",
        (
            name,
            safeguard.kind,
            safeguard.exporter,
            safeguard.importer,
            sorted(safeguard.scope),
            safeguard.filed_on,
            safeguard.valid_until,
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
    return frozenset(
        Safeguard(
            kind=row.kind,
            exporter=Country(row.exporter),
            importer=Country(row.importer) if row.importer else None,
            filed_on=row.filed_on,
            valid_until=row.valid_until,
            scope=frozenset(row.scope),
        )
        for row in rows
        if row.withdrawn_on is None or row.withdrawn_on > on
    )
