"""What a date will ask is known before it comes: who must move, what they have, and what will no longer cross."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from domicile.errors import Unavailable
from domicile.ids import SiteName
from domicile.network.posts import Draft
from domicile.plan.planning import make_plan, overlay
from domicile.plan.prices import load_prices
from domicile.plan.report import Plan
from domicile.running import Domicile
from network_at import SetClock, killed, make_member, network_at
from planning import made_up, plan, residency

NO_PACK = "JP"
TAKES_EFFECT = date(2015, 9, 1)


@pytest.fixture(scope="module")
async def linked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Domicile]:
    """A network of one site in the United States, in August 2014, with some members in Russia."""
    clock = SetClock()
    clock.set(datetime(2014, 8, 10, tzinfo=UTC))
    async with network_at(tmp_path_factory.mktemp("linked") / "data", sites="us", clock=clock) as domicile:
        for country in ("RU", "RU", "RU", "US", "US"):
            member = await make_member(domicile, country)
            await domicile.posts.write(member, Draft(text="good evening"))
        yield domicile


async def count_rows(domicile: Domicile, site: str, members: list[int]) -> int:
    """Row by row, table by table."""
    rows = 0
    for owned in domicile.ownership.owned:
        query = f"SELECT count(*) AS n FROM {owned.name} WHERE {owned.owner} = ANY (%s)"
        rows += (await domicile.sites[SiteName(site)].importer.run(query, (members,)))[0].n
    return rows


async def residents(domicile: Domicile, site: str, country: str) -> list[int]:
    query = "SELECT member_id FROM claim WHERE jurisdiction = %s AND basis = 'residence'"
    return [row.member_id for row in await domicile.sites[SiteName(site)].auditor.run(query, (country,))]


def moves(found: Plan) -> list[tuple[str, str | None, str, int]]:
    return [(p.move.source, p.move.target, p.move.country, p.move.members) for p in found.moves]


async def test_the_day_before_a_localisation_law_takes_effect_nobody_moves(linked: Domicile) -> None:
    found = await plan(linked, TAKES_EFFECT - timedelta(days=1))
    assert (found.since, found.moves, found.basis, found.seconds) == (date(2014, 8, 10), (), "nothing to move", 0)
    assert found.members == 5


async def test_on_the_day_the_members_in_russia_must_move_to_a_site_that_is_missing(linked: Domicile) -> None:
    found = await plan(linked, TAKES_EFFECT)
    assert moves(found) == [("us-1", None, "RU", 3)]
    planned = found.moves[0]
    assert [rule.rule for rule in planned.move.rules] == ["RU-18-5"]
    assert planned.move.rules[0].article == "art. 18(5)"
    assert (planned.move.due, planned.move.lawful_before) == (TAKES_EFFECT, True)
    russians = await residents(linked, "us-1", "RU")
    assert planned.held is not None
    assert planned.held.rows == await count_rows(linked, "us-1", russians)
    assert planned.held.tables["post"] == 3
    assert planned.held.bytes > 1000
    assert (planned.held.basis, found.basis) == ("counted", "probe")
    assert found.seconds is not None and 0 < found.seconds < 5
    assert [(s.country, s.members_after) for s in found.sites if s.missing] == [("RU", 3)]
    assert [s.members_after for s in found.sites if s.site == "us-1"] == [2]


async def test_what_the_movers_show_would_then_cross_a_border_on_its_way_to_their_old_readers(
    linked: Domicile,
) -> None:
    found = await plan(linked, TAKES_EFFECT)
    away = [c for c in found.crossings if c.home.country == "RU" and c.route.after.country == "US"]
    assert {c.change for c in away} <= {"refused", "conditional"} and len(away) > 2
    assert all(c.home.site is None and c.home_before.site == "us-1" for c in away)


async def test_a_day_in_the_past_is_compared_with_the_day_before_it(linked: Domicile) -> None:
    found = await plan(linked, date(2014, 1, 1))
    assert found.since == date(2013, 12, 31)
    assert found.moves == ()


@pytest.fixture(scope="module")
async def pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Domicile]:
    """Two sites, in Germany and Russia, with members of a country that has no pack."""
    async with network_at(tmp_path_factory.mktemp("pair") / "data", sites="de,ru") as domicile:
        for _ in range(3):
            await make_member(domicile, NO_PACK)
        await make_member(domicile, "DE")
        yield domicile


async def test_an_edited_pack_says_what_if(pair: Domicile) -> None:
    today = pair.clock().date()
    assert (await plan(pair, today + timedelta(days=40))).moves == ()
    tested = made_up(NO_PACK, residency("JP-HOME", '["RU"]', valid_from="2026-12-01"))
    found = await plan(pair, today + timedelta(days=40), tested)
    assert moves(found) == [("de-1", "ru-1", "RU", 3)]
    assert found.tested == (NO_PACK,)
    assert found.moves[0].move.only_on_trial
    assert found.moves[0].move.due == max(date(2026, 12, 1), today)
    assert [(s.site, s.members, s.members_after) for s in found.sites] == [("de-1", 4, 1), ("ru-1", 0, 3)]


async def test_a_law_that_is_relaxed_lets_members_move_and_asks_nobody_to(pair: Domicile) -> None:
    strict = residency("JP-HOME", '["DE"]', valid_from="2020-01-01", valid_to="2027-03-25")
    relaxed = residency("JP-HOME", "[]", valid_from="2027-03-26", mode='"none"', elsewhere='"permit"')
    tested = made_up(NO_PACK, strict, relaxed)
    under_it = replace(pair.to_plan(load_prices()), law=overlay(pair.law, tested))
    found = await make_plan(under_it, date(2027, 3, 26), pair.clock())
    assert found.moves == ()
    assert [(m.site, m.countries, m.members) for m in found.may_move] == [("de-1", ("RU",), 3)]
    assert [rule.rule for rule in found.may_move[0].rules] == ["JP-HOME"]
    assert (await make_plan(under_it, date(2027, 3, 25), pair.clock())).may_move == ()


async def test_citizenship_alone_moves_nobody_and_the_conflict_is_shown(pair: Domicile) -> None:
    await make_member(pair, "DE", citizenship="JP")
    rule = residency("JP-CITIZENS", '["JP"]', valid_from="2020-01-01", subject='{ basis = "citizen" }')
    found = await plan(pair, pair.clock().date() + timedelta(days=1), made_up(NO_PACK, rule))
    assert moves(found) == [("de-1", None, "JP", 3)], "who lives there must"
    assert [(c.site, c.members, c.moves, c.lawful) for c in found.conflicts] == [("de-1", 1, False, False)]
    assert [rule.rule for rule in found.conflicts[0].rules] == ["JP-CITIZENS"]


async def test_a_paper_that_would_let_them_stay_is_named(pair: Domicile) -> None:
    copy = '[[{ safeguard = "local_copy" }]]'
    rule = residency("JP-COPY", '["JP"]', valid_from="2020-01-01", asks=copy, elsewhere='"permit"')
    found = await plan(pair, pair.clock().date() + timedelta(days=1), made_up(NO_PACK, rule))
    assert [lack.what for lack in found.moves[0].move.missing] == ["local_copy"]


async def test_homes_that_were_proposed_and_stand_open_are_counted(pair: Domicile) -> None:
    assert (await plan(pair, pair.clock().date())).proposed == ()
    members = await residents(pair, "de-1", NO_PACK)
    async with pair.sites[SiteName("de-1")].importer.transaction() as session:
        await session.execute_many(
            "INSERT INTO proposal VALUES (%s, 1, 'de-1', 'ru-1', false, '', '{}', %s, now())",
            [(members[0], "open"), (members[1], "open"), (members[2], "declined")],
        )
    found = (await plan(pair, pair.clock().date())).proposed
    assert [(p.site, p.target, p.lawful, p.members) for p in found] == [("de-1", "ru-1", False, 2)]


async def test_the_last_measured_move_between_two_sites_is_believed_more_than_a_probe(pair: Domicile) -> None:
    await pair.hub.run(
        "INSERT INTO move_rate VALUES ('de-1', 'ru-1', now() - interval '1 day', 9, 900, 9000, 9),"
        " ('de-1', 'ru-1', now(), 1000, 100000, 5000000, 50)"
    )
    tested = made_up(NO_PACK, residency("JP-HOME", '["RU"]', valid_from="2020-01-01"))
    found = await plan(pair, pair.clock().date(), tested)
    rate = found.moves[0].estimate.rate
    assert rate is not None and (rate.rows, rate.bytes, found.basis) == (2000, 100_000, "measured")
    assert found.moves[0].held is not None
    assert found.seconds == found.moves[0].held.rows / 2000


async def test_a_site_that_does_not_answer_is_named_and_never_empty(pair: Domicile) -> None:
    tested = made_up(NO_PACK, residency("JP-HOME", '["RU"]', valid_from="2020-01-01"))
    with killed(pair, "ru-1"):
        with pytest.raises(Unavailable):  # a connection of a killed server may answer for a moment
            for _ in range(200):
                await pair.sites[SiteName("ru-1")].auditor.run("SELECT 1")
                await asyncio.sleep(0.02)
        found = await plan(pair, pair.clock().date(), tested)
        assert (found.silent, found.complete) == (("ru-1",), False)
        assert [s.members for s in found.sites if s.site == "ru-1"] == [None]
        assert moves(found) == [("de-1", "ru-1", "RU", 3)]
