"""A leak at the Russian site, from the first minute to the last report, on the command line."""

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import vobject
from typer.testing import CliRunner

from breaching import CN, EU, KR, RU, RULE, hours
from domicile.cli.main import app
from domicile.placement.embedded import Embedded, discard

LARGE = RULE.format(
    name="RU-LARGE",
    more=f"valid_from = 2022-09-01\ndeadline = {hours(1)}\nthresholds = "
    '[{ metric = "registered", at_least = 500000 }]',
)
NOW = datetime.now(UTC)
AWARE = (NOW - timedelta(hours=5)).replace(microsecond=0)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A network of two sites under four small packs, whose servers stay up while the commands attach."""
    folder = tmp_path_factory.mktemp("incident") / "data"
    packs = folder.parent / "packs"
    packs.mkdir()
    for name, text in {"eu": EU, "ru": RU + LARGE, "cn": CN, "kr": KR}.items():
        (packs / f"{name}.toml").write_text(text)
    (folder.parent / "domicile.toml").write_text(
        f'packs = "{packs}"\nsites = [{{ name = "de-1" }}, {{ name = "ru-1" }}]\n'
    )
    try:
        assert run(folder, "seed", "--members", "30").exit_code == 0
        with Embedded.start(folder, ["de-1", "ru-1", "hub"]):
            yield folder
    finally:
        discard(folder)


def run(data: Path, *words: str) -> Any:
    settings = ["--data", str(data), "--config", str(data.parent / "domicile.toml")]
    return CliRunner().invoke(app, [*words, *settings], env={"COLUMNS": "80"})


def told(data: Path, *words: str, expect: int = 0) -> Any:
    done = run(data, *words, "--json")
    assert done.exit_code == expect, done.output
    return json.loads(done.stdout)


def opened(data: Path, *more: str) -> Any:
    where = ("--site", "ru-1", "--categories", "user.contact.email,user.device.ip_address")
    return told(data, "breach", "open", *where, "--aware", AWARE.isoformat(), *more)


def test_from_the_first_minute_to_the_last_report(data: Path, tmp_path: Path) -> None:
    found = opened(data, "--affected", "all", "--note", "=a backup lay open")
    name, clocks = found["id"], {clock["clock"]: clock for clock in found["clocks"]}
    assert clocks.keys() == {"RU-21.report", "RU-21.follow_up"}
    assert clocks["RU-21.report"]["persons"] == found["affected"]["countries"]["RU"] > 0
    assert timedelta(seconds=clocks["RU-21.report"]["left_s"]) < timedelta(hours=19)
    assert opened(data, "--affected", "all")["id"] == name, "whoever asks again gets the same incident"

    screen = run(data, "breach", "show", name).stdout
    assert "tell Roskomnadzor by" in screen and "RU-21.report" in screen and "not judged" in screen
    assert max(len(line.rstrip()) for line in screen.splitlines()) <= 80

    calendar, sheet = tmp_path / "incident.ics", tmp_path / "incident.csv"
    told(data, "breach", "show", name, "--ics", str(calendar), "--csv", str(sheet))
    events = {event.uid.value: event for event in vobject.readOne(calendar.read_text()).vevent_list}
    assert events[f"{name}.RU-21.report@domicile"].dtstart.value == AWARE + timedelta(hours=24)
    with sheet.open(newline="") as file:
        assert [row["clock"] for row in csv.DictReader(file)] == ["RU-21.report", "RU-21.follow_up"]

    made = told(data, "breach", "done", name, "ru-21.report", "--note", "by the form of the regulator")
    assert next(c for c in made["clocks"] if c["clock"] == "RU-21.report")["state"] == "made"
    assert told(data, "breach", "close", name, expect=1)["ok"] is False
    told(data, "breach", "waive", name, "RU-21.follow_up", "--note", "the regulator asked for no more")
    assert told(data, "breach", "close", name)["state"] == "closed"
    assert "closed" in run(data, "breach", "list").stdout


def test_an_overdue_clock_stands_first_and_is_named(data: Path, tmp_path: Path) -> None:
    told(data, "member", "add", "--handle", "lin_w", "--email", "lin@example.org", "--country", "CN")
    names = tmp_path / "concerned.txt"
    names.write_text("lin_w\n\n")
    found = opened(data, "--members", str(names), "--risk", "high_risk")
    assert found["overdue"] == ["CN-4H.report"]
    screen = run(data, "breach", "show", found["id"]).stdout
    overdue = next(line for line in screen.splitlines() if "overdue" in line)
    assert "CN: tell CAC by" in overdue
    listed = told(data, "breach", "list")["incidents"]
    assert "CN-4H.report" in next(case for case in listed if case["id"] == found["id"])["overdue"]
    more = told(data, "breach", "recount", found["id"], "--affected", "all", "--note", "more than we thought")
    assert more["affected"]["countries"].get("RU", 0) > 0
    assert {clock["clock"] for clock in more["clocks"]} >= {"CN-4H.report", "RU-21.report"}
    assert more["risk"] == "high_risk"


def test_a_network_that_is_counted_has_only_the_clocks_of_its_size(data: Path) -> None:
    found = told(data, "law", "clocks", "--country", "RU")
    assert found["counted"] is True
    assert [clock["rule"] for clock in found["clocks"]] == ["RU-21"]


@pytest.mark.parametrize(
    "words",
    [
        ("--affected", "all", "--aware", "2026-11-24T09:30"),
        ("--affected", "all", "--aware", "yesterday"),
        ("--affected", "all", "--aware", "2999-01-01T00:00Z"),
        ("--affected", "some", "--aware", "now"),
        ("--affected", "all", "--members", "nobody.txt", "--aware", "now"),
        ("--aware", "now"),
        ("--members", "/nowhere/at/all", "--aware", "now"),
        ("--affected", "all", "--aware", "now", "--risk", "some"),
        ("--affected", "all", "--aware", "now", "--site", "xx-1"),
    ],
)
def test_what_cannot_be_understood_starts_nothing(data: Path, words: tuple[str, ...]) -> None:
    before = len(told(data, "breach", "list")["incidents"])
    where = ("--site", "ru-1", "--categories", "user.contact.email")
    assert told(data, "breach", "open", *where, *words, expect=2)["ok"] is False
    assert len(told(data, "breach", "list")["incidents"]) == before


def test_a_line_of_the_list_that_is_nobody_is_named_by_its_number(data: Path, tmp_path: Path) -> None:
    names = tmp_path / "concerned.txt"
    names.write_text("17\nno_such_person_here\n")
    where = ("--site", "ru-1", "--categories", "user.contact.email", "--aware", "now")
    said = told(data, "breach", "open", *where, "--members", str(names), expect=2)["error"]
    assert "line 2" in said and "no_such_person_here" not in said
