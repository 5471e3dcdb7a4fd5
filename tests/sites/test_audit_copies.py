"""The audit finds copies that should not be there any more, or that nobody would recall."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from copying import AMERICA, GERMANY, gather_of, kept, registered
from domicile.audit.report import Violation
from domicile.audit.residency import audit
from domicile.cli.whereabouts import places_json
from domicile.ids import MemberId
from domicile.network.posts import Draft
from domicile.placement.whereabouts import Whereabouts, find_whereabouts
from domicile.running import Domicile
from network_at import MakeMember, SetClock, superuser
from wire import unreachable

pytestmark = pytest.mark.audit_expected_to_fail


@pytest.fixture
async def author(domicile: Domicile, member: MakeMember) -> AsyncIterator[MemberId]:
    """An American of whom Germany has two copies, and no others; none afterwards."""
    await forget_all(domicile)
    author, reader = await member("US"), await member("DE")
    await domicile.follows.follow(reader, author)
    await domicile.posts.write(author, Draft(text="kept"))
    await gather_of(domicile, GERMANY, author)
    yield author
    await forget_all(domicile)


async def forget_all(domicile: Domicile) -> None:
    for site in domicile.sites.values():
        await site.app.run("DELETE FROM kept_copy")
        await site.importer.run("DELETE FROM copy_register")


async def find(domicile: Domicile, kind: str) -> list[Violation]:
    report = await audit(domicile.sites, domicile.hub, domicile.clock())
    return [violation for violation in report.violations if violation.kind == kind]


async def look(domicile: Domicile, author: MemberId) -> Whereabouts:
    return await find_whereabouts(domicile.router, domicile.ownership, author)


async def test_a_copy_within_its_licence_is_no_violation_and_its_home_can_name_it(
    domicile: Domicile, author: MemberId
) -> None:
    assert (await audit(domicile.sites, domicile.hub, domicile.clock())).ok
    places = await look(domicile, author)
    assert not places.astray
    shown = places_json(places, domicile.clock())["copies"]
    assert [(one["site"], one["what"], one["state"], one["waits_s"]) for one in shown] == [
        ("de-1", "posts", "held", None),
        ("de-1", "profiles", "held", None),
    ]
    assert shown[0]["sections"] == ("body", "profile")
    assert "US-ELSEWHERE" in shown[0]["rules"]


async def test_a_copy_past_its_licence_is_named(domicile: Domicile, author: MemberId, clock: SetClock) -> None:
    clock.advance(timedelta(days=7, minutes=4))
    assert await find(domicile, "copy") == [], "recurring work has a few minutes"
    clock.advance(timedelta(minutes=2))
    (violation,) = await find(domicile, "copy")
    assert (violation.site, violation.table, violation.count) == ("de-1", "kept_copy", 2)
    assert violation.sample_ids == (author,)
    assert "past their licence" in violation.text
    await domicile.copies.purge(GERMANY)
    assert await find(domicile, "copy") == []


async def test_a_copy_that_no_home_has_registered_is_named(domicile: Domicile, author: MemberId) -> None:
    await domicile.sites[AMERICA].importer.run("DELETE FROM copy_register WHERE member_id = %s", (author,))
    (violation,) = await find(domicile, "copy")
    assert (violation.site, violation.count, violation.sample_ids) == ("de-1", 2, (author,))
    places = await look(domicile, author)
    assert (places.copies, places.astray) == ([], [(GERMANY, "kept_copy", 2)])
    await gather_of(domicile, GERMANY, author)
    assert await kept(domicile, GERMANY, author) == [], "the two compare, and what is not registered goes"
    await gather_of(domicile, GERMANY, author)
    assert len(await kept(domicile, GERMANY, author)) == 2
    assert await find(domicile, "copy") == []


async def test_an_open_recall_is_shown_with_its_age(domicile: Domicile, author: MemberId, clock: SetClock) -> None:
    await domicile.members.withdraw_consent(author, "publication")
    with unreachable(domicile.exchange, "de-1"):
        await domicile.copies.recalling.recall(AMERICA)
        clock.advance(timedelta(hours=5))
    shown = places_json(await look(domicile, author), clock())["copies"]
    assert {(one["state"], one["reason"], one["attempts"]) for one in shown} == {("recalling", "changed", 1)}
    assert all(5 * 3600 <= one["waits_s"] < 5 * 3600 + 60 for one in shown)
    assert await find(domicile, "copy") == [], "a recall that is open is no violation"


async def test_a_trigger_that_recalls_no_more_is_named(domicile: Domicile, author: MemberId) -> None:
    async with superuser(domicile, AMERICA) as root:
        await root.run("ALTER TABLE post DISABLE TRIGGER recall")
        try:
            (violation,) = await find(domicile, "fence")
            assert "recall_post" in violation.text
        finally:
            await root.run("ALTER TABLE post ENABLE TRIGGER recall")
    assert await find(domicile, "fence") == []
    assert {row.state for row in await registered(domicile, author)} == {"held"}
