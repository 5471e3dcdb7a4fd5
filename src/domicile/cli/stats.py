"""`domicile stats`"""

from typing import Any

from domicile.border.stats import COLUMNS, Counts, Nearness, Stats, read_stats
from domicile.cli.output import (
    ConfigOption,
    DataOption,
    JsonOption,
    failures,
    look_at_network,
    out,
    print_json,
    print_table,
    settings,
)
from domicile.running import Domicile

HEADINGS = {
    "members": "members",
    "daily_users": "users yesterday",
    "daily_users_average": "users a day (30 days)",
    "monthly_users": "users in 30 days",
}
METRICS = {
    "persons_since_january": "persons exported since 1 January",
    "persons_12_months": "persons exported in a year",
}
NOTES = (
    "Members with an account only, not visitors. Days are in UTC; unique users are estimates, within 2 % nineteen times"
    " in twenty. A member counts in every country whose law claims them by where they are."
)


def stats_command(data: DataOption = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Members and unique users by country, and when each threshold of the packs will be crossed."""
    with failures(json):
        chosen = settings(data, config)

        async def work(domicile: Domicile) -> Stats:
            return await read_stats(
                domicile.sites, domicile.law, domicile.operator.facts, domicile.clock(), chosen.stats_floor
            )

        found = look_at_network(chosen, work)
        if json:
            print_json(_document(found))
        else:
            _show(found)


def _document(found: Stats) -> dict[str, Any]:
    return {
        "on": found.on,
        "floor": found.floor,
        "counting_since": found.counting_since,
        "countries": [
            {
                "country": line.country,
                **line.counts,
                "suppressed": bool(line.suppressed),
                "suppressed_counts": line.suppressed,
            }
            for line in found.lines
        ],
        "totals_of_countries_shown": found.totals,
        "thresholds": [_threshold(near) for near in found.nearness],
        "missing_sites": sorted(found.missing),
        "note": NOTES,
    }


def _threshold(near: Nearness) -> dict[str, Any]:
    bound, reading = near.bound, near.reading
    known = reading.current is not None
    return {
        "jurisdiction": bound.jurisdiction,
        "rule": bound.citation.rule,
        "citation": f"{bound.citation.act}, {bound.citation.article}",
        "summary": bound.citation.summary,
        "valid_from": bound.valid_from,
        "metric": bound.metric,
        "number": bound.number,
        "binds": "below" if bound.ends else "at_least",
        "currency": bound.currency,
        "window": bound.window,
        "current": reading.current,
        "suppressed": reading.suppressed,
        "countries_left_out": reading.left_out,
        "share": round(reading.current / bound.number, 6) if reading.current is not None and bound.number else None,
        "reached": reading.current >= bound.number if reading.current is not None else None,
        "crosses_on": near.crossing.day,
        "growth_per_day": reading.growth.per_day if known else None,
        "basis": reading.basis,
        "why": near.crossing.why,
    }


def _show(found: Stats) -> None:
    rows = [[line.country, *_cells(line.counts, line.suppressed, found.floor)] for line in found.lines]
    if len(found.lines) > 1:
        rows.append(["together", *_cells(found.totals, (), found.floor)])
    print_table(f"Members and users by country on {found.on}", ["country", *HEADINGS.values()], rows)
    if any(line.suppressed for line in found.lines):
        out.print(f"Counts under {found.floor} are not shown, and are in no sum.", style="dim", highlight=False)
    if found.counting_since in (None, found.on):
        out.print("Users are counted from the first full day on.", style="dim", highlight=False)
    for name in sorted(found.missing):
        out.print(f"[red]✗[/] {name} does not answer; nobody who lives there is counted", highlight=False)
    bounds: dict[tuple[object, ...], list[Nearness]] = {}
    for near in found.nearness:
        bound = near.bound
        bounds.setdefault((bound.jurisdiction, bound.metric, bound.number, bound.currency), []).append(near)
    columns = ["where", "what counts", "number", "now", "share", "crossed on"]
    print_table("Thresholds of the packs", columns, [_row(nears[0], found.floor) for nears in bounds.values()])
    for nears in bounds.values():
        _explain(nears)
    out.print(f"\n{NOTES} Recorded law, not legal advice.", style="dim", highlight=False)


def _cells(counts: Counts, suppressed: tuple[str, ...], floor: int) -> list[object]:
    return [f"under {floor}" if column in suppressed else _number(counts[column]) for column in COLUMNS]


def _row(near: Nearness, floor: int) -> list[object]:
    bound, reading = near.bound, near.reading
    current = reading.current
    now = f"under {floor}" if reading.suppressed else _number(current)
    return [
        bound.jurisdiction,
        METRICS.get(bound.metric, bound.metric.replace("_", " ")),
        f"{bound.number:,} {bound.currency or ''}".strip(),
        f"at most {now}" if bound.metric in METRICS and current is not None else now,
        f"{current / bound.number:.2%}" if current is not None and bound.number else "–",
        near.crossing.day or ("reached" if current is not None and current >= bound.number else "–"),
    ]


def _explain(nears: list[Nearness]) -> None:
    """The rules that turn on one number, and on what its date rests."""
    bound, reading = nears[0].bound, nears[0].reading
    left_out = f", without those of its countries that are not shown ({reading.left_out})" if reading.left_out else ""
    growth = f"{reading.growth.per_day:+,.1f} a day; " if reading.growth.per_day is not None else ""
    out.print(f"\n[bold]{bound.jurisdiction} {bound.number:,}[/]: {reading.basis}{left_out}", highlight=False)
    out.print(f"  date: {growth}{nears[0].crossing.why}", style="dim", highlight=False)
    for near in nears:
        cited, since = near.bound.citation, near.bound.valid_from
        binds = "below" if near.bound.ends else "from"
        begins = f", since {since}" if since else ", not begun"
        window = f"; counted over {near.bound.window}" if near.bound.window else ""
        text = f"  {cited.rule} {binds} it{begins} ({cited.act}, {cited.article}{window})"
        out.print(text, highlight=False, markup=False)


def _number(count: int | None) -> str:
    return "–" if count is None else f"{count:,}"
