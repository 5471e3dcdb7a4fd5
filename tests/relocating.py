"""Life that goes on while members move, and what must be true afterwards, whatever crashed meanwhile.

`Life` writes, reacts, answers, reads and follows; what was acknowledged it remembers. `check_everything` then looks at
the servers: every acknowledged write is there exactly once, everybody has exactly one home, nothing is left behind.
"""

import asyncio
import contextlib
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from domicile.audit.residency import audit
from domicile.errors import DomicileError, NotFound, Unavailable
from domicile.ids import MemberId, PostId, SiteName
from domicile.network.posts import Draft
from domicile.network.seeding.safeguards import file_demo_safeguards
from domicile.placement.files import list_files
from domicile.placement.routing import wait_for_site
from domicile.placement.supervisor import postmaster_pid
from domicile.running import Domicile
from network_at import SetClock, make_member

GERMANY, RUSSIA, AMERICA = SiteName("de-1"), SiteName("ru-1"), SiteName("us-1")
KILLED_WRITE_S = 60.0
PAUSE_S = 0.03  # between what somebody does and the next: the machine is for the crash as well


@dataclass
class Life:
    """`moving` write all the time; `fans` (of whom some live elsewhere) read, favourite, answer and follow them."""

    domicile: Domicile
    moving: list[MemberId]
    fans: list[MemberId]
    texts: dict[MemberId, list[str]] = field(default_factory=dict)
    posts: dict[MemberId, list[PostId]] = field(default_factory=dict)
    favourites: set[tuple[MemberId, PostId]] = field(default_factory=set)
    replies: Counter[PostId] = field(default_factory=Counter)
    secrets: dict[MemberId, PostId] = field(default_factory=dict)
    reads: int = 0
    number: int = 0

    @classmethod
    async def begin(cls, domicile: Domicile) -> "Life":
        await file_demo_safeguards(domicile.sites, domicile.clock)
        consents = ("publication", "abroad")
        moving = [await make_member(domicile, "DE", consents=consents) for _ in range(3)]
        life = cls(domicile, moving, [await make_member(domicile, home, consents=consents) for home in ("RU", "DE")])
        for member in moving:
            life.texts[member], life.posts[member] = [], []
            secret = await domicile.posts.write(member, Draft(text=f"a secret of {member}", visibility="direct"))
            life.secrets[member] = secret.id
            await domicile.follows.follow(member, moving[0] if member != moving[0] else moving[1])
            await life.write(member)
        return life

    @contextlib.asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Everybody does what they do until the block ends; what they have begun they then bring to its end."""
        stop, failure = asyncio.Event(), None
        works = [self.write, self.write, self.read]
        async with asyncio.TaskGroup() as tasks:
            for member in self.moving:
                for work in works[1:]:
                    tasks.create_task(self._keep(work, member, stop))
            for fan in self.fans:
                tasks.create_task(self._keep(self.react, fan, stop))
            try:
                yield
            except Exception as error:  # a write that is cut off here would be unknown to every later check
                failure = error
            finally:
                stop.set()
        if failure is not None:
            raise failure

    @contextlib.asynccontextmanager
    async def busy(self, site: SiteName) -> AsyncIterator[None]:
        """A writer is at work all the time for one of those who move, who therefore cannot."""
        held, let_go = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            async with self.domicile.sites[site].importer.transaction() as session:
                await session.execute("SELECT FROM resident WHERE member_id = %s FOR SHARE", (self.moving[-1],))
                held.set()
                await let_go.wait()

        holding = asyncio.create_task(hold())
        try:
            await held.wait()
            yield
        finally:
            let_go.set()
            await asyncio.gather(holding, return_exceptions=True)  # its server may have been killed

    async def _keep(self, work: object, who: MemberId, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await work(who)  # type: ignore[operator]
            await asyncio.sleep(PAUSE_S)

    async def write(self, member: MemberId) -> None:
        """A post, sent again under the same key until it is acknowledged, as an app does."""
        self.number += 1
        draft = Draft(text=f"post {self.number} of {member}", idempotency_key=f"{self.number}")
        async with asyncio.timeout(KILLED_WRITE_S):
            while True:
                with contextlib.suppress(Unavailable, TimeoutError):
                    post = await self.domicile.posts.write(member, draft)
                    break
                await asyncio.sleep(0.02)
        self.texts[member].append(draft.text)
        self.posts[member].append(post.id)

    async def read(self, member: MemberId) -> None:
        """All that was acknowledged before must be there, or the answer is that it cannot be given now."""
        before = list(self.texts[member])
        with contextlib.suppress(Unavailable):
            assert (await texts_of(self.domicile, member))[: len(before)] == before
            self.reads += 1

    async def react(self, fan: MemberId) -> None:
        """Favourite and answer the newest post of somebody who moves; follow them, or no longer."""
        self.number += 1
        author = self.moving[self.number % len(self.moving)]
        post = self.posts[author][-1]
        with contextlib.suppress(DomicileError):
            await self.domicile.reactions.react(fan, post, "favourite")
            self.favourites.add((fan, post))
        with contextlib.suppress(DomicileError):
            await self.domicile.posts.write(fan, Draft(text=f"answer {self.number}", reply_to=post))
            self.replies[post] += 1
        with contextlib.suppress(DomicileError):
            change = self.domicile.follows.unfollow if self.number % 2 else self.domicile.follows.follow
            await change(fan, author)


async def texts_of(domicile: Domicile, member: MemberId) -> list[str]:
    query = "SELECT source FROM post WHERE author_id = %(author)s AND visibility = 0 ORDER BY post_id"
    return [row.source for row in await domicile.router.rows(member, query, {"author": member})]


@contextlib.contextmanager
def at_steps(domicile: Domicile, do: Callable[[str], Awaitable[None]]) -> Iterator[None]:
    """Do something after each step of the batches that move inside."""
    before, domicile.coordinator.on_step = domicile.coordinator.on_step, do
    try:
        yield
    finally:
        domicile.coordinator.on_step = before


def kill_server(domicile: Domicile, name: str) -> None:
    """kill -9; its supervisor starts it again."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(postmaster_pid((domicile.config.data / "pg").resolve() / name), signal.SIGKILL)


async def everybody_answers(domicile: Domicile) -> None:
    for site in domicile.sites.values():
        await wait_for_site(site)
        while True:
            with contextlib.suppress(Unavailable):
                await site.importer.run("SELECT 1")
                await domicile.hub.run("SELECT 1")
                break
            await asyncio.sleep(0.05)


async def resume_all(domicile: Domicile) -> None:
    """`relocate --resume`, by somebody who need not wait, until nothing is open."""
    for _ in range(100):
        with contextlib.suppress(Unavailable):
            await domicile.coordinator.resume(timedelta(0))
            if not await domicile.journal.unfinished():
                return
        await asyncio.sleep(0.1)
    raise AssertionError("a batch cannot be resumed")


async def home_of(domicile: Domicile, member: MemberId) -> SiteName:
    return (await domicile.router.home_of(member, ask_hub=True)).site


async def deliver_everything(domicile: Domicile, clock: SetClock) -> None:
    for _ in range(50):
        clock.advance(timedelta(minutes=11))
        for name in domicile.sites:
            await domicile.router.apply_feed(name)
            await domicile.deliverer.deliver_due(name)
        if not sum(
            [(await site.importer.run("SELECT count(*) FROM outbox"))[0][0] for site in domicile.sites.values()]
        ):
            return
    raise AssertionError("parcels are never delivered")


async def check_everything(life: Life, clock: SetClock) -> None:
    """What must be true after every crash and its repair."""
    domicile = life.domicile
    await deliver_everything(domicile, clock)
    assert await domicile.journal.is_intact()
    assert await domicile.journal.unfinished() == []
    for member in [*life.moving, *life.fans]:
        await check_one_home(domicile, member)
    for member in life.moving:
        assert await texts_of(domicile, member) == life.texts[member], (
            "an acknowledged post is lost, doubled or disordered"
        )
        secret = await domicile.posts.show(life.secrets[member], reader=member)
        assert secret.body is not None and secret.body.source == f"a secret of {member}", "the data key does not open"
    await check_halves(life)
    await check_nothing_left(domicile)
    report = await audit(domicile.sites, domicile.hub, domicile.clock())
    assert report.ok and report.in_transit == 0, report.violations


async def check_one_home(domicile: Domicile, member: MemberId) -> None:
    home = (await domicile.directory.homes([member]))[member]
    states = {}
    for name, site in domicile.sites.items():
        for row in await site.importer.run("SELECT * FROM resident WHERE member_id = %s", (member,)):
            states[name] = (row.state, row.epoch, row.tracked)
    assert states.pop(home.site) == ("home", home.epoch, False)
    assert all(state == "moved" and epoch < home.epoch for state, epoch, _ in states.values()), states
    for name, site in domicile.sites.items():
        rows = await count_owned(domicile, name, member)
        assert bool(rows) == (name == home.site), f"{rows} rows at {name} of somebody at home at {home.site}"
        assert name == home.site or not list_files(site.media, [member])


async def count_owned(domicile: Domicile, site: SiteName, member: MemberId) -> int:
    """How many rows the owned tables of a site hold of a member."""
    counts = (f"(SELECT count(*) FROM {o.name} WHERE {o.owner} = {member})" for o in domicile.ownership.owned)
    return int((await domicile.sites[site].importer.run(f"SELECT {' + '.join(counts)} AS n"))[0].n)


async def check_halves(life: Life) -> None:
    """Both halves of every pair say the same, once each."""
    domicile = life.domicile
    for fan in life.fans:
        liked = [post for who, post in life.favourites if who == fan]
        marks = await domicile.reactions.marks(fan, liked)
        assert all(marks[post].favourite for post in liked), "an acknowledged favourite is lost"
    for author in life.moving:
        home = await home_of(domicile, author)
        rows = await domicile.sites[home].importer.run(
            "SELECT p.post_id, p.favourites, p.replies, (SELECT count(*) FROM reaction_stub s"
            "   WHERE s.author_id = p.author_id AND s.post_id = p.post_id AND NOT removed) AS stubs,"
            " (SELECT count(*) FROM reply_stub s"
            "   WHERE s.author_id = p.author_id AND s.post_id = p.post_id AND NOT removed) AS answers"
            " FROM post p WHERE p.author_id = %s",
            (author,),
        )
        favourites = Counter(post for _, post in life.favourites)
        for row in rows:
            post = PostId(row.post_id, author)
            acknowledged = favourites[post]
            assert acknowledged <= row.favourites == row.stubs
            assert life.replies[post] <= row.replies == row.answers
        tally = await domicile.sites[home].importer.run("SELECT * FROM tally WHERE member_id = %s", (author,))
        assert tally[0].posts == len(life.texts[author])
        for other in [*life.moving, *life.fans]:
            if other != author:
                truth = (await domicile.follows.relations(other, [author]))[0].following
                assert (await domicile.follows.relations(author, [other]))[0].followed_by == truth


async def check_nothing_left(domicile: Domicile) -> None:
    for site in domicile.sites.values():
        for table in ("relocation", "changed"):
            assert (await site.importer.run(f"SELECT count(*) FROM {table}"))[0][0] == 0, f"{table} at {site.name}"
        drafts = list(site.media.rglob("*.part")) if site.media.exists() else []
        assert not drafts
    with contextlib.suppress(NotFound):
        moving = await domicile.hub.run("SELECT count(*) FROM relocation_member WHERE moving")
        assert moving[0][0] == 0


async def ways(life: Life) -> tuple[SiteName, SiteName]:
    """From where those who move live to the other site; whoever stayed behind in an earlier crash joins them first."""
    homes: dict[MemberId, SiteName] = {member: await home_of(life.domicile, member) for member in life.moving}
    source = homes[life.moving[0]]
    target = RUSSIA if source == GERMANY else GERMANY
    for member, home in homes.items():
        if home != source:
            assert (await life.domicile.coordinator.relocate([member], home, source, "to the others")).members
    return source, target
