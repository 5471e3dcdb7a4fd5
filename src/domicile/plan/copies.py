"""Copies abroad that a day would have recalled: held now, and not to be kept any more under the law of that day.

Every copy ends by itself, at the latest when its licence does; the plan says when the last of them will have.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from domicile.border.licence import OPAQUE_IDS, OPEN_CONTENT
from domicile.database import Row, Session
from domicile.ids import Country, SiteName, country_of_site
from domicile.law.facts import Act, Audience, Crossing
from domicile.placement.sites import Site
from domicile.plan.census import FACTS, Census, Group, Joined, ask_sites
from domicile.plan.days import Day
from domicile.plan.homes import Fates

_HELD = f"""
SELECT f.claims, f.consents, f.joined, g.holder, g.shows_home, count(*) AS copies, max(g.until) AS until
FROM ({FACTS}) f JOIN copy_register g USING (member_id) WHERE g.state = 'held' GROUP BY 1, 2, 3, 4, 5
"""
_KEPT: tuple[tuple[str, Audience], ...] = ((OPEN_CONTENT, "public"), (OPAQUE_IDS, "none"))
"""What a copy holds; for which audience it was shown."""


@dataclass(frozen=True)
class Copies:
    """How many of the copies that are `held` now would be recalled, and by when the last has ended by itself."""

    held: int = 0
    to_recall: int = 0
    until: datetime | None = None

    @property
    def basis(self) -> str:
        """What the number rests on, in words."""
        if self.until is None:
            return "no copies are kept"
        return f"of {self.held:,} held now; the last licence ends by itself on {self.until:%Y-%m-%d}"


async def count_copies(sites: Mapping[SiteName, Site], census: Census, fates: Fates, after: Day) -> Copies:
    """Every copy in the registers of the sites that answer, by what the law of the day says of its member."""
    groups = {_key(group): group for group in fates}
    answers = await ask_sites(sites, partial(_read_held, joined=census.joined))
    held = to_recall = 0
    until: datetime | None = None
    for name, rows in answers.items():
        for row in rows or ():
            held += row.copies
            until = max(until or row.until, row.until)
            group = groups.get((name, row.claims, row.joined, frozenset(row.consents.split(",")) - {""}))
            if group is not None and not _stays(census, group, fates[group].country, row, after):
                to_recall += row.copies
    return Copies(held, to_recall, until)


async def _read_held(session: Session, joined: Joined) -> list[Row]:
    return await session.fetch(_HELD, {"joined": joined.bounds})


def _key(group: Group) -> tuple[SiteName, str, int, frozenset[str]]:
    return group.site, group.claims, group.joined, group.person.consents


def _stays(census: Census, group: Group, moves_to: Country | None, row: Row, after: Day) -> bool:
    """Whether copies may stay where they are: one that shows where the home was does not survive a move."""
    home, holder = moves_to or country_of_site(group.site), country_of_site(SiteName(row.holder))
    if moves_to is not None and (row.shows_home or home == holder):
        return False
    if home == holder:
        return True
    site = group.site if moves_to is None else None
    operator = after.desk(site, home, census.members(group.site))
    crossings = (
        Crossing(exporter=home, importer=holder, act=act, category=category, audience=audience)
        for act in (Act.RELAY, Act.COPY)
        for category, audience in _KEPT
    )
    return all(after.crossing(group.person, crossing, operator).allowed for crossing in crossings)
