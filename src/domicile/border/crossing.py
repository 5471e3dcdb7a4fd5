"""The one door. Nothing else reads another site.

The reader's site asks, the home site decides. A request names no reader unless visibility needs it. Every answer lists
members who are no longer at home there; the asker then asks the hub and tries once more. A site that does not answer
is reported as missing, never as empty.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Generic, TypeVar

import msgspec

from domicile.border.licence import Desk, Licence, View, mask
from domicile.border.operator import OperatorNow
from domicile.border.persons import FACTS, OWNERS, find_persons, read_person
from domicile.border.safeguards import STAMP, in_force, list_safeguards
from domicile.database import Row
from domicile.errors import Unavailable
from domicile.ids import Country, MemberId, SiteName, country_of_site
from domicile.law.compiled import Law
from domicile.law.facts import Act, Count, Person
from domicile.law.policy import Policy
from domicile.placement.directory import Home
from domicile.placement.routing import Clock, Router, SiteReader, Snapshot, asked_for
from domicile.transport.exchange import Exchange, decode, encode

Q = TypeVar("Q", bound=msgspec.Struct)
R = TypeVar("R", bound=msgspec.Struct)

PATIENCE_S = 3.0


class Ask(msgspec.Struct, array_like=True):
    """A question at the door. `members` and `epochs` are parallel; empty means whoever lives there."""

    view: str
    act: Act
    importer: SiteName
    members: list[MemberId]
    epochs: list[int]
    question: msgspec.Raw


class Answer(msgspec.Struct, array_like=True):
    """Masked items, who is not at home there, and how many items may not cross at all."""

    items: list[msgspec.Raw]
    gone: list[MemberId]
    refused: int


@dataclass
class Seen(Generic[R]):
    """What came back from all the sites asked: the items, and what the page must say is missing.

    `missing` sites did not answer; `refused` items may not cross at all; `unknown` members are erased or nowhere.
    """

    items: list[R] = field(default_factory=list)
    missing: set[SiteName] = field(default_factory=set)
    refused: int = 0
    unknown: set[MemberId] = field(default_factory=set)

    @property
    def complete(self) -> bool:
        return not self.missing


class Door:
    """The border of every site this process serves. `views` are what can be asked for, by name."""

    def __init__(
        self, router: Router, exchange: Exchange, law: Law, policy: Policy, operator: OperatorNow, clock: Clock
    ) -> None:
        self.router = router
        self.exchange = exchange
        self.law = law
        self.policy = policy
        self.operator = operator
        self.clock = clock
        self.tally: Counter[tuple[SiteName, date, Country, Licence]] = Counter()
        self.isolated = frozenset(name for name, site in router.sites.items() if site.isolated)
        self._views: dict[str, View[Any, Any]] = {}
        self._desks: dict[SiteName, tuple[object, Desk]] = {}

    def open_view(self, view: View[Any, Any]) -> None:
        """Let something be asked for across borders."""
        self._views[view.name] = view

    def open_site(self, site: SiteName) -> None:
        """Answer for a site of this process."""

        async def serve(body: bytes) -> bytes:
            return encode(await self._serve(site, decode(body, Ask)))

        self.exchange.serve(site, "door", serve)

    async def look(
        self,
        at: SiteName,
        view: View[Q, R],
        question: Q | Callable[[Collection[MemberId]], Q],
        members: Mapping[MemberId, Home],
        act: Act = Act.RELAY,
    ) -> Seen[R]:
        """Items of these members, for a reader at site `at`, each asked of the member's home.

        A question that differs from site to site is a function of the members who are asked for there.
        """
        seen: Seen[R] = Seen()
        gone = await self._look_once(at, view, question, _by_site(members), act, seen)
        if gone:
            try:
                homes = await self.router.learn_routes(at, gone)
            except Unavailable:
                seen.missing.add(at)  # where they went, only the hub knows
                return seen
            seen.unknown |= gone - homes.keys()
            still = await self._look_once(at, view, question, _by_site(homes), act, seen)
            seen.missing |= {homes[member].site for member in still}
        return seen

    async def look_everywhere(self, at: SiteName, sites: list[SiteName], view: View[Q, R], question: Q) -> Seen[R]:
        """Items of whoever lives at these sites (public timelines, search)."""
        seen: Seen[R] = Seen()
        await self._look_once(at, view, question, {site: {} for site in sites}, Act.RELAY, seen)
        return seen

    async def _look_once(
        self,
        at: SiteName,
        view: View[Q, R],
        question: Q | Callable[[Collection[MemberId]], Q],
        by_site: Mapping[SiteName, Mapping[MemberId, int]],
        act: Act,
        seen: Seen[R],
    ) -> set[MemberId]:
        """Ask every site at the same time; add to `seen`; return who was not at home where they were looked for."""
        sites = list(by_site)
        questions = [question(by_site[site]) if callable(question) else question for site in sites]
        asked = (
            self._ask_one(at, site, view, asked, by_site[site], act)
            for site, asked in zip(sites, questions, strict=True)
        )
        gone: set[MemberId] = set()
        for site, answer in zip(sites, await asyncio.gather(*asked), strict=True):
            if answer is None:
                seen.missing.add(site)
                continue
            items, elsewhere, refused = answer
            seen.items += items
            seen.refused += refused
            gone |= set(elsewhere)
        return gone

    async def _ask_one(
        self, at: SiteName, site: SiteName, view: View[Q, R], question: Q, members: Mapping[MemberId, int], act: Act
    ) -> tuple[list[R], list[MemberId], int] | None:
        """One site's answer, or None when it cannot be reached. An isolated site neither asks nor is asked."""
        if self.apart(at, site):
            return [], [], 0
        try:
            async with asyncio.timeout(PATIENCE_S):
                if site == at:
                    return await self._look_at_home(site, view, question, members)
                message = Ask(view.name, act, at, list(members), list(members.values()), msgspec.Raw(encode(question)))
                answer = await self.exchange.ask(site, "door", message, Answer)
                return [decode(bytes(item), view.item) for item in answer.items], answer.gone, answer.refused
        except (Unavailable, TimeoutError):
            return None

    def apart(self, one: SiteName, other: SiteName) -> bool:
        """Whether nothing passes between two sites because one of them is isolated."""
        return one != other and any(name in self.isolated for name in (one, other))

    async def _look_at_home(
        self, site: SiteName, view: View[Q, R], question: Q, members: Mapping[MemberId, int]
    ) -> tuple[list[R], list[MemberId], int]:
        """The reader's own site: the same view, and no border to cross."""
        snapshot = await self.router.rows_at(site, members, *view.query(question, asked_for(members)))
        items = [item for item, _ in _read_items(site, view, snapshot)]
        return await self._finish(site, view, members, items), list(snapshot.gone), 0

    async def _serve(self, site: SiteName, ask: Ask) -> Answer:
        """The home site's side: read, decide for each item, take out what may not cross, and only then answer."""
        view = self._views[ask.view]
        question = decode(bytes(ask.question), view.question)
        members = dict(zip(ask.members, ask.epochs, strict=True))
        query = view.query(question, asked_for(members))
        owners = OWNERS.format(owner=view.owner)
        snapshot = await self.router.rows_at(site, members, *query, columns=FACTS, joins=owners)
        read = _read_items(site, view, snapshot)
        answer = Answer([], list(snapshot.gone), 0)
        if read:
            persons = {view.subject(item)[0]: read_person(row) for item, row in read}
            items = await self._finish(site, view, members, [item for item, _ in read])
            self._license(await self._desk(site, read[0][1].papers), view, ask, items, persons, answer)
        return answer

    def _license(
        self, desk: Desk, view: View[Any, R], ask: Ask, items: list[R], persons: dict[MemberId, Person], answer: Answer
    ) -> None:
        """Put into the answer what the licences let through."""
        importer = country_of_site(ask.importer)
        for item in items:
            owner, audience = view.subject(item)
            licence = desk.license(persons[owner], importer, ask.act, view.sections, audience)
            self.tally[desk.site, desk.on, importer, licence] += 1
            if licence.ids:
                answer.items.append(msgspec.Raw(encode(mask(item, licence, view.sections))))
            else:
                answer.refused += 1

    async def _finish(
        self, site: SiteName, view: View[Any, R], members: Mapping[MemberId, int], items: list[R]
    ) -> list[R]:
        """Complete items that are not whole yet: sealed words, files."""
        if view.finish is None or view.unfinished is None or not any(map(view.unfinished, items)):
            return items
        async with self.router.read_at(site, members) as (reader, gone):
            return await view.finish(reader, [item for item in items if view.subject(item)[0] not in gone])

    async def desk_at(self, reader: SiteReader) -> Desk:
        """The desk of the reader's site, as it stands in the database now."""
        return await self._desk(reader.site.name, await reader.value(f"SELECT {STAMP}"))

    async def _desk(self, site: SiteName, papers: object) -> Desk:
        """The desk in memory if no paper and no count has changed since; else a new one."""
        today, counts = self.clock().date(), self.operator.facts.counts
        known = self._desks.get(site)
        if known is not None and known[0] == (papers, counts) and known[1].on == today:
            return known[1]
        country = country_of_site(site)
        operator = msgspec.structs.replace(
            self.operator.stated,
            safeguards=in_force(await list_safeguards(self.router.sites[site].app), today),
            counts=counts | {Count("persons_since_january", country, await self._persons_at(site))},
        )
        desk = Desk(site, country, today, self.law.on(today), operator, self.policy)
        self._desks[site] = ((papers, counts), desk)
        return desk

    async def _persons_at(self, site: SiteName) -> int:
        """How many persons' data may have left since 1 January: at most everybody here, by the planner's estimate."""
        rows = await self.router.sites[site].app.run(
            "SELECT greatest(reltuples, 0)::bigint AS n FROM pg_class WHERE oid = 'resident'::regclass"
        )
        return int(rows[0].n)

    async def write_tally(self) -> None:
        """Add the counts of what was decided to the sites' tables: no member, no content, only rules and numbers."""
        counted, self.tally = self.tally, Counter()
        lines: Counter[tuple[SiteName, date, Country, str, str, str]] = Counter()
        for (site, day, importer, licence), items in counted.items():
            for section, decision in licence.decisions:
                verdict = "allowed" if decision.allowed else "refused"
                lines[site, day, importer, section, verdict, " ".join(decision.rules)[:200]] += items
        for (site, *line), items in lines.items():
            with contextlib.suppress(Unavailable):  # a site that is down counts nothing: nobody reads from it either
                await self.router.sites[site].app.run(
                    "INSERT INTO crossing_tally VALUES (%s, %s, %s, %s, %s, %s)"
                    " ON CONFLICT (day, importer, section, verdict, rules)"
                    " DO UPDATE SET items = crossing_tally.items + EXCLUDED.items",
                    (*line, items),
                )

    async def may_be_named(self, reader: MemberId, sites: Collection[SiteName]) -> set[SiteName]:
        """The sites to which this member's home lets their opaque id go, so that a closed post can be asked for."""

        async def decide(home: SiteReader) -> set[SiteName]:
            person = (await find_persons(home, [reader]))[reader]
            desk = await self.desk_at(home)
            return {
                site
                for site in sites
                if site == desk.site or desk.license(person, country_of_site(site), Act.RELAY, {}, "none").ids
            }

        return await self.router.read(reader, decide)

    async def decide_ids(self, reader: SiteReader, person: Person, importer: Country) -> bool:
        """May this member's opaque id be kept at a site in `importer`? (A follow, a favourite, a reply.)"""
        if importer == country_of_site(reader.site.name):
            return True
        licence = (await self.desk_at(reader)).license(person, importer, Act.COPY, {}, "none")
        return licence.ids


def _read_items(site: SiteName, view: View[Any, R], snapshot: Snapshot) -> list[tuple[R, Row]]:
    """The items of a snapshot, without those of members who are not at home: their rows here, if any, are old."""
    country = country_of_site(site)
    read = [(view.read(row, country), row) for row in snapshot.rows]
    return [pair for pair in read if view.subject(pair[0])[0] not in snapshot.gone] if snapshot.gone else read


def _by_site(members: Mapping[MemberId, Home]) -> dict[SiteName, dict[MemberId, int]]:
    by_site: dict[SiteName, dict[MemberId, int]] = {}
    for member, home in members.items():
        by_site.setdefault(home.site, {})[member] = home.epoch
    return by_site
