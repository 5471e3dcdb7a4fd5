"""Signing up: at home first, every name won once in the whole network, and whole again after every crash."""

import asyncio
import contextlib
import secrets
from collections import defaultdict

import pytest

from domicile.errors import InvalidFields, NotFound
from domicile.ids import MemberId
from domicile.running import Domicile
from network_at import MakeMember
from sign_up_process import crash_sign_up


def fresh_handle() -> str:
    return f"name_{secrets.token_hex(6)}"


async def residents_named(domicile: Domicile, handle: str) -> list[tuple[str, MemberId, str]]:
    """Everybody of this handle at every site, seen from the tables: (site, member, state)."""
    found = []
    for name, site in domicile.sites.items():
        rows = await site.app.run(
            "SELECT member_id, state FROM account JOIN resident USING (member_id) WHERE lower(handle) = lower(%s)",
            (handle,),
        )
        found += [(str(name), MemberId(row.member_id), row.state) for row in rows]
    return found


async def rows_of(domicile: Domicile, member: MemberId) -> dict[str, int]:
    """How many rows of a member each site holds."""
    counts: dict[str, int] = defaultdict(int)
    for name, site in domicile.sites.items():
        for owned in domicile.ownership.owned:
            rows = await site.auditor.run(f"SELECT count(*) AS n FROM {owned.name} WHERE {owned.owner} = %s", (member,))
            counts[name] += rows[0].n
        counts[name] += len(await site.auditor.run("SELECT 1 FROM resident WHERE member_id = %s", (member,)))
    return {name: count for name, count in counts.items() if count}


async def test_everybody_is_at_home_in_their_own_country(domicile: Domicile, member: MakeMember) -> None:
    for country, site in (("DE", "de-1"), ("RU", "ru-1"), ("CN", "cn-1"), ("US", "us-1"), ("FR", "de-1")):
        someone = await member(country)
        assert (await domicile.router.home_of(someone)).site == site
        assert (await rows_of(domicile, someone)).keys() == {site}


async def test_of_many_who_race_for_one_name_on_four_sites_exactly_one_wins_and_no_trace_of_the_others_is_left(
    domicile: Domicile, member: MakeMember
) -> None:
    for _ in range(5):
        handle = fresh_handle()
        seen: set[MemberId] = set()
        watching = asyncio.create_task(watch(domicile, handle, seen))
        tries = [
            member(country, handle=handle.upper() if n % 2 else handle, email=f"{secrets.token_hex(4)}@example.org")
            for n, country in enumerate(("DE", "RU", "CN", "US", "DE", "RU"))
        ]
        outcomes = await asyncio.gather(*tries, return_exceptions=True)
        watching.cancel()
        winners = [outcome for outcome in outcomes if isinstance(outcome, int)]
        losers = [outcome for outcome in outcomes if isinstance(outcome, InvalidFields)]
        assert (len(winners), len(losers)) == (1, 5)
        assert losers[0].fields == {"username": [("ERR_TAKEN", "has already been taken")]}
        assert seen <= set(winners), "nobody ever saw a loser under the name"
        assert await domicile.members.find_by_handle(handle) == winners[0]
        assert [(m, state) for _, m, state in await residents_named(domicile, handle)] == [(winners[0], "home")]


async def watch(domicile: Domicile, handle: str, seen: set[MemberId]) -> None:
    """Look for a name all the time, at the hub and among the visible residents of every site."""
    while True:
        with contextlib.suppress(NotFound):
            seen.add(await domicile.members.find_by_handle(handle))
        seen |= {member for _, member, state in await residents_named(domicile, handle) if state == "home"}
        await asyncio.sleep(0)


async def test_a_loser_leaves_no_row_behind_and_may_try_again(domicile: Domicile, member: MakeMember) -> None:
    handle = fresh_handle()
    await member("DE", handle=handle)
    tried: list[MemberId] = []
    real = domicile.directory.claim_names

    async def spy(someone: MemberId, *rest: object) -> frozenset[str]:
        tried.append(someone)
        return await real(someone, *rest)  # type: ignore[arg-type]

    domicile.directory.claim_names = spy  # type: ignore[method-assign]
    try:
        with pytest.raises(InvalidFields):
            await member("RU", handle=handle, email="another@example.org")
    finally:
        del domicile.directory.claim_names
    assert await rows_of(domicile, tried[0]) == {}
    assert await domicile.hub.run("SELECT 1 FROM claim WHERE member_id = %s", (tried[0],)) == []
    assert await member("RU", handle=fresh_handle(), email="another@example.org")


@pytest.mark.parametrize(("first", "second"), [("anna_IO1", "ANNA-lol"), ("modern", "modem"), ("ivan", "1van")])
async def test_names_that_look_alike_are_one_name(member: MakeMember, first: str, second: str) -> None:
    tag = secrets.token_hex(4)
    await member("DE", handle=f"{first}_{tag}")
    with pytest.raises(InvalidFields, match="has already been taken"):
        await member("CN", handle=f"{second}_{tag}")


async def test_equal_addresses_and_numbers_in_other_spellings_are_taken_together(member: MakeMember) -> None:
    tag = secrets.token_hex(6)
    phone = f"+4915{secrets.randbelow(10**8):08d}"
    await member("DE", email=f"Anna.{tag}@Example.org", phone=phone)
    with pytest.raises(InvalidFields) as refused:
        await member("US", email=f"anna.{tag}@EXAMPLE.org", phone=f"+49 (0) {phone[3:]}")
    assert refused.value.fields.keys() == {"email", "phone"}


@pytest.mark.parametrize("step", ["pending", "claimed", "home"])
async def test_a_crash_after_any_step_leaves_a_whole_member_after_the_restart(domicile: Domicile, step: str) -> None:
    handle = fresh_handle()
    await crash_sign_up(domicile.config.data, handle, "RU", step)
    await domicile.repair()
    found = await residents_named(domicile, handle)
    assert [(site, state) for site, _, state in found] == [("ru-1", "home")]
    assert await domicile.members.find_by_handle(handle) == found[0][1]
    assert await domicile.hub.run("SELECT site FROM home WHERE member_id = %s", (found[0][1],)) == [("ru-1",)]


@pytest.mark.parametrize("step", ["pending", "claimed", "undone"])
async def test_a_crash_on_the_way_to_losing_leaves_nothing_after_the_restart(
    domicile: Domicile, member: MakeMember, step: str
) -> None:
    handle = fresh_handle()
    owner = await member("DE", handle=handle)
    await crash_sign_up(domicile.config.data, handle, "RU", step)
    await domicile.repair()
    assert await residents_named(domicile, handle) == [("de-1", owner, "home")]
    assert await domicile.members.find_by_handle(handle) == owner
    assert await member("RU", handle=fresh_handle(), email=f"{handle}@crash.example.org"), "the address is free again"


async def test_repairs_by_two_processes_at_once_do_no_harm(domicile: Domicile) -> None:
    handle = fresh_handle()
    await crash_sign_up(domicile.config.data, handle, "CN", "pending")
    await asyncio.gather(*(domicile.repair() for _ in range(4)))
    assert [(site, state) for site, _, state in await residents_named(domicile, handle)] == [("cn-1", "home")]
