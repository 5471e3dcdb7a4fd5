"""What a relocation carries and what it does not: looked for in the bytes that passed between the two sites."""

from collections.abc import AsyncGenerator
from datetime import timedelta

import msgspec
import pytest

from domicile.ids import SiteName
from domicile.network.access import Code, _parse_secret
from domicile.network.posts import Draft
from domicile.running import Domicile
from network_at import MakeMember, SetClock
from pictures import picture

GERMANY, AMERICA = SiteName("de-1"), SiteName("us-1")


async def test_a_log_in_half_way_and_a_question_under_way_stay_behind(domicile: Domicile, member: MakeMember) -> None:
    anna = await member("DE")
    app = await domicile.access.register_app("toot", ["urn:ietf:wg:oauth:2.0:oob"], "read", None)
    code = await domicile.access.new_code(Code(anna, app.client_id, "urn:ietf:wg:oauth:2.0:oob", "read", None, None))
    token = await domicile.access.new_token(anna, app.client_id, "read")
    challenge = "INSERT INTO challenge VALUES (%s, 1, 'phone_code', '', NULL, 0, %s, %s, NULL)"
    now = domicile.clock()
    await domicile.sites[GERMANY].importer.run(challenge, (anna, now, now + timedelta(minutes=10)))

    moved = await domicile.coordinator.relocate([anna], GERMANY, AMERICA, "a test")

    assert (moved.members, moved.left) == ([anna], {})
    for site in (GERMANY, AMERICA):
        for table in ("authorization_code", "challenge"):
            query = f"SELECT count(*) AS n FROM {table} WHERE member_id = %s"
            assert (await domicile.sites[site].importer.run(query, (anna,)))[0].n == 0, (site, table)
    assert await domicile.access.take_code(code) is None
    assert (await domicile.access.check_token(token)).member == anna


async def test_what_the_member_deleted_never_posted_or_logged_out_does_not_cross(
    domicile: Domicile, member: MakeMember, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = await member("DE")
    app = await domicile.access.register_app("toot", ["urn:ietf:wg:oauth:2.0:oob"], "read", None)
    phone, tablet = [await domicile.access.new_token(anna, app.client_id, "read") for _ in range(2)]
    forgotten = await domicile.media.upload(anna, picture(91), "canary never posted")
    over = await domicile.access.open_session(anna)
    clock.advance(timedelta(days=400))
    here = await domicile.access.open_session(anna)
    await domicile.access.new_token(anna, app.client_id, "read")
    shown = await domicile.media.upload(anna, picture(92), "canary on a post")
    kept = await domicile.posts.write(anna, Draft(text="canary kept", pictures=[shown.media_id]))
    deleted = await domicile.posts.write(anna, Draft(text="canary deleted"))
    edited = await domicile.posts.write(anna, Draft(text="canary before"))
    await domicile.posts.delete(anna, deleted.id)
    await domicile.posts.edit(anna, edited.id, Draft(text="canary after"))
    passed = bytearray()
    receive = domicile.exchange.receive

    async def overheard(site: SiteName, channel: str, message: msgspec.Struct) -> AsyncGenerator[bytes]:
        async for piece in receive(site, channel, message):
            passed.extend(piece)
            yield piece

    assert await domicile.access.end_others(here) >= 2
    assert await domicile.trimming.drop_drafts(GERMANY, [anna]) == 1
    await domicile.trimming.drop_ended_log_ins(GERMANY, [anna])
    monkeypatch.setattr(domicile.exchange, "receive", overheard)
    await domicile.coordinator.relocate([anna], GERMANY, AMERICA, "a test")
    monkeypatch.undo()

    for crossed in (b"canary kept", b"canary after", b"canary on a post", picture(92), digest_of(here)):
        assert crossed in passed, crossed[:20]
    for stayed in (b"canary deleted", b"canary before", b"canary never posted", picture(91), forgotten.digest.encode()):
        assert stayed not in passed, stayed[:20]
    for secret in (phone, tablet, over):
        assert digest_of(secret) not in passed
    assert (await domicile.posts.show(kept.id, reader=anna)).id == kept.id


def digest_of(secret: str) -> bytes:
    """What a site stores of a token or a session, as `access` has it."""
    return _parse_secret(secret)[1]
