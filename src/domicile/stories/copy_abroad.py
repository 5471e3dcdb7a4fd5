"""The home in Russia, and a lawful copy abroad: scenes of `linkedin-russia`, with the law as it changed until 2025.

A copy here is what the border lets a site abroad keep of members whom somebody there follows: profile and newest public
posts, under a licence that ends, registered at home. It is no mirror of the whole: nothing sealed or closed is copied.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from domicile.border.copies import MEMBERS_AT_ONCE
from domicile.border.recalling import ROWS_AT_ONCE
from domicile.border.safeguards import file_safeguard
from domicile.errors import Unavailable
from domicile.law.facts import Safeguard
from domicile.law.policy import Policy
from domicile.network.items import PostItem
from domicile.network.posts import Draft
from domicile.network.timelines import make_bounds
from domicile.placement.whereabouts import CopyAbroad, find_whereabouts
from domicile.plan.planning import make_plan
from domicile.stories.keeper import AMERICA, RUSSIA
from domicile.stories.larkspur import AMERICAN, RUSSIAN, Larkspur, ruled
from domicile.stories.telling import Scene, Step

DAYS = 7
PATIENT = 20
"""How often us-1 asks again where ru-1 did not answer in time, on a machine that is busy."""
STRICT = "a copy abroad may count as a database outside Russia"
NOTICE_LAW, WAITED, ADDRESSES = date(2023, 3, 1), date(2023, 3, 20), date(2025, 7, 1)
_REGISTERED = "SELECT count(*) AS n, max(until) AS until FROM copy_register WHERE state = 'held'"
_ANY = "SELECT count(*) AS n FROM copy_register"
_KEPT = "SELECT count(*) AS n, count(DISTINCT member_id) AS members FROM kept_copy WHERE NOT recalled"


async def a_lawful_copy(larkspur: Larkspur, step: Step) -> None:
    await larkspur.open("us,ru", copies=DAYS)
    for name in ("anna", "vera"):
        await larkspur.say(name, f"{name} is still in Kazan: {larkspur.canary(name, 'later')}")
    step.check("until today us-1 keeps nothing of members in Russia", (await larkspur.at(AMERICAN, _KEPT)).n == 0)
    await _gather(larkspur)
    registered, kept = await larkspur.at(RUSSIAN, _REGISTERED), await larkspur.at(AMERICAN, _KEPT)
    step.do(
        f"us-1 now keeps {kept.n:,} copies, of {kept.members:,} members whom somebody there follows, until"
        f" {registered.until:%Y-%m-%d} at most; ru-1 has every one in its register."
    )
    step.ways[RUSSIAN, AMERICAN] = f"us-1 keeps {kept.n:,} copies of members in ru-1, until their licences end"
    step.need("what is kept and what is registered are as many", kept.n == registered.n and kept.n)
    places = await find_whereabouts(larkspur.engine.router, larkspur.engine.ownership, larkspur["anna"])
    step.check(
        "anna can see who holds what of her, until when and by which rule",
        places.copies and all("RU-MIRROR" in copy.rules and copy.site == AMERICAN for copy in places.copies),
    )
    step.check("her home is in Russia all the same", await larkspur.home_of(larkspur["anna"]) == RUSSIAN)
    public, sealed = larkspur.canary("anna", "later"), larkspur.canary("anna", "sealed")
    rows = await larkspur.search(AMERICAN, public, sealed)
    step.check("her public words are among them, what is sealed is not", rows[public] and not rows[sealed])
    step.check("the audit finds every copy in a register, under its licence", (await larkspur.full_audit()).ok)


@dataclass(frozen=True)
class _Read:
    """What ben sees of anna: her page, her profile, his timeline, and whether these were complete."""

    page: list[PostItem]
    profile: object
    timeline: list[PostItem]
    complete: bool


async def _read(larkspur: Larkspur) -> _Read:
    running, ben, anna = larkspur.running, larkspur["ben"], larkspur["anna"]
    page = await larkspur.author_page("ben", "anna")
    timeline = await running.timelines.home(ben, make_bounds(20))
    try:
        profile: object = await running.profiles.show(anna, at=AMERICAN, signed_in=True)
    except Unavailable:
        profile = None
    return _Read(page, profile, timeline.items, timeline.complete)


async def the_line_is_cut(larkspur: Larkspur, step: Step) -> None:
    live = await _read(larkspur)
    step.need("ben reads anna's page live", live.page and live.complete)
    (first, before), *_ = [(item.id, item.body.source) for item in live.page if item.body is not None]
    with larkspur.running.exchange.cut_off(RUSSIAN, AMERICAN):  # neither reaches the other
        away = await _read(larkspur)
        step.do("The line to ru-1 is cut. ben reads on from the copies at us-1.")
        same = (away.page, away.profile, away.timeline) == (live.page, live.profile, live.timeline)
        step.check("anna's page, her profile and his timeline are what they were live", same)
        step.check("the page says that something may be missing or older", not away.complete)
        said = await larkspur.say("anna", "we are alone here")
        own = await larkspur.running.timelines.home(larkspur["anna"], make_bounds(5))
        step.check("ru-1 serves its own members: anna writes and reads", said.id in {item.id for item in own.items})
        await larkspur.running.posts.edit(larkspur["anna"], first, Draft(text="said in another way"))
        await _tick(larkspur)
        recalls = await _open_recalls(larkspur)
        step.do("anna edits a post. Its copy is wanted back; the recall cannot be delivered, and stays open.")
        shown = [recall.number for recall in recalls if recall.asked_at is not None and recall.attempts]
        step.check("it is shown to her, with its age", shown == [first.snowflake])
    larkspur.stage.clock.wait(minutes=30)
    await _tick(larkspur)
    step.check("the line is there again: the recall is delivered", not await _open_recalls(larkspur))
    step.check("and us-1 has no row with the old words", not (await larkspur.search(AMERICAN, before))[before])
    now = await larkspur.author_page("ben", "anna")
    step.check("ben reads the new ones", "said in another way" in [item.body.source for item in now if item.body])


async def the_notice_comes_first(larkspur: Larkspur, step: Step) -> None:
    await _tick(larkspur)
    step.check("the copies of 2017 have ended by themselves", not (await larkspur.at(RUSSIAN, _REGISTERED)).n)
    await _gather(larkspur)
    registered = await larkspur.at(RUSSIAN, _REGISTERED)
    end = datetime.combine(NOTICE_LAW, datetime.min.time(), UTC)
    step.do(f"{registered.n:,} copies are kept anew. They could be for {DAYS} days: the law of {NOTICE_LAW} ends them.")
    step.need("no licence goes beyond that day, as no notice counts then", registered.n and registered.until == end)
    larkspur.turn_to(NOTICE_LAW)
    for kind in ("rkn_notice", "importer_assessment"):
        await _file(larkspur, kind)
    await _tick(larkspur)
    step.do(f"On {NOTICE_LAW} the operator files the notice and the assessment. It must wait ten working days.")
    kept, left = await larkspur.at(AMERICAN, _KEPT), await larkspur.at(RUSSIAN, _REGISTERED)
    step.check("on that day us-1 keeps nothing, and nothing is registered", not kept.n and not left.n)
    await _gather(larkspur)
    step.check("and it is given nothing new", not (await larkspur.at(AMERICAN, _KEPT)).n)
    words = [item for item in await larkspur.author_page("ben", "anna") if item.body is not None]
    step.check("nor is ben shown anything live while the notice waits", not words)
    larkspur.turn_to(WAITED)
    await _gather(larkspur)
    kept = await larkspur.at(AMERICAN, _KEPT)
    step.do(f"On {WAITED}, when the wait is over, {kept.n:,} copies are kept again.")
    step.check(
        "ben reads anna again, live and from copies", kept.n and (await larkspur.author_page("ben", "anna"))[0].body
    )


async def two_readings(larkspur: Larkspur, step: Step) -> None:
    await _tick(larkspur)
    await _gather(larkspur)
    before = await larkspur.at(AMERICAN, _KEPT)
    step.need("on the day before us-1 keeps copies", before.n)
    strict = ruled(larkspur.engine.policy, "RU-MIRROR", permit=False, reason=STRICT)
    planned = [await _copies_to_recall(larkspur, policy) for policy in (larkspur.engine.policy, strict)]
    step.do(
        f"The plan for {ADDRESSES}: under the policy {planned[0]:,} copies to recall; under a stricter {planned[1]:,}."
    )
    step.check("none as most counsel read it, all under the strict reading", planned == [0, before.n])
    larkspur.turn_to(ADDRESSES)
    await _tick(larkspur)
    rule = next(r for r in larkspur.engine.law.on(ADDRESSES).packs[RUSSIA].rule if r.id == "RU-MIRROR" and r.disputed)
    step.do(f"The pack marks it as disputed ({rule.citation.source}): {rule.summary} {rule.disputed}.")
    step.do(f"The policy {larkspur.engine.policy.name} takes it upon itself: {larkspur.engine.policy.reason(rule.id)}.")
    kept = await larkspur.at(AMERICAN, _KEPT)
    step.check("under most counsel's reading the copies stay", kept.n == before.n)
    await larkspur.open("us,ru", copies=DAYS, policy=strict)
    for _ in range(before.n // ROWS_AT_ONCE + PATIENT):
        await _tick(larkspur)
        if not (await larkspur.at(RUSSIAN, _ANY)).n:
            break
    kept, registered = await larkspur.at(AMERICAN, _KEPT), await larkspur.at(RUSSIAN, _REGISTERED)
    step.do("The operator takes the strict reading, and starts with a policy that says so. Every copy is recalled.")
    step.check("us-1 keeps nothing, and nothing is registered or open", not kept.n and not registered.n)
    step.check("no recall is left open", not (await larkspur.at(RUSSIAN, _ANY)).n)
    words = larkspur.canary("vera", "later")
    step.check("what vera says is in no row of us-1", not (await larkspur.search(AMERICAN, words))[words])
    step.check("ben still reads it live", any(item.body for item in await larkspur.author_page("ben", "vera")))
    step.check("the audit is clean under this law too", (await larkspur.full_audit()).ok)
    step.do("Which reading is right the pack does not know. The operator's policy decides, and says why.")


async def _copies_to_recall(larkspur: Larkspur, policy: Policy) -> int:
    network = replace(larkspur.engine.to_plan(), policy=policy)
    return (await make_plan(network, ADDRESSES, larkspur.stage.clock())).copies.to_recall


async def _gather(larkspur: Larkspur) -> None:
    """us-1 asks ru-1 what it may keep, as it does from time to time."""
    await larkspur.engine.operator.refresh()
    rounds, answered = larkspur.members // MEMBERS_AT_ONCE + 2, 0
    for _ in range(rounds + PATIENT):
        await larkspur.running.copies.gather(AMERICAN)
        answered += not larkspur.running.door.silent_to(AMERICAN)
        if answered == rounds:
            break


async def _tick(larkspur: Larkspur) -> None:
    """The recurring work about copies, at every site."""
    for name in larkspur.engine.sites:
        await larkspur.running.copies.recalling.tick(name)
        await larkspur.running.copies.purge(name)


async def _open_recalls(larkspur: Larkspur) -> list[CopyAbroad]:
    places = await find_whereabouts(larkspur.engine.router, larkspur.engine.ownership, larkspur["anna"])
    return [copy for copy in places.copies if copy.recalling]


async def _file(larkspur: Larkspur, kind: str) -> None:
    now = larkspur.stage.clock()
    paper = Safeguard(kind=kind, exporter=RUSSIA, importer=AMERICA, filed_on=now.date())
    database = larkspur.engine.sites[RUSSIAN].app
    await file_safeguard(database, f"larkspur-{kind}", paper, made_up=True, note="made up for the story", now=now)
    await larkspur.engine.operator.refresh()


COPY_ABROAD = (
    Scene(
        "a-lawful-copy",
        date(2017, 3, 20),
        "This did not happen. Once data is first recorded in Russia, a later copy abroad is lawful.",
        "152-FZ art. 18(5) as of 2015-09-01; lidings.com",
        a_lawful_copy,
        day="2017-03",
    ),
    Scene(
        "the-line-is-cut",
        date(2017, 3, 21),
        "This did not happen either: the line between the two countries is cut for an hour.",
        "the story's part",
        the_line_is_cut,
        day="2017-03",
    ),
    Scene(
        "the-notice-comes-first",
        date(2023, 2, 27),
        "From 2023-03-01 the regulator must be notified before data leaves Russia; for a country that is not on the"
        " adequate list, such as the United States, the transfer waits ten working days.",
        "152-FZ art. 12, 266-FZ of 2022-07-14; RKN Order 128 of 2022-08-05",
        the_notice_comes_first,
    ),
    Scene(
        "two-readings",
        date(2025, 6, 30),
        "From 2025-07-01 it is forbidden to record Russian citizens' data in databases outside Russia when it is"
        " collected. Most counsel say that a copy abroad afterwards stays allowed; a strict reading bans mirrors.",
        "152-FZ art. 18(5), 23-FZ of 2025-02-28; seamless.legal; epap.by",
        two_readings,
    ),
)
