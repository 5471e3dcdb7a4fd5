"""Stay, open a site, refuse or leave, side by side: what each costs, needs and risks, and what happened to others."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import msgspec
import pytest

from domicile.ids import Country, SiteName
from domicile.law.compiled import Law
from domicile.plan.options import Option
from domicile.plan.planning import make_plan, overlay
from domicile.plan.prices import Prices, Range, load_prices
from domicile.plan.report import Plan
from domicile.running import Domicile
from network_at import make_member, network_at
from planning import keys, made_up, residency

ON = date(2027, 3, 1)
PLAIN = """
currency = "EUR"
years = 2
[site]
setup = 1000
year = [100, 200]
people = 1
[people]
year = 50
[office]
representative_year = 10
once = 7
[storage]
gb_month = 1
[traffic]
gb = 1
[member]
revenue_year = [1, 3]
lost_if_blocked = [0.5, 1]
[rates]
NOK = 0.1
"""
TO_JAPAN = residency("JP-HOME", '["JP"]', valid_from="2027-01-01")
FINES = """[
  { step = "warning", what = "A warning." },
  { step = "fine", what = "A fine.", after = { n = 10, unit = "days" }, amount_min = 100, amount_max = 900, currency = "NOK" },
  { step = "fine", what = "A fine again.", amount_max = 500, currency = "EUR", repeat = true },
  { step = "fine", what = "A share.", turnover_percent = 2.0 },
  { step = "block", what = "The network is blocked." },
]""".replace("\n", " ")  # noqa: E501


@pytest.fixture(scope="module")
async def network(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Domicile]:
    """One site in Chile, with four members in Japan and one at home."""
    async with network_at(tmp_path_factory.mktemp("options") / "data", sites="cl") as domicile:
        for country in ("JP", "JP", "JP", "JP", "CL"):
            await make_member(domicile, country)
        yield domicile


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Prices:
    file: Path = tmp_path_factory.mktemp("prices") / "prices.toml"
    file.write_text(PLAIN)
    return load_prices(file)


async def planned(domicile: Domicile, prices: Prices, law: Law, **operator: object) -> Plan:
    stated = msgspec.structs.replace(domicile.operator.stated, **operator)
    network = replace(domicile.to_plan(prices), law=law, operator=stated)
    return await make_plan(network, ON, domicile.clock())


def options(found: Plan, place: str = "JP") -> dict[str, Option]:
    return {option.name: option for option in found.options if option.jurisdiction == place}


def sanction(name: str, ladder: str = FINES, **more: str) -> str:
    return keys("sanction", name, valid_from="2020-01-01", ladder=ladder, **more)


async def test_the_options_of_a_localisation_law_stand_side_by_side(network: Domicile, prices: Prices) -> None:
    law = made_up("JP", TO_JAPAN, sanction("JP-FINES", punishes='["JP-HOME"]'))
    found = options(await planned(network, prices, law, turnover=frozenset({("EUR", 10_000)})))
    assert [*found] == ["stay", "open_site", "refuse", "leave"]
    assert {option.members for option in found.values()} == {4}

    stay = found["stay"]
    assert stay.total(certain=True) == Range(0, 0)
    assert [line.amount for line in stay.lines] == [
        Range(10, 90),  # 100 to 900 NOK
        Range(0, 1000),  # up to 500 EUR, once or in each of two years
        Range(0, 200),  # two percent
        Range(4, 24),  # four members' revenue of two years, half of it or all
    ]
    assert stay.total(certain=False) == Range(14, 1314)
    assert [(rung.step, rung.after) for rung in stay.follows][:2] == [("warning", None), ("fine", "10 days")]

    site = found["open_site"]
    assert site.what == "Open a site in JP, and move 4 members there."
    assert [line.amount for line in site.lines][:3] == [Range(1000, 1000), Range(200, 400), Range(100, 100)]
    assert site.total(certain=False) == Range(0, 0)

    for name in ("refuse", "leave"):
        assert found[name].lines[0].amount == Range(8, 24)
        assert found[name].added_up(certain=True)


async def test_what_cannot_be_said_in_money_is_said_in_words(network: Domicile, prices: Prices) -> None:
    ladder = '[{ step = "fine", what = "In kroner.", amount_max = 5, currency = "SEK" }, ' + (
        '{ step = "fine", what = "A share.", turnover_percent = 4.0 }]'
    )
    law = made_up("JP", TO_JAPAN, sanction("JP-FINES", ladder, punishes='["JP-HOME"]'))
    stay = options(await planned(network, prices, law))["stay"]
    assert [line.unsaid for line in stay.lines] == [
        "the price file has no rate for SEK",
        "up to 4 % of a turnover that nobody said",
    ]
    assert not stay.added_up(certain=False)
    silent = options(await planned(network, prices, made_up("JP", TO_JAPAN)))["stay"]
    assert [line.unsaid for line in silent.lines] == ["the pack of JP has no ladder for these rules by name"]


async def test_only_ladders_that_punish_these_rules_are_climbed(network: Domicile, prices: Prices) -> None:
    law = made_up("JP", TO_JAPAN, keys("breach", "JP-OTHER", valid_from="2020-01-01"),
                  sanction("JP-ELSE", punishes='["JP-OTHER"]'), sanction("JP-ALL"))  # fmt: skip
    stay = options(await planned(network, prices, law))["stay"]
    assert {(rung.citation.rule, rung.general) for rung in stay.follows} == {("JP-ALL", True)}
    assert stay.total(certain=False) == Range(0, 0), "a ladder that names no rule is shown and not added up"
    assert [line.unsaid for line in stay.lines] == ["the pack of JP has no ladder for these rules by name; see JP-ALL"]


async def test_opening_a_site_needs_what_the_law_asks_of_who_is_there_and_what_leaves_it(
    network: Domicile, prices: Prices
) -> None:
    law = made_up(
        "JP",
        TO_JAPAN,
        keys("presence", "JP-OFFICE", valid_from="2020-01-01", form='"entity"', duty='"Found a company."',
             established='"here"'),
        keys("presence", "JP-REP", valid_from="2027-02-01", form='"representative"', duty='"Appoint one."'),
        keys("transfer", "JP-OUT", valid_from="2020-01-01", acts='["relay", "copy"]', categories='["user"]',
             exporter_here="true", asks='[[{ safeguard = "contract" }]]'),
    )  # fmt: skip
    against = keys("trade_sanction", "CL-TRADE", valid_from="2020-01-01", services='["clouds"]', against='["JP"]')
    found = options(await planned(network, prices, overlay(law, made_up("CL", against))))
    needs = found["open_site"].needs
    assert needs[0].startswith("Found a company. (JP-OFFICE")
    assert needs[1].startswith("Appoint one. (JP-REP")
    assert "For what goes from there to CL: safeguard contract (JP-OUT)" in needs
    assert "Ask counsel about trade sanctions: Made up. (CL-TRADE)" in needs
    representative = next(line for line in found["open_site"].lines if "JP-REP" in line.what)
    assert representative.amount == Range(20, 20)


async def test_a_duty_alone_has_options_too(network: Domicile, prices: Prices) -> None:
    free = residency("JP-HOME", "[]", valid_from="2020-01-01", mode='"none"', elsewhere='"permit"')
    licence = keys("presence", "JP-LICENCE", valid_from="2027-02-01", form='"licence"', duty='"Get a licence."')
    found = options(await planned(network, prices, made_up("JP", free, licence)))
    assert [*found] == ["stay", "appoint", "refuse", "leave"]
    assert found["appoint"].total(certain=True) == Range(7, 7)


async def test_where_there_is_a_site_members_move_and_none_is_opened(network: Domicile, prices: Prices) -> None:
    to_chile = residency("JP-HOME", '["AR"]', valid_from="2027-01-01")
    found = options(await planned(network, prices, made_up("JP", to_chile)))
    assert "open_site" in found, "there is none in Argentina"
    capacity = {SiteName("cl-1"): 3}
    full = replace(network.to_plan(prices), law=made_up("JP", TO_JAPAN), capacity=capacity)
    state = (await make_plan(full, date(2026, 12, 1), network.clock())).sites[0]
    assert (state.members, state.over) == (5, True)
    assert not (await make_plan(full, ON, network.clock())).sites[0].over, "they have moved"


async def test_what_happened_to_others_is_told_up_to_today(network: Domicile, prices: Prices) -> None:
    def event(began: str, outcome: str, about: str = "JP-HOME") -> str:
        return (
            f'\n[[precedent]]\nbegan = {began}\nwhat = "It was {outcome} in {began}."\noutcome = "{outcome}"\n'
            f'about = ["{about}"]\nsource = "made up"\nverified = false\nconfidence = "L"\n'
        )

    events = event("2016-11-17", "block") + event("2014-02-01", "fine") + event("2027-01-05", "fine")
    law = made_up("JP", TO_JAPAN, keys("breach", "JP-OTHER", valid_from="2020-01-01"),
                  more=events + event("2015-01-01", "fine", "JP-OTHER"))  # fmt: skip
    found = options(await planned(network, prices, law))
    told = [precedent.began for precedent in found["stay"].precedents]
    assert told == [date(2014, 2, 1), date(2016, 11, 17)], "neither of other rules nor of days to come"
    assert [precedent.outcome for precedent in found["refuse"].precedents] == ["block"]


async def test_a_bloc_needs_one_site_where_most_of_them_live(network: Domicile, prices: Prices) -> None:
    union = made_up("EU", residency("EU-HERE", '["EU"]', valid_from="2027-01-01"), bloc=("DE", "FR", "IT"))
    for country in ("FR", "FR", "DE", "IT"):
        member = await make_member(network, "CL")  # who has moved since
        await network.sites[SiteName("cl-1")].importer.run(
            "UPDATE claim SET jurisdiction = %s WHERE member_id = %s", (country, member)
        )
    found = await planned(network, prices, union)
    assert [(p.move.country, p.move.members) for p in found.moves] == [(Country("FR"), 4)]
    assert options(found, "EU")["refuse"].what == "Serve nobody in EU any more."
