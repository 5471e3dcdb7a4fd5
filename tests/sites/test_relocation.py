"""Members move between sites while the network serves: nothing lost, nothing doubled, nothing left behind."""

import asyncio
from collections.abc import Sequence

from domicile.audit.residency import audit
from domicile.ids import MemberId, PostId, SiteName
from domicile.network.posts import Draft
from domicile.placement.files import list_files
from domicile.relocation.moved import Moved
from domicile.relocation.points import FORWARD
from domicile.running import Domicile
from network_at import MakeMember
from pictures import picture
from relocating import at_steps

PASSWORD = "a long password of Anna's"
GERMANY, RUSSIA, AMERICA = SiteName("de-1"), SiteName("ru-1"), SiteName("us-1")


async def relocate(domicile: Domicile, members: Sequence[MemberId], to: SiteName) -> Moved:
    home = await domicile.router.home_of(members[0], ask_hub=True)
    return await domicile.coordinator.relocate(members, home.site, to, "a test")


async def rows_at(domicile: Domicile, site: SiteName, member: MemberId) -> int:
    found = 0
    for owned in domicile.ownership.owned:
        query = f"SELECT count(*) AS n FROM {owned.name} WHERE {owned.owner} = %s"
        found += (await domicile.sites[site].importer.run(query, (member,)))[0].n
    return found


async def texts(domicile: Domicile, member: MemberId) -> list[str]:
    """The member's posts as they stand at home, oldest first."""
    query = "SELECT source FROM post WHERE author_id = %(author)s ORDER BY post_id"
    return [row.source for row in await domicile.router.rows(member, query, {"author": member})]


async def test_a_member_moves_with_everything_and_stays_logged_in(domicile: Domicile, member: MakeMember) -> None:
    anna, ben = await member("DE", password=PASSWORD, email="anna-moves@example.org"), await member("US")
    app = await domicile.access.register_app("toot", ["urn:ietf:wg:oauth:2.0:oob"], "read write", None)
    token = await domicile.access.new_token(anna, app.client_id, "read write")
    first = await domicile.posts.write(anna, Draft(text="before the move"))
    await domicile.posts.write(anna, Draft(text="for nobody else", visibility="direct"))
    shown = await domicile.media.upload(anna, picture(200), "a red field")
    await domicile.follows.follow(ben, anna)
    held = await rows_at(domicile, GERMANY, anna)

    moved = await relocate(domicile, [anna], AMERICA)

    assert (moved.members, moved.left, moved.rows) == ([anna], {}, held)
    assert (await rows_at(domicile, GERMANY, anna), await rows_at(domicile, AMERICA, anna)) == (0, held)
    home = await domicile.router.home_of(anna, ask_hub=True)
    assert (home.site, home.epoch) == (AMERICA, 2)
    assert (await domicile.access.check_token(token)).member == anna
    assert await domicile.members.check_log_in("anna-moves@example.org", PASSWORD) == anna
    content, _ = await domicile.media.fetch(anna, shown.digest, at=AMERICA)
    assert content.startswith(b"\x89PNG")
    assert list_files(domicile.sites[GERMANY].media, [anna]) == []
    second = await domicile.posts.write(anna, Draft(text="after the move"))
    assert second.id > first.id
    assert await texts(domicile, anna) == ["before the move", "", "after the move"]
    assert (await domicile.follows.relations(ben, [anna]))[0].following
    assert await domicile.journal.is_intact()


async def test_what_is_written_while_a_member_is_copied_moves_along(domicile: Domicile, member: MakeMember) -> None:
    anna = await member("DE")
    await domicile.posts.write(anna, Draft(text="kept"))
    edited = await domicile.posts.write(anna, Draft(text="as it was"))
    deleted = await domicile.posts.write(anna, Draft(text="soon gone #tag"))

    async def meanwhile(step: str) -> None:
        if step == "copied":
            await domicile.posts.edit(anna, edited.id, Draft(text="as it is"))
            await domicile.posts.delete(anna, deleted.id)
            await domicile.posts.write(anna, Draft(text="new #tag"))

    with at_steps(domicile, meanwhile):
        moved = await relocate(domicile, [anna], RUSSIA)
    assert moved.members == [anna]
    assert await texts(domicile, anna) == ["kept", "as it is", "new #tag"]


async def test_a_member_moves_away_and_back_and_away_again(domicile: Domicile, member: MakeMember) -> None:
    anna = await member("DE")
    written: list[PostId] = []
    for number, site in enumerate((AMERICA, GERMANY, RUSSIA, GERMANY)):
        written.append((await domicile.posts.write(anna, Draft(text=f"post {number}"))).id)
        assert (await relocate(domicile, [anna], site)).members == [anna]
    assert (await domicile.router.home_of(anna, ask_hub=True)).epoch == 5
    assert await texts(domicile, anna) == [f"post {number}" for number in range(4)]
    assert written == sorted(written)


async def test_the_audit_is_clean_at_every_step_and_counts_who_is_on_the_way(
    domicile: Domicile, member: MakeMember
) -> None:
    anna, ben = await member("DE"), await member("DE")
    in_transit: dict[str, int] = {}

    async def look(step: str) -> None:
        report = await audit(domicile.sites, domicile.hub, domicile.clock())
        assert report.ok, (step, report.violations)
        in_transit[step] = report.in_transit

    with at_steps(domicile, look):
        await relocate(domicile, [anna, ben], AMERICA)
    assert {in_transit[step] for step in FORWARD[:2]} == {0}
    assert {in_transit[step] for step in FORWARD[2:13]} == {2}
    assert {in_transit[step] for step in FORWARD[13:]} == {0}


async def test_writers_and_readers_hardly_notice(domicile: Domicile, member: MakeMember) -> None:
    moving = [await member("DE") for _ in range(8)]
    acknowledged: dict[MemberId, list[str]] = {m: [] for m in moving}
    stop = asyncio.Event()

    async def write(author: MemberId) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            await domicile.posts.write(author, Draft(text=f"post {number}"))
            acknowledged[author].append(f"post {number}")
            await asyncio.sleep(0.01)

    async def read(author: MemberId) -> None:
        while not stop.is_set():
            before = list(acknowledged[author])
            assert (await texts(domicile, author))[: len(before)] == before
            await asyncio.sleep(0.005)

    async with asyncio.TaskGroup() as tasks:
        for author in moving:
            tasks.create_task(write(author))
            tasks.create_task(read(author))
        await asyncio.sleep(0.3)
        moved = await relocate(domicile, moving, AMERICA)
        await asyncio.sleep(0.2)
        stop.set()
    assert set(moved.members) | moved.left.keys() == set(moving)
    assert moved.members, moved.left
    for author in moving:
        assert await texts(domicile, author) == acknowledged[author]
