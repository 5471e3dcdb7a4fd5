"""Joining through the pages: the country first, then the form, and the data ends where the page said it would."""

import re
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from domicile.ids import country_of_site
from domicile.running import Domicile
from network_at import SetClock
from page_browser import Browser


@pytest.fixture
async def browser(domicile: Domicile) -> AsyncIterator[Browser]:
    async with Browser(domicile) as opened:
        yield opened


@pytest.mark.parametrize("country", ["DE", "RU", "CN", "US"])
async def test_who_joins_has_their_data_in_their_country(domicile: Domicile, browser: Browser, country: str) -> None:
    page = await browser.get(f"/signup?country={country}")
    assert "Who could demand your data there" in page.text
    assert "checked on" in page.text
    assert "checked>" not in page.text  # no consent is ticked beforehand
    handle = new_handle()
    answer = await browser.send("/signup", page, joining(handle, country) | {"consents[]": "publication"})
    assert answer.status_code == 303
    member = await domicile.members.find_by_handle(handle)
    assert country_of_site((await domicile.router.home_of(member)).site) == country
    assert await domicile.members.consents(member) == {"publication"}
    assert f"@{handle}" in (await browser.get("/home?welcome=1")).text  # and is logged in


async def test_the_country_is_chosen_before_anything_is_typed(browser: Browser) -> None:
    page = await browser.get("/signup")
    assert '<option value="BR"' in page.text
    for field in ("username", "email", "password", "consents[]"):
        assert f'name="{field}"' not in page.text


async def test_a_country_without_a_site_is_told_where_the_data_would_live(browser: Browser) -> None:
    page = await browser.get("/signup?country=NZ")
    assert "Your data would live in Germany" in page.text
    assert "no law pack for New Zealand" in page.text


@pytest.mark.parametrize("country", ["", "XX", "DEU", "<b>", "\u0660\u0661"])
async def test_something_that_is_no_country_is_asked_again(browser: Browser, country: str) -> None:
    page = await browser.client.get("/signup", params={"country": country})
    assert page.status_code == 200
    assert "Which country" in page.text
    assert "<b>" not in page.text.split("<h1>")[0]


async def test_wrong_fields_are_told_and_nothing_typed_is_lost(domicile: Domicile, browser: Browser) -> None:
    page = await browser.get("/signup?country=DE")
    typed = joining("no spaces please", "DE") | {"email": "nobody", "password": "tiny-pw", "phone": "call me"}
    answer = await browser.send("/signup", page, typed | {"consents[]": "publication"})
    assert answer.status_code == 422
    for field in ("username", "email", "password", "phone"):
        assert f'id="{field}-error"' in answer.text
    assert 'value="no spaces please"' in answer.text
    assert 'value="publication" checked' in answer.text
    assert "tiny-pw" not in answer.text


async def test_a_handle_that_is_taken_is_told_and_nobody_is_made(browser: Browser) -> None:
    handle = new_handle()
    page = await browser.get("/signup?country=DE")
    assert (await browser.send("/signup", page, joining(handle, "DE"))).status_code == 303
    browser.forget()
    page = await browser.get("/signup?country=RU")
    answer = await browser.send("/signup", page, joining(handle, "RU") | {"email": "other-" + handle + "@example.org"})
    assert answer.status_code == 422
    assert "has already been taken" in answer.text


@pytest.mark.parametrize(("country", "minimum"), [("US", "13"), ("DE", "16")])
async def test_a_child_is_refused_in_a_neutral_sentence_and_nothing_is_stored(
    domicile: Domicile, browser: Browser, country: str, minimum: str
) -> None:
    page = await browser.get(f"/signup?country={country}")
    form = page.text.split('action="/signup"')[1].split("Why we ask")[0]
    words = re.sub(r"<[^>]*>", " ", form)  # what is read: a token in an attribute may hold any digits
    assert 'name="date_of_birth"' in form and minimum not in words
    typed, before = joining(new_handle(), country), await stored(domicile)
    answer = await browser.send("/signup", page, typed | {"date_of_birth": ""})
    assert answer.status_code == 422 and 'id="date_of_birth-error"' in answer.text
    answer = await browser.send("/signup", page, typed | {"date_of_birth": "2020-01-01"})
    assert answer.status_code == 422
    assert "This does not let us open an account for you" in answer.text
    assert await stored(domicile) == before
    assert (await browser.send("/signup", page, typed)).status_code == 303  # the names are free


async def test_a_date_of_birth_is_asked_from_the_laws_first_day_on(browser: Browser, clock: SetClock) -> None:
    clock.set(datetime(2018, 5, 24, 12, tzinfo=UTC))
    page = await browser.get("/signup?country=DE")
    assert 'name="username"' in page.text
    assert "date_of_birth" not in page.text and "of_age" not in page.text
    clock.set(datetime(2018, 5, 25, 12, tzinfo=UTC))
    assert "date_of_birth" in (await browser.get("/signup?country=DE")).text


async def test_what_nobody_here_can_prove_is_told_before_anything_is_typed(browser: Browser) -> None:
    page = await browser.get("/signup?country=BR")
    assert "nobody here can take it yet" in page.text and "ECA Digital" in page.text
    assert 'name="username"' not in page.text


async def stored(domicile: Domicile) -> list[int]:
    """How many members each site holds, and names the hub."""
    counts = [(await site.app.run("SELECT count(*) AS n FROM resident"))[0].n for site in domicile.sites.values()]
    return [*counts, (await domicile.hub.run("SELECT count(*) AS n FROM claim"))[0].n]


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", "'; DROP TABLE account; --", '"><img src=x>', "a\0b"])
async def test_what_is_typed_into_any_field_never_becomes_markup(browser: Browser, hostile: str) -> None:
    page = await browser.get("/signup?country=DE")
    for field in ("username", "email", "password", "phone", "date_of_birth", "country", "consents[]"):
        answer = await browser.send("/signup", page, joining(new_handle(), "DE") | {field: hostile})
        assert answer.status_code in (303, 400, 422), field
        assert "<script>alert" not in answer.text, field
        assert "<img src=x>" not in answer.text, field
        browser.forget()
        page = await browser.get("/signup?country=DE")


def new_handle() -> str:
    return f"page_{secrets.token_hex(6)}"


def joining(handle: str, country: str) -> dict[str, str]:
    typed = {"username": handle, "email": f"{handle}@example.org", "password": "correct horse"}
    return typed | {"country": country, "date_of_birth": "1990-05-01"}
