"""A plan as one JSON document. The keys are part of the command line: scripts rely on them."""

from dataclasses import asdict
from typing import Any

from domicile.border.stats import Nearness
from domicile.cli.laws import describe_rule
from domicile.law.decision import Citation
from domicile.law.finding import named
from domicile.law.pack import Precedent
from domicile.plan.ahead import Expiring
from domicile.plan.changes import RuleChange, Waiting
from domicile.plan.crossings import ChangedCrossing
from domicile.plan.duties import Filing, PresenceDuty
from domicile.plan.moves import Conflicted, MayMove
from domicile.plan.options import Line, Option
from domicile.plan.report import NOTE, Plan, SiteState
from domicile.plan.sanctions import Rung
from domicile.plan.weighing import PlannedMove


def describe_plan(plan: Plan) -> dict[str, Any]:
    """The plan as one JSON document."""
    return {
        "ok": plan.complete,
        "on": plan.on,
        "compared_with": plan.since,
        "packs_under_test": plan.tested,
        "newly_collected": plan.newly_collected,
        "members": plan.members,
        "silent_sites": plan.silent,
        "moves": [_move(planned) for planned in plan.moves],
        "may_move": [_may_move(found) for found in plan.may_move],
        "conflicts": [_conflict(found) for found in plan.conflicts],
        "open_proposals": [asdict(found) for found in plan.proposed],
        "refused_crossings": len(plan.refused),
        "crossings": [_crossing(crossing, members) for crossing, members in plan.crossings.items()],
        "copies_to_recall": {"copies": plan.copies.to_recall, "basis": plan.copies.basis},
        "duties": [_duty(duty) for duty in plan.outlook.presence],
        "filings": [_filing(filing) for filing in plan.outlook.filings],
        "clocks": [_change(change) for change in plan.outlook.clocks],
        "changes": [_change(change) for change in plan.outlook.rules],
        "expiring_safeguards": [_expiring(expiring) for expiring in plan.outlook.expiring],
        "thresholds": [_threshold(near) for near in plan.outlook.near],
        "waiting": [_waiting(waiting) for waiting in plan.outlook.waiting],
        "sites": [_site(state) for state in plan.sites],
        "estimate_s": plan.seconds,
        "basis": plan.basis,
        "options": [_option(option, plan) for option in plan.options],
        "money": {"currency": plan.prices.currency, "years": plan.prices.years, "made_up": plan.prices.made_up},
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
        "only_on_trial": move.only_on_trial,
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


def _option(option: Option, plan: Plan) -> dict[str, Any]:
    certain, at_risk = option.total(certain=True), option.total(certain=False)
    return {
        "jurisdiction": option.jurisdiction,
        "option": option.name,
        "what": option.what,
        "members": option.members,
        "currency": plan.prices.currency,
        "cost": {"low": certain.low, "high": certain.high},
        "cost_added_up": option.added_up(certain=True),
        "at_risk": {"low": at_risk.low, "high": at_risk.high},
        "at_risk_added_up": option.added_up(certain=False),
        "lines": [_line(line) for line in option.lines],
        "needs": option.needs,
        "may_follow": [_rung(rung) for rung in option.follows],
        "precedents": [_precedent(told) for told in option.precedents],
    }


def _line(line: Line) -> dict[str, Any]:
    low, high = line.amount or (None, None)
    return {"what": line.what, "low": low, "high": high, "certain": line.certain, "not_added": line.unsaid or None}


def _rung(rung: Rung) -> dict[str, Any]:
    return {
        "step": rung.step,
        "what": rung.what,
        "after": rung.after,
        "low": rung.amount.low if rung.amount else None,
        "high": rung.amount.high if rung.amount else None,
        "repeated": rung.repeat,
        "general": rung.general,
        "rule": describe_rule(rung.citation),
    }


def _precedent(told: Precedent) -> dict[str, Any]:
    return {
        "began": told.began,
        "ended": told.ended,
        "day_known": told.day_known,
        "what": told.what,
        "outcome": told.outcome,
        "about": told.about,
        "source": told.source,
        "verified": told.verified,
        "confidence": told.confidence,
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


def _duty(duty: PresenceDuty) -> dict[str, Any]:
    return {
        "jurisdiction": duty.citation.jurisdiction,
        "form": duty.form,
        "duty": duty.duty,
        "new": duty.new,
        "begins": duty.begins,
        "due": duty.due,
        "every": duty.every,
        "binds": duty.binds,
        "state": duty.state,
        "missing": duty.missing,
        "rule": describe_rule(duty.citation),
    }


def _filing(filing: Filing) -> dict[str, Any]:
    return {
        "jurisdiction": filing.citation.jurisdiction,
        "paper": filing.paper,
        "within": filing.within,
        "due": filing.due,
        "on_file": filing.on_file,
        "rule": describe_rule(filing.citation),
    }


def _change(change: RuleChange) -> dict[str, Any]:
    return {
        "jurisdiction": change.citation.jurisdiction,
        "what": change.what,
        "on": change.on,
        "kind": change.kind,
        "words": change.words,
        "binds": change.binds,
        "rule": describe_rule(change.citation),
    }


def _expiring(expiring: Expiring) -> dict[str, Any]:
    paper = expiring.paper
    return {
        "site": paper.site,
        "safeguard_id": paper.name,
        "kind": paper.safeguard.kind,
        "exporter": paper.safeguard.exporter,
        "importer": paper.safeguard.importer,
        "last_day": expiring.last_day,
        "made_up": paper.made_up,
        "rules_that_rest_on_it": expiring.rules,
        "crossings_refused_without_it": expiring.crossings,
    }


def _threshold(near: Nearness) -> dict[str, Any]:
    bound, current = near.bound, near.reading.current
    return {
        "jurisdiction": bound.jurisdiction,
        "metric": bound.metric,
        "number": bound.number,
        "ends": bound.ends,
        "current": current,
        "basis": near.reading.basis,
        "reached": current is not None and current >= bound.number,
        "crossed_on": near.crossing.day,
        "why": near.crossing.why,
        "rule": describe_rule(bound.citation),
    }


def _waiting(waiting: Waiting) -> dict[str, Any]:
    return {
        "jurisdiction": waiting.citation.jurisdiction,
        "kind": waiting.kind,
        "event": waiting.event,
        "after_months": waiting.after_months,
        "note": waiting.note,
        "rule": describe_rule(waiting.citation),
    }


def _rules(rules: tuple[Citation, ...]) -> list[dict[str, Any]]:
    return [describe_rule(rule) for rule in rules]
