"""A network in a folder of its own: what the fixtures open, and what a test opens that must kill its servers."""

import contextlib
import os
import secrets
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from domicile.config import load_config
from domicile.database import Database
from domicile.ids import MemberId
from domicile.network.forms import SignUp
from domicile.placement.embedded import Embedded, discard
from domicile.placement.sites import DATABASE, superuser_conninfo
from domicile.placement.supervisor import inhabitants, postmaster_pid
from domicile.running import Domicile
from domicile.wiring import open_domicile

MakeMember = Callable[..., Awaitable[MemberId]]
PUBLICATION = ("publication",)


class SetClock:
    """A clock that runs like any other, from the moment it is set to."""

    def __init__(self) -> None:
        self._offset = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def set(self, moment: datetime) -> None:
        """It is `moment` now, and time goes on from there."""
        self._offset = moment - datetime.now(UTC)

    def advance(self, by: timedelta) -> None:
        self._offset += by

    def reset(self) -> None:
        self._offset = timedelta()


@contextlib.asynccontextmanager
async def network_at(
    folder: Path, *, keep: bool = False, clock: Any = None, **settings: Any
) -> AsyncIterator[Domicile]:
    """A running network whose data lies in `folder` and is thrown away at the end, unless `keep`.

    The environment counts (DOMICILE_EMBEDDED__BINDIR), so the whole suite runs on another PostgreSQL too.
    """
    config = load_config(data=folder, **settings)
    overrides = {} if clock is None else {"clock": clock}
    try:
        async with open_domicile(config, **overrides) as domicile:
            yield domicile
    finally:
        if not keep:
            discard(folder)


async def make_member(
    domicile: Domicile,
    country: str = "DE",
    *,
    consents: Sequence[str] = PUBLICATION,
    password: str | None = None,
    handle: str | None = None,
    verified: bool = True,
    **form: Any,
) -> MemberId:
    """A new member of this country, under a handle nobody has, who has proved what a law there wants proved.

    `verified=False`: who has not.
    """
    handle = handle or f"{country.lower()}_{secrets.token_hex(6)}"
    form.setdefault("email", f"{handle}@example.org")
    member = await domicile.members.sign_up(
        SignUp(username=handle, password=password, country=country, consents=list(consents), **form)
    )
    for proving in await domicile.verifications.unmet(member) if verified else ():
        await domicile.verifications.record(member, proving.methods[0], made_up=True)
    return member


@contextlib.asynccontextmanager
async def superuser(domicile: Domicile, name: str) -> AsyncIterator[Database]:
    """The database of a site, or of the hub, under the all-powerful role, which Domicile never uses for members."""
    assert domicile.embedded is not None
    server = domicile.embedded.servers[name]
    database = Database(f"{name} superuser", superuser_conninfo(server, DATABASE), size=2)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@contextlib.contextmanager
def killed(domicile: Domicile, name: str) -> Iterator[None]:
    """The server is killed with -9 and stays down for the block: its supervisor is held meanwhile."""
    assert domicile.embedded is not None
    with killed_server(domicile.embedded, domicile.config.data, name):
        yield


@contextlib.contextmanager
def killed_server(embedded: Embedded, data: Path, name: str) -> Iterator[None]:
    """The same for servers that are not ours."""
    assert embedded._supervisor is not None
    supervisor = embedded._supervisor._process
    assert isinstance(supervisor, subprocess.Popen)
    folder = (data / "pg").resolve() / name
    os.kill(supervisor.pid, signal.SIGSTOP)
    try:
        os.kill(postmaster_pid(folder), signal.SIGKILL)
        yield
    finally:
        os.kill(supervisor.pid, signal.SIGCONT)


@contextlib.contextmanager
def hanging(domicile: Domicile, name: str) -> Iterator[None]:
    """The server hangs for the block, as one does whose machine swaps or whose disk is gone; then it goes on."""
    folder = (domicile.config.data / "pg").resolve() / name
    stopped = stop_server(folder)
    try:
        yield
    finally:
        continue_server(stopped)


def stop_server(folder: Path) -> list[int]:
    """SIGSTOP to the postmaster, which then makes no more of them, and to every other process of the cluster."""
    os.kill(postmaster_pid(folder), signal.SIGSTOP)
    stopped = inhabitants(folder)
    for process in stopped:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGSTOP)
    return stopped


def continue_server(stopped: Sequence[int]) -> None:
    for process in stopped:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGCONT)


def impatient(domicile: Domicile, seconds: float = 1.0) -> None:
    """Who hangs is found out sooner."""
    databases = [domicile.hub]
    for site in domicile.sites.values():
        databases += [site.app, site.reader, site.importer, site.auditor]
    for database in databases:
        database.silent_s = database.connect_s = seconds
