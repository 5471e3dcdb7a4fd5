"""What of a member's data may be kept at another country's site, and until when."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from domicile.border.copying import Copied
from domicile.border.desks import Desks
from domicile.border.licence import Desk, Licence, View
from domicile.border.persons import read_person
from domicile.border.safeguards import STAMP
from domicile.database import Row
from domicile.ids import Country, MemberId, SiteName, country_of_site
from domicile.law.facts import Act, Person


@dataclass(frozen=True, slots=True)
class Term:
    """What of an item may be kept at an importer's site, and until when, as long as nothing else changes."""

    licence: Licence
    sections: frozenset[str]
    until: datetime

    @property
    def rules(self) -> list[str]:
        """The rules it rests on."""
        return list(dict.fromkeys(rule for _, decision in self.licence.decisions for rule in decision.rules))


def find_term(desks: list[Desk], person: Person, importer: Country, view: View[Any, Any], now: datetime) -> Term | None:
    """The term of copies about `person`, or None where none may be kept.

    `desks`: today's and those of the days ahead. It ends before the first day on which the answer is another (a law
    that begins or ends, a paper that stops counting), and at the latest after as many days as there are desks ahead.
    """
    today = _kept(desks[0], person, importer, view)
    if not today:
        return None
    until = now + timedelta(days=len(desks) - 1)
    changes = (desk.on for desk in desks[1:] if _kept(desk, person, importer, view) != today)
    first = next(changes, None)
    if first is not None:
        until = min(until, datetime.combine(first, time.min, UTC))
    return Term(_copying(desks[0], person, importer, view), today, until)


def _kept(desk: Desk, person: Person, importer: Country, view: View[Any, Any]) -> frozenset[str]:
    """The sections that a copy holds: those that are shown live, if every one of them may also be kept; else none.

    So what is read from a copy is masked as what is read live.
    """
    shown = desk.license(person, importer, Act.RELAY, view.sections, "public")
    kept = _copying(desk, person, importer, view)
    return shown.sections if shown.ids and kept.ids and shown.sections <= kept.sections else frozenset()


def _copying(desk: Desk, person: Person, importer: Country, view: View[Any, Any]) -> Licence:
    return desk.license(person, importer, Act.COPY, view.sections, "public")


class Terms:
    """The terms of the views that may be copied, at the sites of this process. `days`: the longest; 0 for none."""

    def __init__(self, desks: Desks, copied: Sequence[Copied[Any, Any]], days: int) -> None:
        self.desks = desks
        self.copied = {one.view.name: one for one in copied}
        self.days = days

    async def law(self, site: SiteName) -> str:
        """What terms rest on now beside the member and the day, in one short value. The site comes first."""
        rows = await self.desks.sites[site].app.run(f"SELECT {STAMP} AS papers")
        return f"{await self.desks.basis_of(site, rows[0].papers)} {self.days}"

    async def find(
        self, site: SiteName, holder: SiteName, rows: Iterable[Row], papers: object
    ) -> dict[str, dict[MemberId, Term]]:
        """View -> the members (rows with FACTS, see `persons`) of whom something may be kept at the holder's."""
        desks = await self.desks.ahead(site, papers, self.days)
        now, importer = self.desks.clock(), country_of_site(holder)
        persons = [(MemberId(row.member_id), read_person(row)) for row in rows]
        found: dict[str, dict[MemberId, Term]] = {}
        for name, copied in self.copied.items():
            by_person = {one: find_term(desks, one, importer, copied.view, now) for one in {p for _, p in persons}}
            found[name] = {member: term for member, one in persons if (term := by_person[one]) is not None}
        return found
