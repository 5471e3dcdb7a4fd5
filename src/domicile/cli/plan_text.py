"""A plan for people: what comes first stands on top, every rule with its article. Nothing needs a wide screen."""

from collections.abc import Iterable

from rich.markup import escape

from domicile.cli.lines import heading, line
from domicile.cli.plan_law_text import show_law
from domicile.cli.plan_money_text import show_options
from domicile.law.decision import Citation
from domicile.law.finding import named
from domicile.plan.condensed import Crossings, condense
from domicile.plan.report import NOTE, Plan, SiteState
from domicile.plan.weighing import PlannedMove
from domicile.plan.words import in_bytes, in_time

SHOWN = 12
"""Lines of a list that may be long; the JSON has all."""


def show_plan(plan: Plan) -> None:
    """Print a plan."""
    line(f"[bold]What {plan.on} asks of this network[/], compared with {plan.since}")
    if plan.tested:
        line(f"Under test: the packs of {', '.join(plan.tested)}")
    if plan.newly_collected:
        line(f"Newly collected then: {', '.join(plan.newly_collected)}")
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
        rate = planned.estimate.rate.basis if planned.estimate.rate else "no rate"
        line(
            f"{about}{held.rows:,} rows, {in_bytes(held.bytes)}; {held.files:,} media files, "
            f"{in_bytes(held.file_bytes)}; copying takes {in_time(planned.estimate.seconds)} ({rate})",
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
    for offer in plan.proposed:
        stay = "; they may as well stay" if offer.lawful else ""
        line(f"{offer.members:,} members at {offer.site} have not yet answered the proposal of {offer.target}{stay}")
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
    condensed = condense(plan.crossings)
    for crossings in condensed[:SHOWN]:
        line(_crossings(crossings), 2)
    if len(condensed) > SHOWN:
        line(f"and {len(condensed) - SHOWN} more; --json has all", 2, "dim")


def _crossings(found: Crossings) -> str:
    colour = {"refused": "red", "conditional": "yellow", "permitted": "green"}[found.change]
    home = found.home.site or f"a site in {found.home.country}"
    reader = found.reader.site or f"a site in {found.reader.country}"
    rules = ", ".join(found.rules) or "no rule speaks of it"
    verb = "would open it" if found.change == "refused" else "rests on"
    papers = f"; {verb}: {', '.join(found.papers)}" if found.papers else ""
    what = f"{', '.join(found.what)}, of {found.members:,} members"
    return f"[{colour}]{found.change}[/] {home} → {reader}: {what}; {escape(rules + papers)}"


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
