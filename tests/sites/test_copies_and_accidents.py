"""Copies when things go wrong: changes that meet them on the way, servers that are killed, restores, another law."""

import asyncio
import contextlib
import secrets
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from copying import AMERICA, GERMANY, gather, gather_of, kept, registered, rows_with, settle
from domicile.audit.residency import audit
from domicile.database import Session
from domicile.errors import Unavailable
from domicile.ids import MemberId, PostId, SiteName
from domicile.law.library import SHIPPED
from domicile.network.posts import Draft
from domicile.placement.routing import wait_for_site
from domicile.running import Domicile
from network_at import MakeMember, killed, make_member, network_at
from wire import unreachable


@pytest.fixture
def canary() -> str:
    return f"canary{secrets.token_hex(8)}"


async def an_author(domicile: Domicile, words: str) -> tuple[MemberId, MemberId, PostId]:
    """An American author, a German who follows them, and a post of these words."""
    author, reader = await make_member(domicile, "US"), await make_member(domicile, "DE")
    await domicile.follows.follow(reader, author)
    post = await domicile.posts.write(author, Draft(text=words))
    return author, reader, post.id


@contextlib.contextmanager
def answered_after(
    domicile: Domicile, site: SiteName, channel: str, meanwhile: Callable[[], Awaitable[object]]
) -> Iterator[None]:
    """What a site answers on a channel stays on its way, once, until something else has happened."""
    handler = domicile.exchange._handlers[site, channel]
    waiting = [meanwhile]

    async def hold_back(body: bytes) -> bytes:
        answer = await handler(body)
        if waiting:
            await waiting.pop()()
        return answer

    domicile.exchange.serve(site, channel, hold_back)
    try:
        yield
    finally:
        domicile.exchange.serve(site, channel, handler)
    assert not waiting, "nothing was asked on this channel"


async def test_an_edit_while_the_copy_is_registered_waits_and_recalls_it(
    domicile: Domicile, member: MakeMember, canary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first race, from one side: the home has read what it gives, and the author changes it."""
    author, _, post = await an_author(domicile, canary)
    find, edits = domicile.copies.register.terms.find, []

    async def find_slowly(*asked: Any) -> Any:
        if not edits:  # inside the transaction that registers: nobody can write for these members now
            edits.append(asyncio.create_task(domicile.posts.edit(author, post, Draft(text="other words"))))
            await asyncio.sleep(0.3)
            assert not edits[0].done(), "the edit waits"
        return await find(*asked)

    register = domicile.copies.register._register

    async def register_slowly(*asked: Any) -> Any:
        monkeypatch.setattr(domicile.copies.register.terms, "find", find_slowly)
        try:
            return await register(*asked)
        finally:
            monkeypatch.setattr(domicile.copies.register.terms, "find", find)

    monkeypatch.setattr(domicile.copies.register, "_register", register_slowly)
    await gather_of(domicile, GERMANY, author)
    await edits[0]
    states = {row.number: row.state for row in await registered(domicile, author)}
    assert states[post.snowflake] == "recalling", "the edit found the copy in the register"
    await settle(domicile)
    assert await rows_with(domicile, GERMANY, canary) == set()


async def test_an_edit_under_way_keeps_its_author_out_of_this_round(
    domicile: Domicile, member: MakeMember, canary: str
) -> None:
    """The first race, from the other side: nothing is given of somebody for whom somebody is just writing."""
    author, _, post = await an_author(domicile, canary)

    async def write_slowly(writer: Any) -> None:
        await writer.execute(
            "UPDATE post SET content = 'other', source = 'other' WHERE author_id = %s AND post_id = %s",
            (author, post.snowflake),
        )
        await gather_of(domicile, GERMANY, author)
        assert await kept(domicile, GERMANY, author) == []

    await domicile.router.transact(author, write_slowly)
    await gather_of(domicile, GERMANY, author)
    assert len(await kept(domicile, GERMANY, author)) == 2
    assert await rows_with(domicile, GERMANY, canary) == set()


async def test_a_recall_that_overtakes_the_copy_wins(domicile: Domicile, member: MakeMember, canary: str) -> None:
    """The second race: the answer was given before the change, and arrives after its recall."""
    author, reader, post = await an_author(domicile, canary)

    async def change() -> None:
        await domicile.posts.edit(author, post, Draft(text="other words"))
        await settle(domicile)

    with answered_after(domicile, AMERICA, "copies.keep", change):
        await gather_of(domicile, GERMANY, author)
    assert await rows_with(domicile, GERMANY, canary) == set()
    await gather_of(domicile, GERMANY, author)
    await settle(domicile)
    await gather_of(domicile, GERMANY, author)
    with unreachable(domicile.exchange, "us-1"):
        shown = await domicile.posts.show(post, reader=reader)
    assert shown.body is not None
    assert shown.body.source == "other words"


@pytest.mark.parametrize("end", ["erased", "moved"])
async def test_a_copy_that_arrives_after_its_member_has_gone_is_not_kept(
    domicile: Domicile, member: MakeMember, canary: str, end: str
) -> None:
    author, _, _ = await an_author(domicile, canary)

    async def leave() -> None:
        if end == "erased":
            await domicile.erasure.erase(author)
        else:
            await domicile.coordinator.relocate([author], AMERICA, GERMANY, "a test")
            await domicile.router.apply_feed(GERMANY)

    with answered_after(domicile, AMERICA, "copies.keep", leave):
        await gather_of(domicile, GERMANY, author)
    assert await kept(domicile, GERMANY, author) == []
    await settle(domicile)
    assert await rows_with(domicile, GERMANY, canary) == (set() if end == "erased" else {"post"})


async def test_an_answer_that_is_lost_is_noticed_and_given_anew(
    domicile: Domicile, member: MakeMember, canary: str
) -> None:
    """The home has registered what never arrived: both sides start again, and agree."""
    author, _, _ = await an_author(domicile, canary)

    async def lose() -> None:
        raise Unavailable("the line is cut")

    with answered_after(domicile, AMERICA, "copies.keep", lose):
        await gather_of(domicile, GERMANY, author)
    assert (len(await registered(domicile, author)), await kept(domicile, GERMANY, author)) == (2, [])
    for _ in range(3):
        await gather_of(domicile, GERMANY, author)
        await settle(domicile)
    held = await kept(domicile, GERMANY, author)
    assert [row.version for row in held] == [row.version for row in await registered(domicile, author)]
    assert len(held) == 2


async def test_many_edits_and_many_rounds_leave_no_old_word(domicile: Domicile, member: MakeMember) -> None:
    author, reader, post = await an_author(domicile, "version 0")

    async def edit() -> None:
        for number in range(1, 15):
            await domicile.posts.edit(author, post, Draft(text=f"version {number}"))

    async def go_round() -> None:
        while not editing.done():
            await gather_of(domicile, GERMANY, author)
            await domicile.copies.recalling.recall(AMERICA)

    editing = asyncio.create_task(edit())
    await asyncio.gather(editing, go_round(), go_round())
    for _ in range(3):
        await settle(domicile)
        await gather_of(domicile, GERMANY, author)
    with unreachable(domicile.exchange, "us-1"):
        shown = await domicile.posts.show(post, reader=reader)
    assert shown.body is not None
    assert shown.body.source == "version 14"


@pytest.fixture(scope="module")
async def mortal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Domicile]:
    """A network whose servers may be killed and restored."""
    async with network_at(tmp_path_factory.mktemp("mortal") / "data", sites="de,us") as running:
        yield running


async def died(domicile: Domicile, site: SiteName) -> None:
    """Return when nothing answers there any more: what serves a connection outlives its parent for a moment."""
    for database in (domicile.sites[site].app, domicile.sites[site].reader):
        with contextlib.suppress(Unavailable):
            while True:
                await database.run("SELECT 1")
                await asyncio.sleep(0.05)


async def in_order(domicile: Domicile) -> None:
    report = await audit(domicile.sites, domicile.hub, domicile.clock())
    assert report.ok, [str(violation) for violation in report.violations]


async def test_a_home_that_is_killed_is_read_from_copies_until_it_is_back(mortal: Domicile, canary: str) -> None:
    author, reader, post = await an_author(mortal, canary)
    live = await mortal.posts.show(post, reader=reader)
    await gather(mortal, GERMANY)
    with killed(mortal, "us-1"):
        await died(mortal, AMERICA)
        shown = await mortal.posts.show(post, reader=reader)
        assert shown == live
        assert mortal.door.silent_to(GERMANY) == [AMERICA]
        with pytest.raises(Unavailable):
            await mortal.posts.edit(author, post, Draft(text="other words"))
    await wait_for_site(mortal.sites[AMERICA])
    await mortal.posts.edit(author, post, Draft(text="other words"))
    await settle(mortal)
    assert await rows_with(mortal, GERMANY, canary) == set()
    await in_order(mortal)


async def test_a_holder_that_is_killed_deletes_what_was_recalled_before_it_shows_anything(
    mortal: Domicile, canary: str
) -> None:
    author, reader, post = await an_author(mortal, canary)
    await gather(mortal, GERMANY)
    with killed(mortal, "de-1"):
        await died(mortal, GERMANY)
        await mortal.posts.edit(author, post, Draft(text="other words"))
        await mortal.copies.recalling.recall(AMERICA)
        row = next(row for row in await registered(mortal, author) if row.number == post.snowflake)
        assert (row.state, row.attempts) == ("recalling", 1)
    await wait_for_site(mortal.sites[GERMANY])
    shown = await mortal.posts.show(post, reader=reader)
    assert shown.body is not None
    assert shown.body.source == "other words", "a home that answers wins over what is still held"
    await mortal.sites[AMERICA].app.run("UPDATE copy_register SET not_before = NULL WHERE member_id = %s", (author,))
    await settle(mortal)
    assert await rows_with(mortal, GERMANY, canary) == set()
    await in_order(mortal)


async def test_a_home_killed_as_it_registers_has_registered_nothing(
    mortal: Domicile, canary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    author, _, _ = await an_author(mortal, canary)
    run = Session.execute_many

    async def die(self: Session, query: str, rows: Any) -> None:
        await run(self, query, rows)
        if "INTO copy_register" in query:
            with killed(mortal, "us-1"):
                while True:  # what serves this transaction outlives its parent for a moment
                    await self.execute("SELECT 1")
                    await asyncio.sleep(0.05)

    monkeypatch.setattr(Session, "execute_many", die)
    await gather_of(mortal, GERMANY, author)
    monkeypatch.undo()
    await wait_for_site(mortal.sites[AMERICA])
    assert await registered(mortal, author) == await kept(mortal, GERMANY, author) == []
    await gather_of(mortal, GERMANY, author)
    assert len(await kept(mortal, GERMANY, author)) == 2
    await in_order(mortal)


@pytest.mark.parametrize("restored", [AMERICA, GERMANY])
async def test_after_a_restore_both_sides_agree_again(mortal: Domicile, canary: str, restored: SiteName) -> None:
    """A home that has forgotten what it gave, and a holder that has forgotten what it holds."""
    author, _, post = await an_author(mortal, canary)
    if restored == GERMANY:
        await gather(mortal, GERMANY)
    folder, _ = await mortal.backups(restored).back_up(mortal.clock())
    await gather(mortal, GERMANY)
    assert len(await kept(mortal, GERMANY, author)) == 2
    await mortal.backups(restored).restore(folder)
    held, known = await kept(mortal, GERMANY, author), await registered(mortal, author)
    assert (len(held), len(known)) == ((2, 0) if restored == AMERICA else (0, 2)), "no copy is in a backup"
    for _ in range(3):
        await gather(mortal, GERMANY)
        await settle(mortal)
    held, known = await kept(mortal, GERMANY, author), await registered(mortal, author)
    assert [row.version for row in held] == [row.version for row in known]
    assert len(held) == 2
    await mortal.posts.delete(author, post)
    await settle(mortal)
    assert await rows_with(mortal, GERMANY, canary) == set()
    await in_order(mortal)


async def test_a_changed_pack_takes_back_what_it_no_longer_lets_stay(tmp_path: Path, canary: str) -> None:
    """The network stops, the law changes overnight, and it starts again with other packs."""
    data, packs = tmp_path / "data", tmp_path / "packs"
    async with network_at(data, keep=True, sites="de,us") as before:
        author, _, _ = await an_author(before, canary)
        await gather(before, GERMANY)
        assert await rows_with(before, GERMANY, canary) == {"kept_copy"}
    shutil.copytree(Path(str(SHIPPED)) / "packs", packs)
    text = (packs / "us.toml").read_text()
    rule = text.index('id = "US-ELSEWHERE"')
    text = text[:rule] + text[rule:].replace('acts = ["direct", "relay", "copy"]', 'acts = ["direct", "relay"]', 1)
    (packs / "us.toml").write_text(text)
    async with network_at(data, sites="de,us", packs=packs) as after:
        with unreachable(after.exchange, "de-1"):
            await after.copies.tick(AMERICA)
        assert {(row.state, row.reason) for row in await registered(after, author)} == {("recalling", "law")}
        await after.sites[AMERICA].app.run("UPDATE copy_register SET not_before = NULL")
        await settle(after)
        assert await registered(after, author) == await kept(after, GERMANY, author) == []
        assert await rows_with(after, GERMANY, canary) == set()
        await gather(after, GERMANY)
        assert await registered(after, author) == [], "and it is not given again"
