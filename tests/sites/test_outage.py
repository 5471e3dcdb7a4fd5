"""A site whose PostgreSQL is killed: the others serve on, pages say that something is missing, and nothing is lost."""

import asyncio
import contextlib
import os
import signal
import time

import pytest

from domicile.audit.residency import audit
from domicile.errors import Unavailable
from domicile.ids import SiteName
from domicile.network.posts import Draft
from domicile.network.timelines import make_bounds
from domicile.placement.routing import wait_for_site
from domicile.placement.supervisor import postmaster_pid
from domicile.running import Domicile
from network_at import hanging, impatient, killed, make_member

RUSSIA = SiteName("ru-1")


async def test_a_killed_site_is_missing_then_comes_back_by_itself_with_everything(fresh: Domicile) -> None:
    german = await make_member(fresh, "DE")
    russian = await make_member(fresh, "RU")
    other = await make_member(fresh, "RU")
    for reader in (german, other):
        await fresh.follows.follow(reader, russian)
    kept = await fresh.posts.write(russian, Draft(text="written before"))
    await fresh.posts.write(german, Draft(text="from home"))
    with killed(fresh, RUSSIA):
        began = time.monotonic()
        page = await fresh.timelines.public(make_bounds(20), reader=german)
        assert (page.complete, [item.author for item in page.items]) == (False, [german])
        assert (await fresh.posts.write(german, Draft(text="life goes on"))).body is not None
        with pytest.raises(Unavailable):
            await fresh.posts.write(russian, Draft(text="too late"))
        assert time.monotonic() - began < 15
        report = await audit(fresh.sites, fresh.hub, fresh.clock())
        assert [(v.kind, v.site) for v in report.violations] == [("unreachable", "ru-1")]
        assert report.rows_checked > 0
    await wait_for_site(fresh.sites[RUSSIA])
    page = await fresh.timelines.home(other, make_bounds(20))
    assert (page.complete, [item.id for item in page.items]) == (True, [kept.id])
    assert (await fresh.posts.write(russian, Draft(text="back again"))).body is not None
    assert (await audit(fresh.sites, fresh.hub, fresh.clock())).ok


async def test_a_server_that_hangs_holds_up_nobody_else_and_nobody_for_ever(fresh: Domicile) -> None:
    """Its processes are stopped and its sockets open: nothing fails by itself, it only never answers."""
    impatient(fresh)
    german, russian = await make_member(fresh, "DE"), await make_member(fresh, "RU")
    await fresh.follows.follow(german, russian)
    kept = await fresh.posts.write(russian, Draft(text="before"))
    drafts = [Draft(text=f"late {n}", idempotency_key=f"{n}") for n in range(12)]
    for name in (RUSSIA, "hub"):
        with hanging(fresh, name):
            began = time.monotonic()
            late = await asyncio.gather(*(fresh.posts.write(russian, d) for d in drafts), return_exceptions=True)
            assert all(isinstance(outcome, Unavailable) == (name == RUSSIA) for outcome in late), late
            assert (await fresh.posts.write(german, Draft(text="life goes on"))).body is not None
            page = await fresh.timelines.home(german, make_bounds(20))
            assert (page.complete, page.items[0].author) == (name == "hub", german)
            await fresh.tick()
            assert time.monotonic() - began < 20
        await wait_for_site(fresh.sites[RUSSIA])
    page = await fresh.timelines.home(russian, make_bounds(40))
    assert page.items[-1].id == kept.id
    assert sorted(i.body.source for i in page.items[:-1] if i.body) == sorted(d.text for d in drafts)


async def test_no_acknowledged_write_is_lost_when_a_server_dies_under_load(fresh: Domicile) -> None:
    writers = [await make_member(fresh, "RU") for _ in range(4)]
    acknowledged: list[int] = []

    async def write(author: int) -> None:
        for n in range(60):
            with contextlib.suppress(Unavailable):
                post = await fresh.posts.write(author, Draft(text=str(n)))  # type: ignore[arg-type]
                acknowledged.append(post.id.snowflake)

    writing = [asyncio.create_task(write(author)) for author in writers]
    while len(acknowledged) < 20:  # noqa: ASYNC110  the writers have other things to do than to tell
        await asyncio.sleep(0.01)
    folder = (fresh.config.data / "pg").resolve() / RUSSIA
    os.kill(postmaster_pid(folder), signal.SIGKILL)
    await asyncio.gather(*writing)
    await wait_for_site(fresh.sites[RUSSIA])
    rows = await fresh.sites[RUSSIA].app.run("SELECT post_id FROM post")
    assert set(acknowledged) <= {row.post_id for row in rows}
    assert (await audit(fresh.sites, fresh.hub, fresh.clock())).ok
