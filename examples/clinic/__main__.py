"""Two sites, a patient who moves to another country while she books, an erasure: `python -m examples.clinic`."""

import asyncio
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from examples.clinic.bookings import agenda, book, chart, forget, join
from examples.clinic.models import METADATA

from domicile.app import App, open_app
from domicile.placement.embedded import discard

NOON = datetime(2027, 1, 4, 12, tzinfo=UTC)


async def tell(app: App, say: Callable[[str], object]) -> None:
    """The whole story, step by step."""
    app.router.forget = forget
    anna = await join(app, "DE", "Anna Made-Up", "de", "+49 30 000001")
    doctor = await join(app, "FR", "Dr. Nobody", "fr", "+33 1 000002")
    homes = await app.router.homes_of([anna, doctor])
    say(f"Anna lives at {homes[anna].site}, the doctor at {homes[doctor].site}.")
    await book(app, anna, doctor, NOON, "a cough")
    say(f"The doctor's agenda holds ids alone: {await agenda(app, doctor)}")
    moving = asyncio.create_task(app.relocate([anna], "fr-1", "she asked for it"))
    for number in range(20):
        await book(app, anna, doctor, NOON, f"visit {number}")
    moved = await moving
    say(f"She moved while she booked: {moved.rows} rows, a write waited {moved.waited_ms:.0f} ms at most.")
    say(f"She has {len((await chart(app, anna)).appointments)} appointments; audit: {(await app.audit()).ok}.")
    archive = await app.export(anna)
    say(f"Her archive: { {table: len(rows) for table, rows in archive.tables.items() if rows} }")
    folder, _ = await app.back_up("fr-1")
    receipt = await app.erase(anna)
    say(f"Erased: {receipt.rows} rows. Open: {list(receipt.open)}. The agenda: {await agenda(app, doctor)}.")
    restored = await app.restore("fr-1", folder)
    say(f"A backup from before brings {restored.members} members back, and takes {restored.erased} away again.")
    say(f"Audit: {(await app.audit()).ok}.")


async def main(data: Path) -> None:
    """Tell it on PostgreSQL servers of our own, in this folder."""
    async with open_app(METADATA, data, "de,fr", progress=_say) as app:
        await tell(app, _say)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="clinic-") as folder:
        place = Path(folder) / "data"
        try:
            asyncio.run(main(place))
        finally:
            discard(place)
