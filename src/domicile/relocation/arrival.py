"""What a batch's target asks the hub about who has arrived: whether they are all here, and to whom they refer."""

from collections.abc import Mapping, Sequence

from domicile.database import array
from domicile.ids import MemberId, SiteName
from domicile.placement.directory import Home
from domicile.placement.ownership import Ownership
from domicile.placement.routing import Router
from domicile.placement.sites import Site
from domicile.relocation.messages import Order
from domicile.relocation.moved import Absent, Different
from domicile.relocation.rows import unknown_routes

_SETTLED = "SELECT members FROM relocation WHERE batch_id = %s AND role = %s AND state = 'settled'"


async def refuse_absent(
    site: SiteName, router: Router, members: Mapping[MemberId, int], missing: Sequence[MemberId]
) -> None:
    """Raises Absent for members who should be at home at the site: not for who was erased, or has moved on, since.

    Raises Different where only some are absent, as no restore makes it: that is not decided without a person.
    """
    homes = await router.directory.homes(missing)
    absent = [member for member in missing if homes.get(member) == Home(site, members[member] + 1)]
    if not absent:
        return
    lacks = f"{site} does not have {len(absent)} members who arrived there"
    if len(missing) < len(members):
        raise Different(f"{lacks}, and has {len(members) - len(missing)} others: nothing was changed")
    raise Absent(lacks)


async def learn_routes(site: Site, router: Router, ownership: Ownership, order: Order) -> None:
    """Where those live to whom the arrived members refer.

    Whoever of them was erased is forgotten: this site may have heard of it before these rows came here.
    """
    here = await site.importer.run(_SETTLED, (order.batch, order.role))
    if here:
        found = await site.importer.run(unknown_routes(ownership), {"members": array(here[0].members)})
        others = set(map(MemberId, found[0].others or ()))
        known = await router.learn_routes(site.name, others)
        if erased := sorted(await router.directory.erased(others - known.keys())):
            async with site.app.transaction() as session:
                await router.forget(session, erased)
