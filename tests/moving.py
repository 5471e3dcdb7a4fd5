"""Moves a member by hand, as relocation does it but without its care: for tests of what goes stale when somebody moves.

All owned rows are copied by the import role, the data key is wrapped anew, the hub is told, the old site's rows go.
"""

from domicile.database import Json, Row, Session, sql
from domicile.ids import MemberId, SiteName
from domicile.placement.directory import Home
from domicile.placement.files import erase_files, file_of, keep_file, list_files
from domicile.placement.ownership import OwnedTable
from domicile.placement.sites import Site
from domicile.running import Domicile


async def move_by_hand(domicile: Domicile, member: MemberId, to: str) -> Home:
    """The member's new home. The old site keeps a `moved` resident unless the rows came back to it."""
    was = (await domicile.directory.homes([member]))[member]
    source, target = domicile.sites[was.site], domicile.sites[SiteName(to)]
    await _set_state(source, member, "leaving")
    rows = await _take(domicile, source, member)
    await _arrive(domicile, source, target, member, was.epoch + 1, rows)
    for _, digest in list_files(source.media, [member]):
        keep_file(target.media, member, file_of(source.media, member, digest).read_bytes())
    home = await domicile.directory.move(member, was, target.name)
    await _set_state(source, member, "moved")
    await _set_state(target, member, "home")
    await _erase(domicile, source, member)
    erase_files(source.media, [member])
    return home


async def _set_state(site: Site, member: MemberId, state: str) -> None:
    await site.importer.run("UPDATE resident SET state = %s WHERE member_id = %s", (state, member))


def _named(owned: OwnedTable) -> sql.Composable:
    return sql.Identifier(*owned.name.split("."))


async def _take(domicile: Domicile, source: Site, member: MemberId) -> dict[str, list[Row]]:
    taken = {}
    for owned in domicile.ownership.owned:
        query = sql.SQL("SELECT * FROM {} WHERE {} = %s").format(_named(owned), sql.Identifier(owned.owner))
        taken[owned.name] = await source.importer.run(query.as_string(), (member,))
    return taken


async def _arrive(
    domicile: Domicile, source: Site, target: Site, member: MemberId, epoch: int, rows: dict[str, list[Row]]
) -> None:
    async with target.importer.transaction() as session:
        await session.execute(
            "INSERT INTO resident VALUES (%s, 'arriving', %s) ON CONFLICT (member_id) DO UPDATE"
            " SET state = 'arriving', epoch = EXCLUDED.epoch",
            (member, epoch),
        )
        for owned in domicile.ownership.owned:
            for row in rows[owned.name]:
                await _insert(session, owned, row)
        wrapped = rows["vault.data_key"][0].wrapped
        key = source.key.unwrap(member, bytes(wrapped))
        await session.execute(
            "UPDATE vault.data_key SET wrapped = %s, site_key = %s WHERE member_id = %s",
            (target.key.wrap(key), target.key.name, member),
        )


async def _insert(session: Session, owned: OwnedTable, row: Row) -> None:
    values = {column.name: getattr(row, column.name) for column in owned.table.columns}
    kinds = {column.name: str(column.type) for column in owned.table.columns}
    params = [Json(value) if kinds[name] == "JSONB" else value for name, value in values.items()]
    places = sql.SQL(", ").join([sql.Placeholder()] * len(values))
    names = sql.SQL(", ").join(map(sql.Identifier, values))
    query = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(_named(owned), names, places)
    await session.execute(query.as_string(), params)


async def _erase(domicile: Domicile, source: Site, member: MemberId) -> None:
    async with source.importer.transaction() as session:
        for owned in reversed(domicile.ownership.owned):
            query = sql.SQL("DELETE FROM {} WHERE {} = %s").format(_named(owned), sql.Identifier(owned.owner))
            await session.execute(query.as_string(), (member,))
