"""Rows into a site, by COPY and through the declaration: whatever table is declared is loaded in the same way."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from domicile.database import sql
from domicile.ids import MemberId
from domicile.network.seeding.rows import SiteRows, Values
from domicile.placement.ownership import OwnedTable, Ownership
from domicile.placement.sealing import DataKey
from domicile.placement.sites import Site

KEYS = "vault.data_key"
_SHOWN_EVERY = 2000

Columns = Mapping[str, Sequence[str]]
Count = Callable[[int], None]


def seal_rows(site: Site, ownership: Ownership, columns: Columns, rows: SiteRows, members: Iterable[MemberId]) -> None:
    """Give each member a data key, and seal under it, in place, every value that the declaration wants sealed."""
    keys: dict[MemberId, DataKey] = {}
    for member in members:
        keys[member], wrapped = site.key.new_data_key(member)
        rows.setdefault(KEYS, []).append((member, wrapped, site.key.name))
    for owned in ownership.owned:
        if owned.sealed and owned.name in rows:
            seal = _sealer(owned, columns[owned.name], keys)
            rows[owned.name] = [seal(row) for row in rows[owned.name]]


def _sealer(owned: OwnedTable, columns: Sequence[str], keys: Mapping[MemberId, DataKey]) -> Callable[[Values], Values]:
    places = [f"{owned.table.name}.{name}" if name in owned.sealed else None for name in columns]
    owner = columns.index(owned.owner)

    def seal(row: Values) -> Values:
        key = keys[row[owner]]
        return tuple(
            value if place is None or value is None else key.seal(place, _as_bytes(value))
            for place, value in zip(places, row, strict=True)
        )

    return seal


def _as_bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


async def copy_site(site: Site, ownership: Ownership, columns: Columns, rows: SiteRows, count: Count) -> None:
    """Load a site's rows, the members themselves as `pending`, in one transaction."""
    members = [(row[0], "pending", 1) for row in rows[KEYS]]
    async with site.importer.transaction() as session:
        await session.copy_in(sql.Identifier("resident"), ("member_id", "state", "epoch"), members)
        for owned in ownership.owned:
            if owned.name in rows:
                named = columns.get(owned.name, owned.columns)
                await session.copy_in(sql_name(owned), named, _counted(rows[owned.name], count))


def _counted(rows: Sequence[Values], count: Count) -> Iterator[Values]:
    for start in range(0, len(rows), _SHOWN_EVERY):
        part = rows[start : start + _SHOWN_EVERY]
        yield from part
        count(len(part))


async def analyze(site: Site) -> None:
    """Let the planner know what is there now."""
    await site.importer.run("SELECT domicile.analyze_tables()")


def sql_name(owned: OwnedTable) -> sql.Identifier:
    """A declared table's name in SQL."""
    return sql.Identifier(*([owned.table.schema] if owned.table.schema else []), owned.table.name)
