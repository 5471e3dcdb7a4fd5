"""Who was where when, without names: counted day by day from the journal, the directory and the erasures."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from domicile.audit.attestation import Attestation
from domicile.audit.history import read_history
from domicile.cli.main import app
from domicile.errors import InvalidInput
from domicile.ids import MemberId, SiteName
from domicile.placement.embedded import Embedded, discard
from domicile.running import Domicile
from domicile.web.console.attestation_page import render_attestation
from network_at import SetClock, make_member, network_at

GERMANY, RUSSIA = SiteName("de-1"), SiteName("ru-1")
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 6)


def noon(day: int) -> datetime:
    return datetime(2026, 11, day, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
async def network(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Domicile, list[MemberId]]]:
    """Three join on the 1st in de-1. The first moves on the 2nd and back on the 5th, the third on the 3rd; the second
    is erased on the 4th, dropped from a batch before; a fourth joins in ru-1 on the 3rd and is erased on the 6th.
    """
    clock = SetClock()
    clock.set(noon(1))
    async with network_at(tmp_path_factory.mktemp("attest") / "data", sites="de,ru", clock=clock) as domicile:
        one, two, three = [await make_member(domicile, "DE") for _ in range(3)]
        clock.set(noon(2))
        await relocate(domicile, one, RUSSIA)
        clock.set(noon(3))
        await relocate(domicile, three, RUSSIA)
        await dropped(domicile, two)
        four = await make_member(domicile, "RU")
        clock.set(noon(4))
        await domicile.erasure.erase(two)
        clock.set(noon(5))
        await relocate(domicile, one, GERMANY)
        clock.set(noon(6))
        await domicile.erasure.erase(four)
        yield domicile, [one, two, three, four]


async def relocate(domicile: Domicile, member: MemberId, to: SiteName) -> None:
    home = await domicile.router.home_of(member, ask_hub=True)
    moved = await domicile.coordinator.relocate([member], home.site, to, "a test")
    assert moved.members == [member]


async def dropped(domicile: Domicile, member: MemberId) -> None:
    """A batch flips without this member, who was being written to and so was dropped from it: they stay."""
    other = await make_member(domicile, "DE")
    async with domicile.sites[GERMANY].app.transaction() as writing:
        await writing.one("SELECT 1 FROM resident WHERE member_id = %s FOR SHARE", (member,))
        moved = await domicile.coordinator.relocate([member, other], GERMANY, RUSSIA, "a test")
    assert (moved.members, [*moved.left]) == ([other], [member])
    await domicile.erasure.erase(other)


async def attest(domicile: Domicile, *, floor: int = 0) -> Attestation:
    return await replace(domicile.attester(), floor=floor).attest("0123", FIRST, LAST, domicile.clock())


def digest(domicile: Domicile, *members: MemberId) -> str:
    key = domicile.attester().key_of("0123")
    return hmac.new(key, b"".join(m.to_bytes(8, "big") for m in sorted(members)), hashlib.sha256).hexdigest()


async def test_every_day_has_who_was_there_at_its_end(network: tuple[Domicile, list[MemberId]]) -> None:
    domicile, (one, two, three, four) = network
    document = await attest(domicile)
    there = {record.site: [day.digest for day in record.days] for record in document.sites}
    germany = [(one, two, three), (two, three), (two,), (), (one,), (one,)]
    russia = [(), (one,), (one, three, four), (one, three, four), (three, four), (three,)]
    assert there == {
        GERMANY: [digest(domicile, *members) for members in germany],
        RUSSIA: [digest(domicile, *members) for members in russia],
    }
    counts = {record.site: [day.number.members for day in record.days] for record in document.sites}
    assert counts == {GERMANY: [len(m) for m in germany], RUSSIA: [len(m) for m in russia]}
    assert [day.day for day in document.sites[0].days] == [date(2026, 11, day) for day in range(1, 7)]
    assert len(await read_history(domicile.sites, domicile.hub)) == 4 + 3 + 2 + 3


async def test_the_document_names_nobody_and_tells_no_small_number(network: tuple[Domicile, list[MemberId]]) -> None:
    domicile, members = network
    document = await attest(domicile, floor=50)
    text = msgspec.json.encode(document).decode() + render_attestation(document, 50)
    assert not any(str(member) in text for member in members)
    assert not any(day.number.members for record in document.sites for day in record.days)
    assert "under 50" in text and all(
        entry.fields is None for entry in document.journal.entries if entry.step == "flip"
    )
    assert '"members":1' not in text.replace(" ", "")
    assert all(note in text for note in document.notes) and "not legal advice" in text


async def test_another_document_has_another_key(network: tuple[Domicile, list[MemberId]]) -> None:
    domicile, _ = network
    attester = domicile.attester()
    first, second = [await attester.attest(number, FIRST, LAST, domicile.clock()) for number in ("0123", "4567")]
    assert first.sites[0].days[0].digest != second.sites[0].days[0].digest
    assert first.key_commitment == hashlib.sha256(attester.key_of("0123")).hexdigest()
    with pytest.raises(InvalidInput):
        await attester.attest("0123", LAST, FIRST, domicile.clock())
    with pytest.raises(InvalidInput):
        await attester.attest("0123", FIRST, date(2026, 11, 7), domicile.clock())


async def test_what_is_wrong_is_attested_too(network: tuple[Domicile, list[MemberId]]) -> None:
    domicile, (_, _, three, _) = network
    good = await attest(domicile)
    assert good.journal.intact and len(good.journal.entries) == good.journal.head
    assert good.audit.violations.keys() <= {"law"}, "a German member lives in Russia"
    changed = "UPDATE relocation_entry SET fields = replace(fields, 'a test', 'a tale') WHERE number = 1"
    await domicile.hub.run(changed)
    try:
        bad = await attest(domicile)
        assert (bad.journal.intact, bad.ok) == (False, False)
        assert bad.digest() != good.digest()
    finally:
        await domicile.hub.run(changed.replace("'a test', 'a tale'", "'a tale', 'a test'"))
    await domicile.sites[RUSSIA].importer.run("UPDATE resident SET epoch = 9 WHERE member_id = %s", (three,))
    try:
        assert "directory" in (await attest(domicile)).audit.violations
    finally:
        await domicile.sites[RUSSIA].importer.run("UPDATE resident SET epoch = 2 WHERE member_id = %s", (three,))


def test_the_command_writes_the_page_and_the_key(tmp_path: Path) -> None:
    data, page, key = tmp_path / "data", tmp_path / "attest.html", tmp_path / "attest.key"
    try:
        with Embedded.start(data, ["de-1", "hub"]):
            (data / "network.toml").write_text('sites = ["de-1"]\n')
            words = ["--from", "2026-11-20", "--html", str(page), "--key-to", str(key), "--data", str(data), "--json"]
            done = CliRunner().invoke(app, ["attest", *words])
            assert done.exit_code == 0, done.output
            answer = json.loads(done.stdout)
            assert answer["ok"] and answer["document"]["sites"][0]["days"][0]["number"]["members"] == 0
            assert hashlib.sha256(bytes.fromhex(key.read_text())).hexdigest() == answer["document"]["key_commitment"]
            assert key.stat().st_mode & 0o77 == 0 and answer["digest"] in page.read_text()
    finally:
        discard(data)
