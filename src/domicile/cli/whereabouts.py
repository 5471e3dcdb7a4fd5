"""Where a member's data is, for people and as JSON."""

from collections import Counter
from dataclasses import asdict
from datetime import datetime
from typing import Any

from domicile.cli.keeping import describe_residue
from domicile.cli.output import out, print_table
from domicile.placement.whereabouts import CopyAbroad, Whereabouts
from domicile.relocation.kept_backups import Lingering


def places_json(places: Whereabouts, now: datetime) -> dict[str, Any]:
    """The answer's JSON; a recall with the seconds since it was first asked for."""
    return {
        "rows": places.rows,
        "files": places.files,
        "copies": [_copy(copy, now) for copy in places.copies],
        "residue": [describe_residue(residue) for residue in places.residue],
        "silent": places.silent,
        "stubs": [asdict(held) for held in places.stubs],
        "hub": asdict(places.hub),
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


_KINDS = {"half": "halves of pairs", "row": "others' own rows", "site": "the site's own"}


def print_stubs(answer: dict[str, Any]) -> None:
    """Which sites hold the member's opaque id and nothing else of them, in which tables; and what the hub holds."""
    rows: list[list[object]] = [[s["site"], s["table"], _KINDS[s["kind"]], s["rows"]] for s in answer["stubs"]]
    if rows:
        print_table("Rows that hold this member's opaque id alone", ["site", "table", "what", "rows"], rows)
    hub = answer["hub"]
    digests, interested = (", ".join(hub[name]) or "none" for name in ("digests", "interested"))
    out.print(
        f"The hub holds their home, digests of: {digests}; sites that hear of moves: {interested};"
        f" relocations in its journal: {hub['relocations']}",
        highlight=False,
    )


def lingering_json(lingering: Lingering) -> dict[str, Any]:
    """Homes that were left, with what is gone from each server; and backups, with the day on which each is deleted."""
    return {
        "left": [
            {
                "site": left.site,
                "left_at": left.left_at,
                "heap_gone": left.heap_gone,
                "statistics_gone": left.statistics_gone,
                "wal_gone": left.wal_gone,
            }
            for left in lingering.left
        ],
        "backups": [
            {"site": backup.site, "folder": backup.folder, "taken_at": backup.taken_at, "until": backup.until}
            for backup in lingering.backups
        ],
    }


def print_lingering(answer: dict[str, Any]) -> None:
    """What of a member may still be somewhere, and until when."""
    for left in answer["left"]:
        places = {"heap_gone": "freed space", "statistics_gone": "statistics", "wal_gone": "WAL"}
        still = [words for name, words in places.items() if not left[name]]
        where = (
            f"may still lie in {', '.join(still)}: `scrub {left['site']} --full` ends that"
            if still
            else "gone from its server"
        )
        out.print(f"Left {left['site']} on {left['left_at']:%Y-%m-%d %H:%M} UTC; {where}", highlight=False)
    rows: list[list[object]] = [
        [
            b["site"],
            f"{b['taken_at']:%Y-%m-%d %H:%M}",
            f"{b['until']:%Y-%m-%d}" if b["until"] else "there is a newer one",
        ]
        for b in answer["backups"]
    ]
    if rows:
        print_table("Backups taken while they lived at the site", ["site", "taken (UTC)", "kept until"], rows)
