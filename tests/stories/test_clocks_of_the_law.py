"""`law clocks`: how soon one must act, on the screen, as JSON, and in a spreadsheet."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from domicile.cli.main import app

HOSTILE = """\
jurisdiction = "IN"
name = "India"
version = "1"
checked_on = 2026-01-01
not_legal_advice = "No advice."
claims_by = ["residence"]
claims_by_source = "here"

[[rule]]
id = "-IN-HOSTILE"
kind = "content"
summary = "=1+1"
valid_from = 2020-01-01
subject = { basis = "any" }
issuers = ["@SUM(A1)"]
deadline = { n = 3, unit = "hours" }
duty = "+cmd|' /C calc'!A0"
confidence = "H"
[rule.citation]
act = "=HYPERLINK(1)"
article = "\\tart. 1"
source = "page, with a comma and \\"quotes\\""
checked_on = 2026-01-01
verified = true
"""


def run(tmp_path: Path, *words: str, expect: int = 0) -> str:
    done = CliRunner().invoke(app, ["law", "clocks", *words, "--data", str(tmp_path)], env={"COLUMNS": "80"})
    assert done.exit_code == expect, done.output
    return done.stdout


def asked(tmp_path: Path, *words: str) -> Any:
    return json.loads(run(tmp_path, *words, "--json"))


def test_india_shortens_its_clock_over_one_night(tmp_path: Path) -> None:
    within = {
        day: next(
            clock["normal"]["text"]
            for clock in asked(tmp_path, "--on", day, "--country", "in")["clocks"]
            if clock["rule"] == "IN-ORDER"
        )
        for day in ("2026-02-19", "2026-02-20")
    }
    assert within == {"2026-02-19": "36 hours", "2026-02-20": "3 hours"}


def test_every_clock_has_its_article_and_the_day_it_was_checked(tmp_path: Path) -> None:
    found = asked(tmp_path, "--on", "2026-11-24")
    assert found["counted"] is False
    listed = {rule["id"] for rule in found["rules"]}
    for clock in (*found["clocks"], *found["waiting"]):
        assert clock["citation"] and clock["checked_on"] and clock["confidence"] in "HML"
        assert clock["rule"] in listed
    assert all(clock["waits_for"] for clock in found["waiting"])
    assert not any(clock["waits_for"] for clock in found["clocks"])


def test_a_member_state_has_the_clocks_of_its_union(tmp_path: Path) -> None:
    found = asked(tmp_path, "--country", "DE")["clocks"]
    breach = next(clock for clock in found if clock["rule"] == "EU-BREACH")
    assert breach["normal"] == {"text": "72 hours", "n": 72, "unit": "hours", "words": None}
    assert breach["members"]["text"] == "without undue delay"
    assert {clock["jurisdiction"] for clock in found} <= {"EU", "DE"}


def test_people_read_it_by_country_in_a_narrow_terminal(tmp_path: Path) -> None:
    text = run(tmp_path, "--on", "2026-02-20", "--country", "IN")
    assert "India (IN)" in text and "An authority or a person wants content withheld" in text
    line = next(line for line in text.splitlines() if line.strip().startswith("3 hours"))
    assert line.split("3 hours")[1].strip().startswith("On a court's order")
    assert "confidence high" in text and "checked 2026-11-21" in text and "disputed:" in text
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    assert "not legal advice" in text


def test_a_country_of_which_no_pack_speaks_is_refused(tmp_path: Path) -> None:
    run(tmp_path, "--country", "NG", expect=2)


def test_a_spreadsheet_computes_nothing_that_a_pack_says(tmp_path: Path) -> None:
    (tmp_path / "packs").mkdir()
    (tmp_path / "packs" / "in.toml").write_text(HOSTILE)
    settings = tmp_path / "domicile.toml"
    settings.write_text(f'packs = "{tmp_path / "packs"}"\n')
    sheet = tmp_path / "clocks.csv"
    run(tmp_path, "--config", str(settings), "--csv", str(sheet))
    with sheet.open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["rule"] == "'-IN-HOSTILE"
    assert row["duty"] == "'+cmd|' /C calc'!A0"
    assert row["act"] == "'=HYPERLINK(1)"
    assert row["article"] == "'\tart. 1"
    assert row["source"] == 'page, with a comma and "quotes"'
    assert row["within"] == "3 hours"
    assert not [cell for cell in row.values() if cell[:1] in tuple("=+-@\t\r")]


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    run(tmp_path, "--csv", str(tmp_path / "nowhere" / "clocks.csv"), expect=2)


@pytest.mark.parametrize("day", ["2010-01-01", "2030-01-01"])
def test_any_day_can_be_asked_for(tmp_path: Path, day: str) -> None:
    assert asked(tmp_path, "--on", day)["on"] == day
