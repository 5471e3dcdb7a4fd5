"""The move itself, under load, and what is found afterwards: scenes of `linkedin-russia`."""

import asyncio
import time
from datetime import date

from domicile.border.persons import find_persons
from domicile.ids import MemberId, PostId
from domicile.law.facts import Act, Crossing
from domicile.law.transfer import decide_crossing
from domicile.network.questions import Authors
from domicile.network.timelines import make_bounds
from domicile.placement.files import list_files
from domicile.plan.departures import Departure
from domicile.relocation.lawful import find_barred
from domicile.relocation.moved import Moved
from domicile.stories.bustle import Bustle, in_words
from domicile.stories.keeper import AMERICA, RUSSIA
from domicile.stories.larkspur import AMERICAN, PASSWORD, RUSSIAN, Larkspur
from domicile.stories.telling import Step

LAW = date(2015, 9, 1)
WRITERS, OTHERS, READERS = 16, 8, 6
BEFORE_S, AFTER_S = 2.0, 1.0
TRIES = 3
"""How often whoever was busy is moved again."""


async def moved_while_it_serves(larkspur: Larkspur, step: Step) -> None:
    """Everybody who may be moved is moved, while they and others are at work."""
    running = larkspur.running
    (leaving,) = await larkspur.departures(LAW)
    await _check_that_they_may_move(larkspur, step, leaving)
    token = await _log_in(larkspur, "anna")
    bustle = Bustle(running, *await _choose_who_works(larkspur, leaving))
    async with bustle.going_on():
        await asyncio.sleep(BEFORE_S)
        began = time.monotonic()
        moved = await _move(larkspur, leaving, step)
        ended = time.monotonic()
        await asyncio.sleep(AFTER_S)
    larkspur.bustle = bustle
    _tell_figures(step, moved, bustle, began, ended)
    step.ways[AMERICAN, RUSSIAN] = f"{len(moved.members):,} members have moved from us-1 to ru-1"
    step.need("everybody has moved, and no batch is open", not moved.left and not moved.unfinished)
    step.check(f"{larkspur.concerned:,} members", len(set(moved.members)) == larkspur.concerned)
    step.check("they wrote while they were moved", bustle.waits(bustle.movers, began, ended))
    step.check("no write was refused", not bustle.refused)
    step.check("no reader missed a post that had been acknowledged", not bustle.unseen)
    homes = await running.directory.homes(leaving.members)
    step.check("the hub has them all in ru-1", {home.site for home in homes.values()} == {RUSSIAN})
    grant = await running.access.check_token(token)
    step.check("anna's app is still logged in", grant.member == larkspur["anna"])
    known = await running.members.check_log_in("anna_of_larkspur", PASSWORD)
    step.check("her password opens her account", known == larkspur["anna"])


async def _check_that_they_may_move(larkspur: Larkspur, step: Step, leaving: Departure) -> None:
    """What `domicile relocate --plan` asks before it moves anybody."""
    engine, running = larkspur.engine, larkspur.running
    untold = await running.notices.find_untold(AMERICAN, leaving.members, RUSSIAN)
    step.need("everybody was told in time", not untold)
    on, operator = engine.law.on(larkspur.today), engine.operator.facts
    barred = await find_barred(engine.router, AMERICAN, leaving.members, RUSSIA, on, engine.policy, operator)
    step.need("the law lets everybody live in ru-1", not barred)
    await running.trimming.drop_drafts(AMERICAN, leaving.members)


async def _choose_who_works(
    larkspur: Larkspur, leaving: Departure
) -> tuple[list[MemberId], list[MemberId], list[MemberId]]:
    """Some of those who move, some others, and readers in America of whom everybody follows somebody who moves."""
    movers = [larkspur["anna"], larkspur["boris"], *leaving.members[:WRITERS]]
    followers = await larkspur.engine.sites[AMERICAN].auditor.run(
        "SELECT DISTINCT member_id FROM follow WHERE target = ANY (%s) AND NOT member_id = ANY (%s)"
        " AND state = 'accepted' ORDER BY 1 LIMIT %s",
        (list(leaving.members), list(leaving.members), OTHERS + READERS),
    )
    abroad = [MemberId(row.member_id) for row in followers]
    return list(dict.fromkeys(movers))[:WRITERS], abroad[READERS:], [larkspur["ben"], *abroad[:READERS]]


async def _log_in(larkspur: Larkspur, name: str) -> str:
    access = larkspur.running.access
    app = await access.register_app("an app", ["urn:ietf:wg:oauth:2.0:oob"], "read write", None)
    return await access.new_token(larkspur[name], app.client_id, "read write")


async def _move(larkspur: Larkspur, leaving: Departure, step: Step) -> Moved:
    """As `domicile relocate --plan` does; whoever was too busy is asked again."""
    total = Moved()

    def show(moved: Moved) -> None:
        step.progress("moving members", len(total.members) + len(moved.members), len(leaving.members))

    for _ in range(TRIES):
        members = [member for member in leaving.members if member not in set(total.members)]
        if members:
            coordinator = larkspur.running.coordinator
            moved = await coordinator.relocate(members, AMERICAN, RUSSIAN, leaving.reason, show)
            total.left.clear()
            total.seconds += moved.seconds
            total.add(moved)
    return total


def _tell_figures(step: Step, moved: Moved, bustle: Bustle, began: float, ended: float) -> None:
    step.do(
        f"{len(moved.members):,} members move in {moved.seconds:.1f} s: {moved.rows:,} rows and {moved.files:,} files,"
        f" {moved.rows / max(moved.seconds, 0.001):,.0f} rows a second, in {moved.batches} batches;"
        f" {moved.verifying_s:.1f} s of it for comparing both sides, {moved.erasing_s:.1f} s for erasing. The longest"
        f" that a batch's members could not write: {moved.waited_ms:.0f} ms."
    )
    theirs, before = bustle.waits(bustle.movers, began, ended), bustle.waits(bustle.movers, 0, began)
    others = bustle.waits(bustle.others, began, ended)
    step.do(f"Posts of those who move, before it: {in_words(before)}. Meanwhile: {in_words(theirs)}.")
    step.do(f"Posts of others meanwhile: {in_words(others)}. All of it in one process on one machine.")
    step.do(
        f"Readers in America opened {bustle.reads:,} pages of those who move, {bustle.incomplete} of which said that"
        f" something may be missing, and favoured {len(bustle.favoured):,} posts."
    )


async def both_sides_are_looked_at(larkspur: Larkspur, step: Step) -> None:
    """What the audit, the tables and readers say on the next day."""
    await larkspur.settle()
    report = await larkspur.full_audit()
    step.do(f"The audit reads {report.rows_checked:,} rows and {report.files_checked:,} files at both sites.")
    for violation in report.violations:
        step.do(str(violation))
    step.need("nothing is wrong, and nobody is on the way", report.ok and not report.in_transit)
    here = (await larkspur.living_in(RUSSIA)).get(RUSSIAN, [])
    moved = [member for member in here if member != larkspur["olga"]]
    step.check("all who live in Russia are at home in ru-1", len(moved) == larkspur.concerned)
    step.check("us-1 has no row of theirs in any table", await larkspur.count_rows(AMERICAN, moved) == 0)
    us, ru = (larkspur.engine.sites[name].media for name in (AMERICAN, RUSSIAN))
    step.check("nor a file", not list_files(us, moved) and bool(list_files(ru, moved)))
    await _look_for_what_was_planted(larkspur, step)
    await _compare_posts(larkspur, step)
    await _read_from_america(larkspur, step, moved)


async def _look_for_what_was_planted(larkspur: Larkspur, step: Step) -> None:
    words = [larkspur.canary(name) for name in ("anna", "boris", "gleb")]
    left, there = await larkspur.search(AMERICAN, *words), await larkspur.search(RUSSIAN, *words)
    step.check("what anna said lies in ru-1 and in no row of us-1", there[words[0]] and not left[words[0]])
    gone = (left + there).keys() <= {words[0]}
    step.check("what boris deleted, and gleb took with him, is in no row at all", gone)
    secret = await larkspur.running.posts.show(larkspur.sealed["anna"], reader=larkspur["anna"])
    opened = secret.body is not None and larkspur.canary("anna", "sealed") in secret.body.source
    step.check("anna opens what was sealed under her key", opened)


async def _compare_posts(larkspur: Larkspur, step: Step) -> None:
    """Every acknowledged post once, in order, with its words."""
    bustle = larkspur.bustle
    assert bustle is not None
    wrong, posts = 0, 0
    for member, written in bustle.written.items():
        query = "SELECT post_id, source FROM post WHERE author_id = %(m)s AND source LIKE 'post %% at work' ORDER BY 1"
        rows = await larkspur.engine.router.rows(member, query, {"m": member})
        acknowledged = [(one.post.snowflake, one.text) for one in written]
        wrong += [(row.post_id, row.source) for row in rows] != acknowledged
        posts += len(written)
    step.do(f"{posts:,} posts were acknowledged meanwhile, by {len(bustle.written)} members.")
    step.check("each is there once, in order, with its words, and no other", not wrong and posts)
    counted = [await _favourites(larkspur, post) >= n for post, n in bustle.favoured.items()]
    step.check("each favourite from America is counted at the post's new home", all(counted) and counted)


async def _favourites(larkspur: Larkspur, post: PostId) -> int:
    query = "SELECT favourites FROM post WHERE author_id = %(m)s AND post_id = %(p)s"
    rows = await larkspur.engine.router.rows(post.author, query, {"m": post.author, "p": post.snowflake})
    return int(rows[0].favourites) if rows else -1


async def _read_from_america(larkspur: Larkspur, step: Step, moved: list[MemberId]) -> None:
    """What a follower abroad sees of everybody who has moved: words, or a placeholder, as the law decides."""
    allowed = await _may_be_shown(larkspur, moved)
    wrong = 0
    for member in moved:
        page = await larkspur.running.timelines.author(member, Authors(make_bounds(5)), reader=larkspur["ben"])
        with_words = [item.body is not None for item in page.items if item.boost_of is None]
        wrong += not page.complete or not (all(with_words) if member in allowed else not any(with_words))
    step.do(
        f"ben in America opens the pages of all {len(moved):,}, read through the border and not kept (a relay). The law"
        f" lets {len(allowed):,} of them be shown to him; of {len(moved) - len(allowed):,} he sees placeholders."
    )
    step.check("he sees what the law says, and every page is complete", not wrong)
    home = await larkspur.running.timelines.home(larkspur["ben"], make_bounds(40))
    authors = {item.author for item in home.items if item.body is not None}
    step.check("his own timeline has their posts", home.complete and larkspur["anna"] in authors)


async def _may_be_shown(larkspur: Larkspur, members: list[MemberId]) -> set[MemberId]:
    """Those of these members at ru-1 whose public posts the law lets readers in America see, as it says itself."""
    engine = larkspur.engine
    async with engine.router.read_at(RUSSIAN, dict.fromkeys(members, 2)) as (reader, _):
        persons = await find_persons(reader, members)
    crossing = Crossing(
        exporter=RUSSIA, importer=AMERICA, act=Act.RELAY, category="user.content.public", audience="public"
    )
    on, operator = engine.law.on(larkspur.today), engine.operator.facts
    decisions = {m: decide_crossing(person, crossing, operator, on, engine.policy) for m, person in persons.items()}
    return {member for member, decision in decisions.items() if decision.allowed}
