"""The inventory for people."""

from datetime import date
from typing import Any

from rich.markup import escape

from domicile.cli.output import out, print_table

STANDING = {
    "unmet": "[red]✗ not met[/]",
    "met": "[green]✓ met[/]",
    "upheld": "[green]✓ upheld here[/]",
    "operator": "[yellow]? yours to do[/]",
}


def show_inventory(found: dict[str, Any]) -> None:
    """What `describe_inventory` found, in tables and sentences."""
    rows: list[list[object]] = [
        [entry["category"], _since(entry["sites"]), "\n".join(map(_column, entry["columns"]))]
        for entry in found["categories"]
    ]
    print_table("What is collected", ["category", "since", "columns"], rows)
    out.print("Kept until the member's account is erased, where nothing else is said.", style="dim")
    if change := found.get("change"):
        _show_change(change)
    shown = [duty for duty in found["duties"] if duty["standing"] != "upheld"]
    out.print("\n[bold]Duties that come with it[/]")
    for duty in shown:
        mark = "[yellow]! acknowledged[/]" if duty["acknowledged"] else STANDING[duty["standing"]]
        out.print(f" {mark} {duty['rule']} ({escape(duty['citation'])}): {escape(duty['summary'])}", highlight=False)
        if duty["standing"] == "unmet":
            out.print(f"     {escape(duty['why'])}; would satisfy it: {escape(duty['would_satisfy'])}", highlight=False)
    if upheld := len(found["duties"]) - len(shown):
        out.print(f" {STANDING['upheld']} {upheld} more, on crossings and consents, each time they come up")
    for said in found["acknowledgements"]:
        words = f"{said['acknowledged_on']} {said['role']}: {said['rule']} for {said['category']}. {said['reason']}"
        out.print(f" acknowledged {escape(words)}", style="dim", highlight=False)
    out.print(found["note"], style="dim")


def _since(sites: dict[str, date]) -> str:
    """One day where all sites began on it."""
    if not sites:
        return "not yet"
    if len({*sites.values()}) == 1:
        return str(next(iter(sites.values())))
    return "\n".join(f"{day} {site}" for site, day in sites.items())


def _column(column: dict[str, Any]) -> str:
    kept = "" if column["rows"] == "owned" else f" (kept {column['kept']})"
    return f"{column['column']}{', sealed' if column['sealed'] else ''}{kept}"


def _show_change(change: dict[str, Any]) -> None:
    out.print("\n[bold]What would change[/]")
    for column in change["new_columns"]:
        new = " (a new category)" if column["category"] in change["new_categories"] else ""
        out.print(f" [green]+[/] {column['column']}: {column['category']}{new}", highlight=False)
    for column in change["gone_columns"]:
        out.print(f" [red]-[/] {column['column']}: {column['category']}", highlight=False)
    for pair in change["changed"]:
        out.print(f" [yellow]~[/] {pair['now']['column']}: {pair['now']['category']}", highlight=False)
