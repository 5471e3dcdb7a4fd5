"""`--config FILE` with servers that the operator already runs: their roles, their refusals, and a network on them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domicile.config import Config, load_config
from domicile.database import Database, make_conninfo
from domicile.errors import Misconfigured
from domicile.network.forms import SignUp
from domicile.placement.embedded import Embedded, Server, discard
from domicile.placement.sites import superuser_conninfo
from domicile.wiring import open_domicile

OPERATING = Path(__file__).parents[2] / "docs" / "operating.md"


def statements() -> list[str]:
    """The statements that docs/operating.md tells the operator to run on each server."""
    block = OPERATING.read_text().split("```sql\n", 1)[1].split("```", 1)[0]
    return [statement.strip() for statement in block.split(";\n") if statement.strip()]


@pytest.fixture
async def own_servers(tmp_path: Path) -> AsyncIterator[tuple[Config, dict[str, Server]]]:
    running = Embedded.start(tmp_path / "theirs", ["de-1", "hub"], bindir=load_config().embedded.bindir)
    try:
        for server in running.servers.values():
            admin = Database(server.name, superuser_conninfo(server), size=1)
            await admin.open()
            for statement in statements():
                await admin.run(statement)
            await admin.close()
        file = tmp_path / "domicile.toml"
        file.write_text(_toml(tmp_path / "ours", running.servers))
        yield load_config(file, environment={}), dict(running.servers)
    finally:
        running.close()
        discard(tmp_path / "theirs")


def _toml(data: Path, servers: dict[str, Server]) -> str:
    def dsn(name: str, user: str) -> str:
        server = servers[name]
        return make_conninfo(
            host=str(server.socket_dir), port=server.port, dbname="domicile", user=user, password="change-me"
        )

    lines = [f'data = "{data}"', "[hub]", 'country = "DE"']
    lines += [f'dsn = "{dsn("hub", "domicile_web")}"', f'admin_dsn = "{dsn("hub", "domicile_admin")}"']
    lines += ["[[sites]]", 'name = "de-1"']
    lines += [f'dsn = "{dsn("de-1", "domicile_web")}"', f'admin_dsn = "{dsn("de-1", "domicile_admin")}"']
    return "\n".join(lines) + "\n"


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
