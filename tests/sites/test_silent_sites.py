"""One country is cut off as the network starts: the others are served; it is too, once it has been looked at again."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from domicile.audit.residency import audit
from domicile.database import Database
from domicile.errors import Unavailable
from domicile.ids import SiteName
from domicile.network.posts import Draft
from domicile.placement.sites import superuser_conninfo
from domicile.wiring import open_domicile
from network_at import killed_server, make_member
from own_servers import own_servers_at

AMERICA = SiteName("us-1")


async def test_the_others_start_without_it_and_it_serves_when_all_is_in_order(tmp_path: Path) -> None:
    async with own_servers_at(tmp_path, ["de-1", "us-1"]) as own:
        async with open_domicile(own.config) as domicile:
            anna, bob = await make_member(domicile, "DE"), await make_member(domicile, "US")
            await domicile.follows.follow(anna, bob)

        away = contextlib.ExitStack()
        away.enter_context(killed_server(own.embedded, own.folder, AMERICA))
        async with open_domicile(own.config, exclusive=True) as domicile:
            await domicile.posts.write(anna, Draft(text="while they are away"))
            with pytest.raises(Unavailable, match="silent since the start"):
                await domicile.posts.write(bob, Draft(text="too early"))
            await domicile.welcome_back()
            assert list(domicile.silent) == [AMERICA]

            away.close()  # its server comes back, and logs what it must not
            admin = Database("admin", superuser_conninfo(own.servers[AMERICA]), size=1)
            await admin.open()
            await until_up(admin)
            await admin.run("ALTER DATABASE domicile SET log_error_verbosity = 'default'")
            await domicile.welcome_back()
            with pytest.raises(Unavailable, match="log_error_verbosity"):
                await domicile.posts.write(bob, Draft(text="too early"))

            await admin.run("ALTER DATABASE domicile SET log_error_verbosity = 'terse'")
            await admin.close()
            await domicile.welcome_back()
            assert domicile.silent == {}
            await domicile.posts.write(bob, Draft(text="back again"))
            await domicile.tick()
            report = await audit(domicile.sites, domicile.hub, domicile.clock())
            assert report.ok, report.violations


async def test_the_hub_is_needed(tmp_path: Path) -> None:
    async with own_servers_at(tmp_path, ["de-1"]) as own:
        with killed_server(own.embedded, own.folder, "hub"), pytest.raises(Unavailable, match="the hub"):
            async with open_domicile(own.config):
                pass


async def until_up(database: Database) -> None:
    for _ in range(300):
        with contextlib.suppress(Unavailable):
            await database.run("SELECT 1")
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the server does not come back")
