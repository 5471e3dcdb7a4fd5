"""Commands in processes of their own, as an operator gives them.

Each is a fork of one process that has loaded the command line: to load it takes longer than most commands do.
"""

import os
import runpy
import signal
import sys
import tempfile
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

import forks
import quick_clusters

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


@dataclass
class Command:
    """A command at work. Its environment holds DOMICILE_ settings of ours, and what is given.

    `program` is the module that it runs, as `python -m` does: Domicile, or a client.
    """

    words: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    program: str = "domicile"
    _folder: tempfile.TemporaryDirectory[str] = field(init=False, default_factory=tempfile.TemporaryDirectory)
    _process: BaseProcess = field(init=False)

    def __post_init__(self) -> None:
        ours = {name: value for name, value in os.environ.items() if name.startswith("DOMICILE_")}
        model = {quick_clusters.FOLDER: os.environ[quick_clusters.FOLDER]}
        environment = {"PATH": "/usr/bin:/bin"} | model | ours | self.environment
        files = [str(Path(self._folder.name) / name) for name in ("out", "err")]
        for file in files:
            Path(file).touch()
        self._process = forks.start(_run, self.program, self.words, environment, *files, daemon=False)

    @property
    def said(self) -> str:
        """What it has printed for people so far."""
        return (Path(self._folder.name) / "err").read_text()

    @property
    def ended(self) -> bool:
        return not self._process.is_alive()

    def interrupt(self) -> None:
        """Ctrl-C."""
        os.kill(self._process.pid or 0, signal.SIGINT)

    def wait(self, timeout_s: float = 120.0) -> Done:
        """Its end, which comes in time."""
        self._process.join(timeout_s)
        try:
            assert self._process.exitcode is not None, f"{' '.join(self.words)} does not end: {self.said}"
            return Done(self._process.exitcode, (Path(self._folder.name) / "out").read_text(), self.said)
        finally:
            if self._process.is_alive():
                self._process.kill()
            self._folder.cleanup()


def run_command(*words: str, timeout_s: float = 120.0, **environment: str) -> Done:
    """Give a command and wait for its end."""
    return Command(words, environment).wait(timeout_s)


def _run(program: str, words: tuple[str, ...], environment: dict[str, str], out: str, err: str) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    for number, file, flags in ((0, os.devnull, os.O_RDONLY), (1, out, os.O_WRONLY), (2, err, os.O_WRONLY)):
        os.dup2(os.open(file, flags), number)
    quick_clusters.begin()
    sys.argv = [program, *words]
    runpy.run_module(program, run_name="__main__", alter_sys=True)
