"""What a member who has moved away leaves in a server's files: found by planted values, and gone after a scrub."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from domicile.audit.canaries import Canary
from domicile.audit.report import CanaryReport, Violation
from domicile.audit.residency import audit
from domicile.audit.search import Ground, Search
from domicile.audit.until import describe_remains
from domicile.errors import InvalidInput
from domicile.ids import MemberId, SiteName
from domicile.network.posts import Draft
from domicile.network.profiles import ProfileChange
from domicile.placement.remains import read_last_scrub, read_remains
from domicile.relocation.kept_backups import list_backups, prune_backups
from domicile.relocation.scrub import Scrub
from domicile.running import Domicile
from network_at import make_member, network_at, superuser

pytestmark = pytest.mark.usefixtures("real_initdb")  # the search tells servers apart by what initdb gave them
OPERATING = Path(__file__).parents[2] / "docs" / "operating.md"
GERMANY, RUSSIA = SiteName("de-1"), SiteName("ru-1")


@pytest.fixture(scope="module")
async def network(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Domicile]:
    async with network_at(tmp_path_factory.mktemp("remains") / "data", sites="de,ru") as running:
        yield running


def show(what: str, done: int, total: int) -> None:
    assert 0 <= done <= total, what


async def search(
    domicile: Domicile, canaries: list[Canary], **given: list[Path]
) -> tuple[CanaryReport, list[Violation]]:
    looking = Search(canaries, show)
    for ground in domicile.grounds({name.replace("_", "-"): folders for name, folders in given.items()}):
        await looking.look_at(ground)
    wrong = looking.end()
    return looking.report, wrong


def places(report: CanaryReport, site: str, line: int) -> set[str]:
    return {found.place for found in report.found if found.site == site and found.line == line}


@dataclass
class Planted:
    """A member of Germany about whom every value is known. The first two are sealed and may be in clear nowhere."""

    member: MemberId
    canaries: list[Canary]


async def plant(domicile: Domicile, *may_be_at: str) -> Planted:
    mark, there = secrets.token_hex(6), frozenset(may_be_at)
    email, whisper = Canary(1, f"kanarie{mark}@example.org"), Canary(2, f"whispered words {mark}")
    name, post = Canary(3, f"Anna Kanarie {mark}", there), Canary(4, f"a post with {mark} in it", there)
    neighbour = await make_member(domicile, "DE")  # who stays, so that no page becomes empty and is cut off
    await domicile.posts.write(neighbour, Draft(text="good morning"))
    anna = await make_member(domicile, "DE", email=email.value)
    await domicile.profiles.change(anna, ProfileChange(display_name=name.value))
    await domicile.posts.write(anna, Draft(text=post.value))
    await domicile.posts.write(anna, Draft(text=whisper.value, visibility="direct"))
    await domicile.sites[GERMANY].importer.run("SELECT domicile.analyze_tables()")
    return Planted(anna, [email, whisper, name, post])


async def move(domicile: Domicile, member: MemberId) -> None:
    assert (await domicile.coordinator.relocate([member], GERMANY, RUSSIA, "a test")).members == [member]


async def test_what_a_member_leaves_behind_is_found_and_gone_after_a_scrub(network: Domicile) -> None:
    planted = await plant(network, RUSSIA)
    async with superuser(network, GERMANY) as admin:
        await admin.run("CHECKPOINT")  # after it, whoever changes a page writes all of it into the WAL, compressed
    await move(network, planted.member)
    report, wrong = await search(network, planted.canaries)

    assert (await audit(network.sites, network.hub, network.clock())).ok, "every live row is where it belongs"
    for site in (GERMANY, RUSSIA, "hub", "data folder"):
        assert not places(report, site, 1) | places(report, site, 2), "a sealed value lies somewhere in clear"
    for line in (3, 4):
        assert {"heap", "wal"} <= places(report, GERMANY, line), "remains of somebody who has just left"
        assert "rows" not in places(report, GERMANY, line)
        assert "rows" in places(report, RUSSIA, line)
    assert "statistics" in places(report, GERMANY, 4), "ANALYZE had seen the post"
    assert ("wal pages" in places(report, GERMANY, 4)) == (not report.not_searched), "pages written whole are opened"
    assert {(v.kind, v.site) for v in wrong} == {("remains", GERMANY)}
    assert not any(canary.value in str(wrong) + str(report) for canary in planted.canaries)
    left = (await network.lingering(planted.member)).left
    assert [(home.site, home.heap_gone, home.wal_gone) for home in left] == [(GERMANY, False, False)]

    plain = await network.scrub(GERMANY).scrub(network.clock(), show)
    report, _ = await search(network, planted.canaries)
    assert plain.left == []
    assert "heap" in places(report, GERMANY, 4), "a plain VACUUM compacts pages and does not wipe them"
    assert "statistics" not in places(report, GERMANY, 4)
    assert (await read_last_scrub(network.sites[GERMANY].auditor)).heap is None

    done = await network.scrub(GERMANY).scrub(network.clock(), show, full=True)
    report, wrong = await search(network, planted.canaries)
    assert (done.left, wrong) == ([], [])
    assert not any(places(report, GERMANY, line) for line in (1, 2, 3, 4))
    assert {"rows", "heap"} <= places(report, RUSSIA, 4), "where it may be, it still is"
    left = (await network.lingering(planted.member)).left
    assert [(home.heap_gone, home.statistics_gone, home.wal_gone) for home in left] == [(True, True, True)]
    note = describe_remains(await read_remains(GERMANY, network.sites[GERMANY].auditor), None, None)
    assert "gone from heap and indexes" in note and "gone from the WAL" in note


async def test_who_still_reads_an_old_snapshot_keeps_dead_rows_and_it_is_said(
    network: Domicile, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = await plant(network, RUSSIA)
    monkeypatch.setattr("domicile.relocation.scrub.PATIENCE_S", 1.5)
    before = await read_last_scrub(network.sites[GERMANY].auditor)
    async with superuser(network, GERMANY) as admin, admin.transaction("BEGIN ISOLATION LEVEL REPEATABLE READ") as old:
        await old.value("SELECT count(*) FROM alembic_version")
        await move(network, planted.member)
        done = await network.scrub(GERMANY).scrub(network.clock(), show, full=True)
        report, _ = await search(network, planted.canaries)
    assert any("still sees" in words for words in done.left)
    assert "heap" in places(report, GERMANY, 4), "VACUUM FULL carries over what somebody can still see"
    assert (await read_last_scrub(network.sites[GERMANY].auditor)).heap == before.heap


async def test_a_table_in_use_is_named_and_the_others_are_scrubbed(
    network: Domicile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domicile.relocation.scrub.LOCK", "50ms")
    async with superuser(network, GERMANY) as admin, admin.transaction() as busy:
        await busy.execute("LOCK TABLE post IN ACCESS SHARE MODE")
        done = await network.scrub(GERMANY).scrub(network.clock(), show, full=True)
    assert [words for words in done.left if "post" in words] == ["what is in post, in use all the time: run this again"]
    reindexed = await network.scrub(GERMANY).scrub(network.clock(), show, reindex=True)
    assert reindexed.left == [] and reindexed.tables == done.tables + 1
    assert (await network.scrub("hub").scrub(network.clock(), show, full=True)).left == []


async def test_an_owner_who_is_no_superuser_scrubs_what_they_may(network: Domicile) -> None:
    scrub = Scrub(GERMANY, network.credentials[GERMANY].owner)
    refused = await scrub.scrub(network.clock(), show, full=True)
    assert any(words.startswith("WAL, until") and "42501" in words for words in refused.left)
    assert (await read_last_scrub(network.sites[GERMANY].auditor)).heap == refused.began_at
    async with superuser(network, GERMANY) as admin:
        for statement in statements("GRANT pg_checkpoint"):
            await admin.run(statement)
    allowed = await scrub.scrub(network.clock(), show, full=True)
    assert not [words for words in allowed.left if "WAL" in words]
    assert allowed.wal_overwritten and allowed.remains is not None and allowed.remains.wal_segments


def statements(first: str) -> list[str]:
    """The statements of the block in docs/operating.md that begins so."""
    block = OPERATING.read_text().split(f"```\n{first}", 1)[1].split("```", 1)[0]
    return [statement.strip() for statement in f"{first}{block}".split(";\n") if statement.strip()]


async def test_a_log_never_may_hold_a_value_and_a_folder_of_the_operators_is_searched_too(
    network: Domicile, tmp_path: Path
) -> None:
    canary = Canary(1, f"logged words {secrets.token_hex(6)}", frozenset({GERMANY}))
    kept = network.grounds({})[0]
    assert network.embedded is not None and kept.name == GERMANY
    with network.embedded.log(GERMANY).open("a") as log:
        log.write(f"duplicate key value: {canary.value}\n")
    (tmp_path / "access.log").write_text(f"GET /search?q={canary.value.replace(' ', '%20')}\n")
    _, wrong = await search(network, [canary], ru_1=[tmp_path])
    assert {(v.site, v.count) for v in wrong} == {(GERMANY, 1), (RUSSIA, 1)}
    assert "no log may hold it" in next(v.text for v in wrong if v.site == GERMANY)
    network.embedded.log(GERMANY).write_text("")
    with pytest.raises(InvalidInput, match="another server"):
        await search(network, [canary], ru_1=[network.embedded.folder(GERMANY)])


async def test_what_cannot_be_read_is_named(network: Domicile) -> None:
    looking = Search([Canary(1, "nowhere to be found")], show)
    await looking.look_at(Ground(GERMANY, network.credentials[GERMANY].owner))
    assert any("heap, indexes, WAL, log" in words for words in looking.report.not_searched)
    assert {part.place for part in looking.report.searched} == {"rows", "statistics"}
    no_server = Search([Canary(1, "nowhere to be found")], show)
    await no_server.look_at(Ground(GERMANY, "host=/nowhere dbname=domicile connect_timeout=1"))
    assert any("rows and statistics" in words for words in no_server.report.not_searched)


async def test_the_running_network_tidies_a_site_that_members_have_left_once(
    network: Domicile, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = await plant(network, RUSSIA)
    await move(network, planted.member)
    assert network.tidying._tidied == {}
    await network.tidy()
    assert network.tidying._tidied == {}, "a moment ago: others may follow"

    monkeypatch.setattr("domicile.relocation.tidying.QUIET", timedelta(0))
    monkeypatch.setattr("domicile.running.TIDY_EVERY_S", 0.05)
    running = asyncio.create_task(network.keep_ticking())
    for _ in range(600):
        if network.tidying._tidied:
            break
        await asyncio.sleep(0.1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    report, _ = await search(network, planted.canaries)
    assert "statistics" not in places(report, GERMANY, 4)
    remains = await read_remains(GERMANY, network.sites[GERMANY].auditor)
    assert remains.wal_segments and remains.wal_since is not None
    assert network.tidying._tidied.keys() == {GERMANY}
    monkeypatch.setattr(Scrub, "tidy", None)  # whoever were to call it again would fail
    await network.tidy()


async def test_backups_are_kept_so_long_and_a_member_is_told_in_which_they_are(
    network: Domicile, tmp_path: Path
) -> None:
    anna = await make_member(network, "DE")
    backups, now = network.backups(GERMANY), network.clock()
    first, _ = await backups.back_up(now)
    elsewhere, _ = await backups.back_up(now + timedelta(days=2), tmp_path / "vault", "a court's order")
    await move(network, anna)
    newest, _ = await backups.back_up(network.clock() + timedelta(days=9))

    in_backups = (await network.lingering(anna)).backups
    assert [backup.folder for backup in in_backups] == [first]
    days = network.config.backups.days
    assert in_backups[0].until == now + timedelta(days=days)
    listed = network.kept_backups(GERMANY)
    assert [(backup.folder, backup.forced) for backup in listed] == [
        (first, ""),
        (elsewhere, "a court's order"),
        (newest, ""),
    ]
    assert listed[-1].until is None, "the newest stays until there is a newer one"

    assert prune_backups(backups.folder, days, now + timedelta(days=days - 1)) == []
    pruned = prune_backups(backups.folder, days, now + timedelta(days=days + 1))
    assert [backup.folder for backup in pruned] == [first]
    assert not first.exists() and elsewhere.exists()
    assert len(prune_backups(backups.folder, days, now + timedelta(days=999))) == 1
    assert [backup.folder for backup in list_backups(backups.folder, days)] == [newest]
    assert not elsewhere.exists() and newest.exists()
