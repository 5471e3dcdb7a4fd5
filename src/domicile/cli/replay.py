"""`domicile replay`: a true story, told of an invented network on a fresh installation, each step checked."""

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from domicile.cli.lines import line
from domicile.cli.output import JsonOption, err, failures, out, print_json, print_table, run
from domicile.errors import InvalidInput
from domicile.stories.telling import Check, Step, Story, Told, tell
from domicile.stories.twitter_russia import STORY as TWITTER_RUSSIA

STORIES: dict[str, Story[Any]] = {story.name: story for story in (TWITTER_RUSSIA,)}

StoryArgument = Annotated[str | None, typer.Argument(metavar="STORY", help="Its name; without one, what there is.")]


def replay_command(story: StoryArgument = None, json: JsonOption = False) -> None:
    """Tell a true story step by step, and check each step. Exit 1 if one does not hold."""
    with failures(json):
        if story is None:
            _list(json)
            return
        if story not in STORIES:
            raise InvalidInput(f"there is no story {story}; there are {', '.join(STORIES)}")
        told = run(_tell(STORIES[story], json))
        if json:
            print_json(_told(told))
        elif not told.ok:
            out.print(f"\n[bold red]✗ {_wrong(told)}[/]", highlight=False)
        else:
            count = sum(len(step.checks) for step in told.steps)
            out.print(f"\n[bold green]✓ {len(told.steps)} steps, {count} checks held[/] in {told.seconds:.0f} s")
        if not told.ok:
            raise typer.Exit(1)


async def _tell(story: Story[Any], json: bool) -> Told:
    """Tell it in a folder that is gone afterwards; for people, as it happens."""
    with tempfile.TemporaryDirectory(prefix="domicile-story-") as folder:
        place = Path(folder) / "data"
        if json:
            return await tell(story, place)
        out.print(f"[bold]{escape(story.title)}[/]\n[dim]{escape(story.note)}[/]", highlight=False)
        with err.status("Starting the servers …") as status:

            def begin(step: Step) -> None:
                status.update(f"{step.day}: {step.name.replace('-', ' ')} …")

            return await tell(story, place, begin, _show)


def _show(step: Step) -> None:
    mark = "[green]✓[/]" if step.ok else "[red]✗[/]"
    out.print(f"\n{mark} [bold]{escape(step.day)}  {step.name.replace('-', ' ')}[/]", highlight=False)
    line(f"[italic]{escape(step.event)}[/] [dim]({escape(step.source)})[/]", 3)
    for told in step.told:
        if isinstance(told, Check):
            line(f"{'[green]✓[/]' if told.ok else '[bold red]✗[/]'} {escape(told.sentence)}", 3)
        else:
            line(escape(told), 3)
    if step.failure:
        line(f"[bold red]it went wrong:[/] {escape(step.failure)}", 3)


def _list(json: bool) -> None:
    if json:
        print_json({"stories": [{"name": story.name, "title": story.title} for story in STORIES.values()]})
    else:
        print_table("Stories", ["story", "what it tells"], [[story.name, story.title] for story in STORIES.values()])


def _wrong(told: Told) -> str:
    names = [step.name for step in told.steps if not step.ok] + [f"{name} (not told)" for name in told.untold]
    return f"it does not hold: {', '.join(names)}"


def _told(told: Told) -> dict[str, Any]:
    return {
        "ok": told.ok,
        "story": told.story,
        "title": told.title,
        "note": told.note,
        "seconds": round(told.seconds, 1),
        "steps": [_step(step) for step in told.steps],
        "not_told": told.untold,
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "name": step.name,
        "ok": step.ok,
        "on": step.on,
        "day": step.day,
        "event": step.event,
        "source": step.source,
        "did": step.did,
        "checks": [{"sentence": check.sentence, "ok": check.ok} for check in step.checks],
        "failure": step.failure,
        "seconds": round(step.seconds, 1),
    }
