"""Copies in tests: make them, see who holds what, and look for words where they must not be."""

from domicile.database import Row
from domicile.ids import MemberId, SiteName
from domicile.running import Domicile
from network_at import superuser

GERMANY, RUSSIA, CHINA, AMERICA = SiteName("de-1"), SiteName("ru-1"), SiteName("cn-1"), SiteName("us-1")


async def follow_all_the_same(domicile: Domicile, reader: MemberId, author: MemberId) -> None:
    """A follow in the reader's own half, also where the reader's law does not let their id go to the author."""
    await domicile.follows.follow(reader, author)
    home = await domicile.router.home_of(reader)
    query = "UPDATE follow SET state = 'accepted' WHERE member_id = %s AND target = %s"
    await domicile.sites[home.site].app.run(query, (reader, author))


async def gather(domicile: Domicile, at: SiteName) -> None:
    """A site asks the homes of everybody whom its members follow what it may keep."""
    await domicile.copies.gather(at)
    while domicile.copies._after[at]:
        await domicile.copies.gather(at)


async def gather_of(domicile: Domicile, at: SiteName, member: MemberId) -> None:
    """The same for one member alone."""
    home = (await domicile.router.learn_routes(at, [member]))[member]
    await domicile.copies._gather_from(at, home.site, {member: home.epoch})


async def settle(domicile: Domicile) -> None:
    """One round of recurring work as far as it is about copies, at every site."""
    for name in domicile.sites:
        await domicile.copies.recalling.tick(name)
        await domicile.copies.purge(name)


async def registered(domicile: Domicile, member: MemberId) -> list[Row]:
    """What a member's home has in its register, by holder, view and number."""
    query = "SELECT * FROM copy_register WHERE member_id = %(member)s ORDER BY holder, view, number"
    return await domicile.router.rows(member, query, {"member": member})


async def kept(domicile: Domicile, at: SiteName, member: MemberId) -> list[Row]:
    """The copies that a site keeps of a member."""
    return await domicile.sites[at].app.run(
        "SELECT * FROM kept_copy WHERE member_id = %s AND NOT recalled ORDER BY view, number", (member,)
    )


async def rows_with(domicile: Domicile, at: SiteName, words: str) -> set[str]:
    """The tables of a site with a row that holds these words, as text or as bytes."""
    found = set()
    wanted = (f"%{words}%", f"%{words.encode().hex()}%")
    async with superuser(domicile, at) as everywhere:
        for table in domicile.ownership.metadata.sorted_tables:
            query = f"SELECT count(*) AS n FROM {table.fullname} t WHERE t::text LIKE %s OR t::text LIKE %s"
            if (await everywhere.run(query, wanted))[0].n:
                found.add(table.fullname)
    return found
