"""The inventory: which personal columns are collected, derived from the declaration, and since when at each site.

A site writes down a column on the day on which a version that declares it first starts there, and the day on which a
version starts that does not declare it any more. Rows are about columns, never about anybody.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from domicile.database import Database
from domicile.placement.ownership import Kind, Ownership, kind_of


@dataclass(frozen=True, slots=True, order=True)
class CollectedColumn:
    """One column that holds personal data of a category.

    `about`: the row's owner, or somebody else. `retention`: how long, in words, where nobody owns the rows; owned rows
    stay until their owner's account is erased.
    """

    category: str
    table: str
    column: str
    sealed: bool = False
    kind: Kind = "owned"
    about: str = "owner"
    retention: str | None = None

    @property
    def place(self) -> tuple[str, str]:
        """Table and column."""
        return self.table, self.column

    @property
    def name(self) -> str:
        """The column with its table, as PostgreSQL writes it."""
        return f"{self.table}.{self.column}"


@dataclass(frozen=True)
class Inventory:
    """Every personal column of a declaration, in order of category."""

    columns: tuple[CollectedColumn, ...]

    @property
    def categories(self) -> frozenset[str]:
        """What is collected."""
        return frozenset(column.category for column in self.columns)

    def of(self, category: str) -> tuple[CollectedColumn, ...]:
        """The columns that hold a category."""
        return tuple(column for column in self.columns if column.category == category)


@dataclass(frozen=True)
class InventoryChange:
    """What two inventories differ in: categories collected for the first time or no more, and columns likewise.

    `changed` are columns that stay and whose sealing, retention or category is another, as (before, after).
    """

    new_categories: tuple[str, ...]
    gone_categories: tuple[str, ...]
    new_columns: tuple[CollectedColumn, ...]
    gone_columns: tuple[CollectedColumn, ...]
    changed: tuple[tuple[CollectedColumn, CollectedColumn], ...]

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not (self.new_columns or self.gone_columns or self.changed)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a site wrote down of one column: collected from `first_on` until `until` (None: still)."""

    category: str
    table: str
    column: str
    first_on: date
    until: date | None


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The operator took an unmet duty of a category upon themselves: for which reason, in which role, on which day."""

    category: str
    rule: str
    reason: str
    role: str
    acknowledged_on: date


def take_inventory(ownership: Ownership) -> Inventory:
    """The inventory of a declaration."""
    found = (
        CollectedColumn(
            category=category,
            table=str(table.fullname),
            column=str(column.name),
            sealed=bool(column.info.get("domicile.sealed")),
            kind=kind_of(table),
            about=column.info.get("domicile.about", "owner"),
            retention=table.info.get("domicile.retention"),
        )
        for table, column, category in ownership.personal_columns()
    )
    return Inventory(tuple(sorted(found, key=lambda column: (column.category, column.table, column.column))))


def compare_inventories(old: Inventory, new: Inventory) -> InventoryChange:
    """What a change of the declared tables changes in what is collected."""
    before, after = _by_place(old), _by_place(new)
    return InventoryChange(
        new_categories=tuple(sorted(new.categories - old.categories)),
        gone_categories=tuple(sorted(old.categories - new.categories)),
        new_columns=tuple(column for name, column in after.items() if name not in before),
        gone_columns=tuple(column for name, column in before.items() if name not in after),
        changed=tuple((before[name], column) for name, column in after.items() if before.get(name, column) != column),
    )


def _by_place(inventory: Inventory) -> dict[tuple[str, int], CollectedColumn]:
    """The columns by name; one of several categories stands there once for each, in their order."""
    seen: Counter[str] = Counter()
    found = {}
    for column in inventory.columns:
        found[column.name, seen[column.name]] = column
        seen[column.name] += 1
    return found


async def is_recorded(database: Database) -> bool:
    """Whether a site's database has the table for it: a new database has none yet."""
    return bool((await database.run("SELECT to_regclass('public.collected') IS NOT NULL AS there"))[0].there)


async def read_recorded(database: Database) -> list[Recorded]:
    """Everything that a site ever collected, by column."""
    rows = await database.run(
        "SELECT category, table_name, column_name, first_on, until FROM collected ORDER BY 1, 2, 3, 4"
    )
    return [Recorded(r.category, r.table_name, r.column_name, r.first_on, r.until) for r in rows]


async def record_inventory(database: Database, inventory: Inventory, today: date) -> None:
    """Write down what a site collects from today: new columns begin, columns that vanished end."""
    columns = {(c.category, c.table, c.column) for c in inventory.columns}
    known = {(r.category, r.table, r.column) for r in await read_recorded(database) if r.until is None}
    if columns == known:
        return
    async with database.transaction() as session:
        await session.execute_many(
            "UPDATE collected SET until = %s WHERE category = %s AND table_name = %s AND column_name = %s"
            " AND until IS NULL",
            [(today, *gone) for gone in sorted(known - columns)],
        )
        await session.execute_many(
            "INSERT INTO collected (category, table_name, column_name, first_on) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (category, table_name, column_name, first_on) DO UPDATE SET until = NULL",
            [(*new, today) for new in sorted(columns - known)],
        )


async def read_acknowledgements(database: Database) -> list[Acknowledgement]:
    """Every duty that the operator ever acknowledged, as this site knows it."""
    rows = await database.run(
        "SELECT category, rule, reason, role, acknowledged_on FROM acknowledgement ORDER BY acknowledged_on, 1, 2"
    )
    return [Acknowledgement(r.category, r.rule, r.reason, r.role, r.acknowledged_on) for r in rows]


async def record_acknowledgement(databases: Iterable[Database], said: Acknowledgement) -> None:
    """Write an acknowledgement down at every site; said again on one day, the later reason counts."""
    for database in databases:
        await database.run(
            "INSERT INTO acknowledgement (category, rule, acknowledged_on, reason, role) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT (category, rule, acknowledged_on) DO UPDATE SET reason = EXCLUDED.reason,"
            " role = EXCLUDED.role",
            (said.category, said.rule, said.acknowledged_on, said.reason, said.role),
        )
