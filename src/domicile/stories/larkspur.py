"""Larkspur, an invented network for people at work, on Domicile's own social network: whoever runs it, in a story."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

from domicile.audit.report import AuditReport
from domicile.database import Row
from domicile.ids import Country, MemberId, PostId, SiteName
from domicile.law.policy import Policy
from domicile.network.forms import SignUp
from domicile.network.items import PostItem
from domicile.network.posts import Draft
from domicile.network.questions import Authors
from domicile.network.seeding.load import seed
from domicile.network.timelines import make_bounds
from domicile.plan.departures import Departure, plan_departures
from domicile.running import Domicile
from domicile.stories.bustle import Bustle
from domicile.stories.keeper import RUSSIA, Keeper
from domicile.stories.stage import Stage
from domicile.wiring import open_domicile

AMERICAN, RUSSIAN = SiteName("us-1"), SiteName("ru-1")
CONCERNED = 0.013
"""LinkedIn had some six million of 465 million members in Russia."""
FEWEST_CONCERNED = 12
PASSWORD = "a password of nobody"  # noqa: S105 - of an invented member
LIVE_IN_RUSSIA = ("anna", "boris", "vera", "gleb", "daria")
"""Those whom the story follows: anna is logged in all the time, boris trims, vera exports, gleb leaves, daria had moved
to America long ago."""
Progress = Callable[[str, int, int], None]


class Larkspur(Keeper):
    """`larkspur["anna"]` is a member by name."""

    def __init__(self, stage: Stage, members: int) -> None:
        super().__init__(stage)
        self.members = members
        self.concerned = max(round(members * CONCERNED), FEWEST_CONCERNED)
        self.words: dict[str, str] = {}
        self.sealed: dict[str, PostId] = {}
        self.bustle: Bustle | None = None

    @property
    def running(self) -> Domicile:
        """The network as it is running."""
        assert isinstance(self._engine, Domicile)
        return self._engine

    async def open(self, sites: str, *, copies: int = 0, policy: Policy | None = None) -> None:
        """Start the network at these sites; `copies` is for how many days a site may keep what it may."""
        clock = self.stage.clock
        overrides: dict[str, Any] = {"clock": clock} | ({"policy": policy} if policy else {})
        settings = {"title": "Larkspur", "copies": {"days": copies}, "notice_days": 30}
        self._engine = await self.stage.start(sites, lambda config: open_domicile(config, **overrides), **settings)

    async def fill(self, progress: Progress) -> None:
        """Members who talk, among them those whom the story follows; ben in America follows these."""
        seeded, abroad = self.members - len(LIVE_IN_RUSSIA) - 1, self.concerned - len(LIVE_IN_RUSSIA)
        await seed(self.running, seeded, progress=progress, abroad={RUSSIA: abroad})
        for name in LIVE_IN_RUSSIA:
            await self.join(name, "RU", locale="ru")
        await self.join("ben", "US")
        for name in LIVE_IN_RUSSIA:
            await self.running.follows.follow(self["ben"], self[name])
            await self.say(name, f"{name} says hello from Kazan: {self.canary(name)}")
            to_oneself = f"a word to oneself: {self.canary(name, 'sealed')}"
            self.sealed[name] = (await self.say(name, to_oneself, visibility="direct")).id

    def canary(self, name: str, what: str = "open") -> str:
        """A word that nobody else has said, to be looked for where it must not be."""
        return self.words.setdefault(f"{name} {what}", f"canary-{what}-{name}-{self[name] % 1_000_000:06}")

    async def join(self, name: str, country: str, locale: str = "en") -> MemberId:
        """A new member, by the form. Raises InvalidFields where the law leaves them no home."""
        handle = f"{name}_of_larkspur"
        form = SignUp(
            username=handle,
            email=f"{handle}@larkspur.example",
            password=PASSWORD,
            country=country,
            consents=["publication"],
            locale=locale,
        )
        self._members[name] = await self.running.members.sign_up(form)
        return self._members[name]

    async def say(self, name: str, words: str, visibility: str = "public") -> PostItem:
        """A post."""
        return await self.running.posts.write(self[name], Draft(text=words, visibility=visibility))

    async def living_in(self, country: Country) -> dict[SiteName, list[MemberId]]:
        """Who lives in a country, by where they are at home, as the sites' own tables have it."""
        query = (
            "SELECT c.member_id FROM claim c JOIN resident r USING (member_id) WHERE r.state = 'home'"
            " AND c.jurisdiction = %s AND c.basis = 'residence' ORDER BY 1"
        )
        found = {name: await site.auditor.run(query, (country,)) for name, site in self.engine.sites.items()}
        return {name: [MemberId(row.member_id) for row in rows] for name, rows in found.items() if rows}

    async def count_rows(self, at: SiteName, members: list[MemberId]) -> int:
        """How many rows of these members the owned tables of a site hold, counted table by table."""
        count = 0
        for owned in self.engine.ownership.owned:
            query = f"SELECT count(*) AS n FROM {owned.name} WHERE {owned.owner} = ANY (%s)"
            count += (await self.engine.sites[at].importer.run(query, (members,)))[0].n
        return count

    async def at(self, site: SiteName, query: str) -> Row:
        """The one row of a query at a site."""
        return (await self.engine.sites[site].importer.run(query))[0]

    async def full_audit(self) -> AuditReport:
        """`domicile audit`: where everything is, and whether the law of today lets members live there."""
        report = await self.audit()
        report.violations += await self.find_unlawful()
        return report

    async def departures(self, on: date) -> list[Departure]:
        """Who must move to which site by a day, with the law of that day."""
        found, _ = await plan_departures(self.engine.to_plan(), on, self.stage.clock())
        return found

    async def author_page(self, reader: str, author: str) -> list[PostItem]:
        """An author's newest posts, as a reader sees them."""
        asked = Authors(make_bounds(20))
        return (await self.running.timelines.author(self[author], asked, reader=self[reader])).items

    async def settle(self) -> None:
        """Let the network do its recurring work until nothing is on its way any more."""
        for _ in range(20):
            self.stage.clock.wait(minutes=15)
            await self.running.tick()
            waiting = [await self.at(name, "SELECT count(*) AS n FROM outbox") for name in self.engine.sites]
            if not sum(row.n for row in waiting):
                return


def ruled(policy: Policy, question: str, *, permit: bool, reason: str) -> Policy:
    """A policy that answers one question in another way."""
    known = policy.rulings[question]
    answered = type(known)(question=question, permit=permit, reason=reason)
    return replace(policy, name=f"{policy.name}, but {question}", rulings={**policy.rulings, question: answered})
