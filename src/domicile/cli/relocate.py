"""`domicile relocate`: members change their home while the network serves."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any

import typer

from domicile.cli.departures import find_departures
from domicile.cli.output import (
    ConfigOption,
    DataOption,
    JsonOption,
    failures,
    on_network,
    out,
    parse_day,
    print_json,
    progress_bar,
    settings,
)
from domicile.errors import InvalidInput
from domicile.ids import MemberId, country_of_site
from domicile.plan.departures import Departure
from domicile.relocation.coordinator import SILENCE, Resumed
from domicile.relocation.lawful import find_barred
from domicile.relocation.moved import Moved
from domicile.running import Domicile


def relocate_command(
    member: Annotated[list[str] | None, typer.Option("--member", help="A member's id or handle; may repeat.")] = None,
    plan: Annotated[str | None, typer.Option("--plan", metavar="DATE", help="Whoever must move by this day.")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="SITE", help="The site to which they move.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Complete or undo what a crash cut short.")] = False,
    silent: Annotated[float, typer.Option(help="With --resume: seconds that a coordinator must be silent.")] = 10.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say who would move, and move nobody.")] = False,
    against: Annotated[
        str | None, typer.Option("--against-the-law", metavar="REASON", help="Move although the law forbids it.")
    ] = None,
    without_notice: Annotated[
        str | None, typer.Option("--without-notice", metavar="REASON", help="Also who was not told in time.")
    ] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Move members to another site: all their rows, files and keys, nothing left behind. Exit 1 if some stayed."""
    with failures(json):
        if sum((bool(member), plan is not None, resume)) != 1:
            raise InvalidInput("say whom to move: --member ID --to SITE, or --plan DATE; or --resume")
        if resume:
            _show_resumed(on_network(settings(data, config), lambda d: d.coordinator.resume(_silence(silent))), json)
            return
        if member and to is None:
            raise InvalidInput("say where to: --to SITE")
        day = parse_day(plan)

        async def work(domicile: Domicile) -> tuple[Moved, list[Departure]]:
            departures = await find_departures(domicile, member or [], day, to)
            return await _move_all(domicile, departures, dry_run, against, without_notice), departures

        moved, departures = on_network(settings(data, config), work)
        _show(moved, departures, dry_run, json)
        if moved.left:
            raise typer.Exit(1)


def _silence(seconds: float) -> timedelta:
    return SILENCE if seconds < 0 else timedelta(seconds=seconds)


async def _move_all(
    domicile: Domicile, departures: list[Departure], dry_run: bool, against: str | None, without_notice: str | None
) -> Moved:
    total = Moved()
    with progress_bar() as show:
        for leaving in departures:
            barred = await _barred(domicile, leaving) if against is None else {}
            untold = await _untold(domicile, leaving) if without_notice is None else {}
            total.left |= untold | barred
            members = [member for member in leaving.members if member not in total.left]
            if dry_run:
                total.members += members
                continue
            await domicile.trimming.drop_drafts(leaving.source, members)
            reason = _reason(leaving, against, without_notice)
            title = f"{leaving.source} → {leaving.target}"

            def tell(moved: Moved, title: str = title, of: int = len(members)) -> None:
                show(title, len(moved.members) + len(moved.left), of)

            done = await domicile.coordinator.relocate(members, leaving.source, leaving.target, reason, tell)
            total.seconds += done.seconds
            total.add(done)
    return total


def _reason(leaving: Departure, against: str | None, without_notice: str | None) -> str:
    """What the journal keeps of why."""
    said = [leaving.reason]
    if against is not None:
        said.append(f"against the law: {against}")
    if without_notice is not None and leaving.move is not None:
        said.append(f"without notice: {without_notice}")
    return "; ".join(said)


async def _untold(domicile: Domicile, leaving: Departure) -> dict[MemberId, str]:
    """Who may not be moved by a plan yet, as they were not told in time; who is moved by name asked for it."""
    if leaving.move is None:
        return {}
    return await domicile.notices.find_untold(leaving.source, leaving.members, leaving.target)


async def _barred(domicile: Domicile, leaving: Departure) -> dict[MemberId, str]:
    on = domicile.law.on(domicile.clock().date())
    country, operator = country_of_site(leaving.target), domicile.operator.facts
    return await find_barred(domicile.router, leaving.source, leaving.members, country, on, domicile.policy, operator)


def _show(moved: Moved, departures: list[Departure], dry_run: bool, json: bool) -> None:
    if json:
        print_json(
            {
                "dry_run": dry_run,
                "members": len(moved.members),
                "rows": moved.rows,
                "bytes": moved.size,
                "files": moved.files,
                "seconds": round(moved.seconds, 3),
                "longest_wait_ms": round(moved.waited_ms, 1),
                "moves": [{"from": d.source, "to": d.target, "members": len(d.members)} for d in departures],
                "left": [{"id": str(member), "why": why} for member, why in moved.left.items()],
            }
        )
        return
    verb = "would move" if dry_run else "moved"
    out.print(f"{len(moved.members):,} members {verb}, {moved.rows:,} rows and {moved.files:,} files", highlight=False)
    if not dry_run and moved.members:
        rate = moved.rows / moved.seconds if moved.seconds else 0
        out.print(f"in {moved.seconds:.2f} s ({rate:,.0f} rows a second); nobody waited over {moved.waited_ms:.0f} ms")
    for why in dict.fromkeys(moved.left.values()):
        count = sum(1 for reason in moved.left.values() if reason == why)
        out.print(f"[yellow]{count} stayed[/]: {why}", highlight=False)


def _show_resumed(resumed: Sequence[Resumed], json: bool) -> None:
    closed = all(batch.closed for batch in resumed)
    if json:
        shown: list[dict[str, Any]] = [
            {
                "batch": str(found.batch.number),
                "from": found.batch.source,
                "to": found.batch.target,
                "members": len(found.batch.members),
                "was": found.batch.state,
                "outcome": found.outcome,
            }
            for found in resumed
        ]
        print_json({"ok": closed, "batches": shown})
    else:
        for found in resumed:
            batch = found.batch
            out.print(f"batch {batch.number}, {batch.source} → {batch.target}: ", end="", highlight=False)
            out.print(f"{len(batch.members)} members, {found.outcome}", highlight=False)
        if not resumed:
            out.print("Nothing to resume: no batch is open without a coordinator.")
    if not closed:
        raise typer.Exit(1)
