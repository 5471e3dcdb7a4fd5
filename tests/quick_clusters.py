"""New clusters of a test run are copies of the first one that initdb makes in it, as in PostgreSQL's own tests.

See INITDB_TEMPLATE in PostgreSQL's src/test/perl/PostgreSQL/Test/Cluster.pm: initdb takes the longest of all that a new
network waits for. Tests that are about how clusters are made do without.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from domicile.audit.wal_pages import MEMORY
from domicile.placement import pgcluster
from domicile.placement.pgcluster import Clusters

FOLDER = "TEST_CLUSTERS"
ROOM = 8 << 30
_initdb = Clusters._initdb
_PASSWORD = "the same for every cluster of a test run"


def begin() -> bool:
    """From now on, here and in the processes that this one starts. True: whoever asks must also `end` it."""
    Clusters._initdb = _copy  # type: ignore[method-assign]
    first = FOLDER not in os.environ
    if first:
        os.environ[FOLDER] = tempfile.mkdtemp(prefix="domicile-clusters-", dir=_place())
        Path(os.environ[FOLDER]).chmod(0o711)
    if os.environ[FOLDER].startswith(f"{MEMORY}/"):
        pgcluster.root_home = lambda: Path(os.environ[FOLDER])  # type: ignore[assignment]
    return first


def _place() -> Path | None:
    """Root's clusters lie in memory where there is plenty: nothing of a test run outlives the machine."""
    return MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM else None


def end() -> None:
    """Throw the model away."""
    shutil.rmtree(os.environ.pop(FOLDER))


@contextlib.contextmanager
def real_initdb() -> Iterator[None]:
    """For tests that are about how clusters are made."""
    Clusters._initdb = _initdb  # type: ignore[method-assign]
    try:
        yield
    finally:
        Clusters._initdb = _copy  # type: ignore[method-assign]


def _copy(self: Clusters, name: str, folder: Path, superuser: str, secret: Path) -> None:
    key = hashlib.sha256(repr((self.binaries, self.account, superuser)).encode()).hexdigest()[:16]
    model = Path(os.environ[FOLDER]) / f"{key}.tar"
    with model.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not model.exists():
            _make(self, name, model, superuser, secret)
    folder.mkdir()
    subprocess.run(["tar", "-C", str(folder), "-xf", str(model)], check=True)
    secrets = {"superuser": superuser, "password": _PASSWORD}
    (self.data / "secrets" / f"{name}.json").write_text(json.dumps(secrets))


def _make(clusters: Clusters, name: str, model: Path, superuser: str, secret: Path) -> None:
    """initdb works in the scratch that it was given, where the servers' user may."""
    secret.write_text(_PASSWORD + "\n")
    made = secret.parent / "model"
    _initdb(clusters, name, made, superuser, secret)
    scratch = model.with_suffix(".new")
    subprocess.run(["tar", "-C", str(made), "-cf", str(scratch), "."], check=True)
    scratch.rename(model)
    shutil.rmtree(made)
