"""The one server of which processes of tests are forks: what they need has been loaded when they begin."""

import multiprocessing

LOADED = [
    "commands",
    "coordinator_process",
    "domicile.wiring",
    *(f"domicile.cli.{name}" for name in ("audit", "explaining", "importing", "keeping", "members", "plan", "record")),
    *(f"domicile.cli.{name}" for name in ("reconcile", "relocate", "replay", "scrub", "seed", "stats")),
]

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(LOADED)
