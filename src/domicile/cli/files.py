"""Files for other programs: CSV for people who open it in a spreadsheet, where a cell is text and never a formula."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from domicile.errors import InvalidInput

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_sheet(file: Path, columns: Iterable[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows under their columns (RFC 4180, UTF-8). Raises InvalidInput if the file cannot be written.

    What a spreadsheet would take for a formula gets an apostrophe in front (OWASP, CSV injection).
    """
    names = list(columns)
    try:
        with file.open("w", newline="", encoding="utf-8") as sheet:
            writer = csv.writer(sheet)
            writer.writerow(names)
            writer.writerows([_cell(row.get(name)) for name in names] for row in rows)
    except OSError as error:
        raise InvalidInput(f"{file} cannot be written: {error.strerror}") from error


def write_file(file: Path, content: bytes) -> None:
    """Write a file. Raises InvalidInput if it cannot be written."""
    try:
        file.write_bytes(content)
    except OSError as error:
        raise InvalidInput(f"{file} cannot be written: {error.strerror}") from error


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return str(value)
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
