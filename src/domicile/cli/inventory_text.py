"""The inventory for people."""

from datetime import date
from typing import Any

from rich.markup import escape

from domicile.cli.lines import heading, line
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
    if gone := found["no_longer"]:
        heading("Collected no longer")
        for entry in gone:
            line(f"{entry['column']} at {entry['site']}: {entry['from']} to {entry['to']}", 2)
    heading("Duties that come with it")
    shown = [
        duty for standing in ("unmet", "met", "operator") for duty in found["duties"] if duty["standing"] == standing
    ]
    for duty in shown:
        _show_duty(duty)
    if upheld := len(found["duties"]) - len(shown):
        line(f"{STANDING['upheld']} {upheld} more, on crossings and consents, each time they come up", 2)
    for said in found["acknowledgements"]:
        words = f"{said['acknowledged_on']} {said['role']}: {said['rule']} for {said['category']}. {said['reason']}"
        line(f"acknowledged {escape(words)}", 2, "dim")
    heading("", f"[dim]{found['note']}[/]")


def _show_duty(duty: dict[str, Any]) -> None:
    mark = "[yellow]! acknowledged[/]" if duty["acknowledged"] else STANDING[duty["standing"]]
    line(f"{mark} [bold]{duty['rule']}[/] ({escape(duty['citation'])}): {escape(duty['summary'])}", 2)
    if duty["standing"] == "unmet":
        line(f"for {', '.join(duty['categories'])}: {escape(duty['why'])}", 6)
        line(f"would satisfy it: {escape(duty['would_satisfy'])}", 6)


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
    heading("What would change")
    for column in change["new_columns"]:
        new = " (a new category)" if column["category"] in change["new_categories"] else ""
        line(f"[green]+[/] {column['column']}: {column['category']}{new}", 2)
    for column in change["gone_columns"]:
        line(f"[red]-[/] {column['column']}: {column['category']}", 2)
    for pair in change["changed"]:
        line(f"[yellow]~[/] {pair['now']['column']}: {pair['now']['category']}", 2)
