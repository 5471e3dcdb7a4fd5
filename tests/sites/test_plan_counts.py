"""What a plan counts in groups is what one counts member by member and row by row."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import date, timedelta
from random import Random

import pytest

from copying import gather
from domicile.border.persons import find_persons
from domicile.database import array
from domicile.ids import MemberId, SiteName, country_of_site, moment_of
from domicile.law.facts import Claim, Person
from domicile.law.residency import decide_home
from domicile.network.seeding.load import seed
from domicile.plan import holdings
from domicile.plan.census import FACTS, Census, Joined, find_joined, take_census
from domicile.plan.planning import overlay
from domicile.plan.report import Plan
from domicile.running import Domicile
from network_at import network_at
from planning import keys, made_up, plan, residency

COUNTRIES = ("JP", "JP", "JP", "NO", "RU", "DE")
BASES = ("residence", "citizenship", "presence", "collection")
ON = date(2027, 6, 1)
ANYBODY = residency("JP-HOME", '["US"]', valid_from="2027-01-01", subject='{ basis = "any" }')
NO_UNION = made_up("EU", residency("EU-ANYWHERE", "[]", valid_from="2020-01-01", elsewhere='"permit"'))
TO_US = overlay(NO_UNION, made_up("JP", ANYBODY))
"""Whoever the law of Japan claims must have their home in the United States; no law of the Union is in the way."""


@pytest.fixture(scope="module")
async def mixed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Domicile]:
    """Two sites whose members have claims and consents of every kind, some withdrawn."""
    async with network_at(tmp_path_factory.mktemp("mixed") / "data", sites="de,us") as domicile:
        await seed(domicile, 60)
        chance = Random(4)
        for site in domicile.sites.values():
            members = [row.member_id for row in await site.auditor.run("SELECT member_id FROM resident ORDER BY 1")]
            async with site.importer.transaction() as session:
                await session.execute_many(
                    "INSERT INTO claim VALUES (%s, %s, %s, %s, now()) ON CONFLICT DO NOTHING",
                    [
                        (member, chance.choice(COUNTRIES), chance.choice(BASES), chance.random() < 0.5)
                        for member in members
                        for _ in range(chance.randrange(4))
                    ],
                )
                await session.execute(
                    "DELETE FROM claim WHERE member_id = ANY (%s)", (chance.sample(members, len(members) // 5),)
                )
                await session.execute("UPDATE consent SET withdrawn_at = now() WHERE member_id % 3 = 0")
        yield domicile


async def everybody(domicile: Domicile, site: str) -> dict[MemberId, Person]:
    """Every member of a site as the border sees them, one by one."""
    rows = await domicile.sites[SiteName(site)].auditor.run("SELECT member_id FROM resident WHERE state = 'home'")
    members = [MemberId(row.member_id) for row in rows]
    async with domicile.router.read_at(SiteName(site), dict.fromkeys(members, 1)) as (reader, _):
        return await find_persons(reader, members)


def plain(person: Person) -> Person:
    return Person(frozenset(Claim(c.jurisdiction, c.basis) for c in person.claims), person.consents)


async def test_groups_hold_every_member_with_their_claims_and_standing_consents(mixed: Domicile) -> None:
    census = await take_census(mixed.sites, Joined(), lambda line: None)
    counted = Counter[tuple[SiteName, Person]]()
    for group in census.groups:
        counted[group.site, group.person] += group.members
    expected = Counter[tuple[SiteName, Person]]()
    for site in mixed.sites:
        expected.update((site, plain(person)) for person in (await everybody(mixed, site)).values())
    assert counted == expected
    assert len(counted) > 15, "they are different enough to try it"


async def test_moves_and_their_rows_are_those_of_a_count_member_by_member(mixed: Domicile) -> None:
    found = await plan(mixed, ON, TO_US)
    law = overlay(mixed.law, TO_US).on(ON)
    expected: dict[tuple[str, str], list[MemberId]] = {}
    for site in mixed.sites:
        here = country_of_site(site)
        for member, person in (await everybody(mixed, site)).items():
            if not decide_home(plain(person), here, law, mixed.policy, mixed.operator.facts).allowed:
                expected.setdefault((site, "JP"), []).append(member)
    counted = Counter[str]()
    for planned in found.moves:
        counted[planned.move.source] += planned.move.members
        assert planned.held is not None and planned.held.basis == "counted"
    stay = Counter[str]()
    for conflict in found.conflicts:
        if not conflict.lawful and not conflict.moves:
            stay[conflict.site] += conflict.members
    for site in mixed.sites:
        assert counted[site] + stay[site] == len(expected.get((site, "JP"), []))
    assert counted["de-1"] > 5 and stay["de-1"]


@pytest.mark.parametrize("most", [20_000, 5], ids=["everybody", "some of them"])
async def test_rows_are_counted_the_same_by_index_and_whole(
    mixed: Domicile, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holdings, "FOLDERS", most)
    planned = next(p for p in (await plan(mixed, ON, TO_US)).moves if (p.move.source, p.move.country) == ("de-1", "US"))
    site = mixed.sites[SiteName("de-1")]
    moving = {(group.claims) for group in planned.move.groups}
    rows = await site.importer.run(f"SELECT member_id, claims FROM ({FACTS}) m", {"joined": []})
    members = array(row.member_id for row in rows if row.claims in moving)
    expected = {}
    for owned in mixed.ownership.owned:
        query = f"SELECT count(*) AS n FROM {owned.name} WHERE {owned.owner} = ANY (%s::bigint[])"
        if count := (await site.importer.run(query, (members,)))[0].n:
            expected[owned.name] = count
    assert planned.held is not None
    assert (planned.held.tables, planned.held.basis) == (expected, "counted")


async def test_some_members_of_a_move_stand_for_all_where_tables_are_too_large_to_read(
    mixed: Domicile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holdings, "FOLDERS", 5)
    monkeypatch.setattr(holdings, "SAMPLED", 3)
    monkeypatch.setattr(holdings, "READABLE", 0)
    planned = next(p for p in (await plan(mixed, ON, TO_US)).moves if (p.move.source, p.move.country) == ("de-1", "US"))
    assert planned.held is not None
    assert (planned.held.basis, planned.held.file_basis) == ("sampled", "sampled")
    assert planned.held.tables["account"] == planned.move.members, "one row each, so that any three are enough"


async def test_members_are_divided_by_when_they_joined_where_a_rule_spares_those_who_came_before(
    mixed: Domicile,
) -> None:
    site = mixed.sites[SiteName("de-1")]
    ids = [row.member_id for row in await site.auditor.run("SELECT member_id FROM resident ORDER BY 1")]
    day = moment_of(ids[len(ids) // 2]).date() + timedelta(days=1)
    spares = residency(
        "JP-HOME", '["US"]', valid_from=day.isoformat(), existing_until="2030-01-01", subject='{ basis = "any" }'
    )
    law = made_up("JP", spares)
    census: Census = await take_census(mixed.sites, find_joined([law]), lambda line: None)
    counted = Counter[bool]()
    for group in census.groups:
        if group.site == "de-1":
            assert group.person.since is not None
            counted[group.person.since < day] += group.members
    assert counted == Counter(moment_of(member).date() < day for member in ids)
    assert len(counted) == 2


async def test_a_plan_changes_nothing(mixed: Domicile) -> None:
    """Not even by the probe, whose table is temporary."""

    async def state() -> list[object]:
        tables = [owned.name for owned in mixed.ownership.owned]
        tables += [table.name for table in mixed.ownership.site if table.schema is None]  # nobody reads residue
        digest = "SELECT count(*) AS rows, sum(hashtextextended(t::text, 0)) AS digest FROM {} t"
        return [await site.importer.run(digest.format(name)) for site in mixed.sites.values() for name in tables]

    before = await state()
    found: Plan = await plan(mixed, ON, TO_US)
    assert found.moves and found.basis == "probe"
    assert await state() == before


async def test_a_plan_counts_the_copies_that_a_law_would_have_recalled(mixed: Domicile) -> None:
    """All of a country whose law then lets nothing be kept abroad; under the law of today, those of who must move."""
    tomorrow = mixed.clock().date() + timedelta(days=1)
    assert (await plan(mixed, tomorrow)).copies.basis == "no copies are kept"
    await gather(mixed, SiteName("de-1"))
    registered = await mixed.sites[SiteName("us-1")].app.run(
        "SELECT member_id, until FROM copy_register WHERE holder = 'de-1' AND state = 'held'"
    )
    rule = keys("transfer", "US-RELAY", valid_from="2020-01-01", acts='["relay"]', categories='["user"]')
    found = await plan(mixed, tomorrow, made_up("US", rule))
    assert found.copies.held == found.copies.to_recall == len(registered) > 0
    assert found.copies.until == max(row.until for row in registered)
    assert (await plan(mixed, tomorrow)).copies.to_recall < len(registered)
