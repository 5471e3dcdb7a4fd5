"""The hub's directory: all names or none, a feed without gaps, read copies that follow, and a limit on look-ups."""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator

import pytest

from domicile.errors import Conflict, TooMany
from domicile.ids import MemberId, SiteName
from domicile.placement.directory import Directory, Home
from domicile.running import Domicile
from moving import move_by_hand
from network_at import MakeMember, superuser

FAR = SiteName("zz-9")  # a site of nobody: the audit has no tables of it to compare
FIRST = 10_000


@pytest.fixture
async def hub(domicile: Domicile) -> AsyncIterator[Directory]:
    """The directory; what a test entered under small ids is taken out again."""
    yield domicile.directory
    for table in ("home", "claim", "interest"):
        await domicile.hub.run(f"DELETE FROM {table} WHERE member_id < %s", (FIRST * 10,))


@pytest.mark.parametrize("seed", range(5))
async def test_every_name_is_claimed_or_none_whatever_came_before(hub: Directory, seed: int) -> None:
    """Against a model: a dictionary of who holds what."""
    luck = random.Random(seed)  # not a secret: a seed that can be run again
    held: dict[tuple[str, bytes], tuple[int, bytes]] = {}
    tag = secrets.token_bytes(6)
    for step in range(60):
        member = MemberId(FIRST + luck.randrange(8))
        token = bytes([member % 251]) * 4
        kinds = luck.sample(["handle", "email", "phone"], luck.randint(1, 3))
        digests = {kind: tag + bytes([luck.randrange(6)]) for kind in kinds}
        expected = {k for k, d in digests.items() if held.get((k, d), (member, token)) != (member, token)}
        assert await hub.claim_names(member, FAR, digests, token) == expected, (seed, step)
        if not expected:
            held |= dict.fromkeys(digests.items(), (member, token))
    for (kind, digest), (member, _) in held.items():
        assert await hub.find(kind, digest) == member


async def test_a_name_can_be_changed_but_never_to_one_that_is_taken(hub: Directory) -> None:
    one, two, three = (secrets.token_bytes(8) for _ in range(3))
    for member, digest in ((FIRST, one), (FIRST + 1, two)):
        await hub.claim_names(MemberId(member), FAR, {"email": digest}, b"t")
    with pytest.raises(Conflict):
        await hub.replace_claim(MemberId(FIRST), "email", two, b"t")
    assert await hub.find("email", one) == FIRST, "what was refused changed nothing"
    await hub.replace_claim(MemberId(FIRST), "email", three, b"t")
    assert (await hub.find("email", one), await hub.find("email", three)) == (None, FIRST)


async def test_a_home_moves_only_from_where_the_mover_believes_it_to_be(hub: Directory) -> None:
    member = MemberId(FIRST)
    await hub.claim_names(member, FAR, {"handle": secrets.token_bytes(8)}, b"t")
    moves = [hub.move(member, Home(FAR, 1), SiteName(f"zz-{n}")) for n in range(1, 5)]
    outcomes = await asyncio.gather(*moves, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict", "Conflict", "Conflict", "Home"]
    assert (await hub.homes([member]))[member].epoch == 2


async def test_the_feed_has_no_gaps_while_many_write_and_one_reads(domicile: Domicile, hub: Directory) -> None:
    members = [MemberId(FIRST + n) for n in range(40)]
    await hub.note_interest(FAR, members)
    start = (await domicile.hub.run("SELECT number FROM feed_head"))[0].number
    read: list[int] = []
    writing = True

    async def follow() -> None:
        position, last_round = start, False
        while not last_round:
            last_round = not writing
            entries, position = await hub.feed_after(FAR, position, limit=7)
            read.extend(entry.number for entry in entries)
            last_round = last_round and not entries

    async def write(member: MemberId) -> None:
        await hub.claim_names(member, FAR, {"handle": secrets.token_bytes(8)}, b"t")
        for epoch in range(1, 4):
            await hub.move(member, Home(FAR, epoch), FAR)
        await hub.release(member)

    async def write_and_roll_back() -> None:
        for _ in range(20):
            with pytest.raises(ZeroDivisionError):
                async with domicile.hub.transaction() as session:
                    await session.execute("INSERT INTO home VALUES (%s, %s, 1)", (FIRST + 999, FAR))
                    raise ZeroDivisionError

    following = asyncio.create_task(follow())
    await asyncio.gather(*(write(member) for member in members), write_and_roll_back())
    writing = False
    await following
    kept = [r.number for r in await domicile.hub.run("SELECT number FROM feed WHERE number > %s ORDER BY 1", (start,))]
    assert kept == list(range(start + 1, start + 1 + len(kept))), "no number is missing, rolled back or not"
    assert len(kept) == 40 * 5
    assert read == kept, "who reads on misses nothing"


async def test_an_erasure_reaches_the_sites_that_hold_a_route_to_the_member(domicile: Domicile, hub: Directory) -> None:
    member, site = MemberId(FIRST), domicile.config.site_names[0]
    await hub.claim_names(member, FAR, {"handle": secrets.token_bytes(8)}, b"t")
    await domicile.router.learn_routes(site, [member])
    assert await route(domicile, site, member) == [(FAR, 1)]
    await hub.release(member)
    await catch_up(domicile, site)
    assert await route(domicile, site, member) == []
    cares = await domicile.hub.run("SELECT 1 FROM interest WHERE site = %s AND member_id = %s", (site, member))
    assert cares == [], "and the hub forgets that somebody there cared"


async def test_routes_follow_a_member_who_moves_and_only_where_somebody_cares(
    domicile: Domicile, member: MakeMember
) -> None:
    german, chinese, american = domicile.config.site_names[0], *domicile.config.site_names[2:]
    russian = await member("RU")
    await domicile.router.learn_routes(chinese, [russian])
    await move_by_hand(domicile, russian, american)
    for site in domicile.sites:
        await catch_up(domicile, site)
    assert await route(domicile, chinese, russian) == [(american, 2)]
    assert await route(domicile, american, russian) == [(american, 2)]
    assert await route(domicile, german, russian) == [], "nobody there refers to them"
    await domicile.router.learn_routes(german, [russian])
    assert await route(domicile, german, russian) == [(american, 2)]


async def test_repeated_and_late_entries_do_no_harm(domicile: Domicile, member: MakeMember) -> None:
    site = domicile.config.site_names[0]
    russian = await member("RU")
    await domicile.router.learn_routes(site, [russian])
    for to in ("us-1", "cn-1"):
        await move_by_hand(domicile, russian, to)
    await catch_up(domicile, site)
    await domicile.sites[site].app.run("UPDATE feed_position SET entry = 0")
    await catch_up(domicile, site)
    assert await route(domicile, site, russian) == [("cn-1", 3)]


async def test_look_ups_of_names_are_counted_and_limited(domicile: Domicile) -> None:
    limited = Directory(domicile.hub, lookups_per_minute=3)
    with pytest.raises(TooMany) as refused:
        for _ in range(8):  # two minutes' worth, in case a minute begins just now
            await limited.find("email", secrets.token_bytes(8))
    assert refused.value.limit == 3
    assert 4 <= limited.lookups <= 7


async def test_the_hub_holds_no_name_address_or_content(domicile: Domicile, member: MakeMember) -> None:
    handle = f"hub_{secrets.token_hex(6)}"
    await member("DE", handle=handle, phone="+4915112345678")
    async with superuser(domicile, "hub") as admin:
        tables = await admin.run(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        for table in tables:
            rows = await admin.run(f"SELECT t::text AS row FROM {table.relname} t")
            said = " ".join(row.row for row in rows)
            assert handle not in said
            assert handle.encode().hex() not in said
            assert "15112345678" not in said


async def route(domicile: Domicile, site: SiteName, member: MemberId) -> list[tuple[str, int]]:
    rows = await domicile.sites[site].app.run("SELECT site, epoch FROM route WHERE member_id = %s", (member,))
    return [(row.site, row.epoch) for row in rows]


async def catch_up(domicile: Domicile, site: SiteName) -> None:
    """Hear the hub until there is nothing more to hear."""
    head = (await domicile.hub.run("SELECT number FROM feed_head"))[0].number
    for _ in range(100):
        await domicile.router.apply_feed(site)
        if (await domicile.sites[site].app.run("SELECT entry FROM feed_position"))[0].entry >= head:
            return
    raise AssertionError("the feed did not end")
