"""Which changes recall the copies that other sites hold, and the triggers by which PostgreSQL sees to it.

Whatever code changes a row, the owner's copies of it are `recalling` in the same transaction. A copy is registered only
under a lock on its owner's resident row, for which every writer of that owner waits (see the fence): a change either
comes first, and is what was copied, or finds the copy in the register.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql

_TRIGGER = """
CREATE FUNCTION domicile.recall_{function}() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public
  AS $$
BEGIN
{body}  RETURN NULL;
END $$;
CREATE TRIGGER recall AFTER {events} ON {table} FOR EACH ROW
  WHEN (current_user <> '{import_role}') EXECUTE FUNCTION domicile.recall_{function}();
"""

_RECALL = """  IF TG_OP <> '{unless}' THEN
    UPDATE public.copy_register SET state = 'recalling', reason = 'changed'
      WHERE member_id = {row}.{owner} AND state = 'held'{which};
  END IF;
"""

_quote = postgresql.dialect().identifier_preparer.quote  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Recalls:
    """Which copies a change of a table's rows recalls; see `recalls`."""

    view: str
    number: str
    but: tuple[str, ...]
    new: bool

    def events(self, table: Table) -> str:
        """When the trigger fires."""
        watched = [_quote(column.name) for column in table.columns if column.name not in self.but]
        update = f"UPDATE OF {', '.join(watched)}" if self.but else "UPDATE"
        return f"{'INSERT OR ' if self.new else ''}{update} OR DELETE"


def recalls(view: str = "", number: str = "", *, but: Sequence[str] = (), new: bool = True) -> dict[Any, Any]:
    """A change of this table's rows recalls what other sites hold as copies.

    Recalled are the owner's copies of `view` whose number stands in the column `number`; all of the owner's if no view
    is named. A change of the columns in `but` recalls nothing, nor does a row that is new unless `new`.
    """
    return {"domicile.recalls": Recalls(view, number, tuple(but), new)}


def recalls_of(table: Table) -> Recalls | None:
    """What a table's declaration says."""
    found: Recalls | None = table.info.get("domicile.recalls")
    return found


def find_missing_columns(table: Table) -> list[str]:
    """Columns that the declaration names and the table does not have."""
    found = recalls_of(table)
    named = [*found.but, *([found.number] if found.number else [])] if found else []
    return [name for name in named if name not in table.columns]


def recall_ddl(table: Table, name: str, owner: str, function: str, import_role: str) -> Iterator[str]:
    """The trigger of a table that is declared to recall; `name` and `owner` are quoted."""
    found = recalls_of(table)
    if found is None:
        return
    body = "".join(
        _RECALL.format(unless=unless, row=row, owner=owner, which=_which(found, row))
        for row, unless in (("OLD", "INSERT"), ("NEW", "DELETE"))
        if row == "OLD" or found.new  # a row never changes its owner, but may change what it hangs on
    )
    yield _TRIGGER.format(function=function, body=body, events=found.events(table), table=name, import_role=import_role)


def _which(found: Recalls, row: str) -> str:
    if not found.view:
        return ""
    number = f" AND number = {row}.{_quote(found.number)}" if found.number else ""
    return f" AND view = '{found.view}'{number}"
