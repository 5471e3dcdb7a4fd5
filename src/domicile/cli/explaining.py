"""`domicile law explain MEMBER`: what the law says of one member, each sentence with its article."""

from typing import Any

from rich.markup import escape

from domicile.border.explanation import Explanation, Staying, explain_member
from domicile.cli.laws import describe_clash, describe_rule, show_clashes
from domicile.cli.lines import line
from domicile.cli.output import (
    ConfigOption,
    DataOption,
    JsonOption,
    MemberArgument,
    OnOption,
    failures,
    find_member,
    look_at_network,
    out,
    parse_day,
    print_json,
    settings,
)
from domicile.law.decision import Conflict, Decision
from domicile.law.explain import explain, explain_citation
from domicile.running import Domicile


def explain_command(
    member: MemberArgument,
    on: OnOption = None,
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Which laws claim a member and why, which sites may be home, what may cross where, each with its article."""
    with failures(json):
        day = parse_day(on)

        async def work(domicile: Domicile) -> Explanation:
            return await explain_member(domicile.door, await find_member(domicile, member), day)

        found = look_at_network(settings(data, config), work)
        if json:
            print_json(_explanation(found))
        else:
            _show_explanation(found)


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "verdict": decision.verdict.value,
        "allowed": decision.allowed,
        "policy": decision.policy,
        "reason": decision.reason,
        "rules": [describe_rule(citation) for citation in decision.citations],
        "missing": [
            {"kind": m.kind, "what": m.what, "rule": m.rule, "from": m.available_from} for m in decision.missing
        ],
        "sentences": explain(decision),
    }


def _conflict(conflict: Conflict) -> dict[str, Any]:
    return {"sentence": conflict.sentence, "rules": [describe_rule(citation) for citation in conflict.citations]}


def _explanation(found: Explanation) -> dict[str, Any]:
    return {
        "id": str(found.member),
        "home": found.site,
        "on": found.on,
        "claims": [
            {"jurisdiction": c.jurisdiction, "basis": c.basis.value, "assumed": c.assumed} for c in found.claims
        ],
        "consents": found.consents,
        "homes": [{"country": place, **_decision(decision)} for place, decision in found.home.decisions],
        "proposed": found.home.proposed,
        "conflicts": [_conflict(conflict) for conflict in found.home.conflicts],
        "publication": _decision(found.publication),
        "crossings": [
            {"what": c.what, "importer": c.importer, "act": c.act.value, **_decision(c.decision)}
            for c in found.crossings
        ],
        "keeping": [describe_clash(clash) for clash in found.keeping],
        "staying": [_staying(staying) for staying in found.staying],
        "holds": [
            {"id": str(h.id), "authority": h.authority, "rule": h.rule or h.citation, "until": h.until}
            for h in found.holds
        ],
        "note": "not legal advice",
    }


def _staying(staying: Staying) -> dict[str, Any]:
    keeping = staying.keeping
    return {
        "if": "erased" if staying.moves_to is None else f"moved to {staying.moves_to}",
        "stays": keeping.keeps,
        "rule": describe_rule(keeping.rule),
        "verdict": keeping.verdict.value,
        "categories": keeping.categories,
        "until": keeping.until,
        "reason": keeping.reason,
        "conflicts": [describe_clash(clash) for clash in keeping.conflicts],
    }


def _show_explanation(found: Explanation) -> None:
    claims = ", ".join(f"{c.jurisdiction} by {c.basis.value}{' (assumed)' if c.assumed else ''}" for c in found.claims)
    out.print(f"[bold]{found.member}[/] at home at {found.site}, on {found.on}", highlight=False)
    out.print(f"Claimed by: {claims or 'no law in the packs'}   Consents: {', '.join(found.consents) or 'none'}")
    _paragraph("Home", [(f"in {place}", decision) for place, decision in found.home.decisions])
    for conflict in found.home.conflicts:
        out.print(f"[yellow]![/] {escape(conflict.sentence)}", highlight=False)
    _paragraph("Public posts shown to everybody", [("at home", found.publication)])
    _paragraph("Across borders", [(f"{c.what} to {c.importer}, {c.act.value}", c.decision) for c in found.crossings])
    if found.keeping:
        out.print("\n[bold]Laws that do not agree on keeping[/]")
        show_clashes(found.keeping)
    _show_staying(found)
    out.print("\n[bold]Rules[/]")
    decisions = [*(d for _, d in found.home.decisions), found.publication, *(c.decision for c in found.crossings)]
    for citation in dict.fromkeys(citation for decision in decisions for citation in decision.citations):
        out.print(f" {escape(explain_citation(citation))}", highlight=False)
    out.print("Recorded law, not legal advice.", style="dim")


def _show_staying(found: Explanation) -> None:
    """What would stay behind: each rule once, with what must happen for it."""
    if found.staying or found.holds:
        out.print(f"\n[bold]What would stay behind at {found.site}, sealed[/]")
    for hold in found.holds:
        line(f"[yellow]![/] a hold of {escape(hold.authority)} ({escape(hold.rule or hold.citation)})", 1)
    cases: dict[tuple[bool, str, object], list[str]] = {}
    for staying in found.staying:
        keeping = staying.keeping
        case = "erased" if staying.moves_to is None else f"moved to {staying.moves_to}"
        cases.setdefault((keeping.keeps, keeping.rule.rule, keeping.until), []).append(case)
    for (keeps, rule, until), some in cases.items():
        said = (
            f"until {until or 'nobody knows when'}"
            if keeps
            else "nothing: the law does not say, and the policy lets it go"
        )
        line(f"if {', '.join(some)}: {rule}, {said}", 1)
    for keeping in dict.fromkeys(staying.keeping for staying in found.staying):
        show_clashes(keeping.conflicts)


def _paragraph(title: str, answers: list[tuple[str, Decision]]) -> None:
    out.print(f"\n[bold]{title}[/]")
    for what, decision in answers:
        mark = "[green]✓[/]" if decision.allowed else "[red]✗[/]"
        verdict = decision.verdict.value + (f", policy {decision.policy}" if decision.policy else "")
        out.print(f" {mark} {what}: {verdict} ({', '.join(decision.rules) or 'no rule'})", highlight=False)
        if not decision.allowed:
            out.print(f"     {escape(decision.reason)}", style="dim", highlight=False)
