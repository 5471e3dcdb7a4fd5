"""`--config FILE` with servers that the operator already runs: their roles, their refusals, and a network on them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domicile.config import Config
from domicile.database import Database
from domicile.errors import Misconfigured
from domicile.network.forms import SignUp
from domicile.placement.embedded import Server
from domicile.placement.sites import superuser_conninfo
from domicile.wiring import open_domicile
from own_servers import own_servers_at


@pytest.fixture
async def own_servers(tmp_path: Path) -> AsyncIterator[tuple[Config, dict[str, Server]]]:
    async with own_servers_at(tmp_path, ["de-1"]) as own:
        yield own.config, own.servers


async def test_a_network_runs_on_servers_that_the_operator_already_has(
    own_servers: tuple[Config, dict[str, Server]],
) -> None:
    config, _ = own_servers
    form = SignUp(username="kiefer", email="kiefer@example.org", password="a long password", country="DE")
    async with open_domicile(config) as domicile:
        assert domicile.embedded is None
        member = await domicile.members.sign_up(form)
    async with open_domicile(config) as domicile:
        assert await domicile.members.check_log_in("kiefer", "a long password") == member


async def test_a_server_that_would_log_members_data_is_refused(own_servers: tuple[Config, dict[str, Server]]) -> None:
    config, servers = own_servers
    admin = Database("admin", superuser_conninfo(servers["de-1"]), size=1)
    await admin.open()
    await admin.run("ALTER DATABASE domicile SET log_error_verbosity = 'default'")
    await admin.close()
    with pytest.raises(Misconfigured, match="log_error_verbosity = terse"):
        async with open_domicile(config):
            pass


async def test_a_superuser_as_the_application_is_refused(own_servers: tuple[Config, dict[str, Server]]) -> None:
    config, servers = own_servers
    admin = Database("admin", superuser_conninfo(servers["de-1"]), size=1)
    await admin.open()
    await admin.run("ALTER ROLE domicile_web SUPERUSER")
    await admin.close()
    with pytest.raises(Misconfigured, match="superuser"):
        async with open_domicile(config):
            pass


async def test_a_server_without_the_roles_is_refused_with_what_to_do(
    own_servers: tuple[Config, dict[str, Server]],
) -> None:
    config, servers = own_servers
    admin = Database("admin", superuser_conninfo(servers["hub"]), size=1)
    await admin.open()
    await admin.run("REVOKE domicile_app FROM domicile_web")
    await admin.close()
    with pytest.raises(Misconfigured, match=r"docs/operating\.md"):
        async with open_domicile(config):
            pass
