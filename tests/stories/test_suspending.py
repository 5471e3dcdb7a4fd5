"""The operator suspends a member: they read why and keep their rights, others see nothing of theirs, until it ends."""

import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from copying import AMERICA, GERMANY, gather, kept, rows_with, settle
from domicile.errors import Conflict, InvalidInput, NotAuthenticated, NotFound
from domicile.ids import MemberId
from domicile.network.posts import Draft
from domicile.network.profiles import ProfileChange
from domicile.network.suspension import SUSPENSION_PATH, Suspended
from domicile.running import Domicile
from network_at import MakeMember, SetClock
from page_browser import Browser
from wire import unreachable

REASON = "You sold tickets that do not exist (rule 4)."
PASSWORD = "correct horse"


@pytest.fixture
async def browser(domicile: Domicile) -> AsyncIterator[Browser]:
    async with Browser(domicile) as opened:
        yield opened


class App:
    """What an app asks, with a member's token."""

    def __init__(self, browser: Browser, token: str) -> None:
        self.browser = browser
        self.headers = {"Authorization": f"Bearer {token}"}

    async def get(self, path: str) -> Any:
        answer = await self.browser.client.get(path, headers=self.headers)
        return answer.json()

    async def refused(self, path: str, **form: str) -> str:
        ask = self.browser.client.post(path, data=form, headers=self.headers) if form else None
        answer = await (ask or self.browser.client.get(path, headers=self.headers))
        assert answer.status_code == 403
        return str(answer.json()["error"])

    async def statuses(self, path: str, words: str) -> int:
        """How many of the posts at this address have these words in them, boosted or not."""
        found = await self.get(path)
        return sum(words in str(status) for status in found)


async def app_of(domicile: Domicile, browser: Browser, member: MemberId) -> App:
    app = await domicile.access.register_app("A test's", ["urn:ietf:wg:oauth:2.0:oob"], "read write follow", None)
    return App(browser, await domicile.access.new_token(member, app.client_id, app.scopes))


async def test_whoever_is_suspended_is_told_why_and_nobody_sees_them_until_it_ends(
    domicile: Domicile, browser: Browser, member: MakeMember
) -> None:
    words = f"tickets{secrets.token_hex(6)}"
    anna, reader, near = await member("DE", password=PASSWORD), await member("FR"), await member("DE")
    handle = (await domicile.profiles.own(anna)).profile.handle
    await domicile.profiles.change(anna, ProfileChange(display_name=f"Anna {words}"))
    post = await domicile.posts.write(anna, Draft(text=f"#{words}, cheap"))
    for other in (reader, near):
        await domicile.follows.follow(other, anna)
        await domicile.posts.write(other, Draft(text="is this true?", reply_to=post.id))
        await domicile.reactions.boost(other, post.id)
    hers, theirs = await app_of(domicile, browser, anna), await app_of(domicile, browser, reader)
    nearby = await app_of(domicile, browser, near)
    everywhere = ("/api/v1/timelines/home", f"/api/v1/accounts/{anna}/statuses", f"/api/v1/timelines/tag/{words}")
    shown = [await app.statuses(path, words) for app in (theirs, nearby) for path in everywhere]
    assert all(shown)

    suspended = await domicile.suspensions.suspend(anna, REASON)
    assert (suspended.reason, suspended.until) == (REASON, None)
    for path in ("/api/v1/accounts/verify_credentials", "/api/v1/timelines/home", "/api/v1/domicile/verification"):
        assert await hers.refused(path) == f"Your account is suspended: {REASON}"
    assert REASON in await hers.refused("/api/v1/statuses", status="one more")
    with pytest.raises(Suspended):  # whatever asked for it
        await domicile.posts.write(anna, Draft(text="one more"))

    for app in (theirs, nearby):
        assert [await app.statuses(path, words) for path in everywhere] == [0, 0, 0]
        account = await app.get(f"/api/v1/accounts/{anna}")
        assert (account["acct"], account["suspended"], account["display_name"]) == (handle, True, "")
        assert words not in str(await app.get(f"/api/v1/statuses/{post.id}"))
        assert await app.get(f"/api/v2/search?q={handle}&type=accounts") == {
            "accounts": [],
            "statuses": [],
            "hashtags": [],
        }
        assert words not in str(await app.get("/api/v1/notifications"))
    assert "This account is suspended" in (await browser.get(f"/@{handle}")).text

    answer = await browser.log_in(handle, PASSWORD)
    assert (await browser.get(answer.headers["location"])).headers["location"] == SUSPENSION_PATH
    assert (await browser.get("/settings")).headers["location"] == SUSPENSION_PATH
    page = await browser.get(SUSPENSION_PATH)
    assert page.status_code == 200 and REASON in page.text and "until further notice" in page.text
    assert (await browser.get("/settings/data")).status_code == 200
    rights = await browser.get("/settings/rights")
    archive = await browser.send("/settings/rights/archive", rights, {})
    assert archive.status_code == 200 and archive.content.startswith(b"PK")

    browser.client.cookies.set("domicile_session", await domicile.access.open_session(near))
    assert (await browser.get("/home")).status_code == 200, "nobody else is locked out"
    browser.client.cookies.set("domicile_session", await domicile.access.open_session(anna))

    await domicile.suspensions.reinstate(anna)
    assert [await app.statuses(path, words) for app in (theirs, nearby) for path in everywhere] == shown
    assert (await hers.get("/api/v1/accounts/verify_credentials"))["acct"] == handle
    assert (await browser.get(SUSPENSION_PATH)).headers["location"] == "/settings"
    await domicile.posts.write(anna, Draft(text="sorry"))


async def test_whoever_is_suspended_can_give_a_token_back_and_leave(
    domicile: Domicile, browser: Browser, member: MakeMember
) -> None:
    anna = await member("DE", password=PASSWORD)
    handle = (await domicile.profiles.own(anna)).profile.handle
    app = await domicile.access.register_app("A test's", ["urn:ietf:wg:oauth:2.0:oob"], "read", None)
    token = await domicile.access.new_token(anna, app.client_id, "read")
    await domicile.suspensions.suspend(anna, REASON)
    secret = domicile.access.app_secret(app.client_id)
    form = {"client_id": app.client_id, "client_secret": secret, "token": token}
    assert (await browser.client.post("/oauth/revoke", data=form)).status_code == 200
    with pytest.raises(NotAuthenticated):
        await domicile.access.check_token(token)
    await browser.log_in(handle, PASSWORD)
    rights = await browser.get("/settings/rights")
    gone = await browser.send("/settings/rights/erase", rights, {"password": PASSWORD, "sure": "yes"})
    assert gone.headers["location"] == "/?erased=1"
    with pytest.raises(NotFound):
        await domicile.router.home_of(anna, ask_hub=True)


async def test_a_suspension_for_a_time_ends_by_itself_and_a_new_one_takes_the_old_ones_place(
    domicile: Domicile, member: MakeMember, clock: SetClock
) -> None:
    anna = await member("DE")
    ends = clock() + timedelta(days=7)
    first = await domicile.suspensions.suspend(anna, "rule 4", ends)
    clock.advance(timedelta(days=1))
    second = await domicile.suspensions.suspend(anna, "rule 4, and rule 5", ends)
    assert (second.since, second.until) == (first.since, ends)
    for days, found in ((5, second), (2, None)):
        clock.advance(timedelta(days=days))
        await domicile.suspensions.end_due(GERMANY)
        assert await domicile.suspensions.find(anna) == found
    await domicile.posts.write(anna, Draft(text="back again"))


async def test_what_makes_no_suspension(domicile: Domicile, member: MakeMember) -> None:
    anna = await member("DE")
    for reason, until in ((" ", None), ("a" * 501, None), ("rule 4", domicile.clock())):
        with pytest.raises(InvalidInput):
            await domicile.suspensions.suspend(anna, reason, until)
    with pytest.raises(Conflict):
        await domicile.suspensions.reinstate(anna)
    assert await domicile.suspensions.find(anna) is None


async def test_copies_abroad_of_whoever_is_suspended_are_recalled(domicile: Domicile, member: MakeMember) -> None:
    words = f"canary{secrets.token_hex(8)}"
    author, reader = await member("US"), await member("DE")
    await domicile.follows.follow(reader, author)
    await domicile.posts.write(author, Draft(text=words))
    await gather(domicile, GERMANY)
    assert await rows_with(domicile, GERMANY, words) == {"kept_copy"}
    await domicile.suspensions.suspend(author, REASON)
    await settle(domicile)
    await gather(domicile, GERMANY)
    assert await rows_with(domicile, GERMANY, words) == set()
    with unreachable(domicile.exchange, AMERICA):
        copied = (await domicile.profiles.show(author, at=GERMANY, signed_in=True)).profile
    assert copied is not None and copied.suspended
    await domicile.suspensions.reinstate(author)
    await settle(domicile)
    await gather(domicile, GERMANY)
    assert await rows_with(domicile, GERMANY, words) == {"kept_copy"}
    assert await kept(domicile, GERMANY, author)
