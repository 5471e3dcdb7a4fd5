"""One network for the whole run: four sites and a hub, each a PostgreSQL of its own.

`domicile`  the running network            `member("RU")`  a new member of a country (their id)
`clock`     its clock, which can be set    `server`        its address over HTTP
`fresh`     a network of two sites (de-1, ru-1) for one test, which may kill its servers

Passwords are hashed cheaply, and `test_passwords` looks at how they are outside of tests.

After every test that used `domicile` the residency audit runs (rule 9); a row away from its owner's home fails the
test that put it there. A test that smuggles rows on purpose is marked `audit_expected_to_fail` and cleans up.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from argon2 import PasswordHasher

import quick_clusters
from domicile.audit.residency import audit
from domicile.ids import MemberId
from domicile.network import passwords
from domicile.running import Domicile
from domicile.web.app import make_app
from network_at import MakeMember, SetClock, make_member, network_at

BEGAN = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--every-crash", action="store_true", help="every step with every victim, and long histories: an hour"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[BEGAN] = quick_clusters.begin()
    passwords.hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    config.addinivalue_line("markers", "audit_expected_to_fail: this test smuggles rows, and cleans up after itself")


def pytest_unconfigure(config: pytest.Config) -> None:
    if config.stash.get(BEGAN, False):
        quick_clusters.end()


@pytest.fixture(scope="session")
def network_clock() -> SetClock:
    return SetClock()


@pytest.fixture(scope="session")
async def domicile(tmp_path_factory: pytest.TempPathFactory, network_clock: SetClock) -> AsyncIterator[Domicile]:
    async with network_at(tmp_path_factory.mktemp("network") / "data", clock=network_clock) as running:
        yield running


@pytest.fixture
async def fresh(tmp_path: Path) -> AsyncIterator[Domicile]:
    async with network_at(tmp_path / "data", sites="de,ru") as running:
        yield running


@pytest.fixture
def clock(network_clock: SetClock) -> Iterator[SetClock]:
    yield network_clock
    network_clock.reset()


@pytest.fixture
def member(domicile: Domicile) -> MakeMember:
    """`await member("RU", consents=["publication"], password="...", handle="...")`; more is SignUp's."""

    async def make(country: str = "DE", **more: Any) -> MemberId:
        return await make_member(domicile, country, **more)

    return make


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        names = getattr(item, "fixturenames", [])
        if "domicile" in names and "residency" not in names:
            names.insert(0, "residency")


@pytest.fixture
async def residency(request: pytest.FixtureRequest, domicile: Domicile) -> AsyncIterator[None]:
    """Rule 9: where the rows are is checked after every test, by code that did not put them there."""
    yield
    if request.node.get_closest_marker("audit_expected_to_fail"):
        return
    report = await audit(domicile.sites, domicile.hub, domicile.clock())
    assert report.ok, "\n".join(str(violation) for violation in report.violations)


@pytest.fixture(scope="module")
def real_initdb() -> Iterator[None]:
    """For tests that are about how clusters are made: theirs are no copies."""
    with quick_clusters.real_initdb():
        yield


class _Served(uvicorn.Server):
    """uvicorn, without its hands on the signals of the test run."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@pytest.fixture(scope="session")
async def server(domicile: Domicile) -> AsyncIterator[str]:
    """The network's address on a loopback port, without a slash at its end."""
    app = make_app(domicile)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        served = _Served(
            uvicorn.Config(app, log_level="warning", access_log=False, ws="none", timeout_graceful_shutdown=1)
        )
        running = asyncio.create_task(served.serve([listening]))
        while not served.started:
            if running.done():
                await running
                raise RuntimeError("the web server ended before it had started")
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        served.should_exit = True
        await running
