"""`domicile attest`: how many members were at home where, day by day, with digests and without names, for counsel."""

import secrets
from pathlib import Path
from typing import Annotated

import typer

from domicile.audit.attestation import Attestation
from domicile.cli.output import (
    ConfigOption,
    DataOption,
    JsonOption,
    failures,
    look_at_network,
    out,
    parse_day,
    print_json,
    print_table,
    say,
    settings,
)
from domicile.errors import InvalidInput
from domicile.running import Domicile
from domicile.web.console.attestation_page import condense_days, in_words, render_attestation


def attest_command(
    since: Annotated[str, typer.Option("--from", metavar="DATE", help="The first day.")],
    until: Annotated[str | None, typer.Option("--to", metavar="DATE", help="The last day; today if not given.")] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Also write it as one page.")] = None,
    key_to: Annotated[
        Path | None, typer.Option("--key-to", metavar="FILE", help="Write the key of the digests, for a court.")
    ] = None,
    number: Annotated[
        str | None, typer.Option("--number", help="The number of an earlier document: its key is derived again.")
    ] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Who was where when: counts and digests, no names. Exit 1 if the audit or the journal's chain is not in order."""
    with failures(json):
        chosen, first = settings(data, config), parse_day(since)
        assert first is not None

        async def work(domicile: Domicile) -> tuple[Attestation, bytes]:
            attester, chosen_number, now = domicile.attester(), number or secrets.token_hex(8), domicile.clock()
            document = await attester.attest(chosen_number, first, parse_day(until) or now.date(), now)
            return document, attester.key_of(chosen_number)

        document, key = look_at_network(chosen, work)
        if html is not None:
            _write(html, render_attestation(document, chosen.stats_floor).encode())
        if key_to is not None:
            _write(key_to, key.hex().encode(), mode=0o600)
        if json:
            print_json({"ok": document.ok, "document": document, "digest": document.digest()})
        else:
            _show(document, chosen.stats_floor)
        if not document.ok:
            raise typer.Exit(1)


def _write(file: Path, content: bytes, mode: int = 0o644) -> None:
    try:
        file.touch(mode)
        file.write_bytes(content)
    except OSError as error:
        raise InvalidInput(f"{file} cannot be written: {error.strerror}") from None
    say(f"Written: {file}")


def _show(document: Attestation, floor: int) -> None:
    rows: list[list[object]] = [
        [record.site, span.first, span.last, in_words(span.number, floor), f"{span.digest[:16]}…"]
        for record in document.sites
        for span in condense_days(record)
    ]
    title = f"At home, {document.since} to {document.until} (document {document.number})"
    print_table(title, ["site", "from", "through", "members", "digest"], rows)
    claimed: list[list[object]] = [[c.jurisdiction, c.site, in_words(c.number, floor)] for c in document.claimed]
    print_table("Claimed by residence, today", ["law of", "at home in", "members"], claimed)
    stayed: list[list[object]] = [
        [r.site, r.rule or r.citation, in_words(r.number, floor), r.rows, r.last_day] for r in document.residue
    ]
    if stayed:
        print_table("What had to stay behind, sealed", ["site", "rule", "members", "rows", "last day"], stayed)
    journal, found = document.journal, document.audit
    chain = "[green]whole[/]" if journal.intact else "[bold red]broken[/]"
    out.print(f"Journal: {journal.head} entries, chain {chain}, head {journal.head_digest[:16]}…", highlight=False)
    verdict = "[green]nothing wrong[/]" if found.ok else f"[bold red]{found.violations}[/]"
    out.print(f"Audit: {found.rows_checked:,} rows, {verdict}, report {found.report_digest[:16]}…", highlight=False)
    out.print(f"SHA-256 of the document: {document.digest()}", highlight=False)
    for note in document.notes:
        out.print(note, style="dim", highlight=False)
