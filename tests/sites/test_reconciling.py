"""Whatever becomes of the parcels, after the reconciler's round both sides of every pair equal the truth."""

import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from domicile.border.delivery import Receipt
from domicile.errors import DomicileError
from domicile.ids import MemberId, PostId, SiteName
from domicile.network.posts import Draft
from domicile.running import Domicile
from domicile.transport.exchange import Exchange, Handler, encode
from network_at import SetClock, make_member, network_at
from wire import unreachable

FATES = ("arrives", "arrives", "is lost", "comes twice", "comes late", "waits")
DEEDS = ("follow", "unfollow", "remove", "favourite", "take back", "boost", "answer", "name", "unname", "delete")
HISTORIES = st.lists(st.tuples(st.sampled_from(DEEDS), st.booleans(), st.sampled_from(FATES)), min_size=4, max_size=10)

TRUTHS = (
    "SELECT 'follow', member_id, target, state FROM follow",
    "SELECT kind, member_id, target_author, target_post::text FROM reaction",
    "SELECT 'mention', author_id, mentioned, post_id::text FROM post_mention WHERE author_id <> mentioned",
    "SELECT 'reply', author_id, reply_author, post_id::text FROM post WHERE reply_author > 0 AND NOT reply_gone",
)
HALVES = (
    "SELECT 'follow', follower, member_id, state FROM follower WHERE state <> 'removed'",
    "SELECT kind, actor, author_id, post_id::text FROM reaction_stub WHERE NOT removed",
    "SELECT 'mention', author, member_id, post_id::text FROM mention_stub WHERE NOT removed",
    "SELECT 'reply', reply_author, author_id, reply_post::text FROM reply_stub WHERE NOT removed",
)


class Network:
    """A network whose name is short enough for Hypothesis to print."""

    def __init__(self, domicile: Domicile, clock: SetClock) -> None:
        self.domicile = domicile
        self.clock = clock


@pytest.fixture(scope="module")
async def network(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Network]:
    clock = SetClock()
    async with network_at(tmp_path_factory.mktemp("pairs") / "data", sites="de,us", clock=clock) as running:
        yield Network(running, clock)


async def read(domicile: Domicile, queries: tuple[str, ...]) -> set[tuple[object, ...]]:
    return {tuple(row) for site in domicile.sites.values() for query in queries for row in await site.app.run(query)}


@dataclass
class Carrier:
    """Carries parcels as it is told to: some never, some twice, some when nobody expects them any more."""

    fate: str = "arrives"
    kept: list[Callable[[], object]] = field(default_factory=list)

    @contextlib.contextmanager
    def between(self, exchange: Exchange) -> Iterator[None]:
        before = {key: handler for key, handler in exchange._handlers.items() if key[1] == "parcel"}
        for (site, channel), handler in before.items():
            exchange.serve(site, channel, partial(self.carry, handler))
        try:
            yield
        finally:
            exchange._handlers.update(before)

    async def carry(self, handler: Handler, body: bytes) -> bytes:
        if self.fate == "is lost":
            return encode(Receipt("refused"))
        if self.fate == "comes late":
            self.kept.insert(len(self.kept) // 2, partial(handler, body))
            return encode(Receipt("refused"))
        if self.fate == "waits":
            raise TimeoutError
        if self.fate == "comes twice":
            await handler(body)
        return await handler(body)


class Story:
    """Two members at two sites, and what they do to each other."""

    def __init__(self, domicile: Domicile, members: tuple[MemberId, MemberId], names: tuple[str, str]) -> None:
        self.domicile = domicile
        self.members = members
        self.names = names
        self.posts: list[PostId] = []
        self.own: dict[MemberId, list[PostId]] = {member: [] for member in members}

    async def begin(self) -> None:
        for member in self.members:
            self.posts.append((await self.domicile.posts.write(member, Draft(text="to begin with"))).id)

    async def do(self, deed: str, reverse: bool) -> None:
        mine, other = self.members[::-1] if reverse else self.members
        post, own = self.posts[not reverse], self.own[mine]
        name = self.names[not reverse]
        parts = self.domicile
        if deed in ("follow", "unfollow"):
            await (parts.follows.follow if deed == "follow" else parts.follows.unfollow)(mine, other)
        elif deed == "remove":
            await parts.follows.remove_follower(mine, other)
        elif deed in ("favourite", "boost"):
            await (parts.reactions.boost if deed == "boost" else partial(parts.reactions.react, kind=deed))(mine, post)
        elif deed == "take back":
            await parts.reactions.undo(mine, post, "favourite")
        elif deed in ("answer", "name"):
            text = "an answer" if deed == "answer" else f"@{name} look"
            reply = post if deed == "answer" else None
            own.append((await parts.posts.write(mine, Draft(text=text, reply_to=reply))).id)
        elif own:
            await (
                parts.posts.delete(mine, own.pop())
                if deed == "delete"
                else parts.posts.edit(mine, own[-1], Draft(text="nobody is named"))
            )


@settings(
    max_examples=8, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(history=HISTORIES)
async def test_both_sides_equal_the_truth_after_a_round(network: Network, history: list[tuple[str, bool, str]]) -> None:
    two_sites = network.domicile
    names = (f"one_{secrets.token_hex(6)}", f"two_{secrets.token_hex(6)}")
    members = (
        await make_member(two_sites, "DE", handle=names[0]),
        await make_member(two_sites, "US", handle=names[1]),
    )
    story, carrier = Story(two_sites, members, names), Carrier()
    await story.begin()
    with carrier.between(two_sites.exchange):
        for deed, reverse, carrier.fate in history:
            with contextlib.suppress(DomicileError):  # there is nobody to remove, nothing to delete
                await story.do(deed, reverse)
    for late in carrier.kept:
        await late()
    truths, tombstones = await read(two_sites, TRUTHS), await removed_by_the_followed(two_sites)
    report = await two_sites.reconciler.round()
    network.clock.advance(timedelta(hours=1))
    for site in two_sites.sites:
        await two_sites.deliverer.deliver_due(site)
    report = await two_sites.reconciler.round()
    assert report.ok, report
    now = await read(two_sites, TRUTHS)
    assert now == await read(two_sites, HALVES)
    kept = {(kind, one, other) for kind, one, other, _ in truths}
    kept = {pair for pair in kept if pair[0] != "follow" or pair[1:] not in tombstones}
    assert {(kind, one, other) for kind, one, other, _ in now} == kept
    counted = await read(two_sites, ("SELECT member_id, followers, following FROM tally",))
    follows = [(one, other) for kind, one, other, state in now if (kind, state) == ("follow", "accepted")]
    for member, followers, following in counted:
        assert followers == sum(other == member for _, other in follows)
        assert following == sum(one == member for one, _ in follows)


async def removed_by_the_followed(domicile: Domicile) -> set[tuple[object, ...]]:
    """Couples whose follow the followed has ended under the version that the follower still has, or a later one."""
    query = "SELECT follower, member_id, version FROM follower WHERE state = 'removed'"
    tombstones = {row[:2]: row[2] for row in await read(domicile, (query,))}
    truths = await read(domicile, ("SELECT member_id, target, version FROM follow",))
    return {row[:2] for row in truths if tombstones.get(row[:2], -1) >= row[2]}


async def test_a_round_says_which_site_it_could_not_ask(network: Network) -> None:
    two_sites = network.domicile
    with unreachable(two_sites.exchange, "us-1"):
        report = await two_sites.reconciler.round()
    assert not report.ok
    assert report.missing == {SiteName("us-1")}
    assert (await two_sites.reconciler.round()).ok
