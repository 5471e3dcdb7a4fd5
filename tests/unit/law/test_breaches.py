"""Which clocks an incident starts: by whose law, for how many persons, until when."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breaching import AWARE, CN, EU, KR, NOBODY, affected, hours, law_of, pack
from domicile.ids import Country
from domicile.law.breaches import Affected, Incident, Notification, Risk, decide_breach
from domicile.law.clocks import clocks, waiting_clocks
from domicile.law.facts import Operator
from domicile.law.library import load_packs

LAW = law_of(
    EU,
    CN,
    KR,
    pack(
        "AU",
        (
            "AU-30",
            'valid_from = 2018-02-22\ntells_authority = false\ndeadline = { n = 30, unit = "days" }',
        ),
    ),
    pack(
        "BR",
        (
            "BR-3",
            'valid_from = 2024-04-26\nauthority = "ANPD"\ndeadline = { n = 3, unit = "working_days" }\n'
            'tells_members = true\nmembers_deadline = { n = 3, unit = "working_days" }',
        ),
        more='time_zone = "America/Sao_Paulo"',
    ),
    pack("SA", ("SA-72", 'valid_from = 2023-09-14\nunverified = true\ndeadline = { n = 72, unit = "hours" }')),
)


def decide(
    *groups: Affected, risk: Risk | None = None, at_most: int | None = None, aware: datetime = AWARE
) -> Notification:
    incident = Incident(aware=aware, affected=groups, risk=risk, at_most=at_most)
    return decide_breach(incident, NOBODY, LAW)


def due(found: Notification) -> dict[str, datetime | str | None]:
    return {duty.name: duty.due or duty.words for duty in found.duties}


def test_every_law_that_claims_somebody_starts_its_clocks() -> None:
    found = decide(*affected("DE", DE=10, FR=2, CN=1), risk="high_risk")
    assert due(found) == {
        "EU-33.members": "without undue delay",
        "CN-4H.members": "at once",
        "CN-4H.report": AWARE + timedelta(hours=4),
        "EU-33.report": AWARE + timedelta(hours=72),
        "CN-4H.follow_up": AWARE + timedelta(days=30),
    }
    report = next(duty for duty in found.duties if duty.name == "EU-33.report")
    # Everybody's data stood in the Union: its law protects the member of China too.
    assert (report.persons, dict(report.countries)) == (13, {"DE": 11, "FR": 2})
    assert report.whom == "DPA" and not report.at_most and report.judge is None


def test_no_clock_starts_the_day_before_its_rule() -> None:
    """The day is China's own: it begins eight hours before that of London."""
    before = datetime(2025, 10, 31, 15, 59, tzinfo=UTC)
    assert due(decide(*affected("CN", CN=5), aware=before)) == {}
    assert decide(*affected("CN", CN=5), aware=before).silent == ("CN",)
    after = before + timedelta(minutes=1)
    assert due(decide(*affected("CN", CN=5), aware=after))["CN-4H.report"] == after + timedelta(hours=4)


@pytest.mark.parametrize(("persons", "binds"), [(999, False), (1000, True)])
def test_a_rule_binds_from_its_number_of_persons(persons: int, binds: bool) -> None:
    found = decide(*affected("KR", KR=persons))
    assert ("KR-1000.report" in due(found)) == binds
    assert [spared.why for spared in found.spared] == ([] if binds else ["999 persons, and it binds from 1,000"])


def test_a_number_without_names_may_be_anybody() -> None:
    """Of 1,500 members at the site 1,200 are Koreans; 1,100 of all are concerned: they may all be Koreans."""
    found = decide(*affected("DE", KR=1200, DE=300), at_most=1100)
    report = next(duty for duty in found.duties if duty.name == "KR-1000.report")
    assert (report.persons, report.at_most) == (1100, True)
    assert next(duty for duty in found.duties if duty.name == "EU-33.report").countries == (("DE", 1100),)
    few = decide(*affected("DE", KR=1200, DE=300), at_most=999)
    assert "KR-1000.report" not in due(few)


def test_persons_of_whom_nothing_is_known_count_towards_every_number() -> None:
    incident = Incident(aware=AWARE, affected=affected("DE", KR=900), unplaced=100)
    assert "KR-1000.report" in due(decide_breach(incident, NOBODY, LAW))


def test_what_a_person_must_judge_is_said_and_binds_meanwhile() -> None:
    judged = {duty.name: duty.judge for duty in decide(*affected("KR", KR=5)).duties}
    assert judged == {"KR-GRAVE.report": "only when it was an attack"}
    judged = {duty.name: duty.judge for duty in decide(*affected("DE", DE=5)).duties}
    assert judged["EU-33.report"] == "only if there is a risk to them, which nobody has judged yet"
    assert judged["EU-33.members"] == "only if there is a high risk to them, which nobody has judged yet"


def test_a_judged_risk_decides_who_is_told() -> None:
    assert due(decide(*affected("DE", DE=5), risk="risk")).keys() == {"EU-33.report"}
    harmless = decide(*affected("DE", DE=5), risk="none")
    assert not harmless.duties
    assert [(s.citation.rule, s.why) for s in harmless.spared] == [("EU-33", "the risk was judged as none")]


def test_a_rule_that_tells_nobody_asks_to_look_into_it() -> None:
    (duty,) = decide(*affected("AU", AU=5)).duties
    assert (duty.name, duty.whom) == ("AU-30.assess", "nobody yet: look into it")
    assert next(c for c in clocks(LAW.on(AWARE.date())) if c.rule == "AU-30").duty == "look into it"


def test_working_days_are_those_of_the_country() -> None:
    """Wednesday 01:00 in UTC is Tuesday evening in Brazil: three working days end on Friday evening."""
    found = decide(*affected("BR", BR=1), aware=datetime(2026, 11, 25, 1, tzinfo=UTC))
    assert due(found)["BR-3.report"] == datetime(2026, 11, 28, 1, tzinfo=UTC)


def test_what_the_packs_do_not_know_is_said() -> None:
    found = decide(*affected("SA", SA=1, NG=2))
    assert found.silent == ("NG",)
    assert [duty.settled for duty in found.duties] == [False]


def test_a_rule_that_waits_is_listed_apart_and_runs_after_its_event() -> None:
    found = decide(*affected("KR", KR=5))
    assert [(clock.rule, clock.waits_for) for clock in found.waiting] == [("KR-NEW", "KR-LAW")]
    published = Operator(events=frozenset({("KR-LAW", date(2026, 11, 1))}))
    assert not waiting_clocks(LAW.on(AWARE.date()), published)
    incident = Incident(aware=AWARE, affected=affected("KR", KR=5))
    assert "KR-NEW.report" in due(decide_breach(incident, published, LAW))


SHIPPED = load_packs()


def starts(home: str, aware: datetime = AWARE, operator: Operator = NOBODY, **persons: int) -> dict[str, Any]:
    """What the shipped packs start, by clock, as the time that is left or its words."""
    incident = Incident(aware=aware, affected=affected(home, **persons), risk="high_risk")
    duties = decide_breach(incident, operator, SHIPPED).duties
    return {duty.name: duty.due - aware if duty.due else duty.words for duty in duties}


def test_the_shipped_packs_start_the_clocks_of_three_laws() -> None:
    assert starts("RU", RU=88, DE=3, CN=1) == {
        "CN-PIPL-57.report": "at once",
        "CN-PIPL-57.members": "at once, unless harm is avoided",
        "CN-INCIDENT.report": timedelta(hours=4),
        "CN-INCIDENT.follow_up": timedelta(days=30),
        "RU-BREACH.report": timedelta(hours=24),
        "RU-BREACH.follow_up": timedelta(hours=72),
        "EU-BREACH.report": timedelta(hours=72),
        "EU-BREACH.members": "without undue delay",
    }
    critical = Operator(designations=frozenset({"CN:CIIO"}), established=frozenset())
    assert timedelta(hours=1) in starts("CN", operator=critical, CN=1).values()


@pytest.mark.parametrize(("persons", "binds"), [(999, False), (1000, True)])
def test_the_shipped_pack_of_korea_counts_to_a_thousand(persons: int, binds: bool) -> None:
    assert ("KR-BREACH-1000.report" in starts("DE", KR=persons)) == binds


@pytest.mark.parametrize(
    ("rule", "first", "place"),
    [
        ("CN-INCIDENT", date(2025, 11, 1), "CN"),
        ("RU-BREACH", date(2022, 9, 1), "RU"),
        ("IN-CERT", date(2022, 6, 27), "IN"),
        ("IN-DPDP-BREACH", date(2027, 5, 13), "IN"),
        ("EU-BREACH", date(2018, 5, 25), "DE"),
    ],
)
def test_a_rule_of_the_shipped_packs_starts_at_its_own_midnight(rule: str, first: date, place: str) -> None:
    jurisdiction = Country("EU" if rule.startswith("EU") else place)
    midnight = SHIPPED.on(first).calendar(jurisdiction).midnight(first)
    for moment, binds in ((midnight - timedelta(seconds=1), False), (midnight, True)):
        assert any(name.startswith(f"{rule}.") for name in starts(place, moment, **{place: 5})) == binds


COUNTRIES = st.sampled_from(("DE", "FR", "KR", "CN", "AU", "BR", "SA", "NG"))
GROUPS = st.lists(st.tuples(COUNTRIES, COUNTRIES, st.integers(1, 2000)), min_size=1, max_size=6)


@given(GROUPS, st.sampled_from((None, "none", "risk", "high_risk")))
def test_more_persons_never_end_a_duty(groups: list[tuple[str, str, int]], risk: Risk | None) -> None:
    some = [group for home, country, n in groups for group in affected(home, **{country: n})]
    more = [group for home, country, n in groups for group in affected(home, **{country: n + 1})]
    fewer_duties, more_duties = due(decide(*some, risk=risk)), due(decide(*more, risk=risk))
    assert fewer_duties.items() <= more_duties.items()
    assert due(decide(*some)).keys() >= fewer_duties.keys(), "a risk that nobody judged binds"


@given(GROUPS, st.integers(1, 3000))
def test_a_bare_number_starts_at_least_what_names_would(groups: list[tuple[str, str, int]], number: int) -> None:
    """Whoever the persons turn out to be, no clock has been overlooked."""
    everybody = [group for home, country, n in groups for group in affected(home, **{country: n})]
    left, those = number, []
    for group in everybody:
        those += [Affected(group.claims, group.home, min(group.persons, left))] if left else []
        left -= min(group.persons, left)
    assert due(decide(*those)).keys() <= due(decide(*everybody, at_most=number)).keys()


def test_a_member_state_where_the_rule_is_no_law_is_not_told_by_it() -> None:
    rule = f'valid_from = 2020-01-01\ncountries_except = ["DK"]\ndeadline = {hours(24)}'
    law = law_of(pack("EU", ("EU-NOT-DK", rule), more='bloc_members = ["DE", "DK"]'))
    incident = Incident(aware=AWARE, affected=affected("DK", DK=3, DE=2))
    found = decide_breach(incident, NOBODY, law)
    assert [duty.countries for duty in found.duties] == [(("DE", 2),)]
    assert found.silent == ("DK",)


def test_a_bloc_and_its_member_have_their_clocks_together() -> None:
    on = LAW.on(AWARE.date())
    assert [clock.jurisdiction for clock in clocks(on, NOBODY, [Country("DE")])] == ["EU"]
    assert clocks(on, NOBODY, [Country("EU")]) == clocks(on, NOBODY, [Country("FR")])
    assert len(clocks(on, NOBODY)) == 7
