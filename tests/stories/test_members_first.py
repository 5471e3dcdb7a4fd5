"""Whoever is to move is told first, in their own language, and may take, trim, correct or leave before it."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from clients_browser import served
from domicile.cli.departures import find_departures
from domicile.cli.main import app
from domicile.errors import Conflict, InvalidFields
from domicile.ids import Country, MemberId, SiteName
from domicile.network.notice_words import compose_notice, known_language, words_in
from domicile.network.notices import Announced, Told
from domicile.network.posts import Draft
from domicile.placement.embedded import Embedded, discard
from domicile.placement.files import list_files
from domicile.plan.departures import Departure
from domicile.running import Domicile
from network_at import SetClock, make_member, network_at
from page_browser import Browser
from pictures import picture

AMERICA, RUSSIA = SiteName("us-1"), SiteName("ru-1")
LAW = date(2015, 9, 1)
TODAY = datetime(2015, 9, 10, 12, tzinfo=UTC)
PASSWORD = "a long password"


@pytest.fixture(scope="module")
def day() -> SetClock:
    return SetClock()


@pytest.fixture(scope="module")
async def network(tmp_path_factory: pytest.TempPathFactory, day: SetClock) -> AsyncIterator[Domicile]:
    """Sites in the United States and Russia, a few days after Russia's localisation law took effect."""
    day.set(TODAY)
    async with network_at(tmp_path_factory.mktemp("first") / "data", sites="us,ru", clock=day) as domicile:
        yield domicile


@pytest.fixture(autouse=True)
def on_the_day(day: SetClock) -> None:
    day.set(TODAY)


async def live_in_russia(domicile: Domicile, locale: str = "ru", **form: Any) -> MemberId:
    """A member at home in us-1 of whom only the law of Russia claims anything."""
    member = await make_member(domicile, "US", locale=locale, **form)
    query = "UPDATE claim SET jurisdiction = 'RU' WHERE member_id = %s"
    await domicile.sites[AMERICA].importer.run(query, (member,))
    return member


async def departure(domicile: Domicile, *members: MemberId) -> Departure:
    """What the plan says of these members alone."""
    (found,) = await find_departures(domicile, [], LAW, None)
    assert set(members) <= set(found.members)
    return Departure(found.source, found.target, members, found.reason, found.move)


async def tell(domicile: Domicile, *members: MemberId, on: date) -> Told:
    leaving = await departure(domicile, *members)
    assert leaving.move is not None
    announced = Announced(leaving.target, on, leaving.move.reason, leaving.move.rules)
    return await domicile.notices.tell(members, announced)


async def test_everybody_is_told_in_their_own_language_and_once(network: Domicile) -> None:
    languages = ("ru", "de", "zh-TW", "pt")
    members = [await live_in_russia(network, locale) for locale in languages]
    told = await tell(network, *members, on=date(2015, 10, 12))
    assert (dict(told.languages), told.before, told.left) == ({"ru": 1, "de": 1, "zh": 1, "en": 1}, 0, {})
    notices = [await network.notices.current(member) for member in members]
    titles = [notice.title for notice in notices if notice]
    assert titles == [
        "Ваши данные будут перенесены 12 октября 2015\u202fг.: Соединенные Штаты → Россия",
        "Ihre Daten ziehen am 12. Oktober 2015 um: Vereinigte Staaten → Russland",
        "您的数据将于2015年10月12日迁移：美国 → 俄罗斯",
        "Your data moves on October 12, 2015: United States → Russia",
    ]
    assert all(notice and "152-FZ art. 18(5)" in notice.wording for notice in notices)
    again = await tell(network, *members, on=date(2015, 10, 12))
    assert (again.languages.total(), again.before) == (0, 4)
    later = await tell(network, *members, on=date(2015, 10, 20))
    assert later.languages.total() == 4


def test_a_language_that_nobody_wrote_is_english_and_every_file_is_whole() -> None:
    assert [known_language(tag) for tag in ("de_AT", "zh-Hant", "fr", "", "../de")] == ["de", "zh", "en", "en", "en"]
    for language in ("en", "de", "ru", "zh"):
        words = words_in(language)
        text = compose_notice(language, LAW, Country("US"), Country("RU"), ["x art. 1"])
        assert "{" not in text and len(text.split("\n")) == 7 and "x art. 1" in text
        assert len({getattr(words.labels, name) for name in words.labels.__struct_fields__}) == 8


async def test_a_plan_moves_nobody_who_was_not_told_in_time(network: Domicile, day: SetClock) -> None:
    anna, ben = await live_in_russia(network), await live_in_russia(network)
    await tell(network, anna, on=date(2015, 10, 15))

    async def why() -> list[str | None]:
        found = await network.notices.find_untold(AMERICA, [anna, ben], RUSSIA)
        return [found.get(anna), found.get(ben)]

    assert await why() == ["was told less than 30 days ago", "was not told of this move"]
    day.advance(timedelta(days=30))
    assert (await why())[0] == "was told that nothing moves before 2015-10-15"
    day.advance(timedelta(days=5))
    assert (await why())[0] is None
    await tell(network, anna, on=date(2015, 11, 1))  # put off: the first notice counts, and the new day too
    assert (await why())[0] == "was told that nothing moves before 2015-11-01"
    day.set(datetime(2015, 11, 1, 8, tzinfo=UTC))
    assert await why() == [None, "was not told of this move"]


async def test_a_member_reads_it_on_the_pages_and_trims(network: Domicile, day: SetClock) -> None:
    day.set(datetime(2015, 7, 1, tzinfo=UTC))
    anna = await live_in_russia(network, handle="anna_first", password=PASSWORD)
    ben = await make_member(network, "US", handle="ben_first")
    old = await network.posts.write(anna, Draft(text="long ago, @ben_first"))
    said = await network.posts.write(ben, Draft(text="boost me"))
    await network.reactions.boost(anna, said.id)
    day.set(TODAY)
    kept = await network.posts.write(anna, Draft(text="today"))
    await tell(network, anna, on=date(2015, 10, 12))
    async with Browser(network) as browser, Browser(network) as elsewhere:
        await elsewhere.log_in("anna_first", PASSWORD)
        await browser.log_in("anna_first", PASSWORD)
        assert 'lang="ru"' in (await browser.get("/home")).text
        page = await browser.get("/settings/move")
        assert "152-FZ art. 18(5)" in page.text and "До этого дня вы можете" in page.text
        assert "Decline" not in (await browser.get("/settings/data")).text
        wrong = await browser.send("/settings/move/posts", page, {"before": "soon"})
        assert wrong.status_code == 422
        done = await browser.send("/settings/move/posts", page, {"before": "2015-09-01"})
        assert done.headers["location"] == "/settings/move?done=2"
        ended = await browser.send("/settings/move/devices", page, {})
        assert ended.headers["location"] == "/settings/move?done=1"
        assert (await elsewhere.get("/settings/move")).headers["location"].startswith("/login")
        assert (await browser.send("/settings/move/read", page, {})).headers["location"] == "/home"
        assert "12 октября" not in (await browser.get("/home")).text
        assert "12 октября" in (await browser.get("/settings/move")).text
    rows = await network.router.rows(anna, "SELECT post_id FROM post WHERE author_id = %(m)s", {"m": anna})
    assert [row.post_id for row in rows] == [kept.id.snowflake]
    assert old.id.snowflake != kept.id.snowflake
    (boosted,) = (await network.posts.show_many([said.id], reader=ben, at=AMERICA)).items
    assert boosted.body is not None and boosted.body.boosts == 0


async def test_apps_show_it_as_an_announcement_until_it_is_dismissed(network: Domicile) -> None:
    anna, ben = await live_in_russia(network, "de"), await make_member(network, "US")
    await tell(network, anna, on=date(2015, 10, 12))
    client_app = await network.access.register_app("app", ["urn:ietf:wg:oauth:2.0:oob"], "read write", None)
    async with served(network) as server, httpx.AsyncClient(base_url=server, trust_env=False) as client:

        async def announcements(member: MemberId, **query: str) -> Any:
            token = await network.access.new_token(member, client_app.client_id, "read write")
            client.headers["Authorization"] = f"Bearer {token}"
            return (await client.get("/api/v1/announcements", params=query)).json()

        assert await announcements(ben) == []
        (shown,) = await announcements(anna)
        assert "Vereinigte Staaten → Russland" in shown["content"] and shown["read"] is False
        assert (await client.post(f"/api/v1/announcements/{shown['id']}/dismiss")).json() == {}
        assert (await client.post("/api/v1/announcements/1/dismiss")).status_code == 404
        assert await announcements(anna) == []
        (shown,) = await announcements(anna, with_dismissed="true")
        assert shown["read"] is True


async def test_who_corrects_what_they_declared_is_told_no_more_and_a_duty_is_not_declined(network: Domicile) -> None:
    anna = await live_in_russia(network)
    await tell(network, anna, on=date(2015, 10, 12))
    _, (proposal,) = await network.declarations.show(anna)
    with pytest.raises(Conflict):
        await network.declarations.decline(anna, proposal.id)
    with pytest.raises(InvalidFields):
        await network.declarations.correct(anna, "Atlantis")
    assert await network.notices.current(anna) is not None
    await network.declarations.correct(anna, "US")
    assert await network.notices.current(anna) is None
    assert (await network.notices.find_untold(AMERICA, [anna], RUSSIA))[anna] == "was not told of this move"


async def test_a_notice_moves_along_and_drafts_do_not(network: Domicile, day: SetClock) -> None:
    anna = await live_in_russia(network)
    draft = await network.media.upload(anna, picture(40))
    shown = await network.media.upload(anna, picture(60))
    await network.posts.write(anna, Draft(text="with a picture", pictures=[shown.media_id]))
    await tell(network, anna, on=date(2015, 10, 12))
    day.advance(timedelta(days=40))
    assert await network.trimming.drop_drafts(AMERICA, [anna]) == 1
    moved = await network.coordinator.relocate([anna], AMERICA, RUSSIA, "a test")
    assert moved.members == [anna]
    files = {digest for _, digest in list_files(network.sites[RUSSIA].media, [anna])}
    assert files == {shown.digest, shown.preview} and draft.digest not in files
    assert await network.notices.current(anna) is None
    rows = await network.router.rows(anna, "SELECT wording FROM notice WHERE member_id = %(m)s", {"m": anna})
    assert "152-FZ" in rows[0].wording


def command(data: Path, *words: str, expect: int = 0) -> Any:
    done = CliRunner().invoke(app, [*words, "--data", str(data), "--json"])
    assert done.exit_code == expect, done.output
    return json.loads(done.stdout)


def test_the_operator_tells_and_then_moves(tmp_path: Path) -> None:
    data = tmp_path / "data"

    async def prepare() -> tuple[MemberId, date]:
        async with network_at(data, sites="us,ru", keep=True) as domicile:
            return await live_in_russia(domicile), domicile.clock().date()

    async def reasons() -> list[str]:
        async with network_at(data, sites="us,ru", keep=True) as domicile:
            return [entry.fields for entry in await domicile.journal.entries() if entry.step == "open"]

    try:
        with Embedded.start(data, ["us-1", "ru-1", "hub"]):
            anna, day = asyncio.run(prepare())
            (data / "network.toml").write_text('sites = ["us-1", "ru-1"]\n')
            refused = command(data, "relocate", "--plan", str(day), expect=1)
            assert refused["left"] == [{"id": str(anna), "why": "was not told of this move"}]
            told = command(data, "member", "tell", "--plan", str(day))
            assert (told["told"], told["languages"], told["moves_on"]) == (1, {"ru": 1}, str(day + timedelta(days=30)))
            assert list(told["wordings"]) == ["ru"]
            assert command(data, "member", "show", str(anna))["notice"]["to"] == "ru-1"
            refused = command(data, "relocate", "--plan", str(day), expect=1)
            assert refused["left"][0]["why"] == "was told less than 30 days ago"
            moved = command(data, "relocate", "--plan", str(day), "--without-notice", "a court sets a day")
            assert (moved["members"], moved["left"]) == (1, [])
            assert command(data, "member", "tell", "--plan", str(day), "--moves-on", str(day), expect=2)["ok"] is False
            (fields,) = asyncio.run(reasons())
            assert "without notice: a court sets a day" in fields
    finally:
        discard(data)
