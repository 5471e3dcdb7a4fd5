"""An authority wants a member's data preserved: the member goes on, moves, or is erased, and a sealed copy stays."""

import io
import json
import zipfile
from datetime import timedelta

import pytest

from domicile.audit.residency import audit
from domicile.errors import Conflict, InvalidInput, NotFound
from domicile.ids import MemberId, SiteName
from domicile.network.posts import Draft
from domicile.placement.residue import Residue, list_residue
from domicile.relocation.holds import Demand
from domicile.relocation.opening import Opened, open_residue
from domicile.running import Domicile
from network_at import MakeMember, SetClock
from pictures import picture

GERMANY, AMERICA = SiteName("de-1"), SiteName("us-1")
REQUEST = Demand(authority="a court in Ohio", reason="case 26-1", rule="US-2703-F")


async def kept(domicile: Domicile, member: MemberId, site: SiteName = AMERICA) -> list[Residue]:
    return await list_residue(site, domicile.sites[site].auditor, domicile.clock().date(), [member])


async def opened(domicile: Domicile, residue: Residue) -> Opened:
    site, owner = domicile.sites[residue.site], domicile.credentials[residue.site].owner
    return await open_residue(site, owner, residue.id, "a warrant", "counsel", domicile.clock)


async def test_a_hold_keeps_what_the_member_then_deletes_and_they_may_still_move(
    domicile: Domicile, member: MakeMember, clock: SetClock
) -> None:
    jane = await member("US")
    regretted = await domicile.posts.write(jane, Draft(text="words regretted"))
    shown = await domicile.media.upload(jane, picture(77), "a picture")
    hold, sealed = await domicile.holds.place(AMERICA, jane, REQUEST)
    assert hold.until == clock().date() + timedelta(days=90)
    assert (sealed.residues, sealed.files) == (1, 1)

    await domicile.posts.delete(jane, regretted.id)
    await domicile.posts.write(jane, Draft(text="and life goes on"))
    moved = await domicile.coordinator.relocate([jane], AMERICA, GERMANY, "a test")

    assert moved.members == [jane]
    first, then = await kept(domicile, jane)
    assert (first.cause, then.cause, first.hold, then.hold) == ("held", "moved", hold.id, hold.id)
    assert first.until == hold.until
    before, after = await opened(domicile, first), await opened(domicile, then)
    assert [row["source"] for row in before.tables["post"]] == ["words regretted"]
    assert [row["source"] for row in after.tables["post"]] == ["and life goes on"]
    assert before.files[shown.digest].startswith(b"\x89PNG")
    assert "vault.data_key" not in before.tables
    await domicile.posts.write(jane, Draft(text="from a new home"))

    clock.advance(timedelta(days=91))
    await domicile.keeper.destroy_ended(domicile.sites[AMERICA])
    assert await kept(domicile, jane) == []


async def test_a_renewed_hold_lasts_longer_and_a_released_one_ends_at_once(
    domicile: Domicile, member: MakeMember, clock: SetClock
) -> None:
    jane = await member("US")
    hold, _ = await domicile.holds.place(AMERICA, jane, REQUEST)
    clock.advance(timedelta(days=89))
    renewed = await domicile.holds.renew(AMERICA, hold.id, "asked again")
    assert renewed.until == clock().date() + timedelta(days=90)
    clock.advance(timedelta(days=10))
    await domicile.tick()
    assert [residue.until for residue in await kept(domicile, jane)] == [renewed.until]
    await domicile.holds.release(AMERICA, hold.id, "the case is closed")
    for change in (domicile.holds.release, domicile.holds.renew):
        with pytest.raises(Conflict, match="released"):
            await change(AMERICA, hold.id, "again")
    await domicile.tick()
    assert await kept(domicile, jane) == []
    query = "SELECT step FROM vault.keeping_entry WHERE member_id = %s ORDER BY number"
    steps = [row.step for row in await domicile.sites[AMERICA].auditor.run(query, (jane,))]
    assert steps == ["placed", "left", "renewed", "released", "destroyed"]


async def test_one_hold_keeps_what_another_has_let_go(domicile: Domicile, member: MakeMember, clock: SetClock) -> None:
    jane = await member("US")
    first, _ = await domicile.holds.place(AMERICA, jane, REQUEST)
    own = Demand(authority="another court", reason="case 26-2", citation="an order of its own", open_ended=True)
    second, _ = await domicile.holds.place(AMERICA, jane, own)
    await domicile.holds.release(AMERICA, first.id, "closed")
    clock.advance(timedelta(days=400))
    await domicile.keeper.destroy_ended(domicile.sites[AMERICA])
    assert [(residue.hold, residue.held) for residue in await kept(domicile, jane)] == [
        (first.id, True),
        (second.id, False),
    ]
    report = await audit(domicile.sites, domicile.hub, clock())
    assert not [v for v in report.violations if "residue" in v.kind and v.site == AMERICA]
    await domicile.holds.release(AMERICA, second.id, "closed")
    await domicile.keeper.destroy_ended(domicile.sites[AMERICA])
    assert await kept(domicile, jane) == []


async def test_who_is_erased_under_a_hold_is_gone_but_for_it_and_the_conflict_is_shown(
    domicile: Domicile, member: MakeMember
) -> None:
    anna = await member("DE", email="anna_held@example.org")
    await domicile.coordinator.relocate([anna], GERMANY, AMERICA, "a test")
    only = Demand(**{f: getattr(REQUEST, f) for f in ("authority", "reason", "rule")}, categories=("user.contact",))
    await domicile.holds.place(AMERICA, anna, only)

    receipt = await domicile.erasure.erase(anna)

    assert [residue.cause for residue in receipt.residue] == ["held", "erased"]
    for residue in receipt.residue:
        assert residue.categories == ("user.contact",)
        assert any("US-2703-F" in sentence and "EU-ERASE" in sentence for sentence in residue.conflicts)
        content = await opened(domicile, residue)
        assert content.tables["vault.credential"][0]["email"] == "anna_held@example.org"
        assert "account" not in content.tables
    with pytest.raises(NotFound):
        await domicile.router.home_of(anna, ask_hub=True)


async def test_a_secret_hold_is_in_no_archive_that_the_member_takes(domicile: Domicile, member: MakeMember) -> None:
    jane = await member("US")
    open_one, _ = await domicile.holds.place(AMERICA, jane, REQUEST)
    secret = Demand(authority="a bureau", reason="a letter", citation="18 USC 2709", open_ended=True, secret=True)
    await domicile.holds.place(AMERICA, jane, secret)
    packed = io.BytesIO()
    await domicile.archives.write(jane, packed)
    with zipfile.ZipFile(packed) as archive:
        told = json.loads(archive.read("manifest.json"))["residue"]
    assert [(one["rule"], one["until"]) for one in told] == [("US-2703-F", str(open_one.until))]


@pytest.mark.parametrize(
    ("demand", "sentence"),
    [
        (Demand(authority="", reason="x", rule="US-2703-F"), "needs the authority"),
        (Demand(authority="a court", reason=" ", rule="US-2703-F"), "needs a reason"),
        (Demand(authority="a court", reason="x", open_ended=True), "a rule of the packs or a citation"),
        (Demand(authority="a court", reason="x", citation="an order"), "say until when"),
        (Demand(authority="a court", reason="x", rule="RU-ORI-KEEP"), "no rule RU-ORI-KEEP that keeps data at us-1"),
        (Demand(authority="a court", reason="x", rule="US-2703-F", categories=("user.soul",)), "user.soul"),
    ],
)
async def test_a_hold_that_says_too_little_is_refused(
    domicile: Domicile, member: MakeMember, demand: Demand, sentence: str
) -> None:
    jane = await member("US")
    with pytest.raises(InvalidInput, match=sentence):
        await domicile.holds.place(AMERICA, jane, demand)
    with pytest.raises(NotFound, match="never been at home"):
        await domicile.holds.place(GERMANY, jane, Demand(authority="a", reason="x", citation="y", open_ended=True))
