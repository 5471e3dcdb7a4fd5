"""The record of processing activities follows from what is declared, on file and decided."""

import csv
import io
import json
from datetime import date
from pathlib import Path

import pytest

from domicile.audit.processing import DIRECTORY, ProcessingRecord, Transfer
from domicile.border.safeguards import file_safeguard, withdraw_safeguard
from domicile.cli.output import print_json
from domicile.cli.record import Format, controllers_of, describe_record, render_records, write_records
from domicile.config import load_config
from domicile.ids import Country, SiteName
from domicile.law.facts import Safeguard
from domicile.running import Domicile

NOTICE, DE, RU = "rkn_notice", Country("DE"), Country("RU")


def transfer(record: ProcessingRecord, exporter: str, importer: str, what: str) -> Transfer:
    (found,) = [t for t in record.transfers if (t.exporter, t.importer, t.what) == (exporter, importer, what)]
    return found


async def one_record(domicile: Domicile) -> ProcessingRecord:
    (record,) = await write_records(domicile)
    return record


async def test_it_has_every_point_of_article_30(domicile: Domicile) -> None:
    found = describe_record(await one_record(domicile))
    assert found["controller"]["name"] and found["controller"]["contact"] == domicile.config.contact
    assert found["controller"]["data_protection_officer"] is None  # nobody said: not made up
    accounts = next(a for a in found["activities"] if a["name"] == "Accounts and logging in")
    assert accounts["purpose"] and accounts["data_subjects"] == ("members",)
    assert "user.contact.email" in accounts["categories"]
    assert {"column": "vault.credential.email", "category": "user.contact.email", "sealed": True} in accounts["columns"]
    assert accounts["time_limits"][0] == {"kept": "until the member's account is erased", "rule": None}
    assert found["security"] and found["cannot_know"] and found["purpose_not_declared"] == ()
    columns = {c["column"] for a in found["activities"] for c in a["columns"]}
    assert columns == {column.name for column in domicile.collecting.inventory.columns}


async def test_a_transfer_shows_what_the_border_decides_and_on_which_papers(domicile: Domicile) -> None:
    before = transfer(await one_record(domicile), "RU", "DE", "public posts")
    site = domicile.sites[SiteName("ru-1")]
    names = []
    for kind in (NOTICE, "importer_assessment"):
        paper = Safeguard(kind=kind, exporter=RU, importer=DE, filed_on=date(2024, 1, 1))
        names.append(f"test-{kind}")
        await file_safeguard(site.app, names[-1], paper, made_up=kind == NOTICE, note="", now=domicile.clock())
    after = transfer(await one_record(domicile), "RU", "DE", "public posts")
    for name in names:
        await withdraw_safeguard(site.app, name, domicile.clock())
    assert not before.decision.allowed and before.papers == () and before.third_country
    assert after.decision.allowed and "RU-XB" in after.decision.rules
    assert after.papers == ("importer_assessment", f"{NOTICE} (made up)")
    assert transfer(await one_record(domicile), "RU", "DE", "public posts").papers == ()


async def test_the_directory_is_a_recipient_where_it_stands_abroad(domicile: Domicile) -> None:
    found = [t for t in (await one_record(domicile)).transfers if t.recipient == DIRECTORY]
    hub = domicile.config.hub.country
    assert {t.exporter for t in found} == {s.country for s in domicile.sites.values() if s.country != hub}
    assert {(t.importer, t.category) for t in found} == {(hub, "user.unique_id.pseudonymous")}


async def test_the_same_record_for_people_for_a_spreadsheet_and_for_a_program(
    domicile: Domicile, capsys: pytest.CaptureFixture[str]
) -> None:
    records = await write_records(domicile)
    text = render_records(records, Format.MD)
    for words in ("GDPR art. 30(1)", "user.contact.email*", "de-1, ru-1, cn-1, us-1", "What this record cannot know"):
        assert words in text
    rows = list(csv.DictReader(io.StringIO(render_records(records, Format.CSV))))
    assert len([r for r in rows if r["kind"] == "transfer"]) == len(records[0].transfers)
    assert {r["category"] for r in rows if r["kind"] == "activity"} == domicile.collecting.inventory.categories
    print_json(describe_record(records[0]))
    assert json.loads(capsys.readouterr().out)["transfers"]


def test_every_operator_of_sites_is_a_controller(tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(
        '[operator]\nname = "Example Network Ltd"\naddress = "1 Example Street"\ndata_protection_officer = "the DPO"\n'
        '[[sites]]\nname = "de-1"\n[[sites]]\nname = "us-1"\n[[sites]]\nname = "ru-1"\noperator = "Example RU"\n'
    )
    first, second = controllers_of(load_config(settings, environment={}))
    assert (first.name, first.sites, first.address) == ("Example Network Ltd", ("de-1", "us-1"), "1 Example Street")
    assert (second.name, second.sites, second.address) == ("Example RU", ("ru-1",), "")
    assert (first.data_protection_officer, second.data_protection_officer) == ("the DPO", "")
