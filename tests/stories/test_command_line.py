"""The command line as the README has it: what it prints, what it answers with, and how it ends."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from commands import run_command
from domicile.database import make_conninfo
from domicile.placement.embedded import Embedded, discard
from domicile.placement.sites import superuser_conninfo
from planning import CITED, HEAD, residency

ROOT = Path(__file__).parents[2]


def domicile(data: Path, *words: str, expect: int = 0, **environment: str) -> Any:
    """Run a command; what it printed as JSON. Standard output holds that document and nothing else."""
    done = run_command(*words, "--data", str(data), "--json", **environment)
    assert done.code == expect, done.err
    return json.loads(done.out)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A network of two sites with a few members, whose servers stay up while the commands attach."""
    folder = tmp_path_factory.mktemp("cli") / "data"
    try:
        seeded = domicile(folder, "seed", "--members", "12", "--sites", "de,ru")
        assert seeded["members"] == 12 and sum(seeded["by_site"].values()) == 12
        with Embedded.start(folder, ["de-1", "ru-1", "hub"]):
            yield folder
    finally:
        discard(folder)


def test_a_member_is_added_found_and_given_a_token(data: Path) -> None:
    added = domicile(
        data,
        "member",
        "add",
        "--handle",
        "oskar_t",
        "--email",
        "oskar@example.org",
        "--country",
        "FR",
        "--role",
        "owner",
    )
    assert (added["home"], added["country"]) == ("de-1", "DE")  # any site of the bloc satisfies the bloc
    assert added.items() <= domicile(data, "member", "show", "@oskar_t").items()
    where = domicile(data, "member", "where", added["id"])
    assert where["rows"]["account"] == 1 and where["astray"] == []
    assert domicile(data, "member", "check", "oskar_t")["ok"]
    assert domicile(data, "member", "token", "oskar_t")["access_token"].startswith(f"{added['id']}.")
    assert domicile(data, "member", "password", "oskar_t", "--password", "another long one")["ok"]


def test_a_check_at_the_operators_desk_is_written_down(data: Path) -> None:
    answer = domicile(data, "member", "verify", "oskar_t", "--method", "id_number")
    assert (answer["verified"], answer["unmet"]) == (["id_number"], [])
    shown = domicile(data, "member", "show", "oskar_t")
    assert (shown["verified"], shown["unverified_for"], shown["proposals"]) == (["id_number"], [], [])
    assert domicile(data, "member", "proposals", "--all") == {"proposals": []}
    assert "a method is written" in domicile(data, "member", "verify", "oskar_t", "--method", "ID!", expect=2)["error"]


def test_a_member_is_suspended_for_a_reason_and_reinstated(data: Path) -> None:
    suspended = domicile(data, "member", "suspend", "oskar_t", "--reason", "Rule 4.", "--until", "2099-01-01")
    assert (suspended["reason"], suspended["until"][:10]) == ("Rule 4.", "2099-01-01")
    shown = domicile(data, "member", "show", "oskar_t")["suspension"]
    assert shown == {name: suspended[name] for name in ("reason", "since", "until")}
    past = domicile(data, "member", "suspend", "oskar_t", "--reason", "Rule 4.", "--until", "2001-01-01", expect=2)
    assert "would have ended already" in past["error"]
    assert domicile(data, "member", "reinstate", "oskar_t")["ok"]
    assert "is not suspended" in domicile(data, "member", "reinstate", "oskar_t", expect=1)["error"]


def test_a_hold_is_placed_and_what_it_sealed_is_opened_for_a_reason(data: Path, tmp_path: Path) -> None:
    asked = ("--authority", "a court", "--reason", "case 1", "--citation", "an order", "--open-ended", "--secret")
    held = domicile(data, "hold", "place", "demo_ru", *asked)
    assert (held["site"], held["until"], held["secret"]) == ("ru-1", None, True) and held["sealed_rows"] > 5
    assert [hold["id"] for hold in domicile(data, "hold", "list")["holds"]] == [held["id"]]
    (residue,) = domicile(data, "member", "where", "demo_ru")["residue"]
    assert (residue["cause"], residue["rows"], residue["hold"]) == ("held", held["sealed_rows"], held["id"])
    why = ("--reason", "a warrant came", "--role", "counsel")
    assert domicile(data, "residue", "open", residue["id"], *why, "--to", str(tmp_path / "opened.zip"))["ok"]
    with zipfile.ZipFile(tmp_path / "opened.zip") as opened:
        assert json.loads(opened.read("data/account.json"))[0]["handle"] == "demo_ru"
    log = domicile(data, "residue", "log", "--site", "ru-1")
    assert log["ok"] and [entry["step"] for entry in log["entries"]] == ["placed", "left", "opened"]
    assert log["entries"][2]["fields"] == {"residue": residue["id"], "reason": "a warrant came", "role": "counsel"}
    released = domicile(data, "hold", "release", held["id"], "--reason", "closed")
    assert released["state"] == "released"
    assert "no site knows a hold" in domicile(data, "hold", "renew", "1", "--reason", "x", expect=2)["error"]


def test_what_is_wrong_is_said_and_nothing_is_changed(data: Path) -> None:
    before = domicile(data, "hub", "status")
    for words in (
        ("member", "add", "--handle", "no good", "--email", "x", "--country", "ZZ"),
        ("member", "show", "nobody_at_all"),
        ("law", "show", "ZZ"),
        ("audit", "--on", "yesterday"),
        ("law", "safeguard", "withdraw", "no-such-paper"),
    ):
        assert domicile(data, *words, expect=2)["ok"] is False
    assert domicile(data, "hub", "status") == before


def test_the_law_of_a_day_is_shown_and_explained(data: Path) -> None:
    def residency(day: str) -> list[str]:
        rules = domicile(data, "law", "show", "RU", "--on", day)["rules"]
        return [rule["summary"] for rule in rules if "18(5)" in rule["citation"]]

    assert not residency("2015-08-31")
    assert residency("2025-06-30") == residency("2015-09-01") != residency("2025-07-01")
    explained = domicile(data, "law", "explain", "demo_ru")
    assert explained["home"] == "ru-1" and explained["note"] == "not legal advice"
    staying = {(s["if"], s["rule"]["id"]): s for s in explained["staying"]}
    assert staying["moved to DE", "RU-ORI-KEEP"]["stays"] and staying["erased", "RU-ORI-KEEP"]["until"] is not None
    relayed = next(c for c in explained["crossings"] if (c["what"], c["act"]) == ("public posts", "relay"))
    assert relayed["importer"] == "DE" and relayed["allowed"] and "152-FZ" in relayed["rules"][0]["citation"]
    (paper,) = [s for s in domicile(data, "law", "safeguard", "list")["safeguards"] if s["kind"] == "rkn_notice"][:1]
    domicile(data, "law", "safeguard", "withdraw", paper["safeguard_id"])
    explained = domicile(data, "law", "explain", "demo_ru")
    assert len({c["importer"] for c in explained["crossings"] if c["what"] == "public posts"}) == 1


def test_members_are_counted_by_country_and_few_are_not_told(data: Path) -> None:
    told = domicile(data, "stats")
    assert told["floor"] == 50 and {c["country"] for c in told["countries"]} >= {"DE", "RU"}
    assert all(c["members"] is None and c["suppressed"] for c in told["countries"])
    assert set(told["totals_of_countries_shown"].values()) == {None}
    assert not any(t["current"] or t["crosses_on"] for t in told["thresholds"])
    few = domicile(data, "stats", DOMICILE_STATS_FLOOR="1")
    members = sum(country["members"] for country in few["countries"])
    assert members == few["totals_of_countries_shown"]["members"] == domicile(data, "hub", "status")["homes"]
    threshold = next(t for t in few["thresholds"] if t["rule"] == "CN-PIPL-40")
    assert (threshold["jurisdiction"], threshold["number"], threshold["citation"]) == ("CN", 1000000, "PIPL, art. 40")
    people = subprocess.run(
        [sys.executable, "-m", "domicile", "stats", "--data", str(data)],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    assert "under 50" in people and "CN-PIPL-40 from it, since 2021-11-01 (PIPL, art. 40)" in people


def test_what_is_collected_is_listed_with_its_first_day_and_a_duty_can_be_acknowledged(data: Path) -> None:
    found = domicile(data, "inventory")
    phone = next(entry for entry in found["categories"] if entry["category"] == "user.contact.phone_number")
    assert phone["columns"][0]["column"] == "vault.credential.phone" and phone["columns"][0]["sealed"]
    assert phone["sites"].keys() == {"de-1", "ru-1"} and phone["since"] == min(phone["sites"].values())
    assert [duty["rule"] for duty in found["duties"] if duty["standing"] == "unmet"] == []
    (localisation,) = [duty for duty in found["duties"] if duty["rule"] == "RU-18-5"]
    assert localisation["standing"] == "met" and "user.contact.phone_number" in localisation["categories"]
    change = domicile(data, "inventory", "--tables", "examples.clinic.models:METADATA")["change"]
    assert set(change["new_categories"]) == {"user.device.ip_address", "user.health_and_medical"}
    (record,) = domicile(data, "inventory", "record")["records"]
    assert record["controller"]["sites"] == ["de-1", "ru-1"] and record["purpose_not_declared"] == []
    words = ("--rule", "RU-18-5", "--reason", "Counsel sees no duty.", "--by", "counsel")
    said = domicile(data, "inventory", "acknowledge", "user.contact.phone_number", *words)
    assert domicile(data, "inventory")["acknowledgements"] == [{key: said[key] for key in said if key != "ok"}]
    for wrong in (("user.contact.fone", *words), ("user.contact.email", "--rule", "RU-0", *words[2:])):
        assert domicile(data, "inventory", "acknowledge", *wrong, expect=2)["ok"] is False


def test_the_audit_names_a_row_that_a_superuser_forced_in(data: Path) -> None:
    import psycopg

    assert domicile(data, "audit")["ok"]
    stranger = domicile(data, "member", "show", "demo_de")["id"]
    with Embedded.start(data, ["de-1", "ru-1", "hub"]) as servers:
        conninfo = make_conninfo(superuser_conninfo(servers.servers["ru-1"]), dbname="domicile")
        with psycopg.connect(conninfo, autocommit=True) as superuser:
            smuggle = f"INSERT INTO notification VALUES ({stranger}, 1, 'follow', 2)"
            with pytest.raises((psycopg.errors.IntegrityError, psycopg.errors.ObjectInUse)):
                superuser.execute(smuggle)
            superuser.execute("SET session_replication_role = replica")  # keys and triggers off
            superuser.execute(smuggle)
            found = domicile(data, "audit", expect=1)
            assert not found["ok"] and found["violations"][0]["site"] == "ru-1"
            assert found["violations"][0]["table"].endswith("notification") and stranger in str(found["violations"])
            assert domicile(data, "member", "check", "demo_de", expect=1)["astray"]
            superuser.execute(f"DELETE FROM notification WHERE member_id = {stranger}")
    assert domicile(data, "audit")["ok"]


def test_reconcile_repairs_what_a_restore_or_a_hand_has_broken(data: Path) -> None:
    import psycopg

    with Embedded.start(data, ["de-1", "ru-1", "hub"]) as servers:
        conninfo = make_conninfo(superuser_conninfo(servers.servers["de-1"]), dbname="domicile")
        with psycopg.connect(conninfo, autocommit=True) as superuser:
            lost = superuser.execute("DELETE FROM follower WHERE state = 'accepted'").rowcount
            superuser.execute("UPDATE tally SET posts = posts + 1")
        assert lost
        found = domicile(data, "audit", expect=1)
        assert {(v["kind"], v["table"]) for v in found["violations"]} == {("half", "follow")}
        done = domicile(data, "reconcile")
        assert done["pairs"]["follow"]["resent"] == lost == sum(v["count"] for v in found["violations"])
        assert (done["left"], done["missing"]) == (0, []) and done["recounted"]
        again = domicile(data, "reconcile")
        assert again["ok"] and not again["recounted"] and not any(p["resent"] for p in again["pairs"].values())
        assert domicile(data, "audit")["ok"]


def test_the_audit_asks_the_law_of_another_day_and_of_changed_packs(data: Path, tmp_path: Path) -> None:
    rule = residency("DE-TEST", '["FR"]', valid_from="2027-01-01")
    (tmp_path / "de.toml").write_text(HEAD.format(code="DE") + f"[[rule]]\n{rule}{CITED.format(number=7)}")
    packs = ("--packs", str(tmp_path))
    assert domicile(data, "audit", "--on", "2027-02-01")["ok"]
    assert domicile(data, "audit", "--on", "2026-12-31", *packs)["ok"]
    found = domicile(data, "audit", "--on", "2027-02-01", *packs, expect=1)["violations"]
    assert {(v["kind"], v["site"], v["table"]) for v in found} == {("law", "de-1", "resident")}
    assert "in DE on 2027-02-01: Act art. 7" in found[0]["text"]


def test_the_hub_is_rebuilt_without_harm(data: Path) -> None:
    before = domicile(data, "hub", "status")
    assert domicile(data, "hub", "rebuild")["homes"] == before["homes"]
    assert domicile(data, "hub", "status")["homes"] == before["homes"]


def test_another_apps_tables_are_checked() -> None:
    def check(what: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "domicile", "check", what, "--json"]
        env = {"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"}
        return subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)

    good, bad = check("examples.clinic.models:METADATA"), check("examples.clinic.models:nothing")
    assert good.returncode == 0 and json.loads(good.stdout)["ok"], good.stderr
    assert bad.returncode == 2


def test_a_plan_is_a_document_with_the_keys_that_scripts_rely_on_and_a_page(data: Path, tmp_path: Path) -> None:
    plain = domicile(data, "plan", "--on", "2027-01-01")
    assert plain["moves"] == [] and plain["basis"] == "nothing to move"
    edited = (ROOT / "src/domicile/law/packs/eu.toml").read_text().replace('homes = ["EU"]', 'homes = ["RU"]')
    (tmp_path / "eu.toml").write_text(edited)
    page = tmp_path / "plan.html"
    planned = domicile(data, "plan", "--on", "2027-01-01", "--packs", str(tmp_path), "--html", str(page))
    move = next(move for move in planned["moves"] if move["from"] == "de-1")
    assert move["to"] == "ru-1" and move["members"] > 3
    assert move["rows"] > move["members"] and move["bytes"] > 0
    assert planned["estimate_s"] > 0 and planned["refused_crossings"] >= 0
    assert {option["option"] for option in planned["options"]} >= {"stay", "move", "refuse", "leave"}
    assert "EU-HOME" in page.read_text()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--on", "soon"], "is no day"),
        (["--on", "2027-01-01", "--packs", "nowhere"], "cannot be read"),
        (["--on", "2027-01-01", "--prices", "nowhere.toml"], "cannot be read"),
    ],
)
def test_a_plan_that_cannot_be_made_says_why(data: Path, words: list[str], why: str) -> None:
    assert why in domicile(data, "plan", *words, expect=2)["error"]


def test_values_are_looked_for_and_what_is_left_behind_is_scrubbed(data: Path, tmp_path: Path) -> None:
    words = ("--handle", "kanarie_7f3a", "--email", "kanarie7f3a@example.org", "--country", "DE")
    domicile(data, "member", "add", *words)
    file = tmp_path / "canaries.txt"
    file.write_text("kanarie7f3a@example.org\nkanarie_7f3a\tde-1\n")
    found = domicile(data, "audit", "--canaries", str(file))
    assert found["ok"] and found["canaries"]["not_searched"] == []
    assert {(f["line"], f["site"]) for f in found["canaries"]["found"]} == {(2, "de-1")}, "sealed, it is nowhere"
    assert [remains["site"] for remains in found["remains"]] == ["de-1", "ru-1"]
    file.write_text("kanarie_7f3a\tru-1\n")
    wrong = domicile(data, "audit", "--canaries", str(file), expect=1)
    assert "kanarie" not in json.dumps(wrong)
    assert ("remains", "de-1") in {(v["kind"], v["site"]) for v in wrong["violations"]}
    assert domicile(data, "scrub", "de-1", "--full")["left"] == []
    where = domicile(data, "member", "where", "kanarie_7f3a")
    assert (where["left"], where["backups"]) == ([], [])
    assert "--canaries" in domicile(data, "audit", "--folder", "de-1=/tmp", expect=2)["error"]
