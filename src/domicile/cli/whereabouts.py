"""Where a member's data is, for people and as JSON."""

from collections import Counter
from datetime import datetime
from typing import Any

from domicile.cli.output import print_table
from domicile.placement.whereabouts import CopyAbroad, Whereabouts


def places_json(places: Whereabouts, now: datetime) -> dict[str, Any]:
    """The answer's JSON; a recall with the seconds since it was first asked for."""
    return {
        "rows": places.rows,
        "files": places.files,
        "copies": [_copy(copy, now) for copy in places.copies],
        "silent": places.silent,
        "mentions": [{"site": site, "table": table, "rows": count} for site, table, count in places.mentions],
        "astray": [{"site": site, "table": table, "rows": count} for site, table, count in places.astray],
    }


def _copy(copy: CopyAbroad, now: datetime) -> dict[str, Any]:
    waits = now - (copy.asked_at or now) if copy.recalling else None
    return {
        "site": copy.site,
        "what": copy.view,
        "number": str(copy.number),
        "sections": copy.sections,
        "rules": copy.rules,
        "until": copy.until,
        "state": "recalling" if copy.recalling else "held",
        "reason": copy.reason,
        "waits_s": None if waits is None else waits.total_seconds(),
        "attempts": copy.attempts,
    }


def print_copies(copies: list[dict[str, Any]]) -> None:
    """By site and licence; a recall that is open with how long it has been."""
    counted: Counter[tuple[object, ...]] = Counter()
    for copy in copies:
        waits = copy["waits_s"]
        state = copy["state"] if waits is None else f"recalling for {waits / 3600:.1f} h, {copy['attempts']} attempts"
        words = (", ".join(copy["sections"]), " ".join(copy["rules"]))
        counted[copy["site"], copy["what"], *words, f"{copy['until']:%Y-%m-%d %H:%M}", state] += 1
    rows: list[list[object]] = [[*key[:2], count, *key[2:]] for key, count in counted.items()]
    if rows:
        columns = ["site", "what", "copies", "sections", "rules", "until (UTC)", "state"]
        print_table("Copies that other sites hold", columns, rows)
