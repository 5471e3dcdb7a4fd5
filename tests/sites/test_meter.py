"""The meter on a network of two sites: who was active is counted by country and day, and told only in large numbers."""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest

from domicile.border.meter import KEEP, Meter
from domicile.border.sketch import Sketch
from domicile.border.stats import COLUMNS, Nearness, Stats, read_stats
from domicile.ids import Country, MemberId, SiteName
from domicile.law.compiled import Law
from domicile.law.facts import Count
from domicile.law.pack import parse_pack
from domicile.placement.routing import wait_for_site
from domicile.placement.sealing import load_secret
from domicile.running import Domicile
from domicile.web.app import make_app
from network_at import SetClock, killed, make_member, network_at

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
FLOOR = 3
KEY = hashlib.sha256(b"the tests of the meter").hexdigest()
"""Fixed: under one random key in eighty, a sketch takes twenty-one members for twenty."""

RULES = """
[[rule]]
id = "{place}-METERED-{metric}-{number}"
kind = "presence"
form = "other"
duty = "invented for this test"
summary = "Invented for this test."
valid_from = 2020-01-01
subject = {{ basis = "any" }}
thresholds = [{{ metric = "{metric}", at_least = {number} }}]
confidence = "L"
unverified = true
[rule.citation]
act = "An invented act"
article = "art. 1"
source = "invented"
checked_on = 2026-11-24
verified = false
"""


@pytest.fixture(scope="module")
def clock() -> SetClock:
    return SetClock()


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped packs, and thresholds small enough for a test."""
    folder = tmp_path_factory.mktemp("packs")
    for place in ("eu", "ru", "de"):
        shutil.copy(str(files("domicile.law") / "packs" / f"{place}.toml"), folder)
    with (folder / "eu.toml").open("a") as eu, (folder / "ru.toml").open("a") as ru:
        for metric, number in (("daily_users", 5), ("daily_users", 100), ("monthly_users", 7), ("registered", 9)):
            eu.write(RULES.format(place="EU", metric=metric, number=number))
        ru.write(RULES.format(place="RU", metric="monthly_users", number=2))
    return folder


@pytest.fixture(scope="module")
async def network(tmp_path_factory: pytest.TempPathFactory, packs: Path, clock: SetClock) -> AsyncIterator[Domicile]:
    clock.set(START)
    folder = tmp_path_factory.mktemp("meter") / "data"
    file = folder / "secrets" / "activity.key"
    file.parent.mkdir(parents=True, mode=0o700)
    file.touch(mode=0o600)
    file.write_text(KEY)
    async with network_at(folder, clock=clock, sites="de,ru", packs=packs, stats_floor=FLOOR) as running:
        yield running


@pytest.fixture
async def domicile(network: Domicile, clock: SetClock) -> Domicile:
    """A day on which nobody was active yet, after forty on which nobody was."""
    await network.meter.write()
    for site in network.sites.values():
        await site.app.run("DELETE FROM activity")
        await site.app.run("DELETE FROM setting WHERE key LIKE 'counts %'")
    clock.set(START + DAY * round((clock() - START) / DAY + 40))
    network.meter._counts._known.clear()
    return network


class Visitor:
    """A member with an app in their hand."""

    def __init__(self, domicile: Domicile, member: MemberId, token: str) -> None:
        self.domicile, self.member, self.token = domicile, member, token

    async def look(self, token: str | None = None) -> int:
        transport = httpx.ASGITransport(app=make_app(self.domicile))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            headers = {"Authorization": f"Bearer {token or self.token}"}
            return (await client.get("/api/v1/accounts/verify_credentials", headers=headers)).status_code


async def visitors(domicile: Domicile, country: str, n: int, **form: Any) -> list[Visitor]:
    app = await domicile.access.register_app("test", ["urn:ietf:wg:oauth:2.0:oob"], "read", None)
    members = [await make_member(domicile, country, **form) for _ in range(n)]
    return [Visitor(domicile, m, await domicile.access.new_token(m, app.client_id, "read")) for m in members]


async def stats(domicile: Domicile, floor: int = FLOOR) -> Stats:
    return await read_stats(domicile.sites, domicile.law, domicile.operator.facts, domicile.clock(), floor)


def line(found: Stats, country: str) -> dict[str, int | None]:
    return dict(next(line.counts for line in found.lines if line.country == country))


def nearness(found: Stats, rule: str) -> Nearness:
    return next(near for near in found.nearness if near.bound.citation.rule == rule)


def count_days(domicile: Domicile, clock: SetClock, by_day: list[list[MemberId]], country: str) -> Meter:
    """A meter that has seen these members, one list a day, and has not written yet; the clock stands after them."""
    meter = Meter(domicile.sites, domicile.law, activity_key(domicile), clock)
    for members in by_day:
        for member in members:
            meter.count(SiteName("de-1"), member, [Country(country)])
        clock.advance(DAY)
    return meter


def activity_key(domicile: Domicile) -> bytes:
    return load_secret(domicile.config.data / "secrets" / "activity.key")


async def rows(domicile: Domicile, site: str) -> dict[tuple[date, str], bytes]:
    found = await domicile.sites[SiteName(site)].app.run("SELECT day, country, sketch FROM activity")
    return {(row.day, row.country): bytes(row.sketch) for row in found}


async def test_members_who_use_their_apps_are_counted_once_a_day_at_their_home(
    domicile: Domicile, clock: SetClock
) -> None:
    french, russians = await visitors(domicile, "FR", 4), await visitors(domicile, "RU", 2)
    first_day = clock().date()
    for day in range(3):
        for visitor in [*french, *french[:2], *russians[:1], *russians[: day // 2 + 1]]:
            assert await visitor.look() == 200
        assert await french[0].look("1234.made-up") == 401
        clock.advance(timedelta(minutes=2))
        await domicile.tick()
        clock.advance(DAY)
    assert {key: Sketch(stored).count() for key, stored in (await rows(domicile, "de-1")).items()} == {
        (first_day + DAY * day, "FR"): 4 for day in range(3)
    }
    assert [Sketch(s).count() for _, s in sorted((await rows(domicile, "ru-1")).items())] == [1, 1, 2]
    found = await stats(domicile, floor=1)
    assert found.counting_since == first_day
    assert line(found, "FR") == {
        "members": 4,
        "daily_users": 4,
        "daily_users_average": 4,  # of the two full days; the first was not one
        "monthly_users": None,  # thirty full days are needed
    }
    assert line(found, "RU")["daily_users"] == 2


async def test_who_logs_in_on_the_pages_is_counted_and_who_only_looks_is_not(
    domicile: Domicile, clock: SetClock
) -> None:
    member = await make_member(domicile, "ES", password="a long password")
    session = await domicile.access.open_session(member)
    transport = httpx.ASGITransport(app=make_app(domicile))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.get("/login")).status_code == 200
        assert not domicile.meter._seen
        visitor = await domicile.access.check_session(session)
        assert visitor is not None
        assert visitor.member == member
        assert await domicile.access.check_session(f"{member}.made-up") is None
    assert domicile.meter._seen == {(SiteName("de-1"), clock().date()): {"ES": {member}}}


async def test_a_member_counts_where_they_live_and_not_by_their_passport(domicile: Domicile, clock: SetClock) -> None:
    (exile,) = await visitors(domicile, "AT", 1, citizenship="RU")
    assert await exile.look() == 200
    await domicile.meter.write()
    assert {country for _, country in await rows(domicile, "de-1")} == {"AT"}
    clock.advance(DAY * 2)
    assert line(await stats(domicile, floor=1), "AT")["members"] == 1


async def test_two_processes_write_the_same_day_at_the_same_time(domicile: Domicile, clock: SetClock) -> None:
    today, key = clock().date(), activity_key(domicile)
    meters = [Meter(domicile.sites, domicile.law, key, clock) for _ in range(4)]
    countries = [Country(code) for code in ("DE", "FR", "IT", "PL")]
    for n in range(400):
        order = countries if n % 2 else countries[::-1]
        meters[n % 4].count(SiteName("de-1"), MemberId(n % 300 + 1), order)
    await asyncio.gather(*(meter.write() for meter in meters))
    stored = await rows(domicile, "de-1")
    alone = Sketch()
    alone.add(key, [MemberId(n + 1) for n in range(300)])
    assert stored == {(today, country): bytes(alone) for country in countries}
    await meters[0].write()  # nothing new: nothing is written
    assert await rows(domicile, "de-1") == stored


async def test_a_month_is_the_union_of_its_days_and_of_the_sites(domicile: Domicile, clock: SetClock) -> None:
    members = [MemberId(n + 1) for n in range(8)]
    meter = count_days(domicile, clock, [members[:1], *[members[:4]] * 15, *[members[2:6]] * 14, members[:6]], "FR")
    clock.advance(-DAY)
    meter.count(SiteName("ru-1"), members[0], [Country("FR")])  # moved: at another home, and the same member
    clock.advance(DAY)
    await meter.write()
    french = line(await stats(domicile, floor=1), "FR")
    assert (french["daily_users"], french["daily_users_average"], french["monthly_users"]) == (6, 4, 6)
    clock.advance(DAY * 29)
    french = line(await stats(domicile, floor=0), "FR")  # only the last of those days is in the month
    assert (french["daily_users"], french["monthly_users"]) == (0, 6)
    clock.advance(DAY)
    assert line(await stats(domicile, floor=0), "FR")["monthly_users"] == 0


async def test_what_is_under_the_floor_is_told_nowhere(domicile: Domicile, clock: SetClock) -> None:
    """One member more in a country under the floor changes nothing that is told, in no sum and no date."""
    french = [visitor.member for visitor in await visitors(domicile, "FR", 6)]
    await count_days(domicile, clock, [french[: 3 + day % 3] for day in range(40)], "FR").write()
    await visitors(domicile, "LU", 1)
    before = await stats(domicile)
    assert line(before, "LU") == dict.fromkeys(COLUMNS)
    assert next(found for found in before.lines if found.country == "LU").suppressed == COLUMNS
    (another,) = await visitors(domicile, "LU", 1)
    meter = Meter(domicile.sites, domicile.law, activity_key(domicile), SetClock())
    meter.clock = lambda: clock() - DAY
    meter.count(SiteName("de-1"), another.member, [Country("LU")])
    await meter.write()
    told = await stats(domicile)
    assert line(told, "LU") == dict.fromkeys(COLUMNS)
    assert told.totals == before.totals
    assert [(n.reading.current, n.crossing) for n in told.nearness] == [
        (n.reading.current, n.crossing) for n in before.nearness
    ]
    assert nearness(told, "EU-METERED-daily_users-100").reading.left_out >= 1


async def test_each_threshold_says_how_near_it_is_and_when_it_will_be_crossed(
    domicile: Domicile, clock: SetClock
) -> None:
    """Three users on the first day, one more every fifth day: the two-hundredth of a hundred users is a date."""
    members = [MemberId(n + 1) for n in range(100)]
    await count_days(domicile, clock, [members[: 3 + day // 5] for day in range(91)], "FR").write()
    found = await stats(domicile)
    near = nearness(found, "EU-METERED-daily_users-100")
    assert near.reading.current == 21 and near.bound.number == 100
    assert near.reading.growth.per_day == pytest.approx(0.2, rel=0.02)
    assert near.crossing.day is not None
    assert abs((near.crossing.day - clock().date()).days - 79 * 5) < 12
    assert "least squares" in near.crossing.why
    reached = nearness(found, "EU-METERED-daily_users-5")
    assert (reached.crossing.day, reached.crossing.why) == (None, "reached")
    assert nearness(found, "RU-METERED-monthly_users-2").reading.suppressed
    assert near.bound.citation.act == "An invented act"


async def test_the_law_hears_of_bands_and_takes_every_member_for_a_user_until_it_knows(
    domicile: Domicile, clock: SetClock, packs: Path
) -> None:
    def told(counts: frozenset[Count]) -> dict[str, int]:
        return {count.metric: count.n for count in counts if count.jurisdiction == "EU"}

    await visitors(domicile, "IT", 7)  # with those of the other tests, more than nine in the Union
    assert told(await domicile.meter.counts()) == {"daily_users": 5, "monthly_users": 7, "registered": 9}
    italians = [MemberId(n + 1) for n in range(6)]
    await count_days(domicile, clock, [italians[:4]] * 31, "IT").write()
    await domicile.operator.refresh()
    assert told(domicile.operator.facts.counts) == {"daily_users": 0, "monthly_users": 0, "registered": 9}
    await count_days(domicile, clock, [italians], "IT").write()
    before = domicile.operator.facts
    clock.advance(timedelta(minutes=-30) - DAY)
    await domicile.operator.refresh()
    assert domicile.operator.facts is before  # the law's caches stay useful: an hour has not passed
    clock.advance(DAY + timedelta(hours=1))
    await domicile.operator.refresh()
    assert told(domicile.operator.facts.counts) == {"daily_users": 5, "monthly_users": 0, "registered": 9}
    edited = RULES.format(place="EU", metric="monthly_users", number=4)
    tested = parse_pack((packs / "eu.toml").read_bytes() + edited.encode(), "eu.toml")
    both = await domicile.meter.counts(Law({tested.jurisdiction: tested}))
    assert told(both) == {"daily_users": 5, "monthly_users": 4, "registered": 9}  # a bound of theirs, at four


async def test_a_command_takes_the_counts_that_the_running_network_left_within_the_hour(
    domicile: Domicile, clock: SetClock
) -> None:
    def daily(counts: frozenset[Count]) -> list[int]:
        return [count.n for count in counts if (count.metric, count.jurisdiction) == ("daily_users", "EU")]

    members = [MemberId(n + 1) for n in range(6)]
    meter = count_days(domicile, clock, [members[:4]] * 3, "EE")
    await meter.write()
    assert daily(await domicile.meter.counts()) == [0]
    clock.advance(-DAY)
    for member in members:
        meter.count(SiteName("de-1"), member, [Country("EE")])
    clock.advance(DAY)
    await meter.write()
    command = Meter(domicile.sites, domicile.law, activity_key(domicile), clock)
    assert daily(await command.counts()) == [0]
    clock.advance(timedelta(hours=1))
    assert daily(await command.counts()) == [5]


async def test_days_older_than_four_hundred_are_dropped(domicile: Domicile, clock: SetClock) -> None:
    await count_days(domicile, clock, [[MemberId(1)]], "FR").write()
    first = clock().date() - DAY
    clock.set(datetime.combine(first, START.timetz()) + KEEP)
    await domicile.meter.tick()
    assert [day for day, _ in await rows(domicile, "de-1")] == [first]
    clock.advance(DAY)
    await domicile.meter.tick()
    assert await rows(domicile, "de-1") == {}


async def test_no_trace_of_an_id_lies_in_the_table_and_without_the_key_none_can_be_tried(
    domicile: Domicile, clock: SetClock
) -> None:
    found = await visitors(domicile, "PT", 3)
    for visitor in found:
        assert await visitor.look() == 200
    await domicile.meter.write()
    dump = "".join(str(row) for row in await domicile.sites[SiteName("de-1")].app.run("SELECT * FROM activity"))
    (stored,) = (await rows(domicile, "de-1")).values()
    for visitor in found:
        id_as = (str(visitor.member).encode(), visitor.member.to_bytes(8, "big"), visitor.member.to_bytes(8, "little"))
        assert str(visitor.member) not in dump
        assert not any(text in stored or hashlib.sha256(text).digest()[:4] in stored for text in id_as)

    def seems_in(key: bytes, member: MemberId) -> bool:
        tried = Sketch(stored)
        tried.add(key, [member])
        return bytes(tried) == stored

    assert all(seems_in(activity_key(domicile), visitor.member) for visitor in found)  # hence the key lies elsewhere
    assert sum(seems_in(b"", visitor.member) for visitor in found) <= 1
    key_file = domicile.config.data / "secrets" / "activity.key"
    assert key_file.stat().st_mode & 0o077 == 0


async def test_a_site_that_is_down_loses_nothing_that_this_process_remembers(
    domicile: Domicile, clock: SetClock
) -> None:
    german, russian, russia = MemberId(1), MemberId(2), SiteName("ru-1")
    counts = await domicile.meter.counts()
    with killed(domicile, "ru-1"):
        domicile.meter.count(SiteName("de-1"), german, [Country("DE")])
        domicile.meter.count(russia, russian, [Country("RU")])
        await domicile.meter.write()
        assert {country for _, country in await rows(domicile, "de-1")} == {"DE"}
        assert (await stats(domicile)).missing == {"ru-1"}
        clock.advance(timedelta(hours=2))
        assert await domicile.meter.counts() == counts  # the older ones stand
    await wait_for_site(domicile.sites[russia])
    await domicile.meter.write()
    assert [(country, Sketch(s).count()) for (_, country), s in (await rows(domicile, "ru-1")).items()] == [("RU", 1)]
    assert not (await stats(domicile)).missing
