"""The clusters of one data folder on disk: where they lie, how they are made, what they are told.

DATA/domicile.json        the marker: which format this data folder has
DATA/lock, users.lock     who runs the servers, who uses them (see embedded.py)
DATA/runtime.json         how to reach the running servers
DATA/secrets/NAME.json    each server's superuser and password
DATA/pg/NAME, NAME.log    each server's cluster and log; for root, DATA/pg is a link to a folder of the servers' user
"""

import errno
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from domicile import __version__
from domicile.errors import Misconfigured
from domicile.placement.pgbinaries import ENVIRONMENT, Account, Binaries, root_home

FORMAT = 1
ROOM = 60 * 1024 * 1024
"""Free bytes that a new cluster needs."""

SETTINGS = """\
# Written by Domicile at every start: changes here are lost.
listen_addresses = ''
unix_socket_directories = '{socket_dir}'
unix_socket_permissions = 0700
port = {port}
cluster_name = 'domicile/{name}'
password_encryption = scram-sha-256
ssl = off

# No personal data in the log (rule 10). Errors go to the client alone, because the text of an error may hold a value.
logging_collector = off
log_destination = stderr
log_line_prefix = '%m [%p] '
log_min_messages = log
log_min_error_statement = panic
log_error_verbosity = terse
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_statement = none
log_duration = off
log_min_duration_statement = -1
log_min_duration_sample = -1
log_transaction_sample_rate = 0
log_connections = off
log_disconnections = off
log_replication_commands = off
log_lock_waits = off
log_checkpoints = off
log_temp_files = -1
debug_print_parse = off
debug_print_rewritten = off
debug_print_plan = off

# Durable always; small enough for five servers on a laptop.
fsync = on
full_page_writes = on
synchronous_commit = on
wal_level = replica
wal_compression = on
max_wal_senders = 4
max_wal_size = 1GB
min_wal_size = 80MB
checkpoint_timeout = 15min
shared_buffers = 64MB
max_connections = 60
max_worker_processes = 4
max_parallel_workers_per_gather = 0
autovacuum = on
autovacuum_max_workers = 2
jit = off
random_page_cost = 1.1
track_io_timing = off
timezone = UTC
log_timezone = UTC
datestyle = 'ISO, YMD'
"""


def write_private(path: Path, value: Any) -> None:
    """Replace a JSON file that only its owner may read; a crash leaves the old one or the new one."""
    descriptor, scratch = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(descriptor, "w") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    Path(scratch).rename(path)
    sync_folder(path.parent)


def read_json(path: Path) -> dict[str, Any]:
    """The file's object; empty if there is no such file or it is being made."""
    try:
        found = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_format(data: Path) -> None:
    """Refuse a data folder that a newer Domicile wrote."""
    marker = read_json(data / "domicile.json")
    if marker.get("format", FORMAT) > FORMAT:
        raise Misconfigured(
            f"The data folder {data} has format {marker['format']}, written by Domicile {marker.get('version', '?')}; "
            f"this is Domicile {__version__}, which knows format {FORMAT}. Use the newer Domicile. Nothing was changed"
        )


@dataclass(frozen=True)
class Clusters:
    """The clusters of one data folder, run with these programs as this user."""

    data: Path
    binaries: Binaries
    account: Account

    @property
    def home(self) -> Path:
        """The folder of the clusters, free of links."""
        return (self.data / "pg").resolve()

    def folder(self, name: str) -> Path:
        """One server's cluster."""
        return self.home / name

    def log(self, name: str) -> Path:
        """One server's log."""
        return self.home / f"{name}.log"

    def missing(self, names: list[str]) -> list[str]:
        """Those of `names` that have no cluster yet. Refuses clusters that these programs cannot run."""
        for name in names:
            version = self.folder(name) / "PG_VERSION"
            if self.folder(name).exists() and not version.is_file():
                raise Misconfigured(f"{self.folder(name)} exists but is not a PostgreSQL cluster")
            if version.is_file() and (theirs := int(version.read_text())) != self.binaries.major:
                ours, bindir = self.binaries.major, self.binaries.bindir
                raise Misconfigured(
                    f"The cluster {self.folder(name)} was made by PostgreSQL {theirs}, but {bindir} holds PostgreSQL "
                    f"{ours}. Set bindir to the programs of PostgreSQL {theirs}; to change over, dump with these and "
                    f"restore with PostgreSQL {ours}. Nothing was changed"
                )
        return [name for name in names if not self.folder(name).exists()]

    def prepare(self) -> None:
        """Make the data folder's inside. Repairs what a crash left: half-made clusters are removed."""
        if not (self.data / "domicile.json").exists():
            write_private(self.data / "domicile.json", {"format": FORMAT, "version": __version__})
        (self.data / "secrets").mkdir(mode=0o700, exist_ok=True)
        pointer = self.data / "pg"
        if self.account.switch and pointer.is_symlink():
            self._claim(pointer.resolve())
        elif self.account.switch and not pointer.exists():
            key = hashlib.sha256(str(self.data).encode()).hexdigest()[:12]
            home = Path(tempfile.mkdtemp(prefix=f"{key}-", dir=root_home()))
            self.account.give(home)
            self._claim(home)
            pointer.symlink_to(home)
        else:
            pointer.mkdir(mode=0o700, exist_ok=True)
        for scratch in self.home.glob(".new-*"):
            _remove_scratch(scratch)

    def _claim(self, home: Path) -> None:
        """Refuse a copied data folder, whose link leads to the original's clusters; follow one that was renamed."""
        if not home.is_dir():
            raise Misconfigured(f"The clusters of {self.data} should be in {home}, which is missing")
        owner = Path(read_json(home / "data.json").get("data", self.data))
        if owner != self.data and (owner / "pg").resolve() == home:
            raise Misconfigured(
                f"The data folder {self.data} is a copy of {owner}, but the clusters in {home} belong to that one. "
                "Use backup and restore. Nothing was changed"
            )
        write_private(home / "data.json", {"data": str(self.data)})

    def password(self, name: str) -> tuple[str, str]:
        """Superuser and password of one server; made and written down before its cluster exists."""
        file = self.data / "secrets" / f"{name}.json"
        found = read_json(file)
        if not found:
            if self.folder(name).exists():
                raise Misconfigured(f"The password of {name} should be in {file}, which is missing")
            found = {"superuser": "postgres", "password": secrets.token_urlsafe(24)}
            write_private(file, found)
        return found["superuser"], found["password"]

    def check_room(self, new: list[str]) -> None:
        """Refuse to make clusters that the disk has no room for."""
        free, need = shutil.disk_usage(self.home).free, ROOM * len(new)
        if free < need:
            raise Misconfigured(
                f"{len(new)} new clusters in {self.home} need {need >> 20} MB, but {free >> 20} MB are free"
            )

    def create(self, names: list[str]) -> None:
        """Make clusters. Each appears under its name only when all are whole and on the disk.

        They go there together: initdb would wait for each of its thousand files. `prepare` removes what a crash left.
        """
        scratches = {name: Path(tempfile.mkdtemp(prefix=f".new-{name}-", dir=self.home)) for name in names}
        try:
            with ThreadPoolExecutor(max(1, len(names))) as pool:
                list(pool.map(self._make, scratches, scratches.values()))
            os.sync()
            for name, scratch in scratches.items():
                (scratch / "cluster").rename(self.folder(name))
            sync_folder(self.home)
        finally:
            for scratch in scratches.values():
                shutil.rmtree(scratch, ignore_errors=True)

    def _make(self, name: str, scratch: Path) -> None:
        superuser, password = self.password(name)
        self.account.give(scratch)
        secret = scratch / "password"
        secret.touch(0o600)
        self.account.give(secret)
        secret.write_text(password + "\n")
        self._initdb(name, scratch / "cluster", superuser, secret)
        with (scratch / "cluster" / "postgresql.conf").open("a") as conf:
            conf.write("\ninclude_if_exists 'domicile.conf'\n")

    def _initdb(self, name: str, folder: Path, superuser: str, secret: Path) -> None:
        builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if self.binaries.major >= 17 else []
        done = subprocess.run(  # noqa: S603
            [
                *(self.binaries.program("initdb"), "-D", str(folder), "-U", superuser, f"--pwfile={secret}"),
                *(
                    "--auth-local=scram-sha-256",
                    "--auth-host=scram-sha-256",
                    "--encoding=UTF8",
                    "--data-checksums",
                    "--no-sync",
                ),
                *("--locale=C", f"--lc-ctype={'UTF-8' if sys.platform == 'darwin' else 'C.UTF-8'}", *builtin),
            ],
            env=ENVIRONMENT,
            cwd="/",
            umask=0o077,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            **self.account.options,
        )
        if done.returncode != 0:
            why = "; ".join(line for line in done.stderr.splitlines() if "rror" in line or "FATAL" in line)
            full = " (the disk is full)" if os.strerror(errno.ENOSPC) in done.stderr else ""
            raise Misconfigured(f"The cluster of {name} could not be made{full}: {why or done.stderr.strip()}")

    def configure(self, name: str, socket_dir: Path, port: int) -> None:
        """Write one server's settings; the settings of an earlier start are replaced."""
        text = SETTINGS.format(name=name, socket_dir=socket_dir, port=port)
        if self.binaries.major >= 18:
            text += "io_method = sync\n"  # else every server keeps three more processes
        scratch = self.folder(name) / "domicile.conf.new"
        scratch.write_text(text)
        self.account.give(scratch)
        scratch.rename(self.folder(name) / "domicile.conf")

    def ready(self, name: str, socket_dir: Path) -> bool:
        """Whether the server of this start accepts connections: crash recovery is over.

        The eighth line of postmaster.pid says so; the fifth is the socket folder, which only this start has.
        """
        try:
            lines = (self.folder(name) / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[4] == str(socket_dir) and lines[7].strip() == "ready"


def _remove_scratch(scratch: Path) -> None:
    """Remove what a killed start left. Its initdb may live on for a moment and write into what is being removed."""
    for _ in range(200):
        shutil.rmtree(scratch, ignore_errors=True)
        if not scratch.exists():
            return
        time.sleep(0.05)
