"""How many members live at each site, by the facts that the law asks about: one grouped query a site.

Members with the same claims, consents and (where a rule turns on it) time of joining are one group; the law is then
asked once a group. Nothing about a single member leaves the server.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar

from domicile.border.safeguards import ON_FILE
from domicile.database import Row, Session
from domicile.errors import Unavailable
from domicile.ids import SEQUENCE_BITS, Country, MemberId, SiteName, milliseconds
from domicile.law.compiled import Law
from domicile.law.facts import Basis, Claim, Person
from domicile.placement.sites import Site

T = TypeVar("T")

FACTS = """SELECT r.member_id, coalesce(c.claims, '') AS claims, coalesce(k.consents, '') AS consents,
  width_bucket(r.member_id, %(joined)s::bigint[]) AS joined
FROM resident r
LEFT JOIN (SELECT member_id, string_agg(jurisdiction || ':' || basis, ',' ORDER BY jurisdiction, basis) AS claims
             FROM claim GROUP BY member_id) c USING (member_id)
LEFT JOIN (SELECT member_id, string_agg(DISTINCT kind, ',') AS consents
             FROM consent WHERE withdrawn_at IS NULL GROUP BY member_id) k USING (member_id)
WHERE r.state IN ('home', 'leaving')"""
"""Every member at home at a site with their facts; `joined` is the bucket of the time of joining (an id carries it)."""

_GROUPED = f"SELECT claims, consents, joined, count(*) AS members FROM ({FACTS}) m GROUP BY claims, consents, joined"


@dataclass(frozen=True, slots=True)
class Group:
    """Members at one site about whom the law is asked the same. `claims` and `joined` are as FACTS has them."""

    site: SiteName
    person: Person
    claims: str
    joined: int
    members: int


@dataclass(frozen=True)
class Census:
    """Everybody at home at the sites that answered, and the papers on file there."""

    groups: tuple[Group, ...]
    papers: Mapping[SiteName, Sequence[Row]]
    joined: "Joined"
    silent: tuple[SiteName, ...]

    def members(self, site: SiteName) -> int:
        """How many live at a site."""
        return sum(group.members for group in self.groups if group.site == site)


@dataclass(frozen=True)
class Joined:
    """The days that divide members by when they joined: the first days of rules that spare those who came before."""

    days: tuple[date, ...] = ()

    @property
    def bounds(self) -> list[int]:
        """The smallest member id of each day."""
        midnights = (datetime.combine(day, time.min, UTC) for day in self.days)
        return [milliseconds(midnight) << SEQUENCE_BITS for midnight in midnights]

    def since(self, bucket: int) -> date | None:
        """A day that stands for everybody in the bucket; None where no rule asks."""
        if not self.days:
            return None
        return self.days[bucket - 1] if bucket else self.days[0] - timedelta(days=1)


def find_joined(laws: Iterable[Law]) -> Joined:
    """What the rules of some packs turn on."""
    rules = (rule for law in laws for pack in law.packs.values() for rule in pack.rule)
    return Joined(tuple(sorted({rule.valid_from for rule in rules if rule.existing_until and rule.valid_from})))


async def take_census(sites: Mapping[SiteName, Site], joined: Joined, progress: Callable[[str], None]) -> Census:
    """Count everybody, the sites at the same time. A site that does not answer is named and not counted as empty."""

    async def count(session: Session) -> tuple[list[Row], list[Row]]:
        return await session.fetch(_GROUPED, {"joined": joined.bounds}), await session.fetch(ON_FILE)

    answers = await ask_sites(sites, count)
    groups: list[Group] = []
    papers: dict[SiteName, Sequence[Row]] = {}
    for name, answer in answers.items():
        if answer is not None:
            groups += _groups(name, answer[0], joined)
            papers[name] = answer[1]
            progress(f"{name}: {sum(row.members for row in answer[0]):,} members in {len(answer[0])} groups")
    silent = tuple(name for name, answer in answers.items() if answer is None)
    return Census(tuple(groups), papers, joined, silent)


async def find_members(site: Site, groups: Iterable[Group], joined: Joined) -> list[MemberId]:
    """The members at a site who make up these groups now."""
    wanted = [(group.claims, group.joined) for group in groups]
    rows = await site.auditor.run(
        f"SELECT DISTINCT f.member_id FROM ({FACTS}) f JOIN unnest(%(claims)s::text[], %(buckets)s::int[])"
        " AS asked (claims, joined) USING (claims, joined) ORDER BY 1",
        {"joined": joined.bounds, "claims": [c for c, _ in wanted], "buckets": [bucket for _, bucket in wanted]},
    )
    return [MemberId(row.member_id) for row in rows]


async def ask_sites(sites: Mapping[SiteName, Site], ask: Callable[[Session], Awaitable[T]]) -> dict[SiteName, T | None]:
    """One snapshot of each site under the auditor's role, all at the same time; None for a site that is silent."""
    answers = await asyncio.gather(*(_ask(site, ask) for site in sites.values()))
    return dict(zip(sites, answers, strict=True))


async def _ask(site: Site, ask: Callable[[Session], Awaitable[T]]) -> T | None:
    try:
        async with site.auditor.transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") as session:
            return await ask(session)
    except Unavailable:
        return None


def _groups(site: SiteName, rows: Iterable[Row], joined: Joined) -> Iterable[Group]:
    for row in rows:
        claims = frozenset(_claim(text) for text in row.claims.split(",") if text)
        consents = frozenset(row.consents.split(",")) - {""}
        person = Person(claims, consents, since=joined.since(row.joined))
        yield Group(site, person, row.claims, row.joined, row.members)


def _claim(text: str) -> Claim:
    jurisdiction, basis = text.split(":")
    return Claim(Country(jurisdiction), Basis(basis))
