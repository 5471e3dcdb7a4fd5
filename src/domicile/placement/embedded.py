"""A PostgreSQL of our own for every site and the hub, for as long as this process lives.

    with Embedded.start(Path("domicile-data"), ["de-1", "ru-1", "hub"]) as running:
        running.servers["de-1"]

All calls block: an asyncio application runs them in a thread. One process at a time *owns* a data folder's servers (it
holds DATA/lock); any number of others *attach* to them. Three locks and files keep these apart:

- DATA/lock is held by the owner and by its supervisor, so it is free only when nothing runs any more, however the owner
  ended. It holds the owner's process id.
- DATA/runtime.json says how to reach the servers. It exists while they are ready.
- DATA/users.lock is held, shared, by everybody attached. An owner takes it whole before it removes runtime.json, and
  who attaches reads runtime.json once more after taking it: nobody attaches to servers about to stop.

The supervisor (supervisor.py) stops the servers when this process ends in whatever way; if the supervisor itself ends,
a thread here starts it again. A process made by `os.fork` without exec keeps the servers alive as long as it lives.
"""

import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from domicile.errors import Misconfigured
from domicile.placement.pgbinaries import ENVIRONMENT, Binaries, account, find
from domicile.placement.pgcluster import Clusters, check_format, read_json, write_private
from domicile.placement.supervised import Supervised, socket_folder, sweep

FIRST_PORT = 5432
PATIENCE = 600.0
"""Seconds to wait for a server (crash recovery may be long) or for another command."""
UP_WAITS = 10.0
"""Seconds that `up` waits at its end for the commands attached to it; a short command waits as long as they take."""
TOO_OFTEN = 6
"""A new server that ended so many times before it was ready will not become ready."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Server:
    """How to connect to one running server."""

    name: str
    socket_dir: Path
    port: int
    superuser: str
    password: str = field(repr=False)
    database: str = "postgres"


class Embedded:
    """The running servers of one data folder: `servers` by name; `owned` if this process started them."""

    def __init__(self, clusters: Clusters, exclusive: bool, progress: Progress | None, patience: float) -> None:
        self.servers: dict[str, Server] = {}
        self.owned = False
        self._clusters = clusters
        self._data = clusters.data
        self._exclusive = exclusive
        self._say = progress or (lambda text: None)
        self._patience = patience
        self._locks: list[int] = []
        self._supervisor: Supervised | None = None

    @classmethod
    def start(
        cls,
        data: Path,
        names: Sequence[str],
        *,
        bindir: Path | None = None,
        run_as: str | None = None,
        progress: Progress | None = None,
        exclusive: bool = False,
        patience: float = PATIENCE,
    ) -> Self:
        """Start a server for each name, or attach to those that another process runs.

        With `exclusive` (as `up` does) never attach: Misconfigured names the process that runs them. Servers that do
        not exist yet are made. Misconfigured also says what is wrong with the folder, the programs or the versions.
        """
        for name in names:
            _check_name(name)
        data = data.absolute().resolve()
        try:
            check_format(data)
            user = account(run_as, data / "pg")
            clusters = Clusters(data, find(bindir, user), user)
            clusters.missing(list(names))
            data.mkdir(mode=0o700, parents=True, exist_ok=True)
            running = cls(clusters, exclusive, progress, patience)
            running._enter(list(names))
        except OSError as error:
            raise Misconfigured(f"The data folder {data} cannot be used: {error.strerror}: {error.filename}") from error
        return running

    @property
    def binaries(self) -> Binaries:
        """The PostgreSQL programs that run these servers."""
        return self._clusters.binaries

    def folder(self, name: str) -> Path:
        """One server's data folder, as PostgreSQL keeps it: for whoever may read it."""
        return self._clusters.folder(name)

    def log(self, name: str) -> Path:
        """One server's log."""
        return self._clusters.log(name)

    def add(self, name: str) -> Server:
        """Start one more server, for a new site. Only the owner can."""
        _check_name(name)
        if not self.owned:
            raise Misconfigured(f"Process {self._holder().get('pid')} runs these servers; only it can add {name}")
        if name not in self.servers:
            self._open([name])
        return self.servers[name]

    def close(self) -> None:
        """Stop the servers if they are ours, once nobody is attached any more; else let go of them. May be repeated."""
        try:
            if self.owned:
                self._wait_for_users()
        finally:
            self._stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Own or attach

    def _enter(self, names: list[str]) -> None:
        for waited in _waiting(self._patience):
            if self._lock("lock", fcntl.LOCK_EX):
                return self._own(names)
            holder = self._holder()
            if self._exclusive and holder.get("exclusive") and _alive(holder["pid"]):
                raise Misconfigured(f"Process {holder['pid']} already runs the servers of {self._data}")
            if not self._exclusive and self._attach(holder, names):
                return None
            if waited == 0:
                self._say(f"Waiting for process {holder.get('pid', '?')}, which uses {self._data}")
        raise Misconfigured(f"Process {self._holder().get('pid', '?')} still uses {self._data}")

    def _holder(self) -> dict[str, Any]:
        return read_json(self._data / "lock")

    def _lock(self, name: str, kind: int) -> bool:
        """Take a lock file if it is free. The lock lasts until `_stop` or the end of all processes that share it."""
        descriptor = os.open(self._data / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._locks.append(descriptor)
        return True

    def _attach(self, holder: dict[str, Any], names: list[str]) -> bool:
        runtime = read_json(self._data / "runtime.json")
        if not runtime or runtime["pid"] != holder.get("pid") or not _alive(runtime["pid"]):
            return False  # still starting, or left behind by a crash: the lock's owner replaces it
        if not self._lock("users.lock", fcntl.LOCK_SH):
            return False
        if read_json(self._data / "runtime.json").get("pid") != runtime["pid"]:
            self._unlock()
            return False
        if absent := [name for name in names if name not in runtime["ports"]]:
            self._unlock()
            raise Misconfigured(f"Process {runtime['pid']} runs the servers of {self._data}, but not {absent[0]}")
        for name, port in runtime["ports"].items():
            self._serve(name, Path(runtime["socket_dir"]), port)
        return True

    def _own(self, names: list[str]) -> None:
        self.owned = True
        try:
            sweep(self._data / "runtime.json")
            os.ftruncate(self._locks[0], 0)
            os.pwrite(self._locks[0], json.dumps({"pid": os.getpid(), "exclusive": self._exclusive}).encode(), 0)
            self._clusters.missing(names)
            self._clusters.prepare()
            sockets = socket_folder(self._clusters.account)
            self._supervisor = Supervised(sockets, self._data / "runtime.json", self._locks[0])
            self._open(names)
        except BaseException:
            self._stop()
            raise

    # Servers

    def _open(self, names: list[str]) -> None:
        assert self._supervisor is not None
        new = self._clusters.missing(names)
        self._clusters.check_room(new)
        if new:
            self._say(f"Creating the databases of {', '.join(new)}")
            self._clusters.create(new)
        sockets = self._supervisor.socket_dir
        for name in names:
            port = FIRST_PORT + len(self.servers)
            self._clusters.configure(name, sockets, port)
            self._serve(name, sockets, port)
            self._supervisor.run(self._spec(name))
        for name in names:
            self._wait_until_ready(name)
        runtime = {
            "pid": os.getpid(),
            "data": str(self._data),
            "socket_dir": str(sockets),
            "ports": {server.name: server.port for server in self.servers.values()},
        }
        write_private(self._data / "runtime.json", runtime)

    def _serve(self, name: str, socket_dir: Path, port: int) -> None:
        superuser, password = self._clusters.password(name)
        self.servers[name] = Server(name, socket_dir, port, superuser, password)

    def _spec(self, name: str) -> dict[str, Any]:
        folder = str(self._clusters.folder(name))
        return {
            "name": name,
            "folder": folder,
            "argv": [self._clusters.binaries.program("postgres"), "-D", folder],
            "env": ENVIRONMENT,
            "log": str(self._clusters.log(name)),
            "account": self._clusters.account.options,
        }

    def _wait_until_ready(self, name: str) -> None:
        assert self._supervisor is not None
        said = 5.0
        for waited in _waiting(self._patience):
            if self._clusters.ready(name, self._supervisor.socket_dir):
                return
            if self._supervisor.failures.get(name, 0) >= TOO_OFTEN:
                break
            if waited > said:
                said += 5.0
                self._say(f"Waiting for {name}: {_last_line(self._clusters.log(name))}")
        raise Misconfigured(f"The server {name} does not start: {_last_line(self._clusters.log(name))}")

    def _wait_for_users(self) -> None:
        said = 1.0
        for waited in _waiting(UP_WAITS if self._exclusive else float("inf")):
            if self._lock("users.lock", fcntl.LOCK_EX):
                return
            if waited > said:
                said += 30.0
                self._say("Waiting for another command that uses these servers")

    def _stop(self) -> None:
        if self.owned:
            (self._data / "runtime.json").unlink(missing_ok=True)
        if self._supervisor:
            self._supervisor.stop()
        self.owned, self._supervisor = False, None
        self.servers.clear()
        self._unlock()

    def _unlock(self) -> None:
        while self._locks:
            os.close(self._locks.pop())


def discard(data: Path, patience: float = 5.0) -> None:
    """Delete a data folder and its clusters, wherever they lie. Refused while they are in use.

    A supervisor that is just ending holds the lock a moment longer than its servers run: that much is waited for.
    """
    data = data.absolute().resolve()
    if not data.exists():
        return
    if not (data / "domicile.json").is_file():
        raise Misconfigured(f"{data} is not a data folder of Domicile; nothing was deleted")
    descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not any(_locked(descriptor) for _ in _waiting(patience)):
            raise Misconfigured(f"The servers of {data} are running")
        shutil.rmtree((data / "pg").resolve(), ignore_errors=True)
        shutil.rmtree(data)
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,40}", name):
        raise Misconfigured(f"A server's name has small letters, digits and hyphens, which {name!r} has not")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _waiting(limit: float, pause: float = 0.05) -> Iterator[float]:
    """Yield the seconds waited so far, until `limit`."""
    began = time.monotonic()
    while (waited := time.monotonic() - began) < limit:
        yield waited
        time.sleep(pause if waited else 0.01)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return lines[-1] if lines else "its log is empty"
