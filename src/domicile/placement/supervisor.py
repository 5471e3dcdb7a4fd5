"""The process between the application and its PostgreSQL servers: they live exactly as long as the application does.

It is run as a script by `embedded.py` and imports nothing but the standard library. Its standard input is a pipe whose
only write end the application holds: each line is one server to run (JSON, see `Postmaster`), the end of the pipe means
stop, however the application ended (also by `kill -9`, also on macOS). On standard output it reports every server that
ended by itself, one JSON line each. It ignores the terminal's signals, so that the servers outlive the requests that a
stopping application still finishes.
"""

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

TICK = 0.2
LONGEST_BACKOFF = 5.0
STEADY = 10.0
"""A server that ran for so many seconds starts with the shortest back-off again."""
LOG_LIMIT = 10 * 1024 * 1024
FAST_SHUTDOWN = 60.0


def inhabitants(folder: Path) -> list[int]:
    """The PostgreSQL processes that run in a cluster's folder (without /proc: its postmaster, if that one lives)."""
    if Path("/proc/self/cwd").exists():
        return [int(process.name) for process in Path("/proc").glob("[0-9]*") if _lives_in(process, folder)]
    pid = postmaster_pid(folder)
    command = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True).stdout  # noqa: S603, S607
    return [pid] if pid and "postgres" in command and str(folder) in command else []


def _lives_in(process: Path, folder: Path) -> bool:
    with contextlib.suppress(OSError):
        return (process / "comm").read_text().strip() in ("postgres", "postmaster") and (
            (process / "cwd").readlink() == folder
        )
    return False


def postmaster_pid(folder: Path) -> int:
    """The process id in postmaster.pid, 0 if there is none. It may be from an earlier life."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return abs(int((folder / "postmaster.pid").read_text().split()[0]))
    return 0


def evict(folder: Path, waited: float) -> bool:
    """Ask what still runs in `folder` from an earlier life to end, harder the longer it takes; True once it is empty.

    A living postmaster is asked alone and ends its own children. Backends without a postmaster are lost anyway: the
    next postmaster discards their shared memory and recovers, but starts only when the last of them is gone.
    """
    left = inhabitants(folder)
    head = postmaster_pid(folder)
    if head in left:
        _signal([head], _harder(waited, (FAST_SHUTDOWN, signal.SIGINT), (FAST_SHUTDOWN + 10, signal.SIGQUIT)))
    else:
        _signal(left, _harder(waited, (5.0, signal.SIGQUIT)))
    return not left


def clear(folders: Iterable[Path]) -> None:
    """Return once nothing runs in any of the folders."""
    since = time.monotonic()
    for folder in folders:
        while not evict(folder, time.monotonic() - since):
            time.sleep(TICK)


def _harder(waited: float, *steps: tuple[float, signal.Signals]) -> signal.Signals:
    return next((sign for limit, sign in steps if waited < limit), signal.SIGKILL)


def _signal(pids: Iterable[int], sign: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sign)


def private(path: str, flags: int) -> int:
    """An opener: new files are for their owner alone."""
    return os.open(path, flags, 0o600)


def _die_with_supervisor() -> Callable[[], None] | None:
    """What a new postmaster runs before exec: Linux then stops it (fast shutdown) if the supervisor is killed.

    It runs after the change of user, which would clear the wish. Elsewhere the next supervisor evicts the servers.
    """
    if sys.platform != "linux":
        return None
    prctl, supervisor = ctypes.CDLL(None).prctl, os.getpid()

    def bind() -> None:
        prctl(1, int(signal.SIGINT), 0, 0, 0)  # PR_SET_PDEATHSIG
        if os.getppid() != supervisor:  # killed before the wish was heard
            os._exit(1)

    return bind


class Postmaster:
    """One server to keep running: its `name`, `folder`, `argv`, `env`, `log` file and `account` (Popen's options)."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.name: str = spec["name"]
        self.folder, self.log = Path(spec["folder"]), Path(spec["log"])
        self.spec = spec
        self.process: subprocess.Popen[bytes] | None = None
        self.failures = 0
        self.due = self.wanted_since = time.monotonic()

    def tick(self) -> None:
        """Notice that it ended, start it when that is due, keep its log small."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.due and evict(self.folder, now - self.wanted_since):
                self._start(now)
        elif self.process.poll() is not None:
            self._ended(self.process.returncode, now)
        else:
            with contextlib.suppress(OSError):
                if self.log.stat().st_size > LOG_LIMIT:
                    os.truncate(self.log, 0)

    def _start(self, now: float) -> None:
        self.started = now
        try:
            with open(self.log, "ab", opener=private) as log:
                self.process = subprocess.Popen(  # noqa: S603
                    self.spec["argv"],
                    env=self.spec["env"],
                    cwd="/",
                    umask=0o077,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    preexec_fn=_die_with_supervisor(),
                    **self.spec["account"],
                )
        except OSError:  # the programs are being replaced, memory or disk is short: try again later
            self._ended(-1, now)

    def _ended(self, code: int, now: float) -> None:
        steady = self.process is not None and now - self.started > STEADY
        self.failures = 1 if steady else self.failures + 1
        self.process, self.wanted_since = None, now
        self.due = now + min(LONGEST_BACKOFF, TICK * 2 ** min(self.failures - 1, 10))
        report = json.dumps({"name": self.name, "code": code, "failures": self.failures}) + "\n"
        with contextlib.suppress(OSError):  # nobody listens any more; the end of the pipe follows
            os.write(1, report.encode())

    def running(self) -> bool:
        """Whether our own child still lives."""
        return self.process is not None and self.process.poll() is None


def stop(servers: list[Postmaster]) -> None:
    """Fast shutdown; the hard way for whatever does not obey. Leaves nothing running in any of the folders."""
    for sign, patience in ((signal.SIGINT, FAST_SHUTDOWN), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0)):
        limit = time.monotonic() + patience
        _signal([server.process.pid for server in servers if server.process and server.running()], sign)
        while any(server.running() for server in servers) and time.monotonic() < limit:
            time.sleep(0.02)
    clear([server.folder for server in servers])


def serve() -> None:
    """Run the servers that the pipe names until it ends."""
    servers: list[Postmaster] = []
    rest = b""
    try:
        while True:
            if select.select([0], [], [], TICK)[0]:
                chunk = os.read(0, 65536)
                *lines, rest = (rest + chunk).split(b"\n")
                if not chunk or b"stop" in lines:
                    return
                servers += [Postmaster(json.loads(line)) for line in lines]
            for server in servers:
                server.tick()
    finally:
        stop(servers)


def main() -> None:
    """`supervisor.py SOCKET_DIR RUNTIME_FILE`: both are removed when the last server has stopped."""
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, lambda *_: None)  # not SIG_IGN, which the servers would inherit
    os.set_blocking(1, False)
    serve()
    Path(sys.argv[2]).unlink(missing_ok=True)
    shutil.rmtree(sys.argv[1], ignore_errors=True)


if __name__ == "__main__":
    main()
