"""A seeded network is one that members could have made themselves: every row at home, every pair whole."""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from domicile.audit.residency import audit
from domicile.database import Row
from domicile.errors import Conflict, InvalidInput
from domicile.ids import Country, MemberId, PostId, Snowflake
from domicile.network.demo import DEMO_HANDLES, DEMO_PASSWORD
from domicile.network.posts import Draft
from domicile.network.seeding import load
from domicile.network.seeding.load import SeedReport, seed
from domicile.network.seeding.people import words_of
from domicile.network.seeding.safeguards import file_demo_safeguards
from domicile.network.timelines import make_bounds
from domicile.running import Domicile
from network_at import network_at, superuser

MEMBERS = 200


@pytest.fixture(scope="module")
async def seeded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Domicile, SeedReport, list[Any]]]:
    """A network of four countries after one seeding, its report, and what the progress said."""
    shown: list[Any] = []
    async with network_at(tmp_path_factory.mktemp("seeded") / "data") as domicile:
        await file_demo_safeguards(domicile.sites, domicile.clock)
        report = await seed(domicile, MEMBERS, progress=lambda *step: shown.append(step))
        yield domicile, report, shown


@pytest.fixture
def domicile(seeded: tuple[Domicile, SeedReport, list[Any]]) -> Domicile:
    return seeded[0]


async def everywhere(domicile: Domicile, query: str) -> list[Row]:
    """The rows of a query at every site, read as the importer."""
    return [tuple(row) for site in domicile.sites.values() for row in await site.importer.run(query)]


async def counts(domicile: Domicile) -> dict[str, int]:
    """How many rows each table of each site and of the hub holds."""
    found = {
        f"{name} {owned.name}": (await site.importer.run(f"SELECT count(*) AS n FROM {owned.name}"))[0].n
        for name, site in domicile.sites.items()
        for owned in domicile.ownership.owned
    }
    for name, site in domicile.sites.items():
        found[f"{name} resident"] = (await site.importer.run("SELECT count(*) AS n FROM resident"))[0].n
        found[f"{name} files"] = len(list(site.media.glob("*"))) if site.media.exists() else 0
    return found | await domicile.directory.sizes()


async def test_every_row_lives_where_its_owner_lives(domicile: Domicile) -> None:
    report = await audit(domicile.sites, domicile.hub, domicile.clock())
    assert report.ok, report.violations
    for owned in domicile.ownership.owned:
        astray = (
            f"SELECT 1 FROM {owned.name} t LEFT JOIN resident r ON r.member_id = t.{owned.owner} AND r.state = 'home'"
        )
        assert not await everywhere(domicile, f"{astray} WHERE r.member_id IS NULL"), owned.name


async def test_the_report_and_the_progress_tell_the_truth(seeded: tuple[Domicile, SeedReport, list[Any]]) -> None:
    domicile, report, shown = seeded
    posts = await everywhere(domicile, "SELECT 1 FROM post")
    follows = await everywhere(domicile, "SELECT 1 FROM follow")
    assert (report.members, report.posts, report.follows) == (MEMBERS, len(posts), len(follows))
    assert sum(report.by_site.values()) == MEMBERS and all(report.by_site.values())
    assert shown[-1][1] == shown[-1][2] == report.rows


async def test_both_halves_of_every_pair_exist(domicile: Domicile) -> None:
    pairs = {
        "SELECT member_id, target, state, version FROM follow": (
            "SELECT follower, member_id, state, version FROM follower"
        ),
        "SELECT member_id, kind, target_author, target_post, version FROM reaction WHERE kind <> 'bookmark'": (
            "SELECT actor, kind, author_id, post_id, version FROM reaction_stub WHERE NOT removed"
        ),
        "SELECT author_id, post_id, reply_author, reply_post FROM post WHERE reply_author IS NOT NULL": (
            "SELECT reply_author, reply_post, author_id, post_id FROM reply_stub WHERE NOT removed"
        ),
        "SELECT m.author_id, m.post_id, m.mentioned, p.visibility = 3 FROM post_mention m JOIN post p"
        " USING (author_id, post_id)": "SELECT author, post_id, member_id, direct FROM mention_stub WHERE NOT removed",
        "SELECT member_id, boost, target_author, target_post FROM reaction WHERE kind = 'boost'": (
            "SELECT author_id, post_id, boost_author, boost_post FROM post WHERE boost_post IS NOT NULL"
        ),
        "SELECT author_id, post_id FROM post WHERE visibility = 3": "SELECT author_id, post_id FROM vault.direct_text",
    }
    for truth, stub in pairs.items():
        rows = await everywhere(domicile, truth)
        assert rows and sorted(rows) == sorted(await everywhere(domicile, stub)), truth


async def test_the_counters_are_right(domicile: Domicile) -> None:
    wrong_tally = """SELECT t.* FROM tally t WHERE (posts, followers, following, last_post) IS DISTINCT FROM (
      (SELECT count(*) FROM post p WHERE p.author_id = t.member_id AND p.visibility < 3),
      (SELECT count(*) FROM follower f WHERE f.member_id = t.member_id AND f.state = 'accepted'),
      (SELECT count(*) FROM follow f WHERE f.member_id = t.member_id AND f.state = 'accepted'),
      (SELECT max(post_id) FROM post p WHERE p.author_id = t.member_id))"""
    wrong_post = """SELECT p.* FROM post p WHERE (replies, boosts, favourites) IS DISTINCT FROM (
      (SELECT count(*) FROM reply_stub s WHERE (s.author_id, s.post_id) = (p.author_id, p.post_id)),
      (SELECT count(*) FROM reaction_stub s WHERE (s.author_id, s.post_id, s.kind) = (p.author_id, p.post_id, 'boost')),
      (SELECT count(*) FROM reaction_stub s
         WHERE (s.author_id, s.post_id, s.kind) = (p.author_id, p.post_id, 'favourite')))"""
    assert not await everywhere(domicile, wrong_tally)
    assert not await everywhere(domicile, wrong_post)


async def test_no_address_stands_anywhere_in_clear(domicile: Domicile) -> None:
    """Neither as text nor as the bytes of a text."""
    domains = [f"@{domain}" for country in DEMO_HANDLES for domain in words_of(country).domains]
    canaries = "|".join([*domains, *(domain.encode().hex() for domain in domains)]).replace(".", "[.]")
    for name in (*domicile.sites, "hub"):
        async with superuser(domicile, name) as database:
            tables = await database.run(
                "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) AS name FROM pg_tables"
                " WHERE schemaname IN ('public', 'vault')"
            )
            for table in tables:
                assert not await database.run(f"SELECT 1 FROM {table.name} t WHERE t::text ~* '{canaries}'"), table.name


async def test_sealed_values_open_under_their_members_own_keys(domicile: Domicile) -> None:
    for site in domicile.sites.values():
        rows = await site.importer.run(
            "SELECT member_id, email, wrapped FROM vault.credential JOIN vault.data_key USING (member_id)"
        )
        domains = words_of(site.country).domains
        for row in rows:
            key = site.key.unwrap(MemberId(row.member_id), bytes(row.wrapped))
            assert (key.open_text("credential.email", bytes(row.email)) or "").rpartition("@")[2] in domains


async def test_a_demo_member_of_every_country_logs_in_to_a_lively_timeline(domicile: Domicile) -> None:
    for handle in DEMO_HANDLES.values():
        member = await domicile.members.check_log_in(handle, DEMO_PASSWORD)
        page = await domicile.timelines.home(member, make_bounds(20))
        assert page.complete and len(page.items) == 20
        assert sum(item.body is not None for item in page.items) >= 5
        assert len({(await domicile.router.home_of(item.author)).site for item in page.items}) >= 2
        assert (await domicile.profiles.own(member)).preferences.consents
        notices = await domicile.notifications.page(member, before=2**63 - 1, after=0, upward=False, limit=40)
        assert len(notices) == 20


async def test_made_up_members_have_proved_what_their_law_asks_and_it_says_that_it_is_made_up(
    domicile: Domicile,
) -> None:
    proofs = "SELECT method, rules, made_up FROM verification"
    residents = await everywhere(domicile, "SELECT 1 FROM claim WHERE jurisdiction = 'CN' AND basis = 'residence'")
    assert await everywhere(domicile, proofs) == [("mobile_number", ["CN-REAL-ID"], True)] * len(residents)
    chinese = await domicile.members.find_by_handle(DEMO_HANDLES[Country("CN")])
    assert await domicile.posts.write(chinese, Draft(text="#seeded"))


async def test_some_direct_message_reads_as_it_was_written(domicile: Domicile) -> None:
    rows = await everywhere(domicile, "SELECT member_id, author, post_id FROM mention_stub WHERE direct")
    words = []
    for reader, author, post in rows:
        home, other = [(await domicile.router.home_of(MemberId(m))).site for m in (reader, author)]
        if home == other:
            shown = await domicile.posts.show(PostId(Snowflake(post), MemberId(author)), reader=MemberId(reader))
            words.append(shown.body.source if shown.body else "")
    assert words and all(text.startswith("@") for text in words)


async def test_a_site_knows_the_way_to_everybody_its_members_know(domicile: Domicile) -> None:
    missing = (
        "SELECT 1 FROM (SELECT target AS member_id FROM follow UNION SELECT follower FROM follower UNION"
        " SELECT member_id FROM resident) t LEFT JOIN route USING (member_id) WHERE route.member_id IS NULL"
    )
    assert not await everywhere(domicile, missing)
    homes = {row.member_id: row.site for row in await domicile.hub.run("SELECT member_id, site FROM home")}
    assert all(
        homes[member] == site for member, site in await everywhere(domicile, "SELECT member_id, site FROM route")
    )


async def test_consents_follow_the_law_and_some_members_stay_private(domicile: Domicile) -> None:
    published = {
        row[0] for row in await everywhere(domicile, "SELECT member_id FROM consent WHERE kind = 'publication'")
    }
    assert 0.7 * MEMBERS < len(published) < 0.97 * MEMBERS
    rules = await domicile.sites[next(n for n in domicile.sites if n == "cn-1")].app.run(
        "SELECT kind, rules FROM consent GROUP BY 1, 2"
    )
    assert {row.kind for row in rules} == {"publication", "abroad"}
    assert all(rule.startswith("CN-") for row in rules for rule in row.rules)


@pytest.mark.parametrize("text", ["1 2\n3 four\n", "1 2\n3\n", "".join(f"{n} {n + 1}\n" for n in range(60))])
async def test_a_rubbish_graph_is_refused_and_changes_nothing(domicile: Domicile, tmp_path: Path, text: str) -> None:
    before = await counts(domicile)
    file = tmp_path / "friends.txt.gz"
    file.write_bytes(gzip.compress(text.encode()))
    with pytest.raises(InvalidInput):
        await seed(domicile, 50, graph=file)
    with pytest.raises(InvalidInput):
        await seed(domicile, 0)
    assert await counts(domicile) == before


async def test_a_crash_before_the_hub_knows_leaves_nothing(domicile: Domicile, monkeypatch: pytest.MonkeyPatch) -> None:
    before = await counts(domicile)

    async def crash(*_: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(load.Run, "_enter", crash)
    with pytest.raises(ConnectionError):
        await seed(domicile, 20, random_seed=2)
    assert await counts(domicile) == before


async def test_what_a_crash_after_the_hub_left_is_opened_by_the_next_run(
    domicile: Domicile, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle, settled = load.settle, []

    async def die_the_second_time(*parts: Any) -> None:
        settled.append(parts)
        if len(settled) == 2:
            raise ConnectionError
        await settle(*parts)

    monkeypatch.setattr(load, "settle", die_the_second_time)
    with pytest.raises(ConnectionError):
        await seed(domicile, 20, random_seed=3)
    assert len(await everywhere(domicile, "SELECT 1 FROM resident WHERE state = 'pending'")) == 20
    await domicile.repair()  # sign-ups are another matter
    assert len(await everywhere(domicile, "SELECT 1 FROM resident WHERE state = 'pending'")) == 20
    await seed(domicile, 5, random_seed=4)
    assert not await everywhere(domicile, "SELECT 1 FROM resident WHERE state = 'pending'")
    assert (await audit(domicile.sites, domicile.hub, domicile.clock())).ok


async def test_seeding_again_adds_members_under_names_of_their_own(domicile: Domicile) -> None:
    before = await everywhere(domicile, "SELECT handle FROM account")
    report = await seed(domicile, MEMBERS, random_seed=1)  # the very same people, as it were
    handles = [handle for (handle,) in await everywhere(domicile, "SELECT lower(handle) FROM account")]
    assert len(handles) == len(set(handles)) == len(before) + report.members
    assert sum(handle in DEMO_HANDLES.values() for handle in handles) == len(DEMO_HANDLES)
    assert (await audit(domicile.sites, domicile.hub, domicile.clock())).ok


async def test_a_graph_is_followed_both_ways(domicile: Domicile, tmp_path: Path) -> None:
    file = tmp_path / "friends.txt"
    file.write_text("# three friends\n7 8\n8 9\n\n9 8\n7 7\n")
    report = await seed(domicile, 4, graph=file)
    assert (report.members, report.follows, report.ignored) == (4, 4, 2)


async def test_only_one_seeding_runs_at_a_time(domicile: Domicile) -> None:
    async with load._alone(domicile.directory):
        with pytest.raises(Conflict, match="another seeding"):
            await seed(domicile, 5)
