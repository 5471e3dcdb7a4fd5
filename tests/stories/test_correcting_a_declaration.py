"""Whoever declared the wrong country, or moved house, says so; the law is asked again, and nothing moves by itself."""

from collections.abc import AsyncIterator

import httpx
import pytest

from domicile.errors import InvalidFields, NotFound
from domicile.ids import MemberId
from domicile.network.declaration import Proposal
from domicile.network.forms import SignUp
from domicile.network.posts import Draft
from domicile.network.standing import Unverified
from domicile.running import Domicile
from moving import move_by_hand
from network_at import MakeMember
from page_browser import Browser

PASSWORD = "a long password"


@pytest.fixture
async def browser(domicile: Domicile) -> AsyncIterator[Browser]:
    async with Browser(domicile) as opened:
        yield opened


async def proposals_of(domicile: Domicile, member: MemberId) -> list[Proposal]:
    return (await domicile.declarations.show(member))[1]


async def test_a_member_who_moved_to_russia_sees_a_proposal_and_their_data_stays(
    domicile: Domicile, member: MakeMember, browser: Browser
) -> None:
    anna = await member("DE", password=PASSWORD, handle="anna_moved")
    before = await domicile.router.home_of(anna)
    await browser.log_in("anna_moved", PASSWORD)
    page = await browser.get("/settings/data")
    answer = await browser.send("/settings/data/declaration", page, {"country": "RU", "citizenship": ""})
    assert answer.status_code == 303
    page = await browser.get("/settings/data?saved=1")
    assert "Nothing has been moved" in page.text
    assert "Proposed: your data moves to Russia" in page.text
    assert "does not let it stay where it is" in page.text
    assert "152-FZ, art. 18(5)" in page.text
    assert await domicile.router.home_of(anna, ask_hub=True) == before
    (proposal,) = await proposals_of(domicile, anna)
    assert (proposal.source, proposal.target, proposal.lawful) == ("de-1", "ru-1", False)
    assert "RU-18-5" in proposal.rules
    assert proposal in await domicile.declarations.at_site(before.site)
    answer = await browser.send("/settings/data/decline", page, {"proposal": str(proposal.id)})
    assert answer.status_code == 303
    assert "declined" in (await browser.get("/settings/data")).text
    assert proposal not in await domicile.declarations.at_site(before.site)
    assert await domicile.declarations.at_site(before.site, ["declined"])


async def test_an_assumed_country_becomes_a_declared_one(domicile: Domicile, server: str) -> None:
    member = await domicile.members.sign_up(
        SignUp(username="assumed1", email="assumed1@example.org", password=PASSWORD)
    )
    client = await domicile.access.register_app("App", ["urn:ietf:wg:oauth:2.0:oob"], "read write", None)
    token = await domicile.access.new_token(member, client.client_id, "read write")
    async with httpx.AsyncClient(base_url=server, headers={"Authorization": f"Bearer {token}"}) as app:
        said = (await app.get("/api/v1/domicile/declaration")).json()
        assert (said["country"], said["assumed"]) == ("DE", True)
        said = (await app.put("/api/v1/domicile/declaration", json={"country": "de"})).json()
        assert (said["country"], said["assumed"], said["proposals"]) == ("DE", False, [])
        answer = await app.put("/api/v1/domicile/declaration", json={"country": "Atlantis"})
        assert answer.status_code == 422 and "country" in answer.json()["details"]
        said = (await app.put("/api/v1/domicile/declaration", json={"country": "US"})).json()
        (proposal,) = said["proposals"]
        assert (proposal["from"], proposal["to"], proposal["may_stay"]) == ("de-1", "us-1", True)
        answer = await app.post(f"/api/v1/domicile/proposals/{proposal['id']}/decline")
        assert answer.json()["proposals"][0]["state"] == "declined"
        assert (await app.post(f"/api/v1/domicile/proposals/{proposal['id']}/decline")).status_code == 404


async def test_citizenship_alone_proposes_nothing_and_the_conflict_is_shown(
    domicile: Domicile, member: MakeMember, browser: Browser
) -> None:
    exile = await member("DE", password=PASSWORD, handle="exile_1")
    assert await domicile.declarations.correct(exile, "DE", "RU") is None
    declared, proposals = await domicile.declarations.show(exile)
    assert (declared.country, declared.citizenship, proposals) == ("DE", "RU", [])
    await browser.log_in("exile_1", PASSWORD)
    page = await browser.get("/settings/data")
    assert "RU-EXILE" in page.text and "EU-HOME" in page.text and "Proposed:" not in page.text
    assert await domicile.declarations.correct(exile, "DE") is None
    assert (await domicile.declarations.show(exile))[0].citizenship == "RU"
    await domicile.declarations.correct(exile, "DE", "")
    assert (await domicile.declarations.show(exile))[0].citizenship is None


@pytest.mark.parametrize(("home", "now"), [("DE", "FR"), ("DE", "NZ"), ("US", "NZ"), ("RU", "RU"), ("US", "US")])
async def test_a_home_as_good_as_any_other_stays(domicile: Domicile, member: MakeMember, home: str, now: str) -> None:
    somebody = await member(home)
    assert await domicile.declarations.correct(somebody, now) is None


async def test_there_is_one_open_proposal_and_going_back_ends_it(domicile: Domicile, member: MakeMember) -> None:
    wanderer = await member("US")
    first = await domicile.declarations.correct(wanderer, "DE")
    again = await domicile.declarations.correct(wanderer, "DE")
    assert first is not None and again is not None and again.id == first.id
    other = await domicile.declarations.correct(wanderer, "RU")
    assert other is not None and other.target == "ru-1"
    assert [proposal.state for proposal in await proposals_of(domicile, wanderer)] == ["open", "superseded"]
    assert await domicile.declarations.correct(wanderer, "US") is None
    assert {proposal.state for proposal in await proposals_of(domicile, wanderer)} == {"superseded"}


async def test_a_proposal_is_done_when_the_member_has_arrived(domicile: Domicile, member: MakeMember) -> None:
    mover = await member("DE")
    proposal = await domicile.declarations.correct(mover, "US")
    assert proposal is not None
    await move_by_hand(domicile, mover, proposal.target)
    assert [kept.state for kept in await proposals_of(domicile, mover)] == ["done"]
    arrived = await domicile.declarations.at_site(proposal.target, ["done"])
    assert mover in {kept.member for kept in arrived}
    with pytest.raises(NotFound):
        await domicile.declarations.decline(mover, proposal.id)
    back = await domicile.declarations.correct(mover, "DE")
    assert back is not None and back.target == "de-1"
    assert [kept.state for kept in await proposals_of(domicile, mover)] == ["open", "done"]


async def test_nobody_declines_for_another_and_a_wrong_country_changes_nothing(
    domicile: Domicile, member: MakeMember
) -> None:
    one, other = await member("DE"), await member("DE")
    proposal = await domicile.declarations.correct(one, "US")
    assert proposal is not None
    with pytest.raises(NotFound):
        await domicile.declarations.decline(other, proposal.id)
    for wrong in ("", "XX", "Germany"):
        with pytest.raises(InvalidFields):
            await domicile.declarations.correct(one, wrong)
    with pytest.raises(InvalidFields):
        await domicile.declarations.correct(one, "DE", "nowhere")
    declared, (kept,) = await domicile.declarations.show(one)
    assert (declared.country, kept.state) == ("US", "open")


async def test_the_other_rules_of_the_new_country_hold_at_once(domicile: Domicile, member: MakeMember) -> None:
    writer = await member("DE")
    await domicile.posts.write(writer, Draft(text="from Germany"))
    await domicile.declarations.correct(writer, "CN")
    with pytest.raises(Unverified, match="before its author was verified"):
        await domicile.posts.write(writer, Draft(text="from China"))
    await domicile.declarations.correct(writer, "DE")
    await domicile.posts.write(writer, Draft(text="back again"))
