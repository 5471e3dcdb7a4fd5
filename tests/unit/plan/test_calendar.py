"""The calendar file, read back by another library than the one that wrote it."""

from datetime import date, timedelta
from typing import Any

import vobject

from breaching import AWARE, affected, assess
from domicile.border.safeguards import OnFile
from domicile.ids import Country, SiteName
from domicile.law.facts import Safeguard
from domicile.plan.breach_case import Case, Opened, Settled, read_case
from domicile.plan.breach_log import make_entry
from domicile.plan.calendar import write_incident, write_papers

NOW = AWARE + timedelta(hours=1)


def incident(*later: Settled) -> Case:
    first = Opened(
        key="k",
        sites=(SiteName("de-1"),),
        aware=AWARE,
        note="",
        assessment=assess(*affected("DE", DE=3, CN=1, RU=2), risk="high_risk"),
    )
    found = read_case(make_entry("de-1-abc", told, NOW) for told in (first, *later))
    assert found is not None
    return found


def read(written: bytes) -> dict[str, Any]:
    calendar = vobject.readOne(written.decode())
    return {event.uid.value: event for event in calendar.vevent_list}


def alarms(event: Any) -> list[timedelta]:
    return sorted(alarm.trigger.value for alarm in event.contents.get("valarm", []))


def test_every_clock_is_an_event_at_its_time_with_alarms_ahead() -> None:
    events = read(write_incident(incident(), NOW))
    assert events.keys() == {
        "de-1-abc.CN-4H.report@domicile",
        "de-1-abc.CN-4H.follow_up@domicile",
        "de-1-abc.CN-4H.members@domicile",
        "de-1-abc.EU-33.report@domicile",
        "de-1-abc.EU-33.members@domicile",
        "de-1-abc.RU-21.report@domicile",
        "de-1-abc.RU-21.follow_up@domicile",
    }
    four_hours = events["de-1-abc.CN-4H.report@domicile"]
    assert four_hours.dtstart.value == AWARE + timedelta(hours=4)
    assert four_hours.summary.value == "CN: tell CAC (de-1-abc)"
    assert alarms(four_hours) == [timedelta(hours=-1), timedelta(minutes=-15)]
    month = events["de-1-abc.CN-4H.follow_up@domicile"]
    assert alarms(month) == [timedelta(days=-7), timedelta(days=-3), timedelta(days=-1)]
    assert all(event.status.value == "CONFIRMED" for event in events.values())


def test_a_clock_without_a_number_stands_at_once_and_says_so() -> None:
    at_once = read(write_incident(incident(), NOW))["de-1-abc.EU-33.members@domicile"]
    assert at_once.dtstart.value == AWARE
    assert "The law has no number: without undue delay." in at_once.description.value
    assert not alarms(at_once)


def test_what_was_done_is_cancelled_when_the_file_is_imported_again() -> None:
    made = Settled(clock="RU-21.report", state="made", at=NOW, note="")
    before, after = read(write_incident(incident(), NOW)), read(write_incident(incident(made), NOW))
    assert before.keys() == after.keys()
    uid = "de-1-abc.RU-21.report@domicile"
    assert (before[uid].status.value, after[uid].status.value) == ("CONFIRMED", "CANCELLED")
    assert int(after[uid].sequence.value) > int(before[uid].sequence.value)
    assert not alarms(after[uid])


def test_a_safeguard_that_stops_counting_is_an_all_day_event() -> None:
    def paper(name: str, last: date | None, withdrawn: date | None = None) -> OnFile:
        safeguard = Safeguard(
            kind="scc", exporter=Country("DE"), importer=Country("US"), filed_on=date(2025, 1, 1), valid_until=last
        )
        return OnFile(SiteName("de-1"), name, safeguard, last, withdrawn, "", True, "")

    papers = [
        paper("DE-scc-US", date(2027, 6, 30)),
        paper("without-end", None),
        paper("withdrawn", date(2027, 6, 30), date(2026, 1, 1)),
    ]
    events = read(write_papers(papers, NOW))
    assert events.keys() == {"de-1.DE-scc-US@domicile"}
    event = events["de-1.DE-scc-US@domicile"]
    assert event.dtstart.value == date(2027, 6, 30)
    assert alarms(event) == [timedelta(days=-90), timedelta(days=-30), timedelta(days=-7)]
