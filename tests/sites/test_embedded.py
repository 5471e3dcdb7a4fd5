"""Our own PostgreSQL servers: they start, they come back, they keep data and secrets, and nothing is left of them."""

import contextlib
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from domicile import placement
from domicile.errors import Misconfigured
from domicile.placement import pgbinaries
from domicile.placement.embedded import Embedded, Server, discard
from domicile.placement.supervisor import inhabitants, postmaster_pid

pytestmark = pytest.mark.usefixtures("real_initdb")
DEBIAN = Path("/usr/lib/postgresql/15/bin")
SOURCE = Path(placement.__file__).parents[2]
SEEN = {**os.environ, "PYTHONPATH": f"{SOURCE}:{Path(psycopg.__file__).parents[1]}", "PYTHONDONTWRITEBYTECODE": "1"}
NAMES = ["de-1", "hub"]
PARENT = """
import sys, time
from pathlib import Path
from domicile.placement.embedded import Embedded
bindir = Path(sys.argv[2]) if sys.argv[2] else None
with Embedded.start(Path(sys.argv[1]), sys.argv[4:], bindir=bindir, exclusive=sys.argv[3] == "up") as running:
    print(running.owned, running.servers["de-1"].socket_dir, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(scope="module", params=["wheel", "debian"])
def bindir(request: pytest.FixtureRequest) -> Path | None:
    if request.param == "debian" and not DEBIAN.is_dir():
        pytest.skip(f"PostgreSQL 15 is not installed in {DEBIAN}")
    return DEBIAN if request.param == "debian" else None


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data"
    if (tmp_path / "data" / "domicile.json").exists():
        discard(tmp_path / "data")


@pytest.fixture(scope="module")
def running(bindir: Path | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    folder = tmp_path_factory.mktemp("embedded") / "data"
    with Embedded.start(folder, NAMES, bindir=bindir, exclusive=True) as started:
        yield started
    discard(folder)


def folder_of(server: Server, data: Path) -> Path:
    return (data / "pg").resolve() / server.name


def data_of(running: Embedded) -> Path:
    return running._data


def connect(server: Server, **other: Any) -> psycopg.Connection[Any]:
    return psycopg.connect(
        **{
            "host": str(server.socket_dir),
            "port": server.port,
            "user": server.superuser,
            "password": server.password,
            "dbname": server.database,
            "autocommit": True,
            **other,
        }
    )


def ask(server: Server, sql: str) -> Any:
    with connect(server) as connection:
        row = connection.execute(sql.encode()).fetchone()
        assert row is not None
        return row[0]


def eventually(done: Callable[[], bool], seconds: float = 15.0) -> None:
    limit = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.05)


def answers(server: Server) -> bool:
    with contextlib.suppress(psycopg.OperationalError):
        return bool(ask(server, "SELECT 1") == 1)
    return False


@contextlib.contextmanager
def parent(
    data: Path, bindir: Path | None, kind: str = "up", python: str = sys.executable, **options: Any
) -> Iterator[subprocess.Popen[str]]:
    """A process of its own that runs the servers until its input ends."""
    with subprocess.Popen(
        [python, "-c", PARENT, str(data), str(bindir or ""), kind, *NAMES],
        env=SEEN,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **options,
    ) as process:
        try:
            yield process
        finally:
            assert process.stdin
            process.stdin.close()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline()


def python_for(who: dict[str, Any]) -> str:
    """A Python that this user can run and that can import us."""
    for python in (sys.executable, "/usr/bin/python3"):
        with contextlib.suppress(OSError):
            probe = "from typing import Self; import domicile"
            if subprocess.run([python, "-c", probe], env=SEEN, capture_output=True, **who).returncode == 0:
                return python
    pytest.skip("no other user can reach this code and a Python for it")


def children(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    return [int(child) for child, its in map(str.split, listed.splitlines()) if int(its) == pid]


def supervisor_of(server: Server, data: Path) -> int:
    pid = postmaster_pid(folder_of(server, data))
    return int(subprocess.run(["ps", "-o", "ppid=", "-p", str(pid)], capture_output=True, text=True).stdout)


def test_each_name_gets_a_server_that_answers_in_sql(running: Embedded) -> None:
    assert running.owned and set(running.servers) == set(NAMES)
    identities = {
        ask(server, "SELECT system_identifier FROM pg_control_system()") for server in running.servers.values()
    }
    assert len(identities) == 2
    assert ask(running.servers["de-1"], "SELECT lower('ÅÉ') || length('Жж')") == "åé2"


def test_a_site_opened_later_gets_its_server_too(running: Embedded) -> None:
    assert answers(running.add("ru-1"))
    assert running.add("ru-1") is running.servers["ru-1"]


def test_a_wrong_password_is_refused(running: Embedded) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(running.servers["hub"], password="guessed")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(running.servers["hub"], password=running.servers["de-1"].password)


def test_a_password_is_neither_shown_nor_readable_by_others(running: Embedded) -> None:
    server, secrets = running.servers["hub"], data_of(running) / "secrets"
    assert server.password not in repr(server)
    assert secrets.stat().st_mode & 0o077 == 0
    assert all(file.stat().st_mode & 0o077 == 0 for file in secrets.iterdir())
    assert server.socket_dir.stat().st_mode & 0o077 == 0
    assert folder_of(server, data_of(running)).with_suffix(".log").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("log_error_verbosity", "terse"),
        ("log_min_messages", "log"),
        ("log_min_error_statement", "panic"),
        ("log_parameter_max_length", "0"),
        ("log_parameter_max_length_on_error", "0"),
        ("log_statement", "none"),
        ("log_min_duration_statement", "-1"),
        ("synchronous_commit", "on"),
        ("fsync", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", ""),
        ("password_encryption", "scram-sha-256"),
        ("TimeZone", "UTC"),
        ("server_encoding", "UTF8"),
    ],
)
def test_our_settings_are_in_force(running: Embedded, setting: str, value: str) -> None:
    assert ask(running.servers["hub"], f"SHOW {setting}") == value


def test_values_in_errors_stay_out_of_the_log(running: Embedded) -> None:
    server = running.servers["de-1"]
    with connect(server) as connection:
        connection.execute("CREATE TABLE person (email text PRIMARY KEY)")
        for _ in range(2):
            with contextlib.suppress(psycopg.errors.UniqueViolation):
                connection.execute("INSERT INTO person VALUES (%s)", ["canary@example.org"])
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            connection.execute("SELECT 'canary'::integer")
    log = folder_of(server, data_of(running)).with_suffix(".log").read_text()
    assert "ready to accept connections" in log and "canary" not in log


def test_a_second_up_is_refused_and_told_which_process_runs_it(running: Embedded, bindir: Path | None) -> None:
    with pytest.raises(Misconfigured, match=f"Process {os.getpid()} already runs"):
        Embedded.start(data_of(running), NAMES, bindir=bindir, exclusive=True)
    with pytest.raises(Misconfigured, match="running"):
        discard(data_of(running), patience=0.1)


def test_another_command_attaches_while_up_is_running(running: Embedded, bindir: Path | None) -> None:
    with Embedded.start(data_of(running), ["hub"], bindir=bindir) as attached:
        assert not attached.owned and attached.servers["hub"] == running.servers["hub"]
        assert answers(attached.servers["hub"])
        with pytest.raises(Misconfigured, match="only it can add"):
            attached.add("us-1")
    assert answers(running.servers["hub"])
    with pytest.raises(Misconfigured, match="not xx-1"):
        Embedded.start(data_of(running), ["xx-1"], bindir=bindir)


def test_a_killed_postmaster_comes_back(running: Embedded) -> None:
    server = running.servers["hub"]
    before = postmaster_pid(folder_of(server, data_of(running)))
    with connect(server) as busy:
        os.kill(before, signal.SIGKILL)
        with pytest.raises(psycopg.OperationalError):
            busy.execute("SELECT pg_sleep(30)")
    eventually(lambda: answers(server))
    assert postmaster_pid(folder_of(server, data_of(running))) != before


def test_a_killed_supervisor_comes_back_with_its_servers(running: Embedded) -> None:
    server = running.servers["de-1"]
    before = supervisor_of(server, data_of(running))
    os.kill(before, signal.SIGKILL)
    folder = folder_of(server, data_of(running))
    eventually(lambda: answers(server) and supervisor_of(server, data_of(running)) not in (before, 1))
    assert postmaster_pid(folder) in inhabitants(folder)


def test_a_restart_keeps_the_data_and_leaves_nothing_behind(data: Path, bindir: Path | None) -> None:
    with Embedded.start(data, ["de-1"], bindir=bindir) as first:
        server = first.servers["de-1"]
        with connect(server) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    folder = folder_of(server, data)
    assert inhabitants(folder) == [] and not server.socket_dir.exists() and not (data / "runtime.json").exists()
    assert not list(folder.parent.glob(".*"))
    with Embedded.start(data, ["de-1"], bindir=bindir) as second:
        assert ask(second.servers["de-1"], "SELECT answer FROM kept") == 42


def test_nothing_runs_on_when_the_application_is_killed(data: Path, bindir: Path | None) -> None:
    with parent(data, bindir) as process:
        sockets = line(process).split()[1]
        folder = (data / "pg").resolve() / "de-1"
        assert inhabitants(folder)
        process.kill()
        eventually(lambda: not inhabitants(folder) and not Path(sockets).exists(), 10)
    assert not (data / "runtime.json").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a child ask to end with its parent")
def test_nothing_runs_on_when_application_and_supervisor_are_killed(data: Path, bindir: Path | None) -> None:
    with parent(data, bindir) as process:
        sockets = line(process).split()[1]
        folder = (data / "pg").resolve() / "de-1"
        (supervisor,) = children(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        os.kill(supervisor, signal.SIGKILL)
        eventually(lambda: not inhabitants(folder), 10)
    with Embedded.start(data, ["de-1"], bindir=bindir) as after:
        assert answers(after.servers["de-1"]) and not Path(sockets).exists()


def test_a_server_left_from_an_earlier_life_is_stopped_first(data: Path, bindir: Path | None) -> None:
    with Embedded.start(data, ["de-1"], bindir=bindir) as made:
        spec, server, user = made._spec("de-1"), made.servers["de-1"], made._clusters.account
    server.socket_dir.mkdir()
    user.give(server.socket_dir)
    with subprocess.Popen(
        spec["argv"], env=spec["env"], cwd="/", stderr=subprocess.DEVNULL, **spec["account"]
    ) as orphan:
        eventually(lambda: answers(server))
        with Embedded.start(data, ["de-1"], bindir=bindir) as after:
            assert answers(after.servers["de-1"]) and not answers(server)
            assert orphan.wait(5) == 0
    shutil.rmtree(server.socket_dir)


def test_a_start_that_was_killed_while_it_made_the_clusters_is_made_good_by_the_next(data: Path) -> None:
    with parent(data, None) as process:
        eventually(lambda: bool(list((data / "pg").glob(".new-*/cluster/base"))))
        process.kill()
    assert not (data / "pg" / "de-1").exists()
    with Embedded.start(data, NAMES) as after:
        assert all(answers(server) for server in after.servers.values())
        assert not list((data / "pg").glob(".new-*"))


def test_two_commands_at_the_same_time_share_the_servers(data: Path, bindir: Path | None) -> None:
    with parent(data, bindir, "short") as one, parent(data, bindir, "short") as two:
        (owned, first), (other, second) = line(one).split(), line(two).split()
        assert first == second and {owned, other} == {"True", "False"}
        owner, attached = (one, two) if owned == "True" else (two, one)
        assert owner.stdin and attached.stdin
        owner.stdin.close()
        time.sleep(0.5)
        assert owner.poll() is None and Path(first).exists()  # it waits for the attached one
        attached.stdin.close()
        assert owner.wait(10) == 0 and not Path(first).exists()


def test_up_waits_for_a_short_command_and_then_runs_the_servers_itself(data: Path) -> None:
    with parent(data, None, "short") as short:
        line(short)
        with parent(data, None, "up") as up:
            time.sleep(0.5)
            assert up.poll() is None and short.stdin
            short.stdin.close()
            assert line(up).startswith("True")


def test_a_long_path_works(tmp_path: Path) -> None:
    data = tmp_path / ("long-" * 10) / ("path-" * 10) / "data"
    assert len(str(data)) > 107
    with Embedded.start(data, ["de-1"]) as started:
        assert answers(started.servers["de-1"])
    discard(data)


def test_a_copied_data_folder_does_not_touch_the_clusters_of_the_original(data: Path, tmp_path: Path) -> None:
    with Embedded.start(data, ["de-1"]) as original:
        shutil.copytree(data, tmp_path / "copy", symlinks=True, ignore=shutil.ignore_patterns("postmaster.*", "de-1"))
        if (data / "pg").is_symlink():
            with pytest.raises(Misconfigured, match="is a copy of"):
                Embedded.start(tmp_path / "copy", ["de-1"])
        assert answers(original.servers["de-1"])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_a_normal_user_keeps_everything_in_the_data_folder(bindir: Path | None) -> None:
    home = Path(tempfile.mkdtemp(prefix="domicile-test-", dir="/tmp")).resolve()
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": [], "cwd": "/"}
    try:
        with parent(home / "data", bindir, python=python_for(who), **who) as process:
            assert re.match("True .*domicile-", line(process))
            assert not (home / "data" / "pg").is_symlink() and inhabitants(home / "data" / "pg" / "hub")
    finally:
        shutil.rmtree(home)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the servers as another user")
def test_programs_that_the_servers_user_cannot_reach_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path(tempfile.mkdtemp(prefix="domicile-test-", dir="/tmp")).resolve()
    home.chmod(0o711)
    user = pgbinaries.account(None, home / "none")
    monkeypatch.setattr(pgbinaries, "ROOT_HOME", home)
    monkeypatch.setattr(pgbinaries, "_runs", lambda folder, user: False)
    try:
        found = pgbinaries.find(None, user)
        assert home in found.bindir.parents
        done = subprocess.run([found.program("initdb"), "--version"], capture_output=True, text=True, **user.options)
        assert str(found.major) in done.stdout
        assert pgbinaries.find(None, user) == found
    finally:
        shutil.rmtree(home)
