"""An incident on real servers: who is counted, what is written down, and what survives."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from breaching import LAW, NOBODY
from domicile.database import Database
from domicile.errors import Conflict, InvalidInput, NotFound, Unavailable
from domicile.ids import MemberId, SiteName
from domicile.plan.breach import Breaches, Report
from domicile.plan.breach_case import Case
from domicile.plan.breach_count import Who
from domicile.running import Domicile
from network_at import MakeMember, SetClock, killed, make_member

DE, RU = SiteName("de-1"), SiteName("ru-1")
MAIL = ("user.contact.email",)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
AWARE = NOON - timedelta(hours=1)
NOBODYS = MemberId(1)


def breaches_at(domicile: Domicile) -> Breaches:
    return Breaches(domicile.sites, domicile.hub, LAW, lambda: NOBODY, domicile.clock)


def report(*members: MemberId, site: SiteName = RU, who: Who | None = None, **more: object) -> Report:
    return Report((site,), MAIL, who or Who("members", members=frozenset(members)), **more)  # type: ignore[arg-type]


def due(case: Case) -> dict[str, datetime | None]:
    return {name: clock.duty.due for name, clock in case.clocks.items()}


async def told(copy: Database) -> list[str]:
    return [row.told for row in await copy.run("SELECT told FROM incident_entry ORDER BY entry_id")]


@pytest.fixture
async def breaches(domicile: Domicile, clock: SetClock) -> AsyncIterator[Breaches]:
    clock.set(NOON)
    yield breaches_at(domicile)
    for copy in (domicile.hub, *(site.app for site in domicile.sites.values())):
        await copy.run("DELETE FROM incident_entry")


async def test_members_of_three_countries_start_three_laws_at_once(breaches: Breaches, member: MakeMember) -> None:
    members = [await member(country) for country in ("DE", "RU", "RU", "CN")]
    case = await breaches.open(report(*members, risk="high_risk"), AWARE)
    assert due(case) == {
        "RU-21.report": AWARE + timedelta(hours=24),
        "RU-21.follow_up": AWARE + timedelta(hours=72),
        "EU-33.report": AWARE + timedelta(hours=72),
        "EU-33.members": None,
        "CN-4H.report": AWARE + timedelta(hours=4),
        "CN-4H.follow_up": AWARE + timedelta(days=30),
        "CN-4H.members": None,
    }
    assert case.assessment.persons == 4
    assert case.assessment.countries == {"CN": 1, "DE": 1, "RU": 2}
    assert case.name.startswith("ru-1-")


async def test_the_law_of_china_asks_nothing_the_day_before(
    breaches: Breaches, member: MakeMember, clock: SetClock
) -> None:
    chinese = await member("CN")
    night = datetime(2025, 10, 31, 15, 59, tzinfo=UTC)  # a minute to midnight in Beijing
    clock.set(night + timedelta(hours=1))
    before = await breaches.open(report(chinese), night)
    assert "CN-4H.report" not in due(before)
    after = await breaches.open(report(chinese), night + timedelta(minutes=1))
    assert due(after)["CN-4H.report"] == night + timedelta(minutes=1, hours=4)


async def test_everybody_at_home_at_the_site_is_counted(
    breaches: Breaches, member: MakeMember, domicile: Domicile
) -> None:
    await member("RU")
    case = await breaches.open(report(who=Who()), AWARE)
    (row,) = await domicile.sites[RU].app.run("SELECT count(*) AS members FROM resident WHERE state = 'home'")
    assert case.assessment.persons == row.members
    assert case.clocks["RU-21.report"].duty.persons == row.members


@pytest.mark.parametrize(("erased", "binds"), [(998, False), (999, True)])
async def test_a_thousand_persons_are_told_of_in_korea(
    breaches: Breaches, member: MakeMember, erased: int, binds: bool
) -> None:
    """One member lives in Korea. Of the others on the list nobody knows any more where they lived."""
    korean = await member("KR")
    case = await breaches.open(report(korean, *map(MemberId, range(1, erased + 1))), AWARE)
    assert (case.assessment.persons, case.assessment.unplaced) == (erased + 1, erased)
    assert ("KR-1000.report" in case.clocks) == binds


async def test_a_number_is_the_most_that_any_country_can_have(breaches: Breaches, member: MakeMember) -> None:
    for _ in range(3):
        await member("RU")
    case = await breaches.open(report(who=Who("number", 2)), AWARE)
    report_to_russia = case.clocks["RU-21.report"].duty
    assert (report_to_russia.persons, report_to_russia.at_most) == (2, True)


async def test_whoever_got_no_answer_asks_again_and_there_is_one_incident(
    breaches: Breaches, member: MakeMember, domicile: Domicile
) -> None:
    russian = await member("RU")
    asked = report(russian, note="first try")
    first = await breaches.open(asked, AWARE)
    again = await breaches.open(report(russian, note="second try"), AWARE.astimezone())
    assert (again.name, again.opened_at, again.note) == (first.name, first.opened_at, "first try")
    assert len(await told(domicile.hub)) == len(await told(domicile.sites[RU].app)) == 1
    other = await breaches.open(asked, AWARE, key="another leak in the same minute")
    assert other.name != first.name
    assert [case.name for case in await breaches.cases()] == [other.name, first.name]


async def test_two_operators_at_once_open_one_incident(breaches: Breaches, member: MakeMember) -> None:
    russian = await member("RU")
    cases = await asyncio.gather(*(breaches.open(report(russian), AWARE) for _ in range(5)))
    assert len({case.name for case in cases}) == len(await breaches.cases()) == 1


async def test_who_was_cut_off_before_the_answer_finds_what_was_written(
    breaches: Breaches, member: MakeMember, domicile: Domicile
) -> None:
    """The request dies as soon as the hub has the entry: whatever was written is one incident, and complete."""
    russian = await member("RU")
    asking = asyncio.ensure_future(breaches.open(report(russian), AWARE))
    for _ in range(1000):
        if await told(domicile.hub):
            break
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    case = await breaches.open(report(russian), AWARE)
    assert case.entries == 1
    assert await told(domicile.hub) == await told(domicile.sites[RU].app)


async def test_nothing_about_a_single_member_is_written_down(
    breaches: Breaches, member: MakeMember, domicile: Domicile
) -> None:
    russian = await member("RU", handle="canary_of_the_leak")
    await breaches.open(report(russian), AWARE)
    for copy in (domicile.hub, domicile.sites[RU].app):
        (text,) = await told(copy)
        assert str(russian) not in text and "canary" not in text
    assert not await told(domicile.sites[DE].app), "a site that is not concerned keeps nothing"


async def test_a_restored_site_and_a_lost_hub_are_given_what_the_other_has(
    breaches: Breaches, member: MakeMember, domicile: Domicile
) -> None:
    case = await breaches.open(report(await member("RU")), AWARE)
    await breaches.settle(case.name, "ru-21.REPORT", "made", note="by the form")
    site, hub = domicile.sites[RU].app, domicile.hub
    for lost in (site, hub):
        await lost.run("DELETE FROM incident_entry")
        found = await breaches.find(case.name)
        assert found.clocks["RU-21.report"].state == "made"
        assert await told(site) == await told(hub) != []


async def test_reports_are_written_down_until_the_incident_can_be_closed(
    breaches: Breaches, member: MakeMember, clock: SetClock
) -> None:
    case = await breaches.open(report(await member("RU")), AWARE)
    with pytest.raises(Conflict, match=r"RU-21\.report, RU-21\.follow_up still run"):
        await breaches.close(case.name)
    made = await breaches.settle(case.name, "RU-21.report", "made", at=AWARE + timedelta(minutes=5))
    assert made.clocks["RU-21.report"].at == AWARE + timedelta(minutes=5)
    with pytest.raises(Conflict, match="cannot become made"):
        await breaches.settle(case.name, "RU-21.report", "made")
    with pytest.raises(InvalidInput, match="say why"):
        await breaches.settle(case.name, "RU-21.follow_up", "waived")
    await breaches.settle(case.name, "RU-21.follow_up", "waived", note="the regulator asked for none")
    closed = await breaches.close(case.name)
    assert (closed.state, closed.running) == ("closed", [])
    with pytest.raises(Conflict, match="is closed"):
        await breaches.settle(case.name, "RU-21.follow_up", "made")


async def test_what_is_found_out_later_starts_further_clocks(breaches: Breaches, member: MakeMember) -> None:
    russian, german = await member("RU"), await member("DE")
    case = await breaches.open(report(russian), AWARE)
    assert "EU-33.report" not in case.clocks
    more = await breaches.recount(case.name, report(russian, german, note="a German too"))
    assert more.clocks["EU-33.report"].duty.due == AWARE + timedelta(hours=72)
    assert more.assessment.countries == {"DE": 1, "RU": 1}


async def test_bad_reports_are_refused_and_nothing_is_written(
    breaches: Breaches, member: MakeMember, domicile: Domicile
) -> None:
    russian = await member("RU")
    bad: list[tuple[Report, datetime, type[Exception]]] = [
        (report(russian), NOON + timedelta(hours=1), InvalidInput),
        (report(russian, site=SiteName("xx-1")), AWARE, NotFound),
        (Report((RU,), ("user.contact.emial",), Who()), AWARE, InvalidInput),
        (Report((RU,), (), Who()), AWARE, InvalidInput),
        (Report((), MAIL, Who()), AWARE, InvalidInput),
        (report(who=Who("number", 0)), AWARE, InvalidInput),
        (report(), AWARE, InvalidInput),
        (report(russian, note="x" * 3000), AWARE, InvalidInput),
    ]
    for said, aware, error in bad:
        with pytest.raises(error):
            await breaches.open(said, aware)
    assert not await told(domicile.hub)
    case = await breaches.open(report(russian), AWARE)
    for when in (AWARE - timedelta(seconds=1), NOON + timedelta(hours=1)):
        with pytest.raises(InvalidInput, match="is not between"):
            await breaches.settle(case.name, "RU-21.report", "made", at=when)
    for name, wanted in (("ru-1-zzzzzz", "RU-21.report"), (case.name, "EU-33.report")):
        with pytest.raises(NotFound):
            await breaches.settle(name, wanted, "made")


async def test_an_incident_is_opened_while_the_hub_or_the_site_itself_is_down(fresh: Domicile) -> None:
    breaches = breaches_at(fresh)
    russian = await make_member(fresh, "RU")
    with killed(fresh, "hub"):
        case = await breaches.open(report(russian), fresh.clock() - timedelta(hours=1))
        assert "RU-21.report" in case.clocks
    with killed(fresh, "ru-1"):
        with pytest.raises(Unavailable, match="give `--affected` a number"):
            await breaches.open(report(who=Who()), fresh.clock())
        blind = await breaches.open(report(who=Who("number", 50)), fresh.clock())
        assert blind.assessment.silent == ("ru-1",)
        assert blind.clocks["RU-21.report"].duty.persons == 50
    for _ in range(100):
        known = [found.name for found in await breaches.cases()]
        if sorted(known) == sorted([case.name, blind.name]) and await _agree(fresh):
            return
        await asyncio.sleep(0.1)
    pytest.fail("the copies do not agree")


async def _agree(domicile: Domicile) -> bool:
    try:
        return await told(domicile.hub) == await told(domicile.sites[RU].app)
    except Unavailable:
        return False
