"""Papers on file: their digest, their end, and the warning ahead of it."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from domicile.border.operator import OperatorNow
from domicile.border.safeguards import file_safeguard, papers_on_file
from domicile.cli.laws import law_app
from domicile.database import Database
from domicile.ids import SiteName
from domicile.law.compiled import Law, LawOn
from domicile.law.facts import Operator, Safeguard
from domicile.law.library import SHIPPED
from domicile.law.papers import last_day
from domicile.running import Domicile

GERMANY = SiteName("de-1")
CERTIFIED = """
[[rule]]
id = "DE-TEST"
kind = "transfer"
summary = "A certificate counts for three years."
valid_from = 2020-01-01
subject = { basis = "any" }
acts = ["copy"]
categories = ["user"]
asks = [[{ safeguard = "test_certificate", valid_months = 36 }]]
confidence = "H"
[rule.citation]
act = "Act"
article = "art. 1"
source = "page"
checked_on = 2026-01-01
verified = true
"""


def paper(filed_on: date, valid_until: date | None = None) -> Safeguard:
    return Safeguard(
        kind="test_certificate",
        exporter="DE",  # type: ignore[arg-type]
        importer="BR",  # type: ignore[arg-type]
        filed_on=filed_on,
        valid_until=valid_until,
    )


@pytest.fixture
async def filing(domicile: Domicile) -> AsyncIterator[Database]:
    database = domicile.sites[GERMANY].app
    yield database
    await database.run("DELETE FROM safeguard WHERE safeguard_id = 'a-paper'")


async def test_a_paper_that_soon_ends_is_warned_of_once_a_day(domicile: Domicile, filing: Database) -> None:
    today = domicile.clock().date()
    ending = paper(today - timedelta(days=300), today + timedelta(days=20))
    await file_safeguard(filing, "a-paper", ending, made_up=True, note="", now=domicile.clock())
    operator = OperatorNow(Operator(), domicile.law, domicile.sites, domicile.meter, domicile.clock)
    with capture_logs() as lines:
        await operator.warn_of_expiry()
        await operator.warn_of_expiry()
    told = [line for line in lines if line.get("kind") == "test_certificate"]
    assert len(told) == 1
    assert told[0]["on"] == today + timedelta(days=20)


async def test_the_operator_of_the_whole_network_has_the_papers_of_every_site(
    domicile: Domicile, filing: Database
) -> None:
    filed = paper(date(2026, 1, 1))
    await file_safeguard(filing, "a-paper", filed, made_up=True, note="", now=domicile.clock())
    operator = OperatorNow(Operator(), domicile.law, domicile.sites, domicile.meter, domicile.clock)
    await operator.refresh()
    assert filed in operator.facts.safeguards


async def test_filing_anew_under_a_name_replaces_all_of_it(domicile: Domicile, filing: Database) -> None:
    now, digest = domicile.clock(), "ab" * 32
    await file_safeguard(filing, "a-paper", paper(date(2026, 1, 1)), made_up=True, note="", now=now)
    new = Safeguard(kind="other_kind", exporter="DE", filed_on=date(2026, 2, 2))  # type: ignore[arg-type]
    await file_safeguard(filing, "a-paper", new, made_up=False, note="in the safe", now=now, document=digest)
    on_file = await papers_on_file(domicile.sites, domicile.law.on(now.date()))
    (found,) = [p for p in on_file if p.name == "a-paper"]
    assert found.safeguard == new
    assert (found.document, found.made_up, found.note) == (digest, False, "in the safe")


def test_the_term_of_a_rule_ends_a_paper_that_names_no_end(law_with_term: LawOn) -> None:
    assert last_day(paper(date(2024, 2, 29)), law_with_term) == date(2027, 2, 27)
    assert last_day(paper(date(2024, 2, 29), date(2025, 1, 1)), law_with_term) == date(2025, 1, 1)


@pytest.fixture
def law_with_term(domicile: Domicile) -> LawOn:
    from domicile.law.pack import parse_pack

    shipped = (SHIPPED / "packs" / "de.toml").read_bytes()
    pack = parse_pack(shipped + CERTIFIED.encode(), "de.toml")
    return Law({**domicile.law.packs, pack.jurisdiction: pack}).on(date(2026, 1, 1))


def test_two_packs_are_told_apart_in_words(tmp_path: Path) -> None:
    changed = tmp_path / "de.toml"
    changed.write_bytes((SHIPPED / "packs" / "de.toml").read_bytes() + CERTIFIED.encode())
    told = CliRunner().invoke(law_app, ["diff", "DE", str(changed), "--data", str(tmp_path)])
    assert told.exit_code == 1
    assert "New: DE-TEST (transfer, from 2020-01-01; Act, art. 1)." in told.output.replace("\n", " ")
    same = CliRunner().invoke(law_app, ["diff", str(changed), str(changed), "--data", str(tmp_path)])
    assert same.exit_code == 0
    neither = CliRunner().invoke(law_app, ["diff", "DE", "--data", str(tmp_path)])
    assert neither.exit_code == 2
