"""`domicile law ...`"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from domicile.cli.lazy import lazy_group
from domicile.cli.lines import line
from domicile.cli.output import (
    ConfigOption,
    DataOption,
    JsonOption,
    OnOption,
    failures,
    out,
    parse_day,
    print_json,
    print_table,
    settings,
)
from domicile.errors import InvalidInput, NotFound
from domicile.ids import Country
from domicile.law.comparison import compare_days, compare_packs
from domicile.law.decision import Citation
from domicile.law.explain import explain_citation
from domicile.law.library import load_pack, load_packs
from domicile.law.pack import Pack
from domicile.law.retention import Clash

law_app = typer.Typer(
    cls=lazy_group(
        {
            "explain": ("domicile.cli.explaining:explain_command", "Which laws claim a member, and what follows."),
            "clocks": ("domicile.cli.clocks:clocks_command", "Hours and days to act, to answer, to report, to keep."),
            "safeguard": ("domicile.cli.safeguards:safeguard_app", "Contracts, notices and assessments on file."),
        }
    ),
    help="What the law asks, since when, by which article. Not legal advice.",
    no_args_is_help=True,
)

CountryArgument = Annotated[str, typer.Argument(metavar="CC", help="A country or bloc, like RU or EU.")]


@law_app.command(name="list")
def list_packs(data: DataOption = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """The packs, and how many of their rules were checked against a text."""
    with failures(json):
        law = load_packs(settings(data, config).packs)
        packs = [
            {
                "jurisdiction": code,
                "name": pack.name,
                "version": pack.version,
                "rules": len(rules := law.rules(code)),
                "checked_against_a_text": sum(rule.verified for rule in rules),
            }
            for code, pack in sorted(law.packs.items())
        ]
        known = [rule for code in sorted(law.packs) for rule in law.rules(code)]
        checked = sum(rule.verified for rule in known)
        if json:
            cited = [{"id": r.rule, "jurisdiction": r.jurisdiction, "citation": f"{r.act}, {r.article}"} for r in known]
            totals = {"rules_recorded": len(known), "checked_against_a_text": checked}
            print_json({**totals, "packs": packs, "rules": cited})
        else:
            rows: list[list[object]] = [
                [p["jurisdiction"], p["name"], p["version"], p["rules"], p["checked_against_a_text"]] for p in packs
            ]
            print_table("Law packs", ["", "jurisdiction", "version", "rules", "checked"], rows)
            out.print(f"Recorded: {checked} of {len(known)} rules checked against a text. Not legal advice.")


@law_app.command()
def show(
    country: CountryArgument,
    on: OnOption = None,
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """The rules of one pack, in force on a day or all of them."""
    with failures(json):
        law = load_packs(settings(data, config).packs)
        code = Country(country.upper())
        if code not in law.packs:
            raise NotFound(f"there is no pack for {code}; there are packs for {', '.join(sorted(law.packs))}")
        rules = law.rules(code, parse_day(on))
        if json:
            print_json({"jurisdiction": code, "rules": [describe_rule(rule) for rule in rules]})
        else:
            for rule in rules:
                out.print(f"[bold]{rule.rule}[/] since {rule.valid_from or 'unknown'}", highlight=False)
                out.print(f"  {escape(explain_citation(rule))}", highlight=False)


@law_app.command(name="check")
def check_pack(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A pack's TOML file.")], json: JsonOption = False
) -> None:
    """Read a pack strictly: file, line, and what is wrong."""
    with failures(json):
        pack = load_pack(file)
        if json:
            print_json({"ok": True, "jurisdiction": pack.jurisdiction, "version": pack.version})
        else:
            out.print(f"{file}: the pack of {pack.jurisdiction}, version {pack.version}, can be used")


@law_app.command()
def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A pack's file, or a country of the packs in use.")],
    new: Annotated[str | None, typer.Argument(metavar="NEW", help="The pack to compare it with.")] = None,
    before: Annotated[str | None, typer.Option("--from", help="Compare one pack on two days: the earlier.")] = None,
    after: Annotated[str | None, typer.Option("--to", help="The later day.")] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """What differs between two packs, or in one pack between two days, in words. Exit 1 if anything does."""
    with failures(json):
        folder = settings(data, config).packs
        first, earlier, later = _pack(old, folder), parse_day(before), parse_day(after)
        if new is not None and earlier is None and later is None:
            changes = compare_packs(first, _pack(new, folder))
        elif new is None and earlier is not None and later is not None:
            changes = compare_days(first, earlier, later)
        else:
            raise InvalidInput("compare two packs (`law diff OLD NEW`), or one on two days (`law diff CC --from --to`)")
        if json:
            print_json({"same": not changes, "changes": changes})
        else:
            for change in changes:
                out.print(f"• {escape(change.sentence)}", highlight=False)
            out.print(f"{len(changes)} differences" if changes else "no difference")
        if changes:
            raise typer.Exit(1)


def _pack(name: str, folder: Path | None) -> Pack:
    """The pack in a file, or of a country among the packs in use."""
    law = load_packs(folder) if len(name) == 2 else None
    if law is None:
        return load_pack(Path(name))
    if (pack := law.packs.get(Country(name.upper()))) is None:
        raise NotFound(f"there is no pack for {name.upper()}; there are packs for {', '.join(sorted(law.packs))}")
    return pack


def describe_rule(rule: Citation) -> dict[str, Any]:
    return {
        "id": rule.rule,
        "citation": f"{rule.act}, {rule.article}",
        "summary": rule.summary,
        "valid_from": rule.valid_from,
        "source": rule.source,
        "checked_on": rule.checked_on,
        "verified": rule.verified,
        "confidence": rule.confidence,
        "disputed": rule.disputed,
        "unverified": rule.unverified,
        "amended_by": rule.amended_by,
    }


def describe_clash(clash: Clash) -> dict[str, Any]:
    """Two laws that do not agree on how long something is kept, for JSON."""
    return {
        "kind": clash.kind,
        "certain": clash.certain,
        "categories": clash.categories,
        "sentence": clash.sentence,
        "rules": [describe_rule(rule) for rule in clash.rules],
    }


def show_clashes(clashes: Iterable[Clash]) -> None:
    """Print them: ✗ for those whose numbers contradict each other, ? where that cannot be compared."""
    for clash in clashes:
        mark = "[red]✗[/]" if clash.certain else "[yellow]?[/]"
        line(f"{mark} {', '.join(clash.categories)}: {escape(clash.sentence)}", 1)
