"""An upgrade is rolled over a network of two sites that serves: hub first, then site by site, and nobody is refused.

The code of this process is the version before; the release after it are revisions that only this test has.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from domicile.audit.residency import audit
from domicile.errors import Misconfigured
from domicile.migrations.roll import Roll, Step
from domicile.migrations.upgrade import AtStart, Revisions
from domicile.placement.embedded import discard
from domicile.placement.routing import SiteWriter
from domicile.running import Domicile
from domicile.wiring import open_domicile
from network_at import SetClock, network_at, superuser
from relocating import GERMANY, RUSSIA, Life, texts_of
from revisions import write_revision

CLOCK = SetClock()
# A column for everybody's posts, and one in the vault with a second function beside the one that old code calls.
EXPAND = """
ALTER TABLE post ADD COLUMN mood text;
ALTER TABLE vault.credential ADD COLUMN pet bytea;
CREATE FUNCTION vault.write_credential(the_member_id bigint, the_email bytea, the_phone bytea, the_birth_date bytea,
  the_password_hash bytea, the_pet bytea) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
  AS $$ INSERT INTO vault.credential VALUES (the_member_id, the_email, the_phone, the_birth_date, the_password_hash,
    the_pet) ON CONFLICT (member_id) DO UPDATE SET pet = EXCLUDED.pet $$;
"""
FAIL_AT_ONE = """
ALTER TABLE post ADD COLUMN shade text;
SELECT 1 / (SELECT (count(*) = 0)::int FROM setting WHERE key = 'refuse');
"""
CONTRACT = "DROP FUNCTION vault.write_credential(bigint, bytea, bytea, bytea, bytea);"


@dataclass
class Rolled:
    """The network at revision N, and the revisions of the release after it, as they are written."""

    life: Life
    folder: Path
    network: contextlib.AsyncExitStack

    @property
    def domicile(self) -> Domicile:
        return self.life.domicile

    @property
    def revisions(self) -> Revisions:
        return Revisions({"site": [self.folder / "site"], "hub": [self.folder / "hub"]})

    async def roll(self, patience_s: float = 60.0) -> dict[str, Step]:
        owners = {name: credentials.owner for name, credentials in self.domicile.credentials.items()}
        roll = Roll(self.revisions, owners, patience_s=patience_s)
        await asyncio.to_thread(roll.run)
        return roll.steps


@pytest.fixture(scope="module")
async def rolled(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rolled]:
    folder = tmp_path_factory.mktemp("rolled")
    write_revision(folder / "hub", "0002", "0001", "ALTER TABLE home ADD COLUMN mood text;")
    write_revision(folder / "site", "0002", "0001", EXPAND)
    try:
        async with contextlib.AsyncExitStack() as network:
            domicile = await network.enter_async_context(
                network_at(folder / "data", keep=True, sites="de,ru", clock=CLOCK)
            )
            yield Rolled(await Life.begin(domicile), folder, network)
    finally:
        discard(folder / "data")


@contextlib.asynccontextmanager
async def long_reader(domicile: Domicile, seconds: float) -> AsyncIterator[None]:
    """Somebody reads a table of de-1 for so long, in one transaction: what DDL would wait for, and hold up others."""

    async def read() -> None:
        async with superuser(domicile, GERMANY) as database, database.transaction() as session:
            await session.fetch("SELECT count(*) FROM post")
            began.set()
            await asyncio.sleep(seconds)

    began = asyncio.Event()
    reading = asyncio.create_task(read())
    await began.wait()
    yield
    await reading


async def change_credential(writer: SiteWriter) -> None:
    """What the version before does: all columns that it knows, read by `*` and written by its own function."""
    row = await writer.one("SELECT * FROM vault.read_credential(%s)", ([writer.member],))
    assert row is not None
    await writer.execute("SELECT vault.write_credential(%s, %s, %s, %s, %s)", tuple(row)[:5])


async def test_hub_and_sites_are_expanded_one_by_one_while_everybody_writes(rolled: Rolled) -> None:
    life, domicile = rolled.life, rolled.domicile
    slowest, changes, stop = 0.0, 0, asyncio.Event()

    async def change() -> None:
        nonlocal slowest, changes
        while not stop.is_set():
            began = time.monotonic()
            await domicile.router.transact(life.moving[0], change_credential)
            slowest, changes = max(slowest, time.monotonic() - began), changes + 1

    async with life.going_on(), long_reader(domicile, 1.5):
        changing = asyncio.create_task(change())
        before = changes
        steps = await rolled.roll()
        done, changes_meanwhile = time.monotonic(), changes - before
        while changes < before + changes_meanwhile + 20:
            assert not changing.done() and time.monotonic() < done + 60, changing
            await asyncio.sleep(0.01)
        stop.set()
        await changing
    assert [(s.name, s.was, s.now, s.state) for s in steps.values()] == [
        ("hub", "0001", "0002", "migrated"),
        (GERMANY, "0001", "0002", "migrated"),
        (RUSSIA, "0001", "0002", "migrated"),
    ]
    assert changes_meanwhile > 10, "everybody waited behind the roll"
    print(f"{changes_meanwhile} changes during the roll, the slowest {slowest * 1000:.0f} ms")
    for member in life.moving:
        assert await texts_of(domicile, member) == life.texts[member]
    report = await audit(domicile.sites, domicile.hub, domicile.clock())
    assert report.ok, report.violations
    assert (await domicile.coordinator.relocate(life.moving[1:], GERMANY, RUSSIA, "a test")).members
    assert {step.state for step in (await rolled.roll()).values()} == {"current"}


async def test_a_site_that_fails_stays_as_it_was_and_the_others_serve(rolled: Rolled) -> None:
    life, domicile = rolled.life, rolled.domicile
    write_revision(rolled.folder / "site", "0003", "0002", FAIL_AT_ONE)
    await domicile.sites[RUSSIA].app.run("INSERT INTO setting (key, value) VALUES ('refuse', '')")
    steps = await rolled.roll()
    assert [step.state for step in steps.values()] == ["current", "migrated", "failed"]
    assert "22012" in steps[RUSSIA].why and steps[RUSSIA].now == "0002"
    for member in life.moving:
        await life.write(member)
    moved = await domicile.coordinator.relocate([life.moving[0]], GERMANY, RUSSIA, "a test")
    assert "migrate the older site first" in moved.left[life.moving[0]]
    start = AtStart(rolled.revisions, print, alone=False)
    with pytest.raises(Misconfigured, match="ru-1 has tables of revision 0002, and this version needs 0003"):
        start(RUSSIA, "site", domicile.credentials[RUSSIA].owner)
    await domicile.sites[RUSSIA].app.run("DELETE FROM setting WHERE key = 'refuse'")
    assert [step.state for step in (await rolled.roll()).values()] == ["current", "current", "migrated"]
    assert (await domicile.coordinator.relocate([life.moving[0]], GERMANY, RUSSIA, "a test")).members


async def test_a_relocation_that_is_open_is_waited_for(rolled: Rolled) -> None:
    domicile = rolled.domicile
    write_revision(rolled.folder / "site", "0004", "0003", "ALTER TABLE post ADD COLUMN tone text;")
    batch = await domicile.journal.open_batch(RUSSIA, GERMANY, rolled.life.moving, "a test")
    steps = await rolled.roll(patience_s=0.5)
    assert [step.state for step in steps.values()] == ["current", "failed", "later"]
    assert "a relocation open" in steps[GERMANY].why
    await domicile.journal.abandon(batch, "a test")
    await domicile.journal.close(await domicile.journal.find(batch.number), "undone", {})
    assert [step.state for step in (await rolled.roll()).values()] == ["current", "migrated", "migrated"]


async def test_what_contracts_waits_for_the_last_process_of_the_version_before(rolled: Rolled) -> None:
    domicile, config = rolled.domicile, rolled.domicile.config
    write_revision(rolled.folder / "site", "0005", "0004", CONTRACT, contracts=True)
    steps = await rolled.roll()
    assert [step.state for step in steps.values()] == ["current", "waits", "waits"]
    assert "runs a version from before it" in steps[GERMANY].why
    old = AtStart(Revisions(), print, alone=False)
    old(GERMANY, "site", domicile.credentials[GERMANY].owner)  # the version before may start on expanded tables
    new = AtStart(rolled.revisions, print, alone=False)
    new(GERMANY, "site", domicile.credentials[GERMANY].owner)  # and the next one before they are contracted
    await domicile.router.transact(rolled.life.moving[0], change_credential)

    await rolled.network.aclose()
    said: list[str] = []
    async with open_domicile(config, revisions=rolled.revisions, progress=said.append) as newer:
        assert f"{GERMANY}: its tables go from revision 0004 to 0005" in said, "`up` alone upgrades, and says so"
        owners = {name: found.owner for name, found in newer.credentials.items()}
        with pytest.raises(Misconfigured, match="newer version"):
            old(GERMANY, "site", owners[GERMANY])
        older = Roll(Revisions(), owners)
        older.look()
        assert not older.ok and older.steps[GERMANY].why == "made by a newer version"
        with pytest.raises(Misconfigured, match="newer version"):
            older.run()
