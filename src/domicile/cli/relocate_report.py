"""What `relocate` says while it works, and what came of it."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from domicile.cli.output import err, out, print_json, say
from domicile.relocation.coordinator import Resumed
from domicile.relocation.moved import Moved

SAY_EVERY_S = 5.0


@contextlib.contextmanager
def moving_bar(title: str, of: int) -> Iterator[Callable[[Moved], None]]:
    """A function to tell what was moved so far: done of how many, rows a second and how long it will take.

    On a terminal a bar; elsewhere a line on standard error every few seconds.
    """
    began = last = time.monotonic()

    def line(moved: Moved) -> None:
        nonlocal last
        done, seconds = len(moved.members) + len(moved.left), time.monotonic() - began
        if done and time.monotonic() - last > SAY_EVERY_S:
            last = time.monotonic()
            left_s = seconds / done * (of - done)
            say(f"{title}: {done:,} of {of:,} members, {_rate(moved, seconds)}, about {left_s:,.0f} s to go")

    if not err.is_terminal:
        yield line
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    with Progress(*columns, TimeRemainingColumn(), console=err) as bars:
        task = bars.add_task(title, total=of, rate="")

        def draw(moved: Moved) -> None:
            done = len(moved.members) + len(moved.left)
            bars.update(task, completed=done, rate=_rate(moved, time.monotonic() - began))

        yield draw


def _rate(moved: Moved, seconds: float) -> str:
    return f"{moved.rows / max(seconds, 0.001):,.0f} rows a second"


def show_moved(moved: Moved, moves: Sequence[dict[str, Any]], dry_run: bool, json: bool) -> None:
    """What was moved, who stayed and why."""
    if json:
        print_json(
            {
                "ok": not moved.left and not moved.unfinished,
                "dry_run": dry_run,
                "members": len(moved.members),
                "rows": moved.rows,
                "bytes": moved.size,
                "files": moved.files,
                "residue": moved.residue,
                "batches": moved.batches,
                "seconds": round(moved.seconds, 3),
                "longest_wait_ms": round(moved.waited_ms, 1),
                "moves": moves,
                "left": [{"id": str(member), "why": why} for member, why in moved.left.items()],
                "unfinished": [{"batch": str(batch), "why": why} for batch, why in moved.unfinished.items()],
            }
        )
        return
    verb = "would move" if dry_run else "moved"
    out.print(f"{len(moved.members):,} members {verb}, {moved.rows:,} rows and {moved.files:,} files", highlight=False)
    if not dry_run and moved.members:
        out.print(
            f"in {moved.seconds:.2f} s ({_rate(moved, moved.seconds)}); nobody waited over {moved.waited_ms:.0f} ms"
        )
    if moved.residue:
        out.print(f"{moved.residue:,} rows had to stay behind, sealed: `residue list` says why and until when")
    for why in dict.fromkeys(moved.left.values()):
        count = sum(1 for reason in moved.left.values() if reason == why)
        out.print(f"[yellow]{count} stayed[/]: ", end="")
        out.print(why, markup=False, highlight=False)
    if moved.unfinished:
        why = next(iter(moved.unfinished.values()))
        out.print(f"[red]{len(moved.unfinished)} batches wait[/] for `relocate --resume`: ", end="")
        out.print(why, markup=False, highlight=False)


def show_resumed(resumed: Sequence[Resumed], json: bool) -> None:
    """What became of the batches without a coordinator. Exits with 1 if one still waits."""
    closed = all(batch.closed for batch in resumed)
    if json:
        shown = [
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
    for found in () if json else resumed:
        batch = found.batch
        out.print(f"batch {batch.number}, {batch.source} → {batch.target}: ", end="", highlight=False)
        out.print(f"{len(batch.members)} members, {found.outcome}", markup=False, highlight=False)
    if not resumed and not json:
        out.print("Nothing to resume: no batch is open without a coordinator.")
    if not closed:
        raise typer.Exit(1)
