"""Logging in and out, forms that must come from our own pages, and nobody sent elsewhere."""

import html
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from copying import GERMANY, gather_of, settle
from domicile.ids import MemberId
from domicile.network.posts import Draft
from domicile.network.profiles import ProfileChange
from domicile.running import Domicile
from domicile.web.site.session import own_path
from network_at import MakeMember
from page_browser import Browser

PASSWORD = "correct horse"


@pytest.fixture
async def browser(domicile: Domicile) -> AsyncIterator[Browser]:
    async with Browser(domicile) as opened:
        yield opened


@pytest.fixture(scope="module")
async def someone(domicile: Domicile) -> str:
    """The handle of a member who can log in."""
    from network_at import make_member

    return await handle_of(domicile, await make_member(domicile, "DE", password=PASSWORD))


async def handle_of(domicile: Domicile, member: MemberId) -> str:
    return (await domicile.profiles.own(member)).profile.handle


async def test_a_member_logs_in_by_handle_or_address_and_out_again(browser: Browser, someone: str) -> None:
    for login in (someone, f"@{someone}", f"{someone}@example.org"):
        answer = await browser.log_in(login, PASSWORD)
        assert (answer.status_code, answer.headers["location"]) == (303, "/home")
        home = await browser.get("/home")
        assert f"@{someone}" in home.text
        await browser.send("/logout", home, {})
        assert (await browser.get("/home")).headers["location"] == "/login?next=%2Fhome"


async def test_the_session_ends_at_home_too(browser: Browser, someone: str) -> None:
    await browser.log_in(someone, PASSWORD)
    stolen = dict(browser.client.cookies)
    await browser.send("/logout", await browser.get("/home"), {})
    browser.client.cookies.update(stolen)
    assert (await browser.get("/home")).status_code == 303


async def test_the_session_cookie_is_kept_from_scripts_and_other_pages(browser: Browser, someone: str) -> None:
    answer = await browser.log_in(someone, PASSWORD)
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("domicile_session=")
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


async def test_a_wrong_password_and_an_unknown_name_get_one_answer(browser: Browser, someone: str) -> None:
    wrong = await browser.log_in(someone, "wrong horse")
    unknown = await browser.log_in("nobody_at_all", "wrong horse")
    assert (wrong.status_code, unknown.status_code) == (422, 422)
    assert "Invalid e-mail address, handle or password" in wrong.text
    assert wrong.text.replace(someone, "nobody_at_all") == unknown.text


@pytest.mark.parametrize("token", [None, "", "forged", "a" * 43])
async def test_a_form_without_its_token_is_refused_and_changes_nothing(
    domicile: Domicile, browser: Browser, someone: str, token: str | None
) -> None:
    await browser.log_in(someone, PASSWORD)
    sent = {} if token is None else {"form_token": token}
    for path in ("/home", "/settings", "/settings/consents", "/logout", "/login", "/signup", "/oauth/authorize"):
        answer = await browser.client.post(path, data=sent | {"text": "forged", "display_name": "forged"})
        assert answer.status_code == 403, path
    own = await domicile.profiles.own(await domicile.members.find_by_handle(someone))
    assert (own.profile.posts, own.profile.display_name) == (0, "")


async def test_a_token_of_another_session_does_not_fit(browser: Browser, domicile: Domicile, someone: str) -> None:
    async with Browser(domicile) as other:
        foreign = await other.get("/login")
    await browser.log_in(someone, PASSWORD)
    assert (await browser.send("/home", foreign, {"text": "forged"})).status_code == 403


@pytest.mark.parametrize("then", ["https://elsewhere.example/", "//elsewhere.example/", "/\\elsewhere.example"])
async def test_a_log_in_never_sends_anybody_elsewhere(browser: Browser, someone: str, then: str) -> None:
    answer = await browser.log_in(someone, PASSWORD, then)
    assert (answer.status_code, answer.headers["location"]) == (303, "/home")


@pytest.mark.parametrize(
    "then",
    ["", "\\\\a", "javascript:alert(1)", "/\t/a", "/ok\r\nSet-Cookie: a=b", "http:a", "//[a", "///a", "https:///a"],
)
def test_what_is_no_path_of_ours_is_not_gone_to(then: str) -> None:
    assert own_path(then) == "/home"


async def test_a_path_in_any_script_is_gone_to(browser: Browser, someone: str) -> None:
    answer = await browser.log_in(someone, PASSWORD, "/tags/книги")
    assert answer.status_code == 303
    assert (await browser.get(answer.headers["location"])).status_code == 200


def test_our_own_paths_are_kept_with_their_query() -> None:
    assert (
        own_path("/oauth/authorize?client_id=a&scope=read%20write") == "/oauth/authorize?client_id=a&scope=read%20write"
    )


async def test_settings_are_saved_and_wrong_ones_change_nothing(
    domicile: Domicile, browser: Browser, member: MakeMember
) -> None:
    me = await member("DE", password=PASSWORD)
    await browser.log_in(await handle_of(domicile, me), PASSWORD)
    page = await browser.get("/settings")
    hostile = "<script>alert(1)</script> & 'me' \"you\""
    answer = await browser.send("/settings", page, {"display_name": hostile, "note": hostile, "show_country": "yes"})
    assert answer.status_code == 303
    saved = await browser.get("/settings?saved=1")
    assert "<script>" not in saved.text
    own = await domicile.profiles.own(me)
    assert (own.profile.display_name, own.preferences.note) == (hostile, hostile)
    assert (own.preferences.show_country, own.profile.discoverable) == (True, False)
    wrong = await browser.send("/settings", page, {"display_name": "x" * 101, "note": "kept for you"})
    assert wrong.status_code == 422
    assert "kept for you" in wrong.text
    assert (await domicile.profiles.own(me)).preferences.note == hostile


async def test_a_picture_is_taken_and_what_is_none_is_refused(
    domicile: Domicile, browser: Browser, member: MakeMember
) -> None:
    me = await member("CN", password=PASSWORD)
    await browser.log_in(await handle_of(domicile, me), PASSWORD)
    page = await browser.get("/settings")
    wrong = await browser.send("/settings", page, {"display_name": "A"}, {"avatar": ("me.png", b"no picture at all")})
    assert wrong.status_code == 422
    assert 'id="avatar-error"' in wrong.text
    answer = await browser.send("/settings", page, {"display_name": "A"}, {"avatar": ("me.png", picture())})
    assert answer.status_code == 303
    shown = await browser.get(f"/@{await handle_of(domicile, me)}")
    address = shown.text.split('class="portrait" src="')[1].split('"')[0]
    assert (await browser.get(address)).headers["content-type"] == "image/png"


async def test_a_consent_is_given_and_withdrawn_on_the_page(
    domicile: Domicile, browser: Browser, member: MakeMember
) -> None:
    me = await member("RU", password=PASSWORD, consents=[])
    await browser.log_in(await handle_of(domicile, me), PASSWORD)
    page = await browser.get("/settings")
    assert "152-FZ" in page.text
    for give, expected in (("yes", {"publication"}), ("no", set())):
        await browser.send("/settings/consents", page, {"kind": "publication", "give": give})
        assert await domicile.members.consents(me) == expected
    assert (await browser.send("/settings/consents", page, {"kind": "all of it", "give": "yes"})).status_code == 422


async def test_the_data_page_tells_where_and_why(domicile: Domicile, browser: Browser, member: MakeMember) -> None:
    me = await member("RU", password=PASSWORD)
    await domicile.profiles.change(me, ProfileChange(display_name="Somebody"))
    await browser.log_in(await handle_of(domicile, me), PASSWORD)
    page = await browser.get("/settings/data")
    assert '<p class="big">Russia</p>' in page.text
    assert "RU-18-5" in page.text
    for country in ("Germany", "China", "United States"):
        assert f"<h3>{country}</h3>" in page.text


async def test_the_data_page_lists_copies_with_their_rules_and_ends(
    domicile: Domicile, browser: Browser, member: MakeMember
) -> None:
    me, reader = await member("US", password=PASSWORD), await member("DE")
    await browser.log_in(await handle_of(domicile, me), PASSWORD)
    page = await browser.get("/settings/data")
    assert "No other site holds a copy of anything of yours." in page.text
    await domicile.follows.follow(reader, me)
    post = await domicile.posts.write(me, Draft(text="to be kept abroad"))
    await gather_of(domicile, GERMANY, me)
    page = await browser.get("/settings/data")
    held = words_of(page.text, "copies")
    ends = domicile.clock() + timedelta(days=7)
    assert "Germany , at the site de-1: your newest public posts, 1 copy, with the words" in held
    assert "Germany , at the site de-1: your profile, with handle, name and portrait." in held
    assert held.count(f"Kept until {ends.day} {ends:%B %Y} at the latest.") == 2
    assert held.count("US-ELSEWHERE : 28 CFR Part 202") == 2
    assert "wanted back" not in held
    await domicile.posts.delete(me, post.id)
    assert "wanted back" in words_of((await browser.get("/settings/data")).text, "copies")
    await settle(domicile)
    assert "wanted back" not in words_of((await browser.get("/settings/data")).text, "copies")


def words_of(page: str, section: str) -> str:
    """What a reader reads in a section, on one line."""
    found = re.search(rf'<section id="{section}">(.*?)</section>', page, re.DOTALL)
    assert found is not None
    return " ".join(re.sub(r"<[^>]+>", " ", html.unescape(found[1])).split())


def picture() -> bytes:
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (30, 30), "teal").save(out, "PNG")
    return out.getvalue()
