"""`domicile member tell`: whoever a plan will move is told before, each in their own language."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Annotated

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
    say,
    settings,
)
from domicile.errors import InvalidInput
from domicile.network.notices import Announced, Told
from domicile.plan.departures import Departure
from domicile.running import Domicile


@dataclass
class Telling:
    """What was told of each departure, or what would be said, by language."""

    moves_on: date
    told: list[tuple[Departure, Told]] = field(default_factory=list)
    wordings: dict[str, str] = field(default_factory=dict)


def tell_command(
    plan: Annotated[str, typer.Option("--plan", metavar="DATE", help="Whoever must move by this day.")],
    moves_on: Annotated[
        str | None,
        typer.Option("--moves-on", metavar="DATE", help="From which day on; the soonest if not given."),
    ] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="SITE", help="Only who moves to this site.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be said, and tell nobody.")] = False,
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Tell whoever must move, before they are moved, in their own language. Exit 1 if somebody was not reached."""
    with failures(json):
        day = parse_day(plan)

        async def work(domicile: Domicile) -> Telling:
            when = _first_day(domicile, parse_day(moves_on))
            departures = await find_departures(domicile, [], day, to)
            return await _tell(domicile, departures, when, dry_run)

        telling = on_network(settings(data, config), work)
        _show(telling, dry_run, json)
        if any(told.left for _, told in telling.told):
            raise typer.Exit(1)


def _first_day(domicile: Domicile, asked: date | None) -> date:
    """The day to tell. Raises InvalidInput for one that is not to come."""
    today = domicile.clock().date()
    soonest = today + timedelta(days=domicile.notices.days)
    if asked is not None and asked <= today:
        raise InvalidInput(f"{asked} is not to come: nobody can be told of it before")
    if asked is not None and asked < soonest:
        say(f"{asked} is sooner than {domicile.notices.days} days: by then, relocate asks for --without-notice REASON")
    return asked or soonest


async def _tell(domicile: Domicile, departures: Sequence[Departure], when: date, dry_run: bool) -> Telling:
    telling = Telling(when)
    for leaving in departures:
        assert leaving.move is not None  # every departure here is a plan's
        announced = Announced(leaving.target, when, leaving.move.reason, leaving.move.rules)
        languages = await domicile.notices.languages(leaving.source, leaving.members)
        for language in languages:
            telling.wordings.setdefault(language, announced.word(leaving.source, language))
        told = Told(languages) if dry_run else await domicile.notices.tell(leaving.members, announced)
        telling.told.append((leaving, told))
    return telling


def _show(telling: Telling, dry_run: bool, json: bool) -> None:
    languages = sum((told.languages for _, told in telling.told), Counter[str]())
    left = {member: why for _, told in telling.told for member, why in told.left.items()}
    if json:
        print_json(
            {
                "ok": not left,
                "dry_run": dry_run,
                "moves_on": telling.moves_on,
                "told": languages.total(),
                "told_before": sum(told.before for _, told in telling.told),
                "languages": languages,
                "moves": [{"from": d.source, "to": d.target, "members": len(d.members)} for d, _ in telling.told],
                "left": [{"id": str(member), "why": why} for member, why in left.items()],
                "wordings": telling.wordings,
            }
        )
        return
    for wording in telling.wordings.values() if dry_run else ():
        out.print(wording, highlight=False, markup=False)
        out.print()
    shown = ", ".join(f"{count:,} in {language}" for language, count in sorted(languages.items())) or "nobody"
    verb = "would be told" if dry_run else "told"
    out.print(f"{verb}: {shown}; they move on {telling.moves_on} or after", highlight=False)
    for why in dict.fromkeys(left.values()):
        count = sum(1 for reason in left.values() if reason == why)
        out.print(f"[yellow]{count} not reached[/]: {why}", highlight=False)
