"""Finding the line of a table or key in a TOML text: tomllib forgets them, and an error without a line helps nobody."""

import re

_HEADER = re.compile(r"\s*\[\[\s*([\w.-]+)\s*\]\]")
_TABLE = re.compile(r"\s*\[\s*([\w.-]+)\s*\]")


def header_lines(text: str) -> dict[str, list[int]]:
    """The lines (from 1) of the `[[name]]` headers, by name, in the order in which they stand."""
    found: dict[str, list[int]] = {}
    for number, line in _lines_outside_long_strings(text):
        if match := _HEADER.match(line):
            found.setdefault(match[1], []).append(number)
    return found


def block_line(text: str, start: int, key: str) -> int | None:
    """The line of `key` (or of the table named so) in the block that begins at line `start`, if it is there."""
    wanted = re.compile(
        rf"""\s*["']?{re.escape(key)}["']?\s*=|\s*\[\s*[\w.-]*\.?{re.escape(key)}\s*\]|.*[{{,]\s*{re.escape(key)}\s*="""
    )
    for number, line in _lines_outside_long_strings(text):
        if number > start and _HEADER.match(line):
            return None
        if number >= start and wanted.match(line):
            return number
    return None


def _lines_outside_long_strings(text: str) -> list[tuple[int, str]]:
    lines: list[tuple[int, str]] = []
    inside = ""
    for number, line in enumerate(text.splitlines(), 1):
        if not inside:
            lines.append((number, line))
        for quote in re.findall(r'"""|\'\'\'', line):
            inside = "" if inside == quote else inside or quote
    return lines
