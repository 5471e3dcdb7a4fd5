"""The application's end of the pipe to its supervisor (supervisor.py)."""

import contextlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from domicile.errors import Misconfigured
from domicile.placement import supervisor
from domicile.placement.pgbinaries import Account
from domicile.placement.pgcluster import read_json

LONGEST_SOCKET_PATH = 100
"""PostgreSQL and the kernel refuse a path over 107 bytes (measured), macOS over 103."""


class Supervised:
    """The supervisor process, kept alive by a thread until `stop`."""

    def __init__(self, socket_dir: Path, runtime: Path, lock: int) -> None:
        self.socket_dir = socket_dir
        self.failures: dict[str, int] = {}
        self._runtime, self._lock = runtime, lock
        self._specs: list[dict[str, Any]] = []
        self._stopping = False
        self._turn = threading.Lock()
        self._process = self._launch()
        self._thread = threading.Thread(target=self._watch, name="postgres-supervisor", daemon=True)
        self._thread.start()

    def run(self, spec: dict[str, Any]) -> None:
        """Have one more server run."""
        with self._turn:
            self._specs.append(spec)
            self._tell(json.dumps(spec))

    def stop(self) -> None:
        """Stop all servers; returns when none runs any more."""
        with self._turn:
            self._stopping = True
            self._tell("stop")  # said aloud, because a forked child may hold the pipe open
            self._hang_up()
        self._thread.join()
        supervisor.clear(Path(spec["folder"]) for spec in self._specs)  # if it was killed a moment ago
        shutil.rmtree(self.socket_dir, ignore_errors=True)

    def _launch(self) -> subprocess.Popen[str]:
        script = str(Path(supervisor.__file__).absolute())
        with open(self._runtime.with_name("supervisor.log"), "ab", opener=supervisor.private) as log:
            return subprocess.Popen(  # noqa: S603
                [sys.executable, "-I", "-S", script, str(self.socket_dir), str(self._runtime)],
                cwd="/",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # the terminal's Ctrl-C is for us alone
                pass_fds=[self._lock],  # the data folder stays locked until the servers have stopped
            )

    def _tell(self, line: str) -> None:
        assert self._process.stdin
        with contextlib.suppress(OSError):  # it has just ended: the thread starts it again with all it must know
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def _hang_up(self) -> None:
        assert self._process.stdin
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def _watch(self) -> None:
        """Read reports until the supervisor ends; unless that was asked for, start it again."""
        while True:
            assert self._process.stdout
            with self._process.stdout as reports:
                for line in reports:
                    report = json.loads(line)
                    self.failures[report["name"]] = report["failures"]
            self._process.wait()
            with self._turn:
                self._hang_up()
                if self._stopping:
                    return
                self._relaunch()

    def _relaunch(self) -> None:
        for pause in itertools.chain((0.2, 0.5, 1.0, 2.0), itertools.repeat(5.0)):
            time.sleep(pause)
            with contextlib.suppress(OSError):  # memory or processes are short: try again later
                self._process = self._launch()
                break
        for spec in self._specs:
            self._tell(json.dumps(spec))


def sweep(runtime: Path) -> None:
    """Remove runtime.json and the socket folder of an earlier life, left if application and supervisor were killed.

    A copied data folder has the original's runtime.json: the sockets that it names are not ours.
    """
    left = read_json(runtime)
    if left.get("data") == str(runtime.parent) and Path(left["socket_dir"]).name.startswith("domicile-"):
        shutil.rmtree(left["socket_dir"], ignore_errors=True)
    runtime.unlink(missing_ok=True)


def socket_folder(user: Account) -> Path:
    """A new folder of the servers' user, short enough for a socket's path wherever the data lies."""
    own = [] if user.switch else [os.environ.get("XDG_RUNTIME_DIR", "")]
    for parent in (*own, "/tmp", "/var/tmp"):  # noqa: S108
        longest = len(os.fsencode(f"{parent}/domicile-12345678/.s.PGSQL.65535.lock"))
        if parent and longest < LONGEST_SOCKET_PATH and os.access(parent, os.W_OK | os.X_OK):
            made = Path(tempfile.mkdtemp(prefix="domicile-", dir=parent)).resolve()
            user.give(made)
            return made
    raise Misconfigured("No folder for sockets: /tmp must be writable")
