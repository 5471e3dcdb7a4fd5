"""Every row of every owned table, counted against `resident` in one scan a table.

Rows of members who have moved away may still be on their way to be erased: who those are is asked afterwards.
"""

from collections.abc import Mapping

from domicile.audit.catalogue import FoundTable
from domicile.audit.report import Violation
from domicile.database import Session, sql

# Counted by owner first: one probe of `resident` an owner, not one a row.
_COUNT = """
SELECT coalesce(sum(t.rows), 0)::bigint AS checked,
  coalesce(sum(t.rows) FILTER (WHERE r.state IS NULL), 0)::bigint AS strangers,
  coalesce(sum(t.rows) FILTER (WHERE r.state = 'moved'), 0)::bigint AS moved
FROM (SELECT {owner} AS owner, count(*) AS rows FROM {table} GROUP BY 1) t
LEFT JOIN public.resident r ON r.member_id = t.owner
"""

_SAMPLE = """
SELECT DISTINCT t.{owner} AS owner FROM {table} t LEFT JOIN public.resident r ON r.member_id = t.{owner}
WHERE r.state IS NOT DISTINCT FROM {state} LIMIT 10
"""


_OWNERS = """
SELECT t.{owner} AS owner, count(*) AS rows FROM {table} t JOIN public.resident r ON r.member_id = t.{owner}
WHERE r.state = 'moved' GROUP BY 1
"""


async def count_rows(site: str, session: Session, table: FoundTable) -> tuple[int, list[Violation], bool]:
    """How many rows a table has, which of them belong to strangers, and whether any to members who moved away."""
    names = _names(table)
    found = (await session.fetch(sql.SQL(_COUNT).format(**names).as_string()))[0]
    wrong: list[Violation] = []
    if found.strangers:
        ids = await _sample(session, names, "NULL::text")
        text = f"{found.strangers} rows of members who are no residents of this site"
        wrong.append(Violation("stranger", site, str(table), found.strangers, ids, text))
    return found.checked, wrong, bool(found.moved)


async def count_left_behind(session: Session, table: FoundTable) -> dict[int, int]:
    """Members who have moved away from here -> how many rows of theirs a table still has."""
    query = sql.SQL(_OWNERS).format(**_names(table)).as_string()
    return {row.owner: row.rows for row in await session.fetch(query)}


def left_behind(site: str, table: FoundTable, owners: Mapping[int, int]) -> Violation:
    """The violation that rows of these owners are."""
    rows = sum(owners.values())
    sample = tuple(sorted(owners)[:10])
    return Violation("moved", site, str(table), rows, sample, f"{rows} rows of members who have moved away")


def _names(table: FoundTable) -> dict[str, sql.Composable]:
    return {"table": sql.Identifier(table.schema, table.name), "owner": sql.Identifier(table.owner)}


async def _sample(session: Session, names: Mapping[str, sql.Composable], state: str) -> tuple[int, ...]:
    query = sql.SQL(_SAMPLE).format(**names, state=sql.SQL(state)).as_string()
    return tuple(row.owner for row in await session.fetch(query))
