"""The hub can be lost without losing anybody: `hub rebuild` remakes it from what the sites hold."""

import shutil
from pathlib import Path

import pytest

from domicile.config import load_config
from domicile.database import Database
from domicile.errors import InvalidFields, Misconfigured
from domicile.migrations.upgrade import upgrade
from domicile.network.forms import SignUp
from domicile.network.posts import Draft
from domicile.network.timelines import make_bounds
from domicile.placement.embedded import discard
from domicile.placement.sites import embedded_credentials
from domicile.running import Domicile
from domicile.wiring import open_domicile


def form(handle: str, country: str) -> SignUp:
    return SignUp(
        username=handle,
        email=f"{handle}@example.org",
        password="a long password",
        country=country,
        consents=["publication"],
    )


async def everybody(domicile: Domicile) -> dict[int, tuple[str, int]]:
    rows = await domicile.hub.run("SELECT member_id, site, epoch FROM home")
    return {row.member_id: (row.site, row.epoch) for row in rows}


async def test_a_lost_hub_is_remade_from_the_sites(tmp_path: Path) -> None:
    config = load_config(data=tmp_path / "data", sites="de,us")
    try:
        async with open_domicile(config) as domicile:
            reader = await domicile.members.sign_up(form("holm", "DE"))
            author = await domicile.members.sign_up(form("creek", "US"))
            await domicile.follows.follow(reader, author)
            await domicile.posts.write(author, Draft(text="The hub is only a map."))
            left = await domicile.members.sign_up(form("mire", "DE"))
            await domicile.erasure.erase(left)
            app = await domicile.access.register_app("An app", ["urn:ietf:wg:oauth:2.0:oob"], "read", None)
            await domicile.access.find_app(app.client_id)  # now a site knows it too
            before = await everybody(domicile)
        shutil.rmtree(config.data / "pg" / "hub")
        with pytest.raises(Misconfigured, match="hub rebuild"):
            async with open_domicile(config):
                pass
        async with open_domicile(config, collects=False) as domicile:
            assert not await everybody(domicile)
            rebuilt = (await domicile.recover_hub())[0].rebuilt
            assert (rebuilt.homes, rebuilt.claims, rebuilt.erased) == (2, 4, 1)
            assert await domicile.directory.erased([left]) == {left}
            assert not (await domicile.erasure.receipt(left)).open
            registered = await domicile.directory.find_app(app.client_id)
            assert registered is not None and b"An app" in registered
        async with open_domicile(config) as domicile:
            assert await everybody(domicile) == before
            assert await domicile.members.check_log_in("holm@example.org", "a long password") == reader
            with pytest.raises(InvalidFields, match="already been taken"):
                await domicile.members.sign_up(form("h0lm", "US"))
            page = await domicile.timelines.home(reader, make_bounds(20))
            assert page.complete and [item.author for item in page.items] == [author]
            await domicile.tick()
    finally:
        discard(config.data)


async def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    config = load_config(data=tmp_path / "data", sites="de")
    try:
        async with open_domicile(config) as domicile:
            assert domicile.embedded is not None
            owner = embedded_credentials(config.data, domicile.embedded.servers["de-1"]).owner
            upgrade("de-1", "site", owner)  # nothing to do, and nothing done
            database = Database("owner", owner, size=1)
            await database.open()
            await database.run("UPDATE alembic_version SET version_num = '9999'")
            await database.close()
            with pytest.raises(Misconfigured, match="newer version"):
                upgrade("de-1", "site", owner)
    finally:
        discard(config.data)
