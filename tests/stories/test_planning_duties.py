"""What a date brings besides moves: papers that end, offices to open, clocks that run differently, rules that wait."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta

import msgspec
import pytest

from domicile.border.safeguards import file_safeguard
from domicile.ids import Country, SiteName
from domicile.law.compiled import Law
from domicile.law.facts import Operator, Safeguard
from domicile.plan.planning import make_plan, overlay
from domicile.plan.prices import load_prices
from domicile.plan.report import Plan
from domicile.running import Domicile
from network_at import make_member, network_at
from planning import keys, made_up, residency

ON = date(2027, 3, 1)


def relay(name: str, **more: str) -> str:
    return keys("transfer", name, acts='["relay", "copy"]', categories='["user"]', exporter_here="true", **more)


HOME = residency("NO-HOME", "[]", valid_from="2020-01-01", mode='"none"', elsewhere='"permit"')


@pytest.fixture(scope="module")
async def north(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Domicile]:
    """Two sites, in Norway and Chile, with members in both; no pack of either country is live."""
    async with network_at(tmp_path_factory.mktemp("north") / "data", sites="no,cl") as domicile:
        for country in ("NO", "NO", "CL"):
            await make_member(domicile, country)
        yield domicile


async def planned(domicile: Domicile, law: Law, on: date = ON, **operator: object) -> Plan:
    """A plan of a network whose live packs are these."""
    stated: Operator = msgspec.structs.replace(domicile.operator.stated, **operator)
    network = replace(domicile.to_plan(load_prices()), law=law, operator=stated)
    return await make_plan(network, on, domicile.clock())


async def file(domicile: Domicile, site: str, kind: str, until: date | None) -> None:
    name = SiteName(site)
    paper = Safeguard(
        kind=kind,
        exporter=domicile.sites[name].country,
        importer=None,
        filed_on=date(2026, 1, 2),
        valid_until=until,
    )
    await file_safeguard(domicile.sites[name].app, kind, paper, made_up=True, note="", now=domicile.clock())


async def test_a_safeguard_that_ends_is_warned_of_and_what_rests_on_it_is_refused_the_day_after(
    north: Domicile,
) -> None:
    last = date(2027, 2, 10)
    await file(north, "no-1", "scc", last)
    law = made_up("NO", HOME, relay("NO-OUT", valid_from="2020-01-01", asks='[[{ safeguard = "scc" }]]'))
    same_day = await planned(north, law, last)
    assert (same_day.refused, len(same_day.outlook.expiring)) == ([], 1)
    found = await planned(north, law, last + timedelta(days=1))
    expiring = found.outlook.expiring[0]
    assert (expiring.paper.name, expiring.last_day, expiring.rules) == ("scc", last, ("NO-OUT",))
    assert expiring.crossings == len(found.refused) > 3
    refused = found.refused[0]
    assert (refused.home.site, refused.route.after.site) == ("no-1", "cl-1")
    assert [rule.rule for rule in refused.rules] == ["NO-OUT"]
    assert [lack.what for lack in refused.missing] == ["scc"]
    assert found.crossings[refused] == 2, "members in Norway"
    earlier = await planned(north, law, last - timedelta(days=91))
    assert earlier.outlook.expiring == ()


async def test_a_new_gate_is_named_where_the_paper_is_there_and_where_it_is_not(north: Domicile) -> None:
    law = made_up(
        "NO",
        HOME,
        relay("NO-OLD", valid_from="2020-01-01", valid_to="2027-02-28"),
        relay("NO-NEW", valid_from="2027-03-01", asks='[[{ safeguard = "scc" }, { safeguard = "bcr" }]]'),
    )
    assert {c.change for c in (await planned(north, law)).crossings} == {"refused"}, "the contract has ended"
    await file(north, "no-1", "bcr", None)
    found = await planned(north, law)
    assert {(c.change, c.needs) for c in found.crossings} == {("conditional", ("scc or bcr",))}
    assert len(found.refused) == 0


async def test_a_representative_is_due_so_long_after_the_rule_begins(north: Domicile) -> None:
    law = made_up(
        "NO",
        HOME,
        keys(
            "presence",
            "NO-REP",
            valid_from="2027-01-31",
            form='"representative"',
            duty='"Appoint a representative."',
            due='{ n = 1, unit = "months" }',
            asks='[[{ safeguard = "no_representative" }]]',
        ),
        keys("presence", "NO-OLD", valid_from="2020-01-01", form='"report"', duty='"Report."', every=YEARLY),
        keys("presence", "NO-LISTED", valid_from="2020-01-01", form='"other"', duty='"Act."', designation='"LIST"'),
    )
    found = await planned(north, law)
    assert [(d.citation.rule, d.new, d.due, d.state, d.missing) for d in found.outlook.presence] == [
        ("NO-REP", True, date(2027, 2, 28), "missing", ("no_representative",)),
        ("NO-OLD", False, None, "not known", ()),
    ]
    assert found.outlook.presence[1].every == "1 year"
    await file(north, "cl-1", "no_representative", None)
    assert (await planned(north, law)).outlook.presence[0].state == "shown", "at whatever site the paper is"


YEARLY = '{ n = 1, unit = "years" }'


async def test_a_contract_must_be_filed_within_working_days_after_the_transfer_begins(north: Domicile) -> None:
    asks = '[[{ safeguard = "contract", file_within_working_days = 5 }]]'
    law = made_up("NO", HOME, relay("NO-FILE", valid_from="2027-02-25", asks=asks))
    filing = (await planned(north, law)).outlook.filings[0]
    assert (filing.paper, filing.within) == ("contract", "5 working days after the transfer begins")
    assert filing.due == date(2027, 3, 4), "from Thursday: Friday, and Monday to Thursday"
    assert not filing.on_file


async def test_a_clock_that_changes_is_told_in_words_from_its_day(north: Domicile) -> None:
    def clock(hours: int, **dates: str) -> str:
        return keys(
            "content", "NO-DOWN", duty='"Take it down."', deadline=f'{{ n = {hours}, unit = "hours" }}', **dates
        )

    law = made_up(
        "NO",
        HOME,
        clock(36, valid_from="2021-01-01", valid_to="2027-02-19"),
        clock(3, valid_from="2027-02-20"),
        keys(
            "retention",
            "NO-KEEP",
            valid_from="2027-01-01",
            categories='["user"]',
            bound='"min"',
            starts_at='"log"',
        ),
    )
    found = await planned(north, law)
    keep, down = found.outlook.clocks
    assert (keep.what, keep.on, keep.kind, keep.binds) == ("begins", date(2027, 1, 1), "retention", "binds")
    assert (down.what, down.on, down.kind) == ("changes", date(2027, 2, 20), "content")
    assert down.words == ("the deadline was 36 hours and is now 3 hours",)
    assert (await planned(north, law, date(2026, 12, 31))).outlook.clocks == ()


async def test_a_rule_that_waits_is_listed_until_the_operator_writes_down_its_event(north: Domicile) -> None:
    waits = residency(
        "NO-WAITS", '["NO"]', commencement='"dormant_until"', event='"NO-DECISION"', after_months="12",
        commencement_note='"a decision is served"',
    )  # fmt: skip
    law = made_up("NO", waits)
    found = await planned(north, law)
    assert [(w.citation.rule, w.event, w.after_months, w.note) for w in found.outlook.waiting] == [
        ("NO-WAITS", "NO-DECISION", 12, "a decision is served")
    ]
    served = frozenset({("NO-DECISION", date(2026, 2, 1))})
    found = await planned(north, law, events=served)
    assert found.outlook.waiting == ()
    assert [(c.what, c.on) for c in found.outlook.rules] == [("begins", date(2027, 2, 1))]


async def test_a_threshold_that_is_reached_or_near_is_listed_with_the_count(north: Domicile) -> None:
    def large(name: str, number: int) -> str:
        size = f'[{{ metric = "registered", at_least = {number} }}]'
        return keys("presence", name, valid_from="2020-01-01", form='"officer"', duty='"Name one."', thresholds=size)

    law = made_up("NO", HOME, large("NO-TWO", 2), large("NO-MANY", 1_000_000))
    found = await planned(north, law)
    assert [(n.bound.citation.rule, n.reading.current, n.crossing.why) for n in found.outlook.near] == [
        ("NO-TWO", 2, "reached")
    ]
    assert [duty.citation.rule for duty in found.outlook.presence] == ["NO-TWO"]


async def test_a_rule_that_comes_and_goes_before_the_day_is_not_lost(north: Domicile) -> None:
    short = keys("breach", "NO-SHORT", valid_from="2027-01-01", valid_to="2027-01-31")
    found = await planned(north, made_up("NO", HOME, short))
    assert [(c.what, c.on, c.words[1]) for c in found.outlook.clocks] == [
        ("comes and goes", date(2027, 1, 1), "it ends after 2027-01-31")
    ]


async def test_what_nobody_here_is_touched_by_is_left_out(north: Domicile) -> None:
    far = keys("breach", "PE-BREACH", valid_from="2027-01-01")
    found = await planned(north, overlay(made_up("NO", HOME), made_up("PE", far)))
    assert found.outlook.rules == ()
    assert found.territory.claimed == {Country("NO"): 2}


async def test_tables_that_would_collect_more_are_asked_about_before_they_are_there(north: Domicile) -> None:
    only = residency("NO-PHONES", '["NO"]', valid_from="2020-01-01", collects='["user.contact.phone_number"]')
    notify = keys("breach", "NO-TELL", valid_from="2020-01-01", collects='["user.contact.phone_number"]')
    law = made_up("NO", only.replace('"NO"', '"CL"'), notify)
    stated = msgspec.structs.replace(north.operator.stated, collected=frozenset({"user.name"}))
    network = replace(north.to_plan(load_prices()), law=law, operator=stated)
    today = north.clock().date() + timedelta(days=1)
    assert (await make_plan(network, today, north.clock())).moves == ()
    more = frozenset({"user.name", "user.contact.phone_number"})
    found = await make_plan(network, today, north.clock(), collected=more)
    assert found.newly_collected == ("user.contact.phone_number",)
    assert [(p.move.source, p.move.target, p.move.members, p.move.only_on_trial) for p in found.moves] == [
        ("no-1", "cl-1", 2, True)
    ]
    assert [(c.citation.rule, c.what) for c in found.outlook.clocks] == [("NO-TELL", "begins to bind")]
