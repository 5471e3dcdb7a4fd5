"""Make .venv hold what a lock file names: `environment.py LOCKFILE`, called by `.ci/environment`."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

VENV = Path(".venv")
INSTALLED = VENV / "installed"
BUILDING = VENV / "building"


def main(lock: Path) -> None:
    """One at a time: who waited finds the work done."""
    VENV.mkdir(exist_ok=True)
    with (VENV / "lock").open("w") as turn:
        try:
            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another process that installs into .venv", flush=True)  # noqa: T201
            fcntl.flock(turn, fcntl.LOCK_EX)
        os.set_inheritable(turn.fileno(), True)  # if we are killed, nobody starts anew before pip has ended too
        if not ready(lock):
            install(lock)


def ready(lock: Path) -> bool:
    """Whether this was installed last, or the tests' lock file, which includes it."""
    good = [file.read_bytes() for file in (lock, Path("requirements-test.lock"))]
    return (VENV / "bin/python").exists() and INSTALLED.exists() and INSTALLED.read_bytes() in good


def install(lock: Path) -> None:
    """Install, then say so in INSTALLED. BUILDING is left by an interrupted run: then begin from nothing."""
    if BUILDING.exists():
        for part in ("bin", "include", "lib"):
            shutil.rmtree(VENV / part, ignore_errors=True)
    BUILDING.touch()
    INSTALLED.unlink(missing_ok=True)
    print(f"Installing {lock} into .venv; this happens once and takes a minute or two", flush=True)  # noqa: T201
    run(sys.executable, "-m", "venv", str(VENV))
    options = ["-qq", "--no-input", "--disable-pip-version-check", "--require-hashes"]
    run(str(VENV / "bin/python"), "-m", "pip", "install", *options, "-r", str(lock))
    BUILDING.unlink()
    shutil.copyfile(lock, INSTALLED)


def run(*command: str) -> None:
    """Run a command, or end as it did."""
    if code := subprocess.run(command, close_fds=False).returncode:  # noqa: S603
        sys.exit(f"This failed, and ./run begins again next time: {' '.join(command)} (exit code {code})")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
