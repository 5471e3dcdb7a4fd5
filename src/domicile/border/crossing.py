"""The one door. Nothing else reads another site.

The reader's site asks, the home site decides. A request names no reader unless visibility needs it. Every answer lists
members who are no longer at home there; the asker then asks the hub and tries once more. A site that does not answer
is reported as missing, never as empty; what the reader's site may keep of its members as copies is shown meanwhile.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Generic, TypeVar

import msgspec

from domicile.border.desks import Desks
from domicile.border.licence import Desk, Licence, View, mask
from domicile.border.persons import FACTS, OWNERS, find_persons, read_person
from domicile.database import Row
from domicile.errors import NotResident, Unavailable
from domicile.ids import Country, MemberId, SiteName, country_of_site
from domicile.law.facts import Act, Person
from domicile.placement.directory import Home
from domicile.placement.routing import Router, SiteReader, Snapshot, asked_for
from domicile.transport.exchange import Exchange, decode, encode

Q = TypeVar("Q", bound=msgspec.Struct)
R = TypeVar("R", bound=msgspec.Struct)
A = TypeVar("A", bound=msgspec.Struct)

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


Recollect = Callable[[SiteName, SiteName, View[Any, Any], Any, Collection[MemberId]], Awaitable[list[Any]]]
"""What `at` keeps as copies of what `site` was asked and does not answer: (at, site, view, question, members)."""


async def _recollect_nothing(
    at: SiteName, site: SiteName, view: View[Any, Any], question: Any, members: Collection[MemberId]
) -> list[Any]:
    """For an app that lets nothing be copied."""
    return []


class Door:
    """The border of every site this process serves. `views` are what can be asked for, by name."""

    def __init__(self, router: Router, exchange: Exchange, desks: Desks) -> None:
        self.router = router
        self.exchange = exchange
        self.desks = desks
        self.recollect: Recollect = _recollect_nothing
        self.tally: Counter[tuple[SiteName, date, Country, Licence]] = Counter()
        self.isolated = frozenset(name for name, site in router.sites.items() if site.isolated)
        self._views: dict[str, View[Any, Any]] = {}
        self.silent: set[tuple[SiteName, SiteName]] = set()

    def open_view(self, view: View[Any, Any]) -> None:
        """Let something be asked for across borders."""
        self._views[view.name] = view

    def open_site(self, site: SiteName) -> None:
        """Answer for a site of this process."""

        async def serve(body: bytes) -> bytes:
            return encode(await self._serve(site, decode(body, Ask)))

        self.exchange.serve(site, "door", serve)

    def silent_to(self, at: SiteName) -> list[SiteName]:
        """The sites that did not answer this one when it last asked.

        While there are any, every page read at `at` says so, whoever is on it: else it would tell whose home does not
        answer (rule 13).
        """
        return sorted(site for asker, site in self.silent if asker == at)

    async def ask(
        self,
        at: SiteName,
        site: SiteName,
        channel: str,
        message: msgspec.Struct,
        answer: type[A],
        *,
        patience_s: float = PATIENCE_S,
    ) -> A:
        """Ask another site, and remember whether it answers. Raises Unavailable, also when patience ends."""
        with self._listening(at, site):
            async with asyncio.timeout(patience_s):
                return await self.exchange.ask(site, channel, message, answer)

    @contextlib.contextmanager
    def _listening(self, at: SiteName, site: SiteName) -> Iterator[None]:
        try:
            yield
        except NotResident:
            raise
        except (Unavailable, TimeoutError) as error:
            self.silent.add((at, site))
            raise Unavailable(f"{site} does not answer") from error
        self.silent.discard((at, site))

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
        gone = await self._look_once(at, view, question, by_site(members), act, seen)
        if gone:
            try:
                homes = await self.router.learn_routes(at, gone)
            except Unavailable:
                seen.missing.add(at)  # where they went, only the hub knows
                return seen
            seen.unknown |= gone - homes.keys()
            still = await self._look_once(at, view, question, by_site(homes), act, seen)
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
        asked_at: Mapping[SiteName, Mapping[MemberId, int]],
        act: Act,
        seen: Seen[R],
    ) -> set[MemberId]:
        """Ask every site at the same time; add to `seen`; return who was not at home where they were looked for."""
        sites = list(asked_at)
        questions = [question(asked_at[site]) if callable(question) else question for site in sites]
        asked = (
            self._ask_one(at, site, view, asked, asked_at[site], act)
            for site, asked in zip(sites, questions, strict=True)
        )
        gone: set[MemberId] = set()
        for site, put, answer in zip(sites, questions, await asyncio.gather(*asked), strict=True):
            if answer is None:
                seen.missing.add(site)
                with contextlib.suppress(Unavailable):
                    seen.items += await self.recollect(at, site, view, put, asked_at[site])
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
            if site == at:
                with self._listening(at, site):
                    async with asyncio.timeout(PATIENCE_S):
                        return await self._look_at_home(site, view, question, members)
            message = Ask(view.name, act, at, list(members), list(members.values()), msgspec.Raw(encode(question)))
            answer = await self.ask(at, site, "door", message, Answer)
        except Unavailable:
            return None
        return [decode(bytes(item), view.item) for item in answer.items], answer.gone, answer.refused

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
            self._license(await self.desks.today(site, read[0][1].papers), view, ask, items, persons, answer)
        return answer

    def _license(
        self, desk: Desk, view: View[Any, R], ask: Ask, items: list[R], persons: dict[MemberId, Person], answer: Answer
    ) -> None:
        """Put into the answer what the licences let through."""
        importer = country_of_site(ask.importer)
        for item in items:
            owner, audience = view.subject(item)
            licence = desk.license(persons[owner], importer, ask.act, view.sections, audience)
            self.count(desk.site, importer, licence)
            if licence.ids:
                answer.items.append(msgspec.Raw(encode(mask(item, licence.sections, view.sections))))
            else:
                answer.refused += 1

    def count(self, site: SiteName, importer: Country, licence: Licence) -> None:
        """Count what a site decided for one item."""
        self.tally[site, self.desks.clock().date(), importer, licence] += 1

    async def _finish(
        self, site: SiteName, view: View[Any, R], members: Mapping[MemberId, int], items: list[R]
    ) -> list[R]:
        """Complete items that are not whole yet: sealed words, files."""
        if view.finish is None or view.unfinished is None or not any(map(view.unfinished, items)):
            return items
        async with self.router.read_at(site, members) as (reader, gone):
            return await view.finish(reader, [item for item in items if view.subject(item)[0] not in gone])

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
            desk = await self.desks.at(home)
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
        licence = (await self.desks.at(reader)).license(person, importer, Act.COPY, {}, "none")
        return licence.ids


def _read_items(site: SiteName, view: View[Any, R], snapshot: Snapshot) -> list[tuple[R, Row]]:
    """The items of a snapshot, without those of members who are not at home: their rows here, if any, are old."""
    country = country_of_site(site)
    read = [(view.read(row, country), row) for row in snapshot.rows]
    return [pair for pair in read if view.subject(pair[0])[0] not in snapshot.gone] if snapshot.gone else read


def by_site(members: Mapping[MemberId, Home]) -> dict[SiteName, dict[MemberId, int]]:
    """Members with their epochs, by home."""
    found: dict[SiteName, dict[MemberId, int]] = {}
    for member, home in members.items():
        found.setdefault(home.site, {})[member] = home.epoch
    return found
