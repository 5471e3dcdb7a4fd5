"""The inventory as one JSON document."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from domicile.border.collection import is_acknowledged
from domicile.ids import SiteName
from domicile.law.collection import CollectionDuty
from domicile.placement.inventory import Acknowledgement, CollectedColumn, Inventory, Recorded, compare_inventories
from domicile.running import Domicile

NOTE = "Derived from the declared tables. Recorded law, not legal advice."


async def describe_inventory(domicile: Domicile, planned: Inventory | None = None) -> dict[str, Any]:
    """The inventory of a running network as one document; with `planned`, what those tables would make of it."""
    declared, collecting = domicile.collecting.inventory, domicile.collecting
    recorded, said = await collecting.recorded(), await collecting.acknowledged()
    shown = planned or declared
    old = declared.categories if planned else frozenset[str]()
    duties = await collecting.duties(shown.categories, old)
    open_duties = [d for d in duties if d.standing == "unmet" and not _all_acknowledged(d, said)]
    answer: dict[str, Any] = {
        "ok": not open_duties,
        "on": domicile.clock().date(),
        "categories": [_category(category, shown, recorded) for category in sorted(shown.categories)],
        "no_longer": [
            {"site": name, "category": r.category, "column": f"{r.table}.{r.column}", "from": r.first_on, "to": r.until}
            for name, rows in recorded.items()
            for r in rows
            if r.until is not None
        ],
        "duties": [_duty(duty, said) for duty in duties],
        "acknowledgements": [describe_acknowledgement(one) for one in said],
        "note": NOTE,
    }
    if planned is not None:
        change = compare_inventories(declared, planned)
        answer["change"] = {
            "new_categories": change.new_categories,
            "gone_categories": change.gone_categories,
            "new_columns": [_column(column) for column in change.new_columns],
            "gone_columns": [_column(column) for column in change.gone_columns],
            "changed": [{"was": _column(was), "now": _column(now)} for was, now in change.changed],
        }
    return answer


def _category(category: str, inventory: Inventory, recorded: Mapping[SiteName, list[Recorded]]) -> dict[str, Any]:
    ever = [(name, row) for name, rows in recorded.items() for row in rows if row.category == category]
    sites: dict[str, date] = {}
    for name, row in ever:
        sites[name] = min(row.first_on, sites.get(name, row.first_on))
    columns = [
        {
            **_column(column),
            "first_on": {n: r.first_on for n, r in ever if r.until is None and (r.table, r.column) == column.place},
        }
        for column in inventory.of(category)
    ]
    return {"category": category, "since": min(sites.values(), default=None), "sites": sites, "columns": columns}


def _column(column: CollectedColumn) -> dict[str, Any]:
    return {
        "column": column.name,
        "category": column.category,
        "sealed": column.sealed,
        "rows": column.kind,
        "about": column.about,
        "kept": column.retention or "until the member's account is erased",
    }


def _duty(duty: CollectionDuty, said: list[Acknowledgement]) -> dict[str, Any]:
    cited = duty.citation
    return {
        "rule": cited.rule,
        "jurisdiction": cited.jurisdiction,
        "citation": f"{cited.act}, {cited.article}",
        "kind": duty.kind,
        "summary": cited.summary,
        "confidence": cited.confidence,
        "disputed": cited.disputed,
        "unverified": cited.unverified,
        "checked_on": cited.checked_on,
        "categories": duty.categories,
        "standing": duty.standing,
        "acknowledged": duty.standing == "unmet" and _all_acknowledged(duty, said),
        "why": duty.why,
        "would_satisfy": duty.remedy or None,
    }


def _all_acknowledged(duty: CollectionDuty, said: list[Acknowledgement]) -> bool:
    return all(is_acknowledged(duty.citation.rule, category, said) for category in duty.categories)


def describe_acknowledgement(said: Acknowledgement) -> dict[str, Any]:
    return {
        "category": said.category,
        "rule": said.rule,
        "reason": said.reason,
        "role": said.role,
        "acknowledged_on": said.acknowledged_on,
    }
