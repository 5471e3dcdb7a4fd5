"""What a law says must stay behind: sealed, served to nobody, with rule and end, and counted by the proof."""

import secrets
from collections.abc import AsyncIterator
from datetime import date, timedelta

import msgspec
import pytest

from domicile.audit.residency import audit
from domicile.errors import DomicileError, InvalidInput, NotFound, Unavailable
from domicile.ids import MemberId, SiteName
from domicile.network.posts import Draft
from domicile.placement.residue import Residue, list_residue
from domicile.placement.whereabouts import find_whereabouts
from domicile.relocation.opening import Opened, open_residue
from domicile.relocation.residue import Keeper
from domicile.running import Domicile
from network_at import MakeMember, SetClock, superuser
from relocating import count_owned

GERMANY, RUSSIA = SiteName("de-1"), SiteName("ru-1")
FACTS, CONTENT = "RU-ORI-KEEP", "RU-ORI-KEEP-CONTENT"
smuggles = pytest.mark.audit_expected_to_fail


async def residue_at(domicile: Domicile, site: SiteName, member: MemberId) -> dict[str, Residue]:
    """By rule; two under one rule fail the test that looks."""
    found = await list_residue(site, domicile.sites[site].auditor, domicile.clock().date(), [member])
    by_rule = {residue.rule: residue for residue in found}
    assert len(by_rule) == len(found), "the same was left twice"
    return by_rule


async def opened(domicile: Domicile, residue: Residue) -> Opened:
    site, owner = domicile.sites[residue.site], domicile.credentials[residue.site].owner
    return await open_residue(site, owner, residue.id, "a court asks", "counsel", domicile.clock)


async def steps(domicile: Domicile, site: SiteName, member: MemberId) -> list[str]:
    query = "SELECT step FROM vault.keeping_entry WHERE member_id = %s ORDER BY number"
    return [row.step for row in await domicile.sites[site].auditor.run(query, (member,))]


@pytest.fixture
async def ivan(domicile: Domicile, member: MakeMember) -> MemberId:
    """Lives in Russia, and has written."""
    ivan = await member("RU", email=f"canary_{secrets.token_hex(4)}@example.org")
    await domicile.posts.write(ivan, Draft(text="canary words of ivan"))
    await domicile.posts.write(ivan, Draft(text="canary secret of ivan", visibility="direct"))
    return ivan


async def test_who_leaves_russia_leaves_what_an_organiser_must_keep_there(domicile: Domicile, ivan: MemberId) -> None:
    moved = await domicile.coordinator.relocate([ivan], RUSSIA, GERMANY, "a test")

    left, today = await residue_at(domicile, RUSSIA, ivan), domicile.clock().date()
    assert left.keys() == {FACTS, CONTENT}
    assert left[FACTS].until == date(today.year + 3, today.month, today.day)
    assert left[CONTENT].until is not None
    assert timedelta(days=180) < left[CONTENT].until - today < timedelta(days=186)
    assert await count_owned(domicile, RUSSIA, ivan) == 0, "zero live rows, residue aside"
    entry = (await domicile.journal.entries())[-1]
    counts = msgspec.json.decode(entry.fields, type=dict[str, int])
    assert (entry.step, counts["left"]) == ("done", 0)
    assert counts["residue"] == moved.residue == sum(residue.rows for residue in left.values()) > 5
    facts, content = await opened(domicile, left[FACTS]), await opened(domicile, left[CONTENT])
    assert facts.tables["vault.credential"][0]["email"].startswith("canary_"), "sealed values still open"
    assert {"content", "source"}.isdisjoint(facts.tables["post"][0]), "only what the rule covers"
    assert "password_hash" not in facts.tables["vault.credential"][0]
    assert content.tables["post"][0]["source"] == "canary words of ivan"
    assert "canary secret of ivan" in content.tables["vault.direct_text"][0]["body"]
    assert await steps(domicile, RUSSIA, ivan) == ["opened", "opened"]
    where = await find_whereabouts(domicile.router, domicile.ownership, ivan)
    assert {residue.rule for residue in where.residue} == left.keys()
    assert where.astray == []
    report = await audit(domicile.sites, domicile.hub, domicile.clock())
    assert report.residue >= moved.residue
    assert report.ok


async def test_no_role_of_the_application_reads_residue_and_nothing_of_it_lies_in_clear(
    domicile: Domicile, ivan: MemberId
) -> None:
    await domicile.coordinator.relocate([ivan], RUSSIA, GERMANY, "a test")
    site = domicile.sites[RUSSIA]
    for database in (site.app, site.reader, site.importer, site.auditor):
        with pytest.raises(DomicileError, match="42501"):
            await database.run("SELECT body FROM vault.residue_part")
        with pytest.raises(DomicileError, match="42501"):
            await database.run("SELECT wrapped FROM vault.residue")
    for table in ("hold", "residue", "residue_part", "keeping_entry"):
        with pytest.raises(DomicileError, match="42501"):
            await site.app.run(f"SELECT count(*) FROM vault.{table}")
    for change in ("UPDATE vault.keeping_entry SET step = ''", "DELETE FROM vault.keeping_entry"):
        with pytest.raises(DomicileError, match="42501"):
            await site.importer.run(change)
    async with superuser(domicile, RUSSIA) as admin:
        rows = await admin.run(
            "SELECT r::text || string_agg(p.body::text, '') || string_agg(encode(p.body, 'escape'), '') AS all_of_it"
            " FROM vault.residue r JOIN vault.residue_part p USING (residue_id) WHERE member_id = %s GROUP BY r",
            (ivan,),
        )
    assert len(rows) == 2
    assert not any("canary" in row.all_of_it for row in rows)
    for reason, role in (("", "counsel"), ("a court asks", " ")):
        with pytest.raises(InvalidInput):
            await open_residue(site, domicile.credentials[RUSSIA].owner, 1, reason, role, domicile.clock)
    with pytest.raises(NotFound):
        await open_residue(site, domicile.credentials[RUSSIA].owner, 1, "a court asks", "counsel", domicile.clock)


async def test_what_has_ended_is_destroyed_and_coming_back_changes_nothing(
    domicile: Domicile, ivan: MemberId, clock: SetClock
) -> None:
    await domicile.coordinator.relocate([ivan], RUSSIA, GERMANY, "a test")
    left = await residue_at(domicile, RUSSIA, ivan)
    await domicile.coordinator.relocate([ivan], GERMANY, RUSSIA, "back again")
    assert await residue_at(domicile, RUSSIA, ivan) == left
    assert await residue_at(domicile, GERMANY, ivan) == {}, "no law of Germany keeps anything"
    await domicile.keeper.destroy_ended(domicile.sites[RUSSIA])
    assert await residue_at(domicile, RUSSIA, ivan) == left

    last = left[CONTENT].until
    assert last is not None
    clock.advance(timedelta(days=(last - clock().date()).days + 1, hours=2))
    kinds = {violation.kind for violation in (await audit(domicile.sites, domicile.hub, clock())).violations}
    assert "residue_past_end" in kinds
    await domicile.tick()
    assert (await residue_at(domicile, RUSSIA, ivan)).keys() == {FACTS}
    assert await steps(domicile, RUSSIA, ivan) == ["destroyed"]
    with pytest.raises(NotFound):
        await opened(domicile, left[CONTENT])


async def test_a_german_who_lived_in_russia_for_a_while_leaves_nothing_there(
    domicile: Domicile, member: MakeMember
) -> None:
    anna = await member("DE")
    await domicile.coordinator.relocate([anna], GERMANY, RUSSIA, "a test")
    await domicile.coordinator.relocate([anna], RUSSIA, GERMANY, "a test")
    assert await residue_at(domicile, RUSSIA, anna) == {}


async def test_an_erased_member_of_russia_leaves_sealed_what_must_stay_and_the_receipt_says_so(
    domicile: Domicile, ivan: MemberId
) -> None:
    receipt = await domicile.erasure.erase(ivan)
    assert {residue.rule for residue in receipt.residue} == {FACTS, CONTENT}
    assert {residue.cause for residue in receipt.residue} == {"erased"}
    assert await steps(domicile, RUSSIA, ivan) == ["left"]
    assert (await domicile.erasure.receipt(ivan)).residue == receipt.residue


async def test_an_erasing_step_that_is_cut_short_and_repeated_leaves_it_once(
    domicile: Domicile, ivan: MemberId, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, tried = Keeper.note_left, []

    async def fail_once(self: Keeper, *of: object) -> None:
        await real(self, *of)  # type: ignore[arg-type]
        tried.append(of)
        if len(tried) == 1:
            raise Unavailable("the server goes away before it has committed")

    async def crash(step: str) -> None:
        if step == "erased":
            raise Unavailable("the coordinator goes away when the source has committed")

    monkeypatch.setattr(Keeper, "note_left", fail_once)
    monkeypatch.setattr(domicile.coordinator, "on_step", crash)
    moved = await domicile.coordinator.relocate([ivan], RUSSIA, GERMANY, "a test")
    assert len(moved.unfinished) == 1
    assert len(tried) == 2
    left = await residue_at(domicile, RUSSIA, ivan)
    monkeypatch.undo()
    await domicile.coordinator.resume(timedelta(0))
    assert await residue_at(domicile, RUSSIA, ivan) == left
    counts = msgspec.json.decode((await domicile.journal.entries())[-1].fields, type=dict[str, int])
    assert counts["residue"] == sum(residue.rows for residue in left.values())


async def test_what_arrived_for_an_abandoned_batch_is_discarded_and_never_kept(
    domicile: Domicile, ivan: MemberId, monkeypatch: pytest.MonkeyPatch
) -> None:
    await domicile.coordinator.relocate([ivan], RUSSIA, GERMANY, "a test")
    before = await residue_at(domicile, RUSSIA, ivan)

    async def give_up(step: str) -> None:
        if step == "compared":
            raise Unavailable("a test gives up")

    monkeypatch.setattr(domicile.coordinator, "on_step", give_up)
    moved = await domicile.coordinator.relocate([ivan], GERMANY, RUSSIA, "a test")
    monkeypatch.undo()
    assert moved.members == []
    assert await count_owned(domicile, RUSSIA, ivan) == 0
    assert await residue_at(domicile, RUSSIA, ivan) == before
    assert (await domicile.router.home_of(ivan, ask_hub=True)).site == GERMANY


@smuggles
@pytest.mark.parametrize(
    ("do", "kind"),
    [
        ("UPDATE vault.residue SET rule = '', citation = '' WHERE member_id = {ivan}", "residue_without_rule"),
        ("UPDATE vault.residue SET hold_id = 7 WHERE member_id = {ivan}", "residue_without_rule"),
        (
            "DELETE FROM vault.residue_part WHERE number = 0 AND residue_id ="
            " (SELECT min(residue_id) FROM vault.residue WHERE member_id = {ivan})",
            "residue_without_rule",
        ),
        ("UPDATE vault.residue SET until = '2020-01-01' WHERE member_id = {ivan}", "residue_past_end"),
        ("GRANT SELECT ON vault.residue_part TO domicile_app", "readable_residue"),
        ("GRANT SELECT (wrapped) ON vault.residue TO domicile_import", "readable_residue"),
        ("UPDATE vault.keeping_entry SET fields = '{{}}' WHERE number = 1", "broken_chain"),
        ("DELETE FROM vault.keeping_entry WHERE number = 1", "broken_chain"),
    ],
)
async def test_the_audit_finds_residue_that_should_not_be_as_it_is(
    domicile: Domicile, tampered: tuple[MemberId, list[str]], do: str, kind: str
) -> None:
    ivan, undo = tampered
    async with superuser(domicile, RUSSIA) as admin:
        await admin.run(do.format(ivan=ivan))
        report = await audit(domicile.sites, domicile.hub, domicile.clock())
        for statement in undo:
            await admin.run(statement)
    found = [violation for violation in report.violations if violation.kind == kind]
    assert found and found[0].site == RUSSIA, report.violations


@pytest.fixture
async def tampered(domicile: Domicile, ivan: MemberId) -> AsyncIterator[tuple[MemberId, list[str]]]:
    """Somebody with residue, and the statements by which a superuser makes good what a test has done."""
    await domicile.coordinator.relocate([ivan], RUSSIA, GERMANY, "a test")
    async with superuser(domicile, RUSSIA) as admin:
        await admin.run("CREATE TABLE kept_links AS SELECT * FROM vault.keeping_entry")
        yield (
            ivan,
            [
                "REVOKE SELECT ON vault.residue_part FROM domicile_app",
                "REVOKE SELECT (wrapped) ON vault.residue FROM domicile_import",
                "DELETE FROM vault.keeping_entry",
                "INSERT INTO vault.keeping_entry SELECT * FROM kept_links",
                f"DELETE FROM vault.residue WHERE member_id = {ivan}",
            ],
        )
        await admin.run("DROP TABLE kept_links")
    report = await audit(domicile.sites, domicile.hub, domicile.clock())
    assert report.ok, report.violations
