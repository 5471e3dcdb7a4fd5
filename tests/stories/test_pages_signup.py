"""Joining through the pages: the country first, then the form, and the data ends where the page said it would."""

import secrets
from collections.abc import AsyncIterator

import pytest

from domicile.ids import country_of_site
from domicile.running import Domicile
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


async def test_a_child_is_refused_by_the_age_that_the_law_sets(browser: Browser) -> None:
    page = await browser.get("/signup?country=US")
    answer = await browser.send("/signup", page, joining(new_handle(), "US") | {"date_of_birth": "2020-01-01"})
    assert answer.status_code == 422
    assert 'id="date_of_birth-error"' in answer.text


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
