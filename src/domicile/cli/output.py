"""What every command shares: options, settings of a data folder, answers for people or as JSON, and exit codes.

Exit codes: 0 fine; 1 the answer is no; 2 bad usage or bad input.
"""

import asyncio
import contextlib
import sys
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from domicile.config import Config, load_config
from domicile.errors import DomicileError, InvalidFields, InvalidInput, Misconfigured, NotFound
from domicile.ids import MemberId, SiteName, parse_member_id

if TYPE_CHECKING:
    from domicile.running import Domicile

T = TypeVar("T")

DataOption = Annotated[Path | None, typer.Option("--data", help="The data folder.", show_default="./domicile-data")]
ConfigOption = Annotated[Path | None, typer.Option("--config", help="A TOML file with settings.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
SitesOption = Annotated[str | None, typer.Option("--sites", help="Countries or site names, like de,ru,cn,us.")]
MemberArgument = Annotated[str, typer.Argument(metavar="MEMBER", help="A member's id or handle.")]
OnOption = Annotated[str | None, typer.Option("--on", help="A day, YYYY-MM-DD; today if not given.")]

out = Console()
err = Console(stderr=True)

REMEMBERED = "network.toml"


def settings(data: Path | None, config: Path | None, **overrides: Any) -> Config:
    """The settings of a data folder: its own, then those of `config`, the environment and the command line."""
    given = load_config(config, data=data, **overrides)
    known = given.data / REMEMBERED
    if config is None and "sites" not in _given(overrides) and known.exists():
        names = tomllib.loads(known.read_text())["sites"]
        given = load_config(config, data=data, **overrides | {"sites": ",".join(names)})
    return given


def remember_sites(config: Config) -> list[SiteName]:
    """Write down which sites a data folder holds, so that every command opens the same ones.

    Returns those that are new in a network that was there already.
    """
    known = config.data / REMEMBERED
    names = [*config.site_names]
    before = tomllib.loads(known.read_text())["sites"] if known.exists() else names
    if lost := set(before) - set(names):
        raise Misconfigured(f"{config.data} holds the sites {', '.join(sorted(lost))} too; name them in --sites")
    known.write_text(f"sites = {msgspec.json.encode(names).decode()}\n")
    return [name for name in names if name not in before]


def has_network(config: Config) -> bool:
    """Whether there is a network under these settings: on servers of the operator's, or in the data folder."""
    return config.hub.dsn is not None or (config.data / REMEMBERED).exists()


@contextlib.asynccontextmanager
async def running(config: Config, *, collects: bool = True) -> AsyncIterator["Domicile"]:
    """The network of a data folder: attached to, if `up` is running, else started for this command alone.

    `collects=False` is for commands that store nothing of a member: they work also while a start is refused.
    """
    if not has_network(config):
        raise Misconfigured(f"{config.data} holds no network yet; `up` or `seed` makes one")
    from domicile.wiring import open_domicile  # commands that open no network need not wait for it to load

    async with open_domicile(config, progress=say, collects=collects) as domicile:
        yield domicile


def on_network(config: Config, fn: "Callable[[Domicile], Awaitable[T]]", *, collects: bool = True) -> T:
    """Run `fn` with the network of a data folder."""

    async def work() -> T:
        async with running(config, collects=collects) as domicile:
            return await fn(domicile)

    return run(work())


def look_at_network(config: Config, fn: "Callable[[Domicile], Awaitable[T]]") -> T:
    """`on_network` for a `fn` that stores nothing of a member."""
    return on_network(config, fn, collects=False)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end, on uvloop."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def say(text: str) -> None:
    """A line about what is going on, for people; never on standard output."""
    err.print(text, style="dim", highlight=False)


def print_json(answer: object) -> None:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(answer, enc_hook=_plain), indent=2).decode() + "\n")


def print_table(title: str, columns: list[str], rows: list[list[object]]) -> None:
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    out.print(table)


@contextlib.contextmanager
def failures(json: bool) -> Iterator[None]:
    """Errors as one sentence and an exit code; with --json also as a document."""
    try:
        yield
    except DomicileError as error:
        if json:
            print_json({"ok": False, "error": error.detail})
        err.print(f"[bold red]{_heading(error)}[/] ", end="")
        err.print(error.detail, markup=False, highlight=False)
        raise typer.Exit(2 if isinstance(error, InvalidInput | Misconfigured | NotFound) else 1) from None


@contextlib.contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """A function to call with (what, done, of how many); draws bars on standard error."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=not err.is_terminal) as bars:
        tasks: dict[str, Any] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield show


def parse_day(text: str | None) -> date | None:
    """A day as ISO 8601 writes it. Raises InvalidInput."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{text!r} is no day; write it like 2025-07-01") from None


async def find_member(domicile: "Domicile", text: str) -> MemberId:
    """A member by id or by @handle. Raises NotFound."""
    member = parse_member_id(text)
    if member is not None:
        await domicile.router.home_of(member)
        return member
    return await domicile.members.find_by_handle(text)


def _given(overrides: dict[str, Any]) -> set[str]:
    return {name for name, value in overrides.items() if value is not None}


def _heading(error: DomicileError) -> str:
    return "Not accepted:" if isinstance(error, InvalidInput | InvalidFields) else "Cannot go on:"


def _plain(value: object) -> object:
    if isinstance(value, Path | str):  # a name of SQLAlchemy's is a kind of text
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} is not for JSON")
