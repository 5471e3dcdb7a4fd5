"""A plan as one JSON document. The keys are part of the command line: scripts rely on them."""

from typing import Any

from domicile.cli.laws import describe_rule
from domicile.law.decision import Citation
from domicile.law.finding import named
from domicile.plan.crossings import ChangedCrossing
from domicile.plan.moves import Conflicted, MayMove
from domicile.plan.report import NOTE, Plan, PlannedMove, SiteState


def describe_plan(plan: Plan) -> dict[str, Any]:
    """The plan as one JSON document."""
    return {
        "ok": plan.complete,
        "on": plan.on,
        "compared_with": plan.since,
        "packs_under_test": plan.tested,
        "members": plan.members,
        "silent_sites": plan.silent,
        "moves": [_move(planned) for planned in plan.moves],
        "may_move": [_may_move(found) for found in plan.may_move],
        "conflicts": [_conflict(found) for found in plan.conflicts],
        "refused_crossings": len(plan.refused),
        "crossings": [_crossing(crossing, members) for crossing, members in plan.crossings.items()],
        "copies_to_recall": {"copies": plan.copies.to_recall, "basis": plan.copies.basis},
        "sites": [_site(state) for state in plan.sites],
        "estimate_s": plan.seconds,
        "basis": plan.basis,
        "note": NOTE,
    }


def _move(planned: PlannedMove) -> dict[str, Any]:
    move, held, rate = planned.move, planned.held, planned.estimate.rate
    return {
        "from": move.source,
        "to": move.target or f"missing site in {move.country}",
        "to_country": move.country,
        "members": move.members,
        "rows": held.rows if held else None,
        "bytes": held.bytes if held else None,
        "basis": held.basis if held else None,
        "tables": held.tables if held else {},
        "media": {"files": held.files, "bytes": held.file_bytes, "basis": held.file_basis} if held else None,
        "due": move.due,
        "lawful_before": move.lawful_before,
        "only_with_packs_under_test": move.only_with_packs,
        "reason": move.reason,
        "rules": _rules(move.rules),
        "would_let_them_stay": [named(lack) for lack in move.missing],
        "estimate_s": planned.estimate.seconds,
        "estimate_basis": rate.basis if rate else "unknown",
        "rows_per_s": rate.rows if rate else None,
    }


def _may_move(found: MayMove) -> dict[str, Any]:
    return {
        "site": found.site,
        "countries": found.countries,
        "members": found.members,
        "no_longer_barred_by": _rules(found.rules),
    }


def _conflict(found: Conflicted) -> dict[str, Any]:
    return {
        "site": found.site,
        "members": found.members,
        "home_is_lawful": found.lawful,
        "stays": not found.moves,
        "sentence": found.sentence,
        "rules": _rules(found.rules),
    }


def _crossing(crossing: ChangedCrossing, members: int) -> dict[str, Any]:
    return {
        "change": crossing.change,
        "from": crossing.home.site or f"missing site in {crossing.home.country}",
        "from_country": crossing.home.country,
        "to_country": crossing.route.after.country,
        "home_moves": crossing.home != crossing.home_before,
        "readers_move": crossing.route.moves,
        "act": crossing.act.value,
        "what": crossing.what,
        "category": crossing.category,
        "audience": crossing.audience,
        "members": members,
        "rules": _rules(crossing.rules),
        "would_open_it": [named(lack) for lack in crossing.missing],
        "rests_on": crossing.needs,
        "reason": crossing.reason,
    }


def _site(state: SiteState) -> dict[str, Any]:
    return {
        "site": state.site,
        "country": state.country,
        "missing": state.missing,
        "answers": state.members is not None,
        "members": state.members,
        "members_after": state.members_after,
        "capacity": state.capacity,
        "over_capacity": state.over,
    }


def _rules(rules: tuple[Citation, ...]) -> list[dict[str, Any]]:
    return [describe_rule(rule) for rule in rules]
