"""What strangers and members see, how an app is let in, and what is said when something is missing."""

import io
import re
import zipfile
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from domicile.errors import Misdirected, NotFound, TooMany, Unavailable, Withheld
from domicile.ids import SiteName
from domicile.network.posts import Draft
from domicile.network.timelines import Timelines
from domicile.running import Domicile
from network_at import MakeMember
from page_browser import Browser, hidden

PASSWORD = "correct horse"
OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"


@pytest.fixture
async def browser(domicile: Domicile) -> AsyncIterator[Browser]:
    async with Browser(domicile) as opened:
        yield opened


@pytest.fixture
async def logged_in(domicile: Domicile, browser: Browser, member: MakeMember) -> Browser:
    me = await member("DE", password=PASSWORD)
    browser.client.cookies.set("domicile_session", await domicile.access.open_session(me))
    return browser


@pytest.mark.parametrize("path", ["/", "/signup", "/login", "/public", "/law", "/law/ru", "/law/EU", "/about"])
async def test_every_page_for_strangers_loads_nothing_from_elsewhere(browser: Browser, path: str) -> None:
    page = await browser.get(path)
    assert page.status_code == 200
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=\"", page.text)
    assert not re.search(r'(?:src|<link[^>]*href)="(?!/)', page.text)


async def test_no_page_says_that_a_law_is_complied_with(browser: Browser) -> None:
    for path in ("/", "/law", "/law/ru", "/law/eu", "/about", "/signup?country=CN"):
        assert "complian" not in (await browser.get(path)).text.lower(), path
    pack = await browser.get("/law/ru")
    assert re.search(r"Recorded, \d+ of \d+ rules checked against a text", pack.text)


async def test_few_members_are_never_counted_exactly(browser: Browser) -> None:
    assert "fewer than 50 members" in (await browser.get("/")).text


async def test_the_front_page_shows_every_site_on_the_map(domicile: Domicile, browser: Browser) -> None:
    page = await browser.get("/")
    assert page.text.count('class="dot"') == len(domicile.config.sites)


async def test_an_unpublished_profile_is_not_there_for_strangers(
    domicile: Domicile, browser: Browser, member: MakeMember
) -> None:
    hidden_member = await member("DE", consents=[], handle="unpublished_one")
    post = await domicile.posts.write(hidden_member, Draft(text="only for members #quietly"))
    nobody = await browser.get("/@nobody_has_this_name")
    for path in ("/@unpublished_one", f"/@unpublished_one/{post.id}"):
        answer = await browser.get(path)
        assert (answer.status_code, answer.text) == (404, nobody.text)
    for path in ("/", "/public", "/tags/quietly"):
        assert "only for members" not in (await browser.get(path)).text
    browser.client.cookies.set("domicile_session", await domicile.access.open_session(await member("DE")))
    assert "only for members" in (await browser.get("/@unpublished_one")).text


async def test_a_published_profile_a_post_and_its_tag_are_there_for_everybody(
    domicile: Domicile, browser: Browser, member: MakeMember
) -> None:
    author = await member("DE", handle="published_one")
    post = await domicile.posts.write(author, Draft(text="<b>bread</b> & butter #loaf"))
    answer = await domicile.posts.write(author, Draft(text="an answer", reply_to=post.id))
    for path in ("/@published_one", f"/@published_one/{post.id}", "/tags/loaf", "/public"):
        page = await browser.get(path)
        assert page.status_code == 200
        assert "&lt;b&gt;bread&lt;/b&gt; &amp; butter" in page.text
    thread = await browser.get(f"/@published_one/{answer.id}")
    assert thread.text.index("butter") < thread.text.index("an answer")
    assert (await browser.get(f"/@nobody/{post.id}")).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/nowhere", "/@", "/@a/b", "/a/b/c/d", "/law/XX", "/@%00", "/@x/99999999999999999999999999999999999999999"],
)
async def test_what_is_not_there_is_a_page_that_says_so(browser: Browser, path: str) -> None:
    page = await browser.get(path)
    assert page.status_code == 404
    assert "There is nothing here" in page.text


async def test_a_post_is_written_on_the_page_and_a_refused_one_stays_in_the_form(logged_in: Browser) -> None:
    home = await logged_in.get("/home")
    assert (await logged_in.send("/home", home, {"text": "written here", "visibility": "private"})).status_code == 303
    home = await logged_in.get("/home")
    assert "written here" in home.text
    assert "Followers only" in home.text
    refused = await logged_in.send("/home", home, {"text": "long " * 200})
    assert refused.status_code == 422
    assert "long long long" in refused.text


async def test_a_post_is_answered_on_the_page(domicile: Domicile, logged_in: Browser, member: MakeMember) -> None:
    author = await member("DE")
    handle = (await domicile.profiles.own(author)).profile.handle
    post = await domicile.posts.write(author, Draft(text="who answers?", visibility="unlisted"))
    page = await logged_in.get(f"/@{handle}/{post.id}")
    assert '<option value="unlisted" selected' in page.text
    fields = {"text": "I do", "visibility": "unlisted", "reply_to": str(post.id), "back": f"/@{handle}/{post.id}"}
    sent = await logged_in.send("/home", page, fields)
    assert sent.headers["location"] == f"/@{handle}/{post.id}"
    assert "I do" in (await logged_in.get(f"/@{handle}/{post.id}")).text
    refused = await logged_in.send("/home", page, fields | {"text": "long " * 200})
    assert hidden(refused, "reply_to") == str(post.id)
    elsewhere = await logged_in.send("/home", page, fields | {"back": "https://elsewhere.example/"})
    assert elsewhere.headers["location"] == "/home"


async def test_somebody_is_followed_and_no_longer_followed(
    domicile: Domicile, logged_in: Browser, member: MakeMember
) -> None:
    handle = (await domicile.profiles.own(await member("DE"))).profile.handle
    page = await logged_in.get(f"/@{handle}")
    assert (await logged_in.send(f"/@{handle}", page, {"follow": "yes"})).status_code == 303
    page = await logged_in.get(f"/@{handle}")
    assert 'name="follow" value="no"' in page.text
    await logged_in.send(f"/@{handle}", page, {"follow": "no"})
    assert 'name="follow" value="yes"' in (await logged_in.get(f"/@{handle}")).text


async def test_a_page_says_when_a_site_does_not_answer(
    domicile: Domicile, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Something may be missing" not in (await browser.get("/public")).text
    ask = domicile.door._ask_one

    async def cut_off(at: SiteName, site: SiteName, *rest: object) -> object:
        return None if site == "ru-1" else await ask(at, site, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(domicile.door, "_ask_one", cut_off)
    page = await browser.get("/public")
    assert "Something may be missing" in page.text
    assert page.headers["x-domicile-incomplete"] == "1"
    assert "ru-1" not in page.text  # rule 13: not whose home it is


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (Withheld("order 7", "Withheld in Germany at the demand of a court, under NetzDG § 1"), 451, "NetzDG § 1"),
        (Withheld("a gagged order"), 451, "Withheld here for a legal reason"),
        (Unavailable("ru-1 does not answer"), 503, "tries again"),
        (Misdirected("elsewhere", "https://ru.example"), 421, 'href="https://ru.example"'),
        (TooMany("limit", reset=0.0), 429, "Too many requests"),
        (KeyError("secret of ru-1"), 500, "Something went wrong"),
    ],
)
async def test_every_error_is_a_page_with_a_safe_sentence(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, said: str
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Timelines, "public", fail)
    page = await browser.get("/public")
    assert page.status_code == status
    assert said in page.text
    assert "ru-1" not in page.text
    assert ("retry-after" in page.headers) == (status == 503)


async def test_paging_down_goes_on_until_nothing_is_older(browser: Browser) -> None:
    address = "/public"
    for _ in range(200):
        page = await browser.get(address)
        older = re.search(r'href="(\?max_id=\d+)"', page.text)
        if older is None:
            break
        address = f"/public{older[1]}"
    assert "Nothing older" in page.text


async def test_an_app_gets_a_code_to_copy(domicile: Domicile, logged_in: Browser) -> None:
    query = await authorization(domicile, OUT_OF_BAND)
    page = await logged_in.get(f"/oauth/authorize?{urlencode(query)}")
    assert "&lt;i&gt;app&lt;/i&gt;" in page.text
    answer = await logged_in.send("/oauth/authorize", page, query | {"answer": "authorize"})
    shown = re.search(r'<input id="code" class="code" value="([^"]+)" readonly', answer.text)
    assert shown is not None
    assert f'<code class="oauth-code">{shown[1]}</code>' in answer.text
    assert answer.headers["cache-control"] == "no-store"
    code = await domicile.access.take_code(shown[1])
    assert code is not None
    assert code.scopes == "read write"


async def test_an_app_is_sent_the_code_or_the_refusal(domicile: Domicile, logged_in: Browser) -> None:
    query = await authorization(domicile, "https://app.example/back?kept=1") | {"state": "s & t"}
    page = await logged_in.get(f"/oauth/authorize?{urlencode(query)}")
    assert "form-action" not in page.headers["content-security-policy"]
    assert hidden(page, "state") == "s & t"
    for answer, key in (("authorize", "code"), ("deny", "error"), ("", "error")):
        sent = await logged_in.send("/oauth/authorize", page, query | {"answer": answer})
        assert sent.status_code == 303
        back = urlsplit(sent.headers["location"])
        assert (back.netloc, parse_qs(back.query)["state"], parse_qs(back.query)["kept"]) == (
            "app.example",
            ["s & t"],
            ["1"],
        )
        assert key in parse_qs(back.query)


async def test_who_is_not_logged_in_comes_back_to_the_app_afterwards(domicile: Domicile, browser: Browser) -> None:
    query = urlencode(await authorization(domicile, OUT_OF_BAND))
    answer = await browser.get(f"/oauth/authorize?{query}")
    assert answer.status_code == 303
    login = await browser.get(answer.headers["location"])
    assert hidden(login, "next") == f"/oauth/authorize?{query}"


async def test_an_app_cannot_have_a_code_sent_to_an_address_it_did_not_register(
    domicile: Domicile, logged_in: Browser
) -> None:
    query = await authorization(domicile, "https://app.example/back")
    for path in ("https://elsewhere.example/", "https://app.example/back/../x"):
        answer = await logged_in.get(f"/oauth/authorize?{urlencode(query | {'redirect_uri': path})}")
        assert answer.status_code == 400
        assert "location" not in answer.headers
        assert "text/html" in answer.headers["content-type"]


async def authorization(domicile: Domicile, redirect_uri: str) -> dict[str, str]:
    app = await domicile.access.register_app("<i>app</i>", [redirect_uri], "read write", "https://app.example")
    return {
        "client_id": app.client_id,
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "scope": "read write",
    }


async def test_a_member_downloads_their_archive_and_then_leaves_for_good(
    domicile: Domicile, browser: Browser, member: MakeMember
) -> None:
    me = await member("US", password=PASSWORD, handle="leaving_by_the_page")
    await domicile.posts.write(me, Draft(text="the last words"))
    browser.client.cookies.set("domicile_session", await domicile.access.open_session(me))
    page = await browser.get("/settings/rights")
    archive = await browser.send("/settings/rights/archive", page, {})
    assert archive.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(archive.content)) as packed:
        assert b"the last words" in packed.read("outbox.json")
    for typed, said in (
        ({"password": "wrong", "sure": "yes"}, "is not your password"),
        ({"password": PASSWORD}, "must be ticked"),
    ):
        refused = await browser.send("/settings/rights/erase", page, typed)
        assert refused.status_code == 422 and said in refused.text
    assert (await domicile.router.home_of(me, ask_hub=True)).site == "us-1"
    gone = await browser.send("/settings/rights/erase", page, {"password": PASSWORD, "sure": "yes"})
    assert gone.status_code == 303
    with pytest.raises(NotFound):
        await domicile.router.home_of(me, ask_hub=True)
    assert (await browser.get("/settings/rights")).status_code in (302, 303), "nobody is logged in any more"
