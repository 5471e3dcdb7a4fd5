"""A plan for people: what comes first stands on top, every rule with its article. Nothing needs a wide screen."""

from collections.abc import Iterable

from rich.markup import escape

from domicile.cli.plan_law_text import show_law
from domicile.cli.plan_lines import heading, in_bytes, in_words, line
from domicile.cli.plan_money_text import show_options
from domicile.law.decision import Citation
from domicile.law.finding import named
from domicile.plan.crossings import ChangedCrossing
from domicile.plan.report import NOTE, Plan, SiteState
from domicile.plan.weighing import PlannedMove

SHOWN = 12
"""Lines of a list that may be long; the JSON has all."""


def show_plan(plan: Plan) -> None:
    """Print a plan."""
    line(f"[bold]What {plan.on} asks of this network[/], compared with {plan.since}")
    if plan.tested:
        line(f"Under test: the packs of {', '.join(plan.tested)}")
    for site in plan.silent:
        line(f"[red]{site} does not answer: nothing is known of its members, and nothing is said of them.[/]")
    _show_moves(plan)
    _show_may_move(plan)
    _show_crossings(plan)
    show_options(plan)
    show_law(plan)
    _show_sites(plan)
    heading("", f"[dim]{NOTE}[/]")


def _show_moves(plan: Plan) -> None:
    if not plan.moves:
        heading("Nobody must move", f": all {plan.members:,} members live where they may.")
        return
    moving = sum(planned.move.members for planned in plan.moves)
    heading(f"{moving:,} of {plan.members:,} members must move")
    for planned in plan.moves:
        _show_move(planned)
    _show_rules(rule for planned in plan.moves for rule in planned.move.rules)


def _show_move(planned: PlannedMove) -> None:
    move, held = planned.move, planned.held
    to = move.target or f"[red]missing site in {move.country}[/]"
    when = f"from {move.due}" if move.lawful_before else "already"
    rules = ", ".join(rule.rule for rule in move.rules) or "the policy"
    line(f"{move.source} → {to}: {move.members:,} members, {when} ({rules})", 2)
    if held is None:
        line(f"{move.source} fell silent; rows and bytes are not known", 6, "red")
    else:
        about = "about " if held.basis == "sampled" else ""
        took = "unknown" if planned.estimate.seconds is None else in_words(planned.estimate.seconds)
        rate = planned.estimate.rate.basis if planned.estimate.rate else "no rate"
        line(
            f"{about}{held.rows:,} rows, {in_bytes(held.bytes)}; {held.files:,} media files, "
            f"{in_bytes(held.file_bytes)}; copying takes {took} ({rate})",
            6,
        )
    if move.missing:
        line(f"they could stay with {escape(', '.join(named(lack) for lack in move.missing))}", 6)


def _show_rules(rules: Iterable[Citation]) -> None:
    for rule in dict.fromkeys(rules):
        line(f"[bold]{rule.rule}[/] {escape(rule.summary)} ({escape(rule.act)}, {escape(rule.article)})", 4, "dim")


def _show_may_move(plan: Plan) -> None:
    for found in plan.may_move:
        places, rules = ", ".join(found.countries), ", ".join(rule.rule for rule in found.rules)
        line(f"{found.members:,} members at {found.site} may then live in {places} too, and need not ({rules})")
    if plan.conflicts:
        heading("Conflicts between laws")
    for conflict in plan.conflicts:
        what = "they move all the same" if conflict.moves else "they stay"
        line(f"[yellow]![/] {conflict.members:,} members at {conflict.site}, {what}: {escape(conflict.sentence)}", 2)


def _show_crossings(plan: Plan) -> None:
    if not plan.crossings:
        heading("No crossing changes")
        return
    heading("Crossings that change", f": {len(plan.refused)} kinds become refused")
    merged: dict[tuple[str, ...], list[tuple[ChangedCrossing, int]]] = {}
    for crossing, members in plan.crossings.items():
        merged.setdefault(_ending(crossing), []).append((crossing, members))
    for ending, crossings in list(merged.items())[:SHOWN]:
        what = ", ".join(f"{crossing.what} ({crossing.act.value})" for crossing, _ in crossings)
        most = max(members for _, members in crossings)
        line(f"{ending[0]} {ending[1]} → {ending[2]}: {what}, of {most:,} members; {ending[3]}", 2)
    if len(merged) > SHOWN:
        line(f"and {len(merged) - SHOWN} more; --json has all", 2, "dim")


def _ending(crossing: ChangedCrossing) -> tuple[str, ...]:
    """What several crossings have in common: the change, from where to where, and the rules."""
    colour = {"refused": "red", "conditional": "yellow", "permitted": "green"}[crossing.change]
    rules = ", ".join(rule.rule for rule in crossing.rules) or "no rule speaks of it"
    if crossing.missing:
        rules += f"; would open it: {', '.join(dict.fromkeys(named(lack) for lack in crossing.missing))}"
    elif crossing.needs:
        rules += f"; rests on {', '.join(crossing.needs)}"
    home, reader = crossing.home, crossing.route.after
    return (
        f"[{colour}]{crossing.change}[/]",
        home.site or f"a site in {home.country}",
        reader.site or f"a site in {reader.country}",
        escape(rules),
    )


def _show_sites(plan: Plan) -> None:
    heading("Sites")
    for state in plan.sites:
        line(_site(state), 2)
    line(f"Copies abroad to recall: {plan.copies.to_recall} ({plan.copies.basis})")


def _site(state: SiteState) -> str:
    if state.members is None:
        return f"[red]{state.site} does not answer[/]"
    name = state.site or f"[red]missing: a site in {state.country}[/]"
    then = "" if state.members_after == state.members else f", then {state.members_after:,}"
    over = f" [red]over its capacity of {state.capacity:,}[/]" if state.over and state.capacity else ""
    return f"{name}: {state.members:,} members{then}{over}"
