"""`seed`: fill a network with made-up members, each at home in their own country.

A run is made up in memory, loaded by COPY at every site as `pending`, entered at the hub in one transaction, and then
opened (see `settle`). The home has a member's rows before any digest of theirs leaves it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Protocol

from domicile.errors import Conflict, DomicileError, InvalidInput
from domicile.ids import Country, SiteName, country_of_site
from domicile.law.facts import Basis, Claim
from domicile.law.facts import Person as LegalPerson
from domicile.law.residency import choose_home
from domicile.law.signup import decide_signup
from domicile.law.standing import find_proving
from domicile.network.demo import DEMO_HANDLES, DEMO_PASSWORD
from domicile.network.members import Members
from domicile.network.passwords import hash_password
from domicile.network.posts import Posts
from domicile.network.seeding.chatter import Chatter
from domicile.network.seeding.copying import analyze, copy_site, seal_rows
from domicile.network.seeding.graph import Graph, make_graph, read_graph
from domicile.network.seeding.people import Person, Populace, Standing
from domicile.network.seeding.plan import choose_demo, find_lodgers, house
from domicile.network.seeding.portraits import Portraits, draw_portraits, hang_portraits, store_portraits
from domicile.network.seeding.rows import COLUMNS, Asked, Harvest, Proved, SiteRows, count_rows
from domicile.network.seeding.settle import settle
from domicile.placement.directory import Directory
from domicile.placement.ownership import Ownership
from domicile.placement.sites import new_token

MOST_MEMBERS = 1_000_000
_LOCK = 0x5EED

Progress = Callable[[str, int, int], None]


class Network(Protocol):
    """What is filled: `Domicile` is one."""

    @property
    def ownership(self) -> Ownership: ...
    @property
    def members(self) -> Members: ...
    @property
    def posts(self) -> Posts: ...


@dataclass(frozen=True)
class SeedReport:
    """What was made. `by_site` counts members, `ignored` the lines of a graph that were passed over."""

    members: int
    posts: int
    follows: int
    by_site: dict[SiteName, int]
    rows: int
    ignored: int = 0


async def seed(
    network: Network,
    members: int,
    graph: Path | None = None,
    progress: Progress | None = None,
    random_seed: int = 1,
    abroad: Mapping[Country, int] | None = None,
) -> SeedReport:
    """Add made-up members who follow each other as the graph says. Raises InvalidInput, and then nothing is changed.

    Who follows whom, and who says what, is the same for the same `random_seed` in an empty network. So many of them as
    `abroad` says live in countries without a site; the law of the day proposes their home.
    """
    if not 0 < members <= MOST_MEMBERS:
        raise InvalidInput(f"the number of members is between 1 and {MOST_MEMBERS}, not {members}")
    chance = Random(random_seed)  # noqa: S311  made-up people are no secret
    run = Run(network, chance, progress or (lambda step, done, total: None), abroad or {})
    ties = await asyncio.to_thread(read_graph, graph, members) if graph else make_graph(members, chance)
    async with _alone(network.members.directory):
        await settle(network.members.router.sites, network.members.directory, network.ownership)
        return await run.add(ties)


async def finish_seeding(network: Network) -> None:
    """Open or forget the members of a seeding that a crash cut short; nothing while another seeding is under way."""
    with contextlib.suppress(Conflict):
        async with _alone(network.members.directory):
            await settle(network.members.router.sites, network.members.directory, network.ownership)


@contextlib.asynccontextmanager
async def _alone(directory: Directory) -> AsyncIterator[None]:
    """One seeding at a time: another would take this one's waiting members for those of a crash."""
    async with directory.database.transaction() as hub:
        if not await hub.value("SELECT pg_try_advisory_xact_lock(%s)", (_LOCK,)):
            raise Conflict("another seeding is under way", "Another seeding is under way")
        yield


@dataclass(frozen=True)
class Run:
    """One seeding."""

    network: Network
    chance: Random
    show: Progress
    abroad: Mapping[Country, int]

    async def add(self, ties: Graph) -> SeedReport:
        """Make up the members of a graph and load them."""
        members = self.network.members
        people = await self._make_people(ties)
        portraits = await asyncio.to_thread(draw_portraits, self.chance)
        hang_portraits(people, portraits, self.chance)
        chatter = Chatter(people, ties, members.clock(), self.chance)
        rows = await asyncio.to_thread(self._make_rows, people, ties, chatter)
        try:
            await self._load(people, rows, portraits)
        finally:
            await settle(members.router.sites, members.directory, self.network.ownership)
        await asyncio.gather(*(analyze(members.router.sites[name]) for name in rows))
        return SeedReport(
            members=len(people),
            posts=len(chatter.said),
            follows=len(ties.follows),
            by_site={name: sum(person.site == name for person in people) for name in members.router.sites},
            rows=count_rows(rows),
            ignored=ties.ignored,
        )

    async def _make_people(self, ties: Graph) -> list[Person]:
        members = self.network.members
        homes = house(ties, list(members.router.sites), self.chance)
        lodgers: dict[int, Country] = {}
        for country, count in self.abroad.items():
            found = find_lodgers(homes, propose_home(members, country), count, self.chance, lodgers)
            lodgers |= dict.fromkeys(found, country)
        demo = await self._choose_demo(ties, homes, lodgers)
        populace = Populace(self.chance, members.clock())
        people = [populace.make(site, demo.get(place), lodgers.get(place)) for place, site in enumerate(homes)]
        while names_taken := await self._names_taken(people):
            for person in names_taken:
                populace.rename(person)
        for place in demo:
            people[place].password_hash = await hash_password(DEMO_PASSWORD)
        self.show("making up members", len(people), len(people))
        return people

    async def _choose_demo(self, ties: Graph, homes: Sequence[SiteName], lodgers: Collection[int]) -> dict[int, str]:
        """Place in the graph -> demo handle, for the countries that have no demo member yet."""
        members = self.network.members
        digests = {name: members.digests(name, None)["handle"] for name in DEMO_HANDLES.values()}
        taken = await members.directory.taken([*digests.values()])
        return {
            place: DEMO_HANDLES[country]
            for country, place in choose_demo(ties, homes, lodgers).items()
            if country in DEMO_HANDLES and digests[DEMO_HANDLES[country]] not in taken
        }

    async def _names_taken(self, people: Sequence[Person]) -> list[Person]:
        digests = [self._digests(person) for person in people]
        taken = await self.network.members.directory.taken([d for found in digests for d in found.values()])
        return [p for p, found in zip(people, digests, strict=True) if not taken.isdisjoint(found.values())]

    def _digests(self, person: Person) -> dict[str, bytes]:
        return self.network.members.digests(person.handle, person.email, person.phone)

    def _make_rows(self, people: Sequence[Person], ties: Graph, chatter: Chatter) -> dict[SiteName, SiteRows]:
        chatter.tell()
        standings = {person.standing for person in people}
        asked = asked_consents(self.network.members, standings)
        proved = asked_proofs(self.network.members, standings)
        rows = Harvest(people, ties, chatter, asked, proved, self.network.posts.url).gather()
        for name, tables in rows.items():
            site = self.network.members.router.sites[name]
            here = (person.member for person in people if person.site == name)
            seal_rows(site, self.network.ownership, COLUMNS, tables, here)
        return rows

    async def _load(self, people: Sequence[Person], rows: Mapping[SiteName, SiteRows], portraits: Portraits) -> None:
        """Homes first, then the hub."""
        total, done = count_rows(rows), 0

        def count(more: int) -> None:
            nonlocal done
            done += more
            self.show("writing rows", done, total)

        sites = self.network.members.router.sites
        try:
            async with asyncio.TaskGroup() as group:
                for name, tables in rows.items():
                    group.create_task(copy_site(sites[name], self.network.ownership, COLUMNS, tables, count))
        except* DomicileError as failed:
            raise failed.exceptions[0] from None
        for name in rows:
            here = [person for person in people if person.site == name]
            await asyncio.to_thread(store_portraits, sites[name].media, here, portraits)
        await self._enter(people)

    async def _enter(self, people: Sequence[Person]) -> None:
        claims = []
        for person in people:
            token = new_token()
            claims += [(kind, digest, person.member, token) for kind, digest in self._digests(person).items()]
        homes = [(person.member, person.site, 1) for person in people]
        await self.network.members.directory.enter(homes, claims, new=True)


def propose_home(members: Members, country: Country) -> SiteName:
    """The home that today's law proposes to somebody who lives in a country. Raises InvalidInput if there is none."""
    person, on = _living_in(country), members.law.on(members.clock().date())
    places = [country_of_site(name) for name in members.router.sites]
    proposed = choose_home(person, places, on, members.policy, members.operator.facts).proposed
    if proposed is None:
        raise InvalidInput(f"no site may be the home of somebody who lives in {country}")
    return next(name for name in members.router.sites if country_of_site(name) == proposed)


def asked_consents(members: Members, standings: Iterable[Standing]) -> Asked:
    """Standing -> kind of consent -> the rules that ask such a member for it, as of today."""
    on = members.law.on(members.clock().date())
    found: dict[Standing, dict[str, list[str]]] = {}
    for country, place in standings:
        consents = decide_signup(_living_in(country), place, on, members.policy, members.operator.facts).consents
        rules = {asked.kind: sorted({citation.rule for citation in asked.citations}) for asked in consents}
        found[country, place] = rules
    return found


def asked_proofs(members: Members, standings: Iterable[Standing]) -> Proved:
    """Standing -> what the law asks such a member to prove, in the first way it knows, and by which rules.

    Made-up members have proved it, marked as made up: otherwise a demonstration would have nothing to read from there.
    """
    on = members.law.on(members.clock().date())
    found: dict[Standing, dict[str, list[str]]] = {}
    for country, place in standings:
        proofs = found.setdefault((country, place), {})
        for proving in find_proving(_living_in(country), place, on, members.policy, members.operator.facts):
            method = next(iter(proving.methods), "identity")
            proofs.setdefault(method, []).append(proving.citation.rule)
    return found


def _living_in(country: Country) -> LegalPerson:
    return LegalPerson(frozenset({Claim(country, Basis.RESIDENCE)}))
