"""Opening a residue: only by the role that owns the site's tables, with a reason, written down before it is read."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from domicile.database import Database
from domicile.errors import InvalidInput, NotFound
from domicile.ids import MemberId
from domicile.placement.residue import Residue, list_residue
from domicile.placement.routing import Clock
from domicile.placement.sealing import BrokenSeal
from domicile.placement.sites import Site
from domicile.relocation.kept_chain import note
from domicile.relocation.parts import open_part

_SEALED = "SELECT member_id, wrapped, digest, parts FROM vault.residue WHERE residue_id = %s"
_PARTS = "SELECT number, body FROM vault.residue_part WHERE residue_id = %s ORDER BY number"


@dataclass
class Opened:
    """A residue's content. `unopened`: columns of which a value was broken before it was sealed here."""

    heading: Residue
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    unopened: list[str] = field(default_factory=list)


async def open_residue(site: Site, owner: str, number: int, reason: str, role: str, clock: Clock) -> Opened:
    """Open a residue of a site. `owner`: the connection string of the role that owns its tables.

    Raises NotFound, InvalidInput without a reason and a role, or BrokenSeal where it was changed.
    """
    if not reason.strip() or not role.strip():
        raise InvalidInput("opening residue needs a reason, and the role of who opens it")
    database = Database(f"{site.name} owner", owner, size=1)
    await database.open()
    try:
        found = await _write_down(database, number, reason, role, clock)
        headings = await list_residue(site.name, database, clock().date(), [found.member_id])
        opened = Opened(next(heading for heading in headings if heading.id == number))
        await _read(database, site, number, found, opened)
    finally:
        await database.close()
    return opened


async def _write_down(database: Database, number: int, reason: str, role: str, clock: Clock) -> Any:
    """The entry comes first: what is read was recorded before."""
    async with database.transaction() as session:
        found = await session.one(_SEALED, (number,))
        if found is None:
            raise NotFound(f"there is no residue {number} here; `residue list` shows them")
        fields = {"residue": str(number), "reason": reason.strip(), "role": role.strip()}
        await note(session, "opened", MemberId(found.member_id), fields, clock())
    return found


async def _read(database: Database, site: Site, number: int, found: Any, opened: Opened) -> None:
    key = site.key.unwrap(MemberId(number), bytes(found.wrapped))
    bodies = await database.run(_PARTS, (number,))
    digest = hashlib.sha256(b"".join(bytes(row.body) for row in bodies)).digest()
    if len(bodies) != found.parts or digest != bytes(found.digest):
        raise BrokenSeal(f"residue {number} is not as it was left: parts are missing or were changed")
    for row in bodies:
        part = open_part(key, row.number, bytes(row.body))
        if part.table:
            opened.tables.setdefault(part.table, []).extend(part.rows)
        if part.file:
            opened.files[part.file] = part.content
        opened.unopened += part.unopened
