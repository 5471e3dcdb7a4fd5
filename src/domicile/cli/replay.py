"""`domicile replay`: a true story, told of an invented network on a fresh installation, each step checked."""

import asyncio
import contextlib
import signal
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.markup import escape

from domicile.cli.lines import line
from domicile.cli.output import JsonOption, err, failures, out, print_json, print_table, run, say
from domicile.errors import InvalidInput
from domicile.stories.linkedin_russia import STORY as LINKEDIN_RUSSIA
from domicile.stories.telling import Check, Progress, Step, Story, Told, tell
from domicile.stories.twitter_russia import STORY as TWITTER_RUSSIA
from domicile.web.console.story_page import render_story

T = TypeVar("T")
HtmlOption = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Also write it as one page, with a map.")
]
INTERRUPTED = 130
"""The exit code of what was ended by a signal, as shells have it for Ctrl-C."""

STORIES: dict[str, Story[Any]] = {story.name: story for story in (LINKEDIN_RUSSIA, TWITTER_RUSSIA)}

StoryArgument = Annotated[str | None, typer.Argument(metavar="STORY", help="Its name; without one, what there is.")]
EndingOption = Annotated[
    str | None, typer.Option("--ending", metavar="NAME", help="One ending alone; all of them if not given.")
]
MembersOption = Annotated[
    int | None, typer.Option("--members", metavar="N", help="How many members the invented network has.")
]


def replay_command(
    story: StoryArgument = None,
    ending: EndingOption = None,
    members: MembersOption = None,
    html: HtmlOption = None,
    json: JsonOption = False,
) -> None:
    """Tell a true story step by step, and check each step. Exit 1 if one does not hold."""
    with failures(json):
        if story is None:
            _list(json)
            return
        try:
            told = run(_interruptible(_tell(_choose(story, ending, members), json)))
        except asyncio.CancelledError:
            raise typer.Exit(INTERRUPTED) from None
        if html is not None:
            _write(html, told)
        if json:
            print_json(_told(told))
        elif not told.ok:
            out.print(f"\n[bold red]✗ {_wrong(told)}[/]", highlight=False)
        else:
            count = sum(len(step.checks) for step in told.steps)
            out.print(f"\n[bold green]✓ {len(told.steps)} steps, {count} checks held[/] in {told.seconds:.0f} s")
        if not told.ok:
            raise typer.Exit(1)


def _write(file: Path, told: Told) -> None:
    sites = dict.fromkeys(site for step in told.steps for site in step.sites)
    ways = {way: words for step in told.steps for way, words in step.ways.items()}
    try:
        file.write_text(render_story(told, sites, ways), encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{file} cannot be written: {error.strerror}") from None
    say(f"The page is {file}")


def _choose(name: str, ending: str | None, members: int | None) -> Story[Any]:
    if name not in STORIES:
        raise InvalidInput(f"there is no story {name}; there are {', '.join(STORIES)}")
    story = STORIES[name]
    story = story if ending is None else story.ending(ending)
    return story if members is None else story.of(members)


async def _interruptible(work: Coroutine[Any, Any, T]) -> T:
    """Ended by Ctrl-C or SIGTERM: what was started is stopped and thrown away first, whoever asks again meanwhile."""
    task = asyncio.current_task()
    assert task is not None
    asked = False

    def stop() -> None:
        nonlocal asked
        if not asked:
            asked = True
            say("Stopping: the servers are stopped, and what they held is thrown away …")
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    return await work


async def _tell(story: Story[Any], json: bool) -> Told:
    """Tell it in a folder that is gone afterwards; for people, as it happens."""
    with tempfile.TemporaryDirectory(prefix="domicile-story-") as folder, _progress() as (begin, progress):
        place = Path(folder) / "data"
        if json:
            return await tell(story, place, begin, progress=progress)
        out.print(f"[bold]{escape(story.title)}[/]\n[dim]{escape(story.note)}[/]", highlight=False)
        return await tell(story, place, begin, _show, progress)


@contextlib.contextmanager
def _progress() -> Iterator[tuple[Callable[[Step], None], Progress]]:
    """Where the story is, on standard error: moving on a terminal, elsewhere a line a step."""
    with err.status("Starting the servers …") as status:
        words = ""

        def begin(step: Step) -> None:
            nonlocal words
            words = f"{step.day}: {step.name.replace('-', ' ')} …"
            status.update(words)
            if not err.is_terminal:
                say(words)

        def progress(what: str, done: int, of: int) -> None:
            status.update(f"{words} {what}, {done:,} of {of:,}")

        yield begin, progress


def _show(step: Step) -> None:
    mark = "[green]✓[/]" if step.ok else "[red]✗[/]"
    title = f"{escape(step.day)}  {step.name.replace('-', ' ')}"
    out.print(f"\n{mark} [bold]{title}[/]  [dim]{step.seconds:.1f} s[/]", highlight=False)
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
        print_json({"stories": [_listed(story) for story in STORIES.values()]})
    else:
        rows: list[list[object]] = [[s.name, s.title, ", ".join(s.endings)] for s in STORIES.values()]
        print_table("Stories", ["story", "what it tells", "endings"], rows)


def _listed(story: Story[Any]) -> dict[str, Any]:
    return {"name": story.name, "title": story.title, "endings": [*story.endings], "members": story.members}


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
