"""A new version collects one thing more. Whether it may start depends on who lives where; nothing changes before."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from examples.postcards import first, second, upgrades
from structlog.testing import capture_logs

from domicile.audit.check import with_engine_tables
from domicile.config import load_config
from domicile.engine import Engine, open_engine
from domicile.errors import Misconfigured
from domicile.ids import SiteName
from domicile.placement.embedded import discard
from domicile.placement.inventory import (
    Acknowledgement,
    compare_inventories,
    record_acknowledgement,
    take_inventory,
)
from domicile.placement.ownership import load_ownership
from network_at import SetClock

PHONE = "user.contact.phone_number"
VERSIONS = {1: (first.METADATA, upgrades.to_first), 2: (second.METADATA, upgrades.to_second)}
US = SiteName("us-1")


class Postcards:
    """The app in a folder of its own, closed and opened again in one version or the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = SetClock()

    @contextlib.asynccontextmanager
    async def open(self, version: int, sites: str = "us", **more: bool) -> AsyncIterator[Engine]:
        metadata, upgrade = VERSIONS[version]
        config = load_config(data=self.folder, sites=sites)
        async with open_engine(config, with_engine_tables(metadata), upgrade, self.clock, **more) as engine:
            yield engine


@contextlib.asynccontextmanager
async def postcards_in(folder: Path) -> AsyncIterator[Postcards]:
    """Version one has run since 2016-03-01, with one member in Russia and one in the United States, both in us-1."""
    app = Postcards(folder)
    try:
        app.clock.set(datetime(2016, 3, 1, 12, tzinfo=UTC))
        async with app.open(1) as engine:
            for member, country in ((11, "RU"), (12, "US")):
                await join(engine, US, member, country)
        app.clock.set(datetime(2016, 4, 2, 12, tzinfo=UTC))
        yield app
    finally:
        discard(folder)


@pytest.fixture(scope="module")
async def postcards(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Postcards]:
    async with postcards_in(tmp_path_factory.mktemp("postcards") / "data") as app:
        yield app


async def join(engine: Engine, site: SiteName, member: int, country: str) -> None:
    database = engine.sites[site].app
    await database.run("INSERT INTO resident VALUES (%s, 'home', 1)", (member,))
    await database.run("INSERT INTO claim VALUES (%s, %s, 'residence', false, now())", (member, country))
    await database.run("INSERT INTO sender VALUES (%s, %s)", (member, f"member_{member}"))


async def columns(engine: Engine, site: SiteName = US) -> set[str]:
    rows = await engine.sites[site].auditor.run(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'vault.secret'::regclass AND attnum > 0"
    )
    return {row.attname for row in rows}


async def begun(engine: Engine, site: SiteName = US) -> dict[str, tuple[date, date | None]]:
    return {f"{r.table}.{r.column}": (r.first_on, r.until) for r in (await engine.collecting.recorded())[site]}


async def test_the_inventory_is_derived_from_the_declaration() -> None:
    inventory = take_inventory(load_ownership(with_engine_tables(second.METADATA)))
    (phone,) = inventory.of(PHONE)
    assert (phone.name, phone.sealed, phone.kind, phone.about) == ("vault.secret.phone", True, "owned", "owner")
    (route,) = [column for column in inventory.columns if column.table == "route"]
    assert (route.kind, route.retention) == ("site", "while a member of this site refers to that member")
    old = take_inventory(load_ownership(with_engine_tables(first.METADATA)))
    change = compare_inventories(old, inventory)
    assert change.new_categories == (PHONE,) and [column.name for column in change.new_columns] == [phone.name]
    assert not change.gone_columns and not change.changed and not change.same
    back = compare_inventories(inventory, old)
    assert back.gone_categories == (PHONE,) and back.gone_columns == change.new_columns
    assert compare_inventories(old, old).same


async def test_every_column_has_the_day_on_which_it_was_first_collected(postcards: Postcards) -> None:
    async with postcards.open(1) as engine:
        days = await begun(engine)
        assert days["sender.handle"] == (date(2016, 3, 1), None)
        assert days.keys() == {column.name for column in engine.collecting.inventory.columns}


async def test_a_version_that_collects_more_is_refused_by_rule_and_changes_nothing(postcards: Postcards) -> None:
    with pytest.raises(Misconfigured) as refused:
        async with postcards.open(2):
            raise AssertionError("it started")
    said = refused.value.detail
    for words in (PHONE, "vault.secret.phone", "us-1", "RU-18-5", "152-FZ", "art. 18(5)", "open a site in RU"):
        assert words in said
    assert f"inventory acknowledge {PHONE} --rule RU-18-5" in said and "Nothing was changed" in said
    assert "member_" not in said and "Nothing" not in refused.value.safe
    async with postcards.open(1) as engine:  # the version before still starts
        assert "phone" not in await columns(engine)


async def test_while_it_is_refused_one_can_look_and_acknowledge(postcards: Postcards) -> None:
    async with postcards.open(2, collects=False) as engine:
        assert "phone" not in await columns(engine)
        duties = await engine.collecting.duties(engine.collecting.inventory.categories)
        (localisation,) = [duty for duty in duties if duty.citation.rule == "RU-18-5"]
        assert localisation.standing == "unmet"
        assert "vault.secret.phone" not in await begun(engine)


async def test_where_nobody_is_protected_the_same_version_starts(tmp_path: Path) -> None:
    app = Postcards(tmp_path / "data")
    try:
        async with app.open(1) as engine:
            await join(engine, US, 12, "US")
        async with app.open(2) as engine:
            assert "phone" in await columns(engine)
    finally:
        discard(app.folder)


async def test_a_reason_for_another_rule_or_category_does_not_open_it(postcards: Postcards) -> None:
    for category, rule in (("user.contact.email", "RU-18-5"), (PHONE, "RU-XB")):
        async with postcards.open(1) as engine:
            await acknowledge(engine, category, rule)
        with pytest.raises(Misconfigured, match="RU-18-5"):
            async with postcards.open(2):
                raise AssertionError("it started")


async def test_acknowledged_with_a_reason_it_starts_and_every_day_is_kept(tmp_path: Path) -> None:
    async with postcards_in(tmp_path / "data") as app:
        async with app.open(2, collects=False) as engine:
            await acknowledge(engine, PHONE, "RU-18-5")
        app.clock.advance(timedelta(days=30))
        async with app.open(2) as engine:
            assert "phone" in await columns(engine)
            days = await begun(engine)
            assert days["vault.secret.phone"] == (date(2016, 5, 2), None)
            assert days["sender.handle"] == (date(2016, 3, 1), None)
            (said,) = await engine.collecting.acknowledged()
            assert (said.rule, said.role, said.acknowledged_on) == ("RU-18-5", "counsel", date(2016, 4, 2))
        app.clock.advance(timedelta(days=10))
        async with app.open(2, sites="us,ru") as engine:  # a site that joins begins an inventory of its own
            assert (await begun(engine, SiteName("ru-1")))["vault.secret.phone"] == (date(2016, 5, 12), None)
            assert (await begun(engine))["vault.secret.phone"] == (date(2016, 5, 2), None)
        app.clock.advance(timedelta(days=10))
        async with app.open(1) as engine:  # what is declared no more ends
            assert (await begun(engine))["vault.secret.phone"] == (date(2016, 5, 2), date(2016, 5, 22))


async def test_a_network_from_before_the_inventory_starts_and_is_told_what_it_does_not_meet(tmp_path: Path) -> None:
    async with postcards_in(tmp_path / "data") as app:
        async with app.open(1) as engine:
            await engine.sites[US].app.run("DELETE FROM collected")
        with capture_logs() as logs:
            async with app.open(2) as engine:
                assert (await begun(engine))["vault.secret.phone"] == (date(2016, 4, 2), None)
        (said,) = [entry for entry in logs if entry.get("rule") == "RU-18-5"]
        assert (said["log_level"], said["site"]) == ("warning", US) and PHONE in said["categories"]


async def acknowledge(engine: Engine, category: str, rule: str) -> None:
    said = Acknowledgement(category, rule, "Counsel sees no duty.", "counsel", engine.clock().date())
    await record_acknowledgement([site.app for site in engine.sites.values()], said)
