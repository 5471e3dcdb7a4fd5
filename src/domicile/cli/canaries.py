"""`audit --canaries FILE`: values that must not be where they are looked for."""

import sys
from collections.abc import Sequence
from pathlib import Path

from domicile.audit.canaries import Canary, read_canaries
from domicile.audit.report import AuditReport, CanaryReport
from domicile.audit.search import Search
from domicile.cli.output import out, progress_bar
from domicile.errors import InvalidInput
from domicile.running import Domicile


def read_file(file: Path, sites: Sequence[str]) -> list[Canary]:
    """The values of a file; `-` is standard input, so that they need not lie on a disk."""
    if str(file) == "-":
        return read_canaries(sys.stdin, sites)
    try:
        return read_canaries(file.read_text().splitlines(), sites)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"{file} cannot be read as text: {getattr(error, 'strerror', None) or 'not UTF-8'}"
        ) from None


def parse_folders(texts: Sequence[str], sites: Sequence[str]) -> dict[str, list[Path]]:
    """SITE=FOLDER, as often as one likes. Raises InvalidInput."""
    folders: dict[str, list[Path]] = {}
    for text in texts:
        name, _, folder = text.partition("=")
        if name not in (*sites, "hub") or not folder:
            raise InvalidInput(f"{text!r}: write SITE=FOLDER, the site being one of {', '.join((*sites, 'hub'))}")
        if not Path(folder).exists():
            raise InvalidInput(f"{folder} does not exist")
        folders.setdefault(name, []).append(Path(folder).resolve())
    return folders


async def look_for(
    domicile: Domicile, canaries: Sequence[Canary], folders: dict[str, list[Path]], report: AuditReport
) -> None:
    """Search everything, and write into the report what was found."""
    with progress_bar() as show:
        search = Search(canaries, show)
        for ground in domicile.grounds(folders):
            await search.look_at(ground)
    report.violations += search.end()
    report.canaries = search.report


def show_search(report: CanaryReport) -> None:
    """What was read, and what was not."""
    by_site: dict[str, list[str]] = {}
    for part in report.searched:
        by_site.setdefault(part.site, []).append(f"{part.place} {part.size / 1e6:,.1f} MB")
    for site, parts in by_site.items():
        out.print(f"Searched at {site}: {', '.join(parts)}", style="dim", highlight=False)
    lawful = sum(found.count for found in report.found if found.lawful)
    out.print(f"{report.values} values: found {lawful} times where they may be", highlight=False)
    for words in report.not_searched:
        out.print("[yellow]Not searched[/] ", end="")
        out.print(words, markup=False, highlight=False)
