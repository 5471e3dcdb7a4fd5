"""The page of a plan: one file that fetches nothing, with a map, and everything that the plan says."""

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser

import pytest

from domicile.cli.plan_text import show_plan
from domicile.law.compiled import Law
from domicile.plan.planning import make_plan
from domicile.plan.report import Plan
from domicile.running import Domicile
from domicile.web.console.plan_page import render_plan
from network_at import make_member, network_at
from planning import keys, made_up, residency

ON = date(2027, 3, 1)


class Parsed(HTMLParser):
    """Every tag with its attributes, and the words."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str, kind: str | None = None) -> list[dict[str, str | None]]:
        return [found for name, found in self.tags if name == tag and kind in (None, found.get("class"))]


@pytest.fixture(scope="module")
async def found(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Plan, Domicile]]:
    """A plan that has something of everything."""
    async with network_at(tmp_path_factory.mktemp("page") / "data", sites="cl,de", title="<Linkwell>") as domicile:
        for country in ("JP", "JP", "CL"):
            await make_member(domicile, country)
        law = made_up(
            "JP",
            residency("JP-HOME", '["JP"]', valid_from="2027-01-01", summary='"Data of <b>members</b> stays here."'),
            keys("presence", "JP-REP", valid_from="2027-02-01", form='"representative"', duty='"Appoint one."',
                 asks='[[{ safeguard = "rep" }]]'),
            keys("sanction", "JP-FINE", valid_from="2020-01-01",
                 ladder='[{ step = "fine", what = "A fine.", amount_max = 900, currency = "EUR" }]'),
            keys("breach", "JP-72", valid_from="2027-01-15", deadline='{ n = 72, unit = "hours" }'),
            residency("JP-LATER", '["JP"]', commencement='"dormant_until"', event='"JP-ORDER"'),
            keys("transfer", "JP-OUT", valid_from="2020-01-01", acts='["relay", "copy"]', categories='["user"]',
                 exporter_here="true", asks='[[{ safeguard = "contract" }]]'),
        )  # fmt: skip
        yield await planned(domicile, law), domicile


async def planned(domicile: Domicile, law: Law) -> Plan:
    return await make_plan(replace(domicile.to_plan(), law=law), ON, domicile.clock())


def test_the_page_fetches_nothing_and_allows_only_its_own_style(found: tuple[Plan, Domicile]) -> None:
    page = render_plan(found[0], found[1].config.sites, found[1].config.title)
    parsed = Parsed(page)
    assert not parsed.all("script") and not parsed.all("link") and not parsed.all("img")
    assert not [attrs for _, attrs in parsed.tags if {"src", "href", "style", "onclick", "xlink:href"} & attrs.keys()]
    assert "url(#head)" in page and not re.search(r"url\((?!#)", page) and "@import" not in page
    policy = next(attrs["content"] for attrs in parsed.all("meta") if attrs.get("http-equiv"))
    style = page.split("<style>")[1].split("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy is not None and f"style-src 'sha256-{digest}'" in policy and "default-src 'none'" in policy


def test_the_map_has_a_dot_for_each_site_an_arrow_for_each_move_and_a_hollow_one_where_a_site_is_missing(
    found: tuple[Plan, Domicile],
) -> None:
    parsed = Parsed(render_plan(found[0], found[1].config.sites, "Linkwell"))
    assert (len(parsed.all("circle", "dot")), len(parsed.all("circle", "missing"))) == (2, 1)
    assert len(parsed.all("path", "way")) == len(found[0].moves) == 1
    assert "2 members from cl-1 to JP" in parsed.words
    label = parsed.all("svg")[0]["aria-label"]
    assert label is not None and "JP ? in Japan, missing" in label


def test_the_page_says_what_the_plan_says_and_nothing_of_a_pack_is_markup(found: tuple[Plan, Domicile]) -> None:
    page = render_plan(found[0], found[1].config.sites, found[1].config.title)
    words = " ".join(Parsed(page).words.split())
    assert "What 2027-03-01 asks of <Linkwell>" in words
    for said in (
        "a site in Japan is missing",
        "JP-HOME, Act art. 0",
        "Not legal advice",
        "The prices are made up",
        "Due: Appoint one.",
        "breach begins",
        "JP-LATER (residency) waits for JP-ORDER",
        "safeguard contract for CL",
        "A fine.",
    ):
        assert said in words, said
    assert "<Linkwell>" not in page and "<b>members" not in page


def test_the_terminal_says_the_same(found: tuple[Plan, Domicile], capsys: pytest.CaptureFixture[str]) -> None:
    show_plan(found[0])
    words = " ".join(capsys.readouterr().out.split())
    for said in (
        "2 of 3 members must move",
        "cl-1 → missing site in JP: 2 members, from 2027-01-01 (JP-HOME)",
        "Data of <b>members</b> stays here. (Act, art. 0)",
        "open site Open a site in JP, and move 2 members there.",
        "JP new Appoint one. missing rep, due 2027-02-01 (JP-REP: Act, art. 1)",
        "2027-01-15 JP breach begins",
        "JP residency waits for JP-ORDER",
        "missing: a site in JP: 0 members, then 2",
        "Copies abroad to recall: 0 (no copies are kept)",
    ):
        assert said in words, said
