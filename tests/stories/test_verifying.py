"""Where a law asks who somebody is before they post, they read, are told why they cannot post, verify, and post."""

import asyncio
import json
import re
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest
import structlog

from canary import places
from domicile.errors import InvalidFields, InvalidInput, TooMany, Unavailable
from domicile.ids import MemberId
from domicile.network.challenges import MOST_SENT, MOST_TRIES, PAUSE
from domicile.network.posts import Draft
from domicile.network.standing import Unverified
from domicile.wiring import Domicile
from network_at import MakeMember, SetClock, superuser
from page_browser import Browser
from wire import tapped

BEFORE = datetime(2017, 5, 31, 12, tzinfo=UTC)
SINCE = datetime(2017, 6, 1, 12, tzinfo=UTC)
PASSWORD = "a long password"


@pytest.fixture
async def browser(domicile: Domicile) -> AsyncIterator[Browser]:
    async with Browser(domicile) as opened:
        yield opened


def new_number() -> str:
    """A number of the range that no operator has."""
    return f"+86154{secrets.randbelow(10**8):08}"


def code_sent(domicile: Domicile, member: MemberId, site: str = "cn-1") -> str:
    """The code in the newest message to a member."""
    text = (domicile.config.data / "messages" / site / f"{member}.txt").read_text()
    found = re.search(r"\b(\d{6})\b is your code", text)
    assert found is not None
    return found[1]


def another(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


async def start(domicile: Domicile, member: MemberId, number: str | None = None) -> str:
    await domicile.verifications.start(member, number or new_number())
    return code_sent(domicile, member)


async def refused(domicile: Domicile, member: MemberId, answer: str, why: str) -> None:
    with pytest.raises(InvalidFields, match=why):
        await domicile.verifications.finish(member, answer)


async def test_a_member_in_china_reads_and_posts_once_they_are_verified(domicile: Domicile, browser: Browser) -> None:
    handle = f"page_{secrets.token_hex(6)}"
    page = await browser.get("/signup?country=CN")
    assert "you will be asked for it before you post" in page.text
    typed = {"country": "CN", "username": handle, "email": f"{handle}@example.org", "password": PASSWORD}
    answer = await browser.send("/signup", page, typed | {"date_of_birth": "1990-05-01"})
    assert answer.status_code == 303
    member = await domicile.members.find_by_handle(handle)
    home = await browser.get("/home")
    assert (await browser.get("/public")).status_code == 200
    assert "You can read, but not yet post" in home.text and "Cybersecurity Law, art. 26" in home.text
    answer = await browser.send("/home", home, {"text": "hello"})
    assert answer.status_code == 403 and "/settings/verify" in answer.text
    page = await browser.get("/settings/verify")
    answer = await browser.send("/settings/verify", page, {"contact": "nothing like a number"})
    assert answer.status_code == 422 and 'id="contact-error"' in answer.text
    assert (await browser.send("/settings/verify", page, {"contact": new_number()})).status_code == 303
    page = await browser.get("/settings/verify")
    assert "messages/cn-1/" in page.text
    answer = await browser.send("/settings/verify/answer", page, {"code": another(code_sent(domicile, member))})
    assert answer.status_code == 422 and "tries left: 4" in answer.text
    answer = await browser.send("/settings/verify/answer", page, {"code": code_sent(domicile, member)})
    assert answer.status_code == 303
    assert "Done: you can post" in (await browser.get("/settings/verify?done=1")).text
    assert (await browser.send("/home", page, {"text": "hello at last"})).status_code == 303
    assert "hello at last" in (await browser.get(f"/@{handle}")).text


async def test_an_app_is_told_the_same(domicile: Domicile, server: str, member: MakeMember) -> None:
    reader = await member("CN", verified=False)
    post = (await domicile.posts.write(await member("CN"), Draft(text="read me"))).id
    client = await domicile.access.register_app("Reader", ["urn:ietf:wg:oauth:2.0:oob"], "read write", None)
    token = await domicile.access.new_token(reader, client.client_id, "read write")
    async with httpx.AsyncClient(base_url=server, headers={"Authorization": f"Bearer {token}"}) as app:
        assert (await app.get(f"/api/v1/statuses/{post}")).status_code == 200
        assert (await app.get("/api/v1/timelines/home")).status_code == 200
        for path, body in (
            ("/api/v1/statuses", {"status": "hello"}),
            ("/api/v1/statuses", {"status": "hello", "visibility": "direct"}),
            ("/api/v1/statuses", {"status": "hello", "in_reply_to_id": str(post)}),
            (f"/api/v1/statuses/{post}/reblog", {}),
        ):
            answer = await app.post(path, json=body)
            assert answer.status_code == 403, answer.text
            assert "Cybersecurity Law, art. 26" in answer.json()["error"]
            assert "/settings/verify" in answer.json()["error"]
        assert (await app.post(f"/api/v1/statuses/{post}/favourite")).status_code == 200
        asked = (await app.get("/api/v1/domicile/verification")).json()
        assert [rule["rule"]["id"] for rule in asked["asked"]] == ["CN-REAL-ID"] and not asked["may_post"]
        answer = await app.post("/api/v1/domicile/verification", json={"contact": new_number()})
        assert answer.status_code == 200 and answer.json()["waiting"]["tries_left"] == MOST_TRIES
        body = {"code": another(code_sent(domicile, reader))}
        answer = await app.post("/api/v1/domicile/verification/answer", json=body)
        assert answer.status_code == 422 and answer.json()["details"]["code"][0]["error"] == "ERR_INVALID"
        answer = await app.post("/api/v1/domicile/verification/answer", json={"code": code_sent(domicile, reader)})
        assert answer.json()["may_post"] and answer.json()["proved"][0]["method"] == "mobile_number:CN"
        assert (await app.post("/api/v1/statuses", json={"status": "hello"})).status_code == 200


async def test_a_member_elsewhere_is_asked_nothing(domicile: Domicile, member: MakeMember) -> None:
    reader = await member("DE", verified=False)
    assert await domicile.posts.write(reader, Draft(text="hello"))
    state = await domicile.verifications.state(reader)
    assert (state.asked, state.offers) == ([], [])
    with pytest.raises(InvalidInput, match="no law"):
        await domicile.verifications.start(reader, "+4915100000000")


async def test_the_laws_first_day_decides(domicile: Domicile, clock: SetClock, member: MakeMember) -> None:
    clock.set(BEFORE)
    early = await member("CN", verified=False)
    first = await domicile.posts.write(early, Draft(text="nobody asks yet"))
    clock.set(SINCE)
    with pytest.raises(Unverified):
        await domicile.posts.write(early, Draft(text="now somebody asks"))
    with pytest.raises(Unverified):
        await domicile.posts.edit(early, first.id, Draft(text="not by a change either"))
    assert (await domicile.posts.show(first.id, reader=early)).body is not None
    await domicile.posts.delete(early, first.id)


async def test_five_wrong_codes_end_it_also_when_they_come_at_once(domicile: Domicile, member: MakeMember) -> None:
    reader = await member("CN", verified=False)
    right = await start(domicile, reader)
    wrong = [another(right)] * 12
    answers = await asyncio.gather(
        *(domicile.verifications.finish(reader, code) for code in wrong), return_exceptions=True
    )
    said = sorted(str(answer) for answer in answers)
    assert sum("is not the one we sent" in text for text in said) == MOST_TRIES
    assert sum("can no longer be used" in text for text in said) == len(wrong) - MOST_TRIES
    await refused(domicile, reader, right, "no longer be used")


async def test_a_code_runs_out_and_a_newer_one_ends_it(domicile: Domicile, clock: SetClock, member: MakeMember) -> None:
    reader = await member("CN", verified=False)
    number = new_number()
    old = await start(domicile, reader, number)
    clock.advance(timedelta(minutes=11))
    await refused(domicile, reader, old, "no longer be used")
    older = await start(domicile, reader, number)
    clock.advance(PAUSE)
    newer = await start(domicile, reader, number)
    if older != newer:
        await refused(domicile, reader, older, "is not the one")
    assert not (await domicile.verifications.finish(reader, newer)).unmet
    await refused(domicile, reader, newer, "no longer be used")  # a code is good once


async def test_two_right_answers_at_once_verify_once(domicile: Domicile, member: MakeMember) -> None:
    reader = await member("CN", verified=False)
    code = await start(domicile, reader)
    answers = await asyncio.gather(
        *(domicile.verifications.finish(reader, code) for _ in range(2)), return_exceptions=True
    )
    assert sum(isinstance(answer, InvalidFields) for answer in answers) == 1


async def test_another_members_code_is_worth_nothing(domicile: Domicile, member: MakeMember) -> None:
    one, other = await member("CN", verified=False), await member("CN", verified=False)
    code, theirs = await start(domicile, one), await start(domicile, other)
    if code != theirs:
        await refused(domicile, other, code, "is not the one")
    assert not (await domicile.verifications.finish(one, code)).unmet


async def test_codes_are_sent_a_few_times_a_day_to_a_member_and_to_a_number(
    domicile: Domicile, clock: SetClock, member: MakeMember
) -> None:
    one, other = await member("CN", verified=False), await member("CN", verified=False)
    number = new_number()
    await start(domicile, one, number)
    with pytest.raises(TooMany, match="in a row"):
        await start(domicile, one, number)
    for _ in range(MOST_SENT - 1):
        clock.advance(PAUSE)
        await start(domicile, one, number)
    clock.advance(PAUSE)
    with pytest.raises(TooMany, match="of a day"):
        await start(domicile, one)  # the member has had enough
    with pytest.raises(TooMany, match="of a day"):
        await start(domicile, other, number)  # and so has the number
    clock.advance(timedelta(days=1))
    assert await start(domicile, other, number)


async def test_a_number_verifies_one_member_and_only_its_holder_learns_it(
    domicile: Domicile, clock: SetClock, member: MakeMember
) -> None:
    one, other = await member("CN", verified=False), await member("CN", verified=False)
    number = new_number()
    await domicile.verifications.finish(one, await start(domicile, one, number))
    code = await start(domicile, other, number)  # nothing tells that it is known
    await refused(domicile, other, another(code), "is not the one")
    await refused(domicile, other, code, "already stands for another member")
    await domicile.verifications.forget(one, "mobile_number:CN")
    with pytest.raises(Unverified):
        await domicile.posts.write(one, Draft(text="no longer"))
    clock.advance(PAUSE)
    assert not (await domicile.verifications.finish(other, await start(domicile, other, number))).unmet


async def test_a_message_that_cannot_be_sent_verifies_nobody(
    domicile: Domicile, clock: SetClock, member: MakeMember
) -> None:
    reader = await member("CN", verified=False)
    file = domicile.config.data / "messages" / "cn-1" / f"{reader}.txt"
    file.mkdir(parents=True)
    with pytest.raises(Unavailable):
        await domicile.verifications.start(reader, new_number())
    await refused(domicile, reader, "000000", "no longer be used")
    file.rmdir()
    clock.advance(PAUSE)
    assert not (await domicile.verifications.finish(reader, await start(domicile, reader))).unmet


async def test_number_code_and_birthday_are_sealed_at_home_and_in_no_log(
    domicile: Domicile, member: MakeMember, caplog: pytest.LogCaptureFixture
) -> None:
    number, born = new_number(), date(1931, 1, 1) + timedelta(days=secrets.randbelow(3000))
    with structlog.testing.capture_logs() as our_log, tapped(domicile.exchange) as wire:
        reader = await member("CN", verified=False, birth_date=born)
        code = await start(domicile, reader, number)
        await refused(domicile, reader, another(code), "is not the one")
        with pytest.raises(TooMany):
            await start(domicile, reader, number)
        kept = await kept_of(domicile, reader)
        assert str(code).encode() not in kept
        await domicile.verifications.finish(reader, code)
        with pytest.raises(InvalidInput):
            await domicile.verifications.start(reader, number)
    clusters = (domicile.config.data / "pg").resolve()
    for name in [*domicile.sites, "hub"]:
        async with superuser(domicile, name) as admin:
            await admin.run("CHECKPOINT")
    for value in (number, number[1:], born.isoformat(), born.strftime("%Y%m%d")):
        assert places(clusters, value) == set()
        assert not wire.carried(value)
    said = json.dumps(our_log, default=str) + caplog.text
    said += "".join(log.read_text(errors="replace") for log in clusters.glob("*.log"))
    assert not [value for value in (number[1:], code, born.isoformat()) if re.search(rf"\b{value}\b", said)]
    assert places(domicile.config.data / "messages", number) <= {"cn-1"}


async def kept_of(domicile: Domicile, member: MemberId) -> bytes:
    async with superuser(domicile, "cn-1") as database:
        rows = await database.run(
            "SELECT c.answer, c.digest, v.contact FROM challenge c JOIN vault.challenge_contact v"
            " USING (member_id, challenge_id) WHERE c.member_id = %s",
            (member,),
        )
    return b"".join(bytes(value) for row in rows for value in row)
