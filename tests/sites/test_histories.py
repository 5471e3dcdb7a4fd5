"""Random histories of a network: whatever happens to it in whatever order, members find what they were told is there.

Sign-ups, posts, follows, messages, moves there and back, crashes, erasures and restores happen to a real network and to
a simple model. After each step whoever was touched is compared; at the end of a history everybody is, with all they
see; then all of them leave, and nothing of them stays. `--every-crash` tells long histories for half an hour.
"""

from collections import Counter
from collections.abc import Coroutine, Iterator
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from copying import gather
from domicile.ids import SiteName
from domicile.network.seeding.safeguards import file_demo_safeguards
from domicile.running import Domicile
from history_checks import check_quickly, check_run, end_run
from history_deeds import Deed, perform
from history_moves import KILLS, STEPS, Mishap, Move
from history_world import World
from loop_thread import LoopThread
from network_at import SetClock, network_at

SITES = (SiteName("de-1"), SiteName("fr-1"))
SHORT, LONG = (1, 20), (40, 50)  # rounds, and the steps of a history; the short one is the same every time
EVER = settings(
    max_examples=5,  # of ten or more, Hypothesis would make the first ones as small as it can
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # a history that failed is short enough to read
)
MOST_MEMBERS = 6
MORE = ("nothing", "sign up", "erase")
MOST_MISHAPS = 2  # a killed server takes seconds to come back
DEEDS = {
    *("sign up", "sign up in vain", "erase", "log in", "log out", "upload", "write", "edit", "delete"),
    *("favourite", "unfavourite", "boost", "unboost", "follow", "unfollow", "answer", "remove follower"),
    *(f"move, {mishap}" for mishap in ("none", "refused", "dies", "overtaken", *KILLS)),
    *("back up", "restore", "crash"),
}

nth = st.integers(0, 11)
sites = st.sampled_from(SITES)
deeds = st.builds(
    Deed,
    what=st.sampled_from(
        ("post", "tell", "reply", "edit", "delete", "favourite", "boost", "follow", "answer", "log in")
    ),
    who=nth,
    whom=nth,
    post=nth,
    visibility=st.sampled_from(("public", "private", "unlisted", "direct")),
    yes=st.booleans(),
)
mishaps = st.sampled_from(("none", "none", "refused", "dies", "overtaken", *KILLS))


class Anything:
    """Instead of Hypothesis's choice of a few rules for each history: here it is the mixture that finds something."""

    def is_enabled(self, rule: str) -> bool:
        return True


class Histories(RuleBasedStateMachine):
    """One history; the network is the same for all, its members are not. Who and what is meant is said by number.

    Every rule can always be chosen, and may then do nothing: what the members of a real network could do next depends
    on who won a race, and Hypothesis wants the same choices whenever it tells a beginning again.
    """

    loop: ClassVar[LoopThread]
    domicile: ClassVar[Domicile]
    clock: ClassVar[SetClock]
    told: ClassVar[list[Counter[str]]]

    def __init__(self) -> None:
        super().__init__()
        self._rules_strategy.enabled_rules_strategy = st.just(Anything())
        self.world = World(self.domicile, self.clock)
        self.mishaps = 0

    def do(self, act: Coroutine[Any, Any, object]) -> None:
        """Act; whoever it touched has lost nothing by it."""

        async def acted() -> None:
            await act
            await check_quickly(self.world)

        self.loop.run(acted())

    @initialize()
    def begin(self) -> None:
        """Three members at two sites, who know each other a little."""
        self.do(self._begin())

    async def _begin(self) -> None:
        members = [await self.world.sign_up(site, locked=not number) for number, site in enumerate((*SITES, SITES[0]))]
        for member, other in zip(members, members[1:] + members[:1], strict=True):
            await self.world.follow(member, other)
            await self.world.write(member)

    @rule(some=st.lists(deeds, min_size=1, max_size=4))
    def live(self, some: list[Deed]) -> None:
        for deed in some:
            self.do(perform(self.world, deed))

    @rule(site=sites, locked=st.booleans(), namesake=nth, vain=st.booleans())
    def sign_up(self, site: SiteName, locked: bool, namesake: int, vain: bool) -> None:
        if vain or len(self.world.model.people) >= MOST_MEMBERS:
            handle = self.world.model.people[self.world.member(namesake)].handle
            self.do(self.world.sign_up_in_vain(site, handle))
        else:
            self.do(self.world.sign_up(site, locked=locked))

    @rule(who=nth)
    def erase(self, who: int) -> None:
        if len(self.world.model.people) > 2:
            self.do(self.world.erase(self.world.member(who)))

    @rule(
        some=st.lists(nth, min_size=1, max_size=3),
        to=sites,
        mishap=mishaps,
        step=st.sampled_from(STEPS),
        living=st.sampled_from((*STEPS[:14], "")),
        meanwhile=st.lists(deeds, min_size=1, max_size=3),
        erased=st.sampled_from((False, False, True)),
    )
    def move(
        self,
        some: list[int],
        to: SiteName,
        mishap: Mishap,
        step: str,
        living: str,
        meanwhile: list[Deed],
        erased: bool,
    ) -> None:
        """Those of some who live elsewhere move. `living`: the step from which others act beside it, or erase one."""
        people = self.world.model.people
        members = sorted({self.world.member(number) for number in some})
        members = [member for member in members if people[member].home != to]
        if not members:
            return
        mishap = mishap if self.mishaps < MOST_MISHAPS else "none"
        self.mishaps += mishap in KILLS

        async def life() -> None:
            for deed in meanwhile:
                await perform(self.world, deed)
            if erased and len(people) > 2:
                await self.world.erase(members[0])

        self.do(Move(self.world, members, people[members[0]].home, to, mishap, step, living, life).run())

    @rule(
        name=st.sampled_from((*SITES, "hub")), some=st.lists(deeds, min_size=1, max_size=3), more=st.sampled_from(MORE)
    )
    def crash(self, name: str, some: list[Deed], more: str) -> None:
        """A server is killed while somebody does something."""
        if self.mishaps < MOST_MISHAPS:
            self.mishaps += 1
            self.do(self.world.crash(name, self._meanwhile(some, more)))

    async def _meanwhile(self, some: list[Deed], more: str) -> None:
        if more == "sign up":
            await self.world.sign_up(SITES[0])
        elif more == "erase" and len(self.world.model.people) > 2:
            assert await self.world.erase(self.world.member(some[0].who))
        for deed in some:
            await perform(self.world, deed)

    @rule(site=sites)
    def back_up_or_restore(self, site: SiteName) -> None:
        if site not in self.world.backups:
            self.do(self.world.back_up(site))
        elif not self.world.restored:
            self.do(self._restore(site))

    async def _restore(self, site: SiteName) -> None:
        """If nobody is left, because everybody came after the backup, somebody joins."""
        await self.world.restore(site)
        if not self.world.model.people:
            await self.world.sign_up(site)

    @rule(hours=st.sampled_from((0.2, 2.0, 25.0)))
    def time_passes(self, hours: float) -> None:
        """Recurring work is done, and copies are made."""
        self.clock.advance(timedelta(hours=hours))
        self.do(self._work())

    async def _work(self) -> None:
        await self.domicile.tick()
        for site in SITES:
            await gather(self.domicile, site)

    def teardown(self) -> None:
        if not self.world.model.people:
            return  # it never began
        self.loop.run(check_run(self.world))
        self.loop.run(end_run(self.world))
        self.told.append(self.world.done)
        print(f"history {len(self.told)}: {dict(sorted(self.world.done.items()))}", flush=True)


@pytest.fixture(scope="module")
def histories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[type[Histories]]:
    clock = SetClock()
    opened = network_at(tmp_path_factory.mktemp("histories") / "data", sites="de,fr", clock=clock)
    with LoopThread() as loop:
        domicile = loop.run(opened.__aenter__())
        try:
            loop.run(file_demo_safeguards(domicile.sites, clock))
            domicile.coordinator.patience_s = 30.0
            Histories.loop, Histories.domicile, Histories.clock, Histories.told = loop, domicile, clock, []
            yield Histories
        finally:
            loop.run(opened.__aexit__(None, None, None))


def test_whatever_happens_nobody_loses_anything(request: pytest.FixtureRequest, histories: type[Histories]) -> None:
    rounds, steps = LONG if request.config.getoption("--every-crash") else SHORT
    for _ in range(rounds):
        ever = settings(EVER, stateful_step_count=steps, derandomize=rounds == 1, database=None)
        run_state_machine_as_test(histories, settings=ever)
    if rounds > 1:
        assert sum(histories.told, Counter()).keys() >= DEEDS, "something was never done: the histories prove less"
