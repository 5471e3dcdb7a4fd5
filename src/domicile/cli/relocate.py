"""`domicile relocate`: members change their home while the network serves."""

import asyncio
import os
import signal
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

import typer

from domicile.cli.departures import find_departures
from domicile.cli.output import (
    ConfigOption,
    DataOption,
    JsonOption,
    failures,
    find_member,
    on_network,
    out,
    parse_day,
    print_json,
    say,
    settings,
)
from domicile.cli.relocate_report import moving_bar, show_moved, show_resumed
from domicile.errors import InvalidInput
from domicile.ids import MemberId, SiteName, country_of_site, parse_site_name
from domicile.plan.departures import Departure
from domicile.relocation.coordinator import Resumed
from domicile.relocation.lawful import find_barred
from domicile.relocation.moved import Moved
from domicile.relocation.pace import Pace
from domicile.relocation.wishes import Wishes
from domicile.running import Domicile

STEP_BACK = 10
"""How far this process stands back for whoever serves members on the same machine (nice(2)); alone, it is as quick."""


def relocate_command(
    member: Annotated[list[str] | None, typer.Option("--member", help="A member's id or handle; may repeat.")] = None,
    plan: Annotated[str | None, typer.Option("--plan", metavar="DATE", help="Whoever must move by this day.")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="SITE", help="The site to which they move.")] = None,
    at_most: Annotated[float | None, typer.Option(metavar="MB", help="Copy no more megabytes a second.")] = None,
    keep_p99: Annotated[
        float | None, typer.Option(metavar="MS", help="Rest while 1 % of members' writes wait longer than that.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Complete or undo what a crash cut short.")] = False,
    without: Annotated[
        str | None, typer.Option(metavar="SITE", help="With --resume: this site, you vouch, will not answer again.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="With --without: why; the journal keeps it.")] = None,
    silent: Annotated[float, typer.Option(help="With --resume: seconds that a coordinator must be silent.")] = 10.0,
    pause: Annotated[bool, typer.Option("--pause", help="Relocations at work begin no further batch.")] = False,
    go_on: Annotated[bool, typer.Option("--continue", help="After --pause.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="Relocations at work undo what they can, and end.")] = False,
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
    """Move members to another site: all their rows, files and keys, nothing left behind. Exit 1 if some stayed.

    Ctrl-C undoes what has not flipped and ends; from elsewhere, --pause, --continue and --cancel do.
    """
    with failures(json):
        if sum((bool(member), plan is not None, resume, pause, go_on, cancel)) != 1:
            raise InvalidInput(
                "say whom to move: --member ID --to SITE, or --plan DATE; or --resume, --pause, --continue, --cancel"
            )
        chosen = settings(data, config)
        if resume or without or reason:
            lost = _lost(resume, without, reason)
            return show_resumed(on_network(chosen, lambda d: _resume(d, _silence(silent), lost)), json)
        if pause or go_on or cancel:
            on_network(chosen, lambda d: _wish(d.coordinator.wishes, pause=pause, cancel=cancel))
            return _say_wish("pause" if pause else "cancel" if cancel else "continue", json)
        if member and to is None:
            raise InvalidInput("say where to: --to SITE")
        day, pace = parse_day(plan), _pace(at_most, keep_p99)

        async def work(domicile: Domicile) -> tuple[Moved, list[Departure]]:
            _stand_back(domicile)
            departures = await find_departures(domicile, member or [], day, to)
            moved = Moved(left=await _already_there(domicile, member or [], departures))
            await _move_all(domicile, departures, moved, pace, dry_run, against, without_notice)
            return moved, departures

        moved, departures = on_network(chosen, work)
        moves = [{"from": d.source, "to": d.target, "members": len(d.members)} for d in departures]
        show_moved(moved, moves, dry_run, json)
        if moved.left or moved.unfinished:
            raise typer.Exit(1)


def _stand_back(domicile: Domicile) -> None:
    """Leave the machine to whoever serves members, and end in order at the first Ctrl-C."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, _stop, domicile)
    os.nice(STEP_BACK)


def _lost(resume: bool, without: str | None, reason: str | None) -> tuple[SiteName, str] | None:
    """The site given up for lost, and why. The settings need not name it any more."""
    if resume and without is reason is None:
        return None
    if not (resume and without and reason):
        raise InvalidInput("a site given up for lost is named with --resume --without SITE --reason TEXT")
    site = parse_site_name(without)
    if site is None:
        raise InvalidInput(f"{without} is no name of a site")
    return site, reason


async def _resume(domicile: Domicile, silent: timedelta, lost: tuple[SiteName, str] | None) -> list[Resumed]:
    if lost is not None:
        return await domicile.coordinator.resume_without(*lost, silent)
    return [*await domicile.coordinator.resume(silent), *await domicile.coordinator.collect()]


def _silence(seconds: float) -> timedelta:
    if seconds < 0:
        raise InvalidInput("--silent takes seconds, 0 or more")
    return timedelta(seconds=seconds)


def _pace(at_most: float | None, keep_p99: float | None) -> Pace:
    if any(limit is not None and limit <= 0 for limit in (at_most, keep_p99)):
        raise InvalidInput("--at-most takes megabytes a second, --keep-p99 milliseconds: both more than 0")
    return Pace(bytes_a_second=None if at_most is None else at_most * 1e6, p99_ms=keep_p99)


def _stop(domicile: Domicile) -> None:
    """The first Ctrl-C ends it in order; the second one at once, as a crash would."""
    say("Stopping: what has not flipped is undone …")
    domicile.coordinator.cancel()
    asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)


async def _wish(wishes: Wishes, *, pause: bool, cancel: bool) -> None:
    await (wishes.pause() if pause else wishes.cancel() if cancel else wishes.go_on())


def _say_wish(wish: str, json: bool) -> None:
    said = {
        "pause": "Relocations begin no further batch until `relocate --continue`.",
        "continue": "Relocations go on.",
        "cancel": "Relocations at work undo what has not flipped, and end.",
    }
    if json:
        print_json({"ok": True, "wish": wish})
    else:
        out.print(said[wish])


async def _already_there(
    domicile: Domicile, named: Sequence[str], departures: Sequence[Departure]
) -> dict[MemberId, str]:
    """Those who were named and need not leave."""
    leaving = {member for departure in departures for member in departure.members}
    members = [await find_member(domicile, text) for text in named]
    return {member: "lives there already" for member in members if member not in leaving}


async def _move_all(
    domicile: Domicile,
    departures: list[Departure],
    total: Moved,
    pace: Pace,
    dry_run: bool,
    against: str | None,
    without_notice: str | None,
) -> None:
    for leaving in departures:
        barred = await _barred(domicile, leaving) if against is None else {}
        untold = await _untold(domicile, leaving) if without_notice is None else {}
        total.left |= untold | barred
        members = [member for member in leaving.members if member not in total.left]
        if dry_run:
            total.members += members
            continue
        await domicile.trimming.drop_drafts(leaving.source, members)
        await domicile.trimming.drop_ended_log_ins(leaving.source, members)
        reason = _reason(leaving, against, without_notice)
        with moving_bar(f"{leaving.source} → {leaving.target}", len(members)) as tell:
            done = await domicile.coordinator.relocate(members, leaving.source, leaving.target, reason, tell, pace)
        total.seconds += done.seconds
        total.add(done)


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
