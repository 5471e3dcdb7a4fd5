"""Servers that an operator runs already, with the roles that docs/operating.md makes, and settings that lead there."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from domicile.config import Config, load_config
from domicile.database import Database, make_conninfo
from domicile.placement.embedded import Embedded, Server, discard
from domicile.placement.sites import superuser_conninfo

OPERATING = Path(__file__).parents[1] / "docs" / "operating.md"


@dataclass(frozen=True)
class OwnServers:
    """`config` are the settings that lead to them; `folder` is where they lie."""

    config: Config
    embedded: Embedded
    folder: Path

    @property
    def servers(self) -> dict[str, Server]:
        return dict(self.embedded.servers)


@contextlib.asynccontextmanager
async def own_servers_at(folder: Path, sites: Sequence[str]) -> AsyncIterator[OwnServers]:
    """Servers for these sites and a hub in Germany; they end with the block."""
    running = Embedded.start(folder / "theirs", [*sites, "hub"], bindir=load_config().embedded.bindir)
    try:
        for server in running.servers.values():
            admin = Database(server.name, superuser_conninfo(server), size=1)
            await admin.open()
            for statement in statements():
                await admin.run(statement)
            await admin.close()
        file = folder / "domicile.toml"
        file.write_text(_toml(folder / "ours", running.servers))
        yield OwnServers(load_config(file, environment={}), running, folder / "theirs")
    finally:
        running.close()
        discard(folder / "theirs")


def statements() -> list[str]:
    """The statements that docs/operating.md tells the operator to run on each server."""
    block = OPERATING.read_text().split("```sql\n", 1)[1].split("```", 1)[0]
    return [statement.strip() for statement in block.split(";\n") if statement.strip()]


def _toml(data: Path, servers: dict[str, Server]) -> str:
    def dsn(name: str, user: str) -> str:
        server = servers[name]
        return make_conninfo(
            host=str(server.socket_dir), port=server.port, dbname="domicile", user=user, password="change-me"
        )

    lines = [f'data = "{data}"', "[hub]", 'country = "DE"']
    lines += [f'dsn = "{dsn("hub", "domicile_web")}"', f'admin_dsn = "{dsn("hub", "domicile_admin")}"']
    for name in servers:
        if name != "hub":
            lines += ["[[sites]]", f'name = "{name}"']
            lines += [f'dsn = "{dsn(name, "domicile_web")}"', f'admin_dsn = "{dsn(name, "domicile_admin")}"']
    return "\n".join(lines) + "\n"
