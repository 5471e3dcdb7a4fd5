"""Where one member's data is: every place that holds anything of them is named and counted, and no other."""

from domicile.ids import SiteName
from domicile.network.posts import Draft
from domicile.placement.whereabouts import find_whereabouts
from domicile.running import Domicile
from network_at import MakeMember

GERMANY, AMERICA, RUSSIA = SiteName("de-1"), SiteName("us-1"), SiteName("ru-1")


async def test_each_half_that_another_site_holds_is_named(domicile: Domicile, member: MakeMember) -> None:
    anna, ben = await member("US"), await member("DE")
    post = await domicile.posts.write(ben, Draft(text="words"))
    await domicile.follows.follow(anna, ben)
    await domicile.reactions.react(anna, post.id, "favourite")
    await domicile.follows.follow(ben, anna)
    places = await find_whereabouts(domicile.router, domicile.ownership, anna)
    held = {(held.site, held.table, held.kind): held.rows for held in places.stubs}
    abroad = {key: rows for key, rows in held.items() if key[0] == GERMANY}
    assert abroad.pop((GERMANY, "route", "site"), 1) == 1
    assert abroad == {
        (GERMANY, "follower", "half"): 1,
        (GERMANY, "reaction_stub", "half"): 1,
        (GERMANY, "follow", "row"): 1,
        (GERMANY, "notification", "row"): 2,
    }
    assert not [key for key in held if key[0] == RUSSIA]
    assert places.rows["follow"] == places.rows["reaction"] == places.rows["follower"] == 1
    assert (places.hub.digests, places.hub.relocations) == (("email", "handle"), 0)
    await domicile.erasure.erase(anna)
    left = await find_whereabouts(domicile.router, domicile.ownership, ben)
    assert not [held for held in left.stubs if held.site == AMERICA and held.kind != "site"]
    await domicile.erasure.erase(ben)
