"""What a member typed is shown as they typed it; only links that we make are links."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile.network.formatting import find_mentions, find_tags, to_html, to_text

URL = "https://social.example"
KNOWN = {"anna": "Anna"}
NASTY = [
    "<script>",
    "javascript:",
    "<img src=x onerror=alert(1)>",
    '"',
    "'",
    "&",
    "<",
    ">",
    "https://",
    "@anna",
    "#tag",
]


def render(text: str) -> str:
    return to_html(text, KNOWN, URL)


@given(st.lists(st.sampled_from(NASTY) | st.text(max_size=8), max_size=12).map("".join))
def test_nothing_that_was_typed_becomes_markup(text: str) -> None:
    markup = render(text)
    tags = set(re.findall(r"<\s*/?\s*([a-zA-Z]+)", markup))
    assert tags <= {"p", "br", "a", "span"}
    attributes = set(re.findall(r"<[a-z]+((?:\s[^>]*)?)>", markup))
    assert not [a for a in attributes if re.search(r"\bon\w+\s*=|style\s*=", re.sub(r'"[^"]*"', "", a))]
    assert all(href.startswith(("http://", "https://")) for href in re.findall(r'href="([^"]*)"', markup))


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "Zs", "S"]), max_size=80))
def test_the_words_stay_as_they_were(text: str) -> None:
    shown = html.unescape(re.sub(r"<[^>]+>", "", render(text).replace("<br>", "\n")))
    said = re.sub(r"https?://(www\.)?", "", text.strip(), flags=re.IGNORECASE)
    assert "".join(re.sub(r"https?://(www\.)?", "", shown).split()).casefold() == "".join(said.split()).casefold()


@given(
    st.lists(st.sampled_from(["a word", "@anna", "#tag", "https://www.example.org/a?b=1&c=2", "<b> & \n"]), max_size=6)
)
def test_what_was_typed_comes_back_to_be_edited(words: list[str]) -> None:
    text = " ".join(words)
    assert to_text(render(text)).split() == text.replace("@anna", "@Anna").split()


def test_paragraphs_and_lines() -> None:
    assert render("one\ntwo\n\nthree") == "<p>one<br>two</p><p>three</p>"
    assert render("  \n ") == ""


def test_a_known_name_becomes_a_link_and_an_unknown_stays_text() -> None:
    assert f'href="{URL}/@Anna"' in render("hello @anna")
    assert "<a" not in render("hello @nobody")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("@anna and @ben, @anna again", ["anna", "ben"]),
        ("mail anna@example.org", []),
        ("@anna@social.example", ["anna"]),
        ("@anna@elsewhere.example", []),
        ("https://elsewhere.example/@anna", []),
        ("(@anna)", ["anna"]),
    ],
)
def test_mentions_of_this_network_are_found(text: str, found: list[str]) -> None:
    assert find_mentions(text, "social.example") == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("#One and #one", ["one"]),
        ("#été #日本 #Привет", ["été", "日本", "привет"]),
        ("#123", []),
        ("a#b", []),
        ("https://example.org/#part", []),
    ],
)
def test_tags_are_found_in_every_script_and_not_in_links(text: str, found: list[str]) -> None:
    assert find_tags(text) == found


@pytest.mark.parametrize(
    ("text", "href"),
    [
        ("see https://example.org/a?b=1&c=2.", "https://example.org/a?b=1&amp;c=2"),
        ("(https://example.org)", "https://example.org"),
        ("HTTPS://EXAMPLE.ORG/x", "HTTPS://EXAMPLE.ORG/x"),
    ],
)
def test_a_link_ends_where_the_sentence_goes_on(text: str, href: str) -> None:
    assert f'href="{href}"' in render(text)
    assert 'rel="nofollow noopener noreferrer"' in render(text)
