"""Deadlines as a calendar file (iCalendar, RFC 5545), with alarms ahead of each: incidents' clocks, and safeguards.

Times are UTC. An event has the same UID each time, so that a calendar that imports the file again replaces it; what was
done or waived is cancelled there. Nothing in it is about a single member.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from icalendar import Alarm, Calendar, Event

from domicile import __version__
from domicile.border.safeguards import OnFile
from domicile.plan.breach_case import Case, RunningClock

AHEAD = tuple(
    timedelta(hours=hours, minutes=minutes)
    for hours, minutes in ((7 * 24, 0), (3 * 24, 0), (24, 0), (8, 0), (4, 0), (1, 0), (0, 15))
)
PAPERS_AHEAD = (timedelta(days=90), timedelta(days=30), timedelta(days=7))
ALARMS = 3
"""A clock rings so often at most: of `AHEAD` the longest that lie within its time."""


def write_incident(case: Case, now: datetime) -> bytes:
    """The clocks of an incident. One without a number stands at the moment at which the operator became aware."""
    calendar = _calendar(f"Incident {case.name}")
    for clock in case.clocks.values():
        calendar.add_component(_deadline(case, clock, now))
    return bytes(calendar.to_ical())


def write_papers(papers: Iterable[OnFile], now: datetime) -> bytes:
    """The last days of the safeguards on file that will stop counting."""
    calendar = _calendar("Safeguards that stop counting")
    for paper in papers:
        if paper.counts and paper.last_day is not None:
            calendar.add_component(_last_day(paper, now))
    return bytes(calendar.to_ical())


def _calendar(name: str) -> Calendar:
    calendar = Calendar()
    calendar.add("prodid", f"-//Domicile//{__version__}//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", name)
    return calendar


def _deadline(case: Case, clock: RunningClock, now: datetime) -> Event:
    duty, begins = clock.duty, clock.duty.due or case.aware
    rule = duty.citation
    stopped = clock.state != "running"
    event = Event()
    event.add("uid", f"{case.name}.{duty.name}@domicile")
    event.add("dtstamp", now)
    event.add("sequence", case.entries)
    event.add("dtstart", begins)
    event.add("summary", f"{duty.jurisdiction}: {clock.task} ({case.name})")
    event.add("description", "\n".join(_describe(case, clock)))
    event.add("categories", [duty.jurisdiction, rule.rule])
    event.add("status", "CANCELLED" if stopped else "CONFIRMED")
    if not stopped:
        for ahead in _alarms(begins - case.aware):
            event.add_component(_alarm(ahead, f"{clock.task}: {_in_words(ahead)} left"))
    return event


def _describe(case: Case, clock: RunningClock) -> Iterable[str]:
    duty, rule = clock.duty, clock.duty.citation
    if duty.due is None:
        yield f"The law has no number: {duty.words or 'no period is known'}."
    yield f"Aware since {case.aware:%Y-%m-%d %H:%M} UTC. {'At most ' if duty.at_most else ''}{duty.persons:,} persons."
    if duty.judge:
        yield f"For you to judge: {duty.judge}."
    yield f"{rule.rule}: {rule.summary} ({rule.act}, {rule.article}; checked on {rule.checked_on})"
    if rule.disputed:
        yield f"Disputed: {rule.disputed}"
    if not duty.settled:
        yield "The pack is not certain of this rule."
    yield "Recorded law, not legal advice."


def _last_day(paper: OnFile, now: datetime) -> Event:
    event = Event()
    event.add("uid", f"{paper.site}.{paper.name}@domicile")
    event.add("dtstamp", now)
    event.add("dtstart", paper.last_day)
    to = paper.safeguard.importer or "any country"
    event.add("summary", f"Last day of {paper.safeguard.kind} for {to} ({paper.site})")
    event.add("description", f"{paper.name} is on file at {paper.site} since {paper.safeguard.filed_on}.")
    for ahead in PAPERS_AHEAD:
        event.add_component(_alarm(ahead, f"{paper.name} stops counting in {_in_words(ahead)}"))
    return event


def _alarms(term: timedelta) -> list[timedelta]:
    return [ahead for ahead in AHEAD if ahead < term][:ALARMS]


def _alarm(ahead: timedelta, text: str) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", text)
    alarm.add("trigger", -ahead)
    return alarm


def _in_words(time: timedelta) -> str:
    if time >= timedelta(days=2):
        return f"{time.days} days"
    minutes = time // timedelta(minutes=1)
    return f"{minutes // 60} hours" if minutes >= 120 else f"{minutes} minutes"
