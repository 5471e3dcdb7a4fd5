"""The one server of which processes of tests are forks: what they need has been loaded when they begin."""

import multiprocessing
import os
import sys
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from typing import Any

LOADED = [
    "commands",
    "coordinator_process",
    "sign_up_process",
    "domicile.wiring",
    "domicile.cli.main",
    "toot.cli",
    *(f"domicile.cli.{name}" for name in ("audit", "explaining", "importing", "keeping", "members", "plan", "record")),
    *(f"domicile.cli.{name}" for name in ("reconcile", "relocate", "replay", "scrub", "seed", "stats")),
]

_context = multiprocessing.get_context("forkserver")


def start(target: Any, *args: object, daemon: bool) -> BaseProcess:
    """Run a function in a process of its own."""
    _serve()
    process = _context.Process(target=_begin, args=(target, *args), daemon=daemon)
    process.start()
    return process


def _serve() -> None:
    """The server does not get our sys.path, and passes over what it cannot import: it gets it by its environment."""
    was = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    try:
        forkserver.set_forkserver_preload(LOADED)
        forkserver.ensure_running()
    finally:
        del os.environ["PYTHONPATH"]
        if was is not None:
            os.environ["PYTHONPATH"] = was


def _begin(target: Any, *args: object) -> None:
    missing = [name for name in LOADED if name not in sys.modules]
    assert not missing, f"the server of which this is a fork has not loaded {missing}"
    target(*args)
