"""Every row of every owned table, counted against `resident` in one scan a table."""

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


async def count_rows(site: str, session: Session, table: FoundTable) -> tuple[int, list[Violation]]:
    """How many rows a table has, and which of them belong to nobody who lives here."""
    names = {"table": sql.Identifier(table.schema, table.name), "owner": sql.Identifier(table.owner)}
    found = (await session.fetch(sql.SQL(_COUNT).format(**names).as_string()))[0]
    wrong: list[Violation] = []
    if found.strangers:
        ids = await _sample(session, names, "NULL::text")
        text = f"{found.strangers} rows of members who are no residents of this site"
        wrong.append(Violation("stranger", site, str(table), found.strangers, ids, text))
    if found.moved:
        ids = await _sample(session, names, "'moved'")
        text = f"{found.moved} rows of members who have moved away"
        wrong.append(Violation("moved", site, str(table), found.moved, ids, text))
    return found.checked, wrong


async def _sample(session: Session, names: Mapping[str, sql.Composable], state: str) -> tuple[int, ...]:
    query = sql.SQL(_SAMPLE).format(**names, state=sql.SQL(state)).as_string()
    return tuple(row.owner for row in await session.fetch(query))
