"""`domicile member suspend` and `reinstate`: the operator's own decision, with a reason that the member can read."""

from datetime import UTC, datetime, time
from typing import Annotated, Any

import typer

from domicile.cli.output import (
    ConfigOption,
    DataOption,
    JsonOption,
    MemberArgument,
    failures,
    find_member,
    on_network,
    out,
    parse_day,
    print_json,
    settings,
)
from domicile.network.suspension import Suspension
from domicile.running import Domicile


def suspend_command(
    member: MemberArgument,
    reason: Annotated[str, typer.Option(help="Why, in words for the member: which rule, and what they did.")],
    until: Annotated[
        str | None, typer.Option(metavar="DATE", help="The day on which it ends; if not given, none.")
    ] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Suspend a member: others see nothing of theirs, apps are locked out, and they read why when they log in.

    Nothing is deleted; they can still take their archive, see where their data lives, and leave.
    """
    with failures(json):
        day = parse_day(until)
        end = datetime.combine(day, time(), UTC) if day else None

        async def work(domicile: Domicile) -> Suspension:
            return await domicile.suspensions.suspend(await find_member(domicile, member), reason, end)

        suspension = on_network(settings(data, config), work)
        if json:
            print_json({"ok": True, "id": str(suspension.member), **describe_suspension(suspension)})
        else:
            ends = f"until {suspension.until:%Y-%m-%d}" if suspension.until else "until further notice"
            out.print(f"{suspension.member}: suspended {ends}", highlight=False)


def reinstate_command(
    member: MemberArgument, data: DataOption = None, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """End a member's suspension. Exit 1 if there is none."""
    with failures(json):

        async def work(domicile: Domicile) -> dict[str, Any]:
            found = await find_member(domicile, member)
            await domicile.suspensions.reinstate(found)
            return {"ok": True, "id": str(found)}

        answer = on_network(settings(data, config), work)
        if json:
            print_json(answer)
        else:
            out.print(f"{answer['id']}: reinstated", highlight=False)


def describe_suspension(suspension: Suspension) -> dict[str, Any]:
    """A suspension as JSON."""
    return {"reason": suspension.reason, "since": suspension.since, "until": suspension.until}
