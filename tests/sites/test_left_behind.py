"""What a relocation does not carry: rows of tables that stay are erased at the home that was left."""

from datetime import timedelta

from domicile.ids import SiteName
from domicile.network.access import Code
from domicile.running import Domicile
from network_at import MakeMember

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
