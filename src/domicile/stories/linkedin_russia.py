"""`linkedin-russia`, 2015 to 2017: a localisation law takes effect, and some 1.3 % of all members are concerned.

In the real one's place stands Larkspur, an invented network with one site in America. What happened in the world is on
record, with its sources: the real network refused, and was blocked. Two other endings are told here: members are moved
to a site in Russia while the network serves; and beside that home a lawful copy is kept abroad (`copy_abroad`). The
refusal waits for orders.
"""

import contextlib
import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

from domicile.errors import InvalidFields, NotFound
from domicile.network.notices import Announced
from domicile.plan.opening import find_needs_of_a_site
from domicile.plan.planning import make_plan
from domicile.plan.report import Plan
from domicile.plan.words import in_bytes, in_money, in_time
from domicile.stories.attesting import the_attestation
from domicile.stories.copy_abroad import COPY_ABROAD
from domicile.stories.keeper import RULE, RUSSIA
from domicile.stories.larkspur import AMERICAN, RUSSIAN, Larkspur
from domicile.stories.moving_live import both_sides_are_looked_at, moved_while_it_serves
from domicile.stories.remains import what_is_left_behind
from domicile.stories.stage import set_stage
from domicile.stories.telling import Scene, Step, Story

LAW = date(2015, 9, 1)
MOVES_ON = date(2016, 9, 26)


async def a_network_abroad(larkspur: Larkspur, step: Step) -> None:
    await larkspur.open("us")
    step.sites.append(AMERICAN)
    await larkspur.fill(step.progress)
    living = await larkspur.living_in(RUSSIA)
    sizes = await larkspur.running.directory.sizes()
    share = larkspur.concerned / larkspur.members
    step.do(
        f"Larkspur runs in us-1 and has {larkspur.members:,} members. {larkspur.concerned:,} of them, {share:.1%}, live"
        " in Russia. anna, boris, vera, gleb and daria joined by the form; ben in America follows them."
    )
    step.check(f"the hub knows {larkspur.members:,} members", sizes["homes"] == larkspur.members)
    found = {site: len(members) for site, members in living.items()}
    step.need(
        f"those who live in Russia, {larkspur.concerned:,}, are at home in us-1",
        found == {AMERICAN: larkspur.concerned},
    )
    step.check("on this day the rule is not in force", not larkspur.bound_by(larkspur.engine.operator.facts, step.on))
    step.check("the law lets everybody live where they do", await larkspur.unlawful_homes() == 0)
    page = await larkspur.author_page("ben", "anna")
    step.check("ben reads what anna says", any(item.body and "Kazan" in item.body.source for item in page))


async def the_day_before(larkspur: Larkspur, step: Step) -> None:
    report = await larkspur.full_audit()
    step.do(
        f"The audit reads {report.rows_checked:,} rows and {report.files_checked:,} files, and asks the law of today."
    )
    step.check("every row is at its owner's home, and every home is lawful", report.ok)
    tomorrow = await larkspur.find_unlawful(LAW)
    step.check(
        f"asked about tomorrow, it names {larkspur.concerned:,} members in us-1 and the rule",
        sum(found.count for found in tomorrow) == larkspur.concerned
        and all("152-FZ art. 18(5)" in found.text and found.site == AMERICAN for found in tomorrow),
    )


async def the_plan(larkspur: Larkspur, step: Step) -> None:
    plan = await make_plan(larkspur.engine.to_plan(), LAW, larkspur.stage.clock())
    moves = [(planned.move.source, planned.move.target, planned.move.country) for planned in plan.moves]
    step.need("they must leave us-1 for Russia, where there is no site", moves == [(AMERICAN, None, RUSSIA)])
    (planned,) = plan.moves
    step.do(
        f"The plan for {LAW}: {planned.move.members:,} of {plan.members:,} members, {plan.rows:,} rows,"
        f" {in_bytes(plan.bytes)}, media {in_bytes(plan.file_bytes)}; copying takes {in_time(plan.seconds)}"
        f" ({plan.basis})."
    )
    _tell_options(plan, step)
    step.check("it counts them all, from that day on", planned.move.members == larkspur.concerned)
    step.check(
        "it cites the rule and its day", RULE in {r.rule for r in planned.move.rules} and planned.move.due == LAW
    )
    living = (await larkspur.living_in(RUSSIA))[AMERICAN]
    step.check("its rows are those that are there", plan.rows == await larkspur.count_rows(AMERICAN, living))
    options = {option.name: option for option in plan.options}
    named = {"stay", "open_site", "refuse", "leave"}
    step.check("four things can be done, with what each costs", set(options) == named)
    ladder = {rung.step for rung in options["stay"].follows}
    step.check("whoever stays may be blocked, and the apps removed", {"block", "app_removal"} <= ladder)
    told = {event.began for option in plan.options for event in option.precedents}
    step.check("it tells of others only what had happened by this day", all(day <= step.on for day in told))


def _tell_options(plan: Plan, step: Step) -> None:
    for option in plan.options:
        cost, risk = option.total(certain=True), option.total(certain=False)
        money = f"costs {in_money(cost.low)} to {in_money(cost.high)} {plan.prices.currency}"
        danger = f", at risk {in_money(risk.low)} to {in_money(risk.high)}" if risk.high else ""
        step.do(f"{option.name.replace('_', ' ')}: {money}{danger}, over {plan.prices.years:g} years (made-up prices).")
    follows = next(option.follows for option in plan.options if option.name == "stay")
    step.do("What may follow if nothing changes: " + "; ".join(rung.what for rung in follows if not rung.general) + ".")


async def the_law_in_force(larkspur: Larkspur, step: Step) -> None:
    report = await larkspur.full_audit()
    found = [violation for violation in report.violations if violation.kind == "law"]
    step.do(f"The audit of the morning: {'; '.join(violation.text for violation in report.violations)}.")
    step.check("the audit fails", not report.ok)
    step.check("for nothing but the law: every row is where it was", report.violations == found)
    step.check(f"it counts {larkspur.concerned:,} members", sum(one.count for one in found) == larkspur.concerned)
    before = await larkspur.running.directory.sizes()
    refusal = await _refusal(larkspur, "egor", "RU")
    step.do(f"egor wants to join from Russia. The form answers: country {refusal or 'is accepted'}.")
    step.check("who joins from Russia is refused: no site here may be their home", "no lawful home" in refusal)
    after = await larkspur.running.directory.sizes()
    kept = after["homes"] != before["homes"] or await larkspur.rows_with("egor_of_larkspur")
    step.check("nothing of egor is kept anywhere", not kept)
    frank = await larkspur.join("frank", "US")
    step.check("who joins from America is at home in us-1", await larkspur.home_of(frank) == AMERICAN)
    said = await larkspur.say("anna", "still here")
    step.check(
        "the network serves on: ben reads what anna says now", said.id in await _ids_read_by_ben(larkspur, "anna")
    )


async def _refusal(larkspur: Larkspur, name: str, country: str) -> str:
    try:
        await larkspur.join(name, country)
    except InvalidFields as refused:
        return " ".join(text for _, text in refused.fields["country"])
    return ""


async def _ids_read_by_ben(larkspur: Larkspur, author: str) -> set[object]:
    return {item.id for item in await larkspur.author_page("ben", author) if item.body is not None}


async def another_network_in_court(larkspur: Larkspur, step: Step) -> None:
    plan = await make_plan(larkspur.engine.to_plan(), LAW, larkspur.stage.clock())
    (stay,) = [option for option in plan.options if option.name == "stay"]
    step.do(
        "Counsel reads the ladder again: " + "; ".join(rung.what for rung in stay.follows if not rung.general) + "."
    )
    told = [f"{event.began}: {event.what}" for event in stay.precedents if event.began < step.on]
    step.do("Others, before this day: " + " ".join(told))
    step.check("the pack has the case on record", larkspur.on_record(2016, 8, "block"))
    step.check("the plan now tells of it", any(event.began == step.on for event in stay.precedents))
    step.check("the audit still fails", await larkspur.unlawful_homes() == larkspur.concerned)


async def a_site_is_opened(larkspur: Larkspur, step: Step) -> None:
    started = "SELECT pg_postmaster_start_time()::text AS at"
    before = await larkspur.at(AMERICAN, started)
    sizes = await larkspur.running.directory.sizes()
    await larkspur.open("us,ru")
    step.sites.append(RUSSIAN)
    step.do("Larkspur opens ru-1: a server, a key and a media store of its own. us-1's server stays up meanwhile.")
    on = larkspur.engine.law.on(step.on)
    for need in find_needs_of_a_site(RUSSIA, larkspur.engine.operator.facts, on):
        step.do(f"Who has a site there is asked: {need}")
    step.check("us-1's server was not stopped for it", (await larkspur.at(AMERICAN, started)) == before)
    own = (await larkspur.at(RUSSIAN, started)) != before
    keys = {larkspur.engine.sites[name].key.name for name in (AMERICAN, RUSSIAN)}
    step.check("ru-1 is another server, with a key of its own", own and len(keys) == 2)
    step.check("nobody has been moved", not (await larkspur.at(RUSSIAN, "SELECT count(*) AS n FROM resident")).n)
    olga = await larkspur.join("olga", "RU", locale="ru")
    step.check("who joins from Russia now is at home in ru-1", await larkspur.home_of(olga) == RUSSIAN)
    more = (await larkspur.running.directory.sizes())["homes"] - sizes["homes"]
    step.check("the hub knows of one more member", more == 1)
    departures = await larkspur.departures(LAW)
    ways = [(leaving.source, leaving.target, len(leaving.members)) for leaving in departures]
    step.check("the plan has somewhere to send them", ways == [(AMERICAN, RUSSIAN, larkspur.concerned)])


async def members_are_told(larkspur: Larkspur, step: Step) -> None:
    (leaving,) = await larkspur.departures(LAW)
    assert leaving.move is not None
    notices = larkspur.running.notices
    announced = Announced(leaving.target, MOVES_ON, leaving.move.reason, leaving.move.rules)
    told = await notices.tell(leaving.members, announced)
    step.do(
        f"{told.languages.total():,} members are told that they move on {MOVES_ON} or after: {dict(told.languages)}."
    )
    step.check("everybody was reached", told.languages.total() == len(leaving.members) and not told.left)
    step.check("in Russian", set(told.languages) == {"ru"})
    notice = await notices.current(larkspur["anna"])
    step.need("anna finds it on her pages", notice)
    assert notice is not None
    step.do(f"anna reads: {notice.title}")
    step.check("it names the article and the day", "152-FZ" in notice.wording and notice.moves_on == MOVES_ON)
    step.check("whoever stays where they are is told nothing", await notices.current(larkspur["ben"]) is None)
    untold = await notices.find_untold(AMERICAN, leaving.members, RUSSIAN)
    step.check("a plan moves nobody before those days are over", set(untold) == set(leaving.members))


async def members_act_first(larkspur: Larkspur, step: Step) -> None:
    await _boris_trims(larkspur, step)
    await _vera_takes_an_archive(larkspur, step)
    await _gleb_leaves(larkspur, step)
    await _daria_corrects(larkspur, step)
    larkspur.concerned -= 2
    (leaving,) = await larkspur.departures(LAW)
    step.check(f"{larkspur.concerned:,} members are left to move", len(leaving.members) == larkspur.concerned)


async def _boris_trims(larkspur: Larkspur, step: Step) -> None:
    boris = larkspur["boris"]
    kept = await larkspur.say("boris", "this one stays")
    deleted = await larkspur.running.trimming.delete_posts(boris, larkspur.today)
    step.do(f"boris deletes his {deleted} posts of before today.")
    step.check("one is left", {item.id for item in await larkspur.author_page("ben", "boris")} == {kept.id})


async def _vera_takes_an_archive(larkspur: Larkspur, step: Step) -> None:
    archive = io.BytesIO()
    rows = await larkspur.running.archives.write(larkspur["vera"], archive)
    step.do(f"vera takes an archive: {sum(rows.values())} rows, {len(archive.getvalue()):,} bytes.")
    with zipfile.ZipFile(archive) as packed:
        digests = json.loads(packed.read("manifest.json"))["sha256"]
        whole = {name: hashlib.sha256(packed.read(name)).hexdigest() for name in packed.namelist() if name in digests}
        outbox, sealed = packed.read("outbox.json").decode(), packed.read("data/vault.direct_text.json").decode()
    step.check("every file in it has the digest that its manifest says", whole == digests)
    step.check("it has what she said", larkspur.canary("vera") in outbox)
    step.check("and what is sealed, opened for her", larkspur.canary("vera", "sealed") in sealed)


async def _gleb_leaves(larkspur: Larkspur, step: Step) -> None:
    gleb = larkspur["gleb"]
    receipt = await larkspur.running.erasure.erase(gleb)
    done = ", ".join(receipt.done)
    step.do(f"gleb leaves: {receipt.rows} rows are erased. Have heard of it: {done}; still open: {len(receipt.open)}.")
    step.check("no site is open on the receipt", not receipt.open and set(receipt.done) == set(larkspur.engine.sites))
    rows = [await larkspur.count_rows(site, [gleb]) for site in larkspur.engine.sites]
    step.check("no site has a row that is his", not sum(rows))
    words = await larkspur.search(AMERICAN, larkspur.canary("boris"), larkspur.canary("gleb"))
    step.check("and no row of any table there has his words, or those that boris deleted", not words.total())
    try:
        await larkspur.home_of(gleb)
        known = True
    except NotFound:
        known = False
    step.check("the hub knows nobody by his id", not known)


async def _daria_corrects(larkspur: Larkspur, step: Step) -> None:
    await larkspur.running.declarations.correct(larkspur["daria"], "US")
    step.do("daria moved to America long ago, and corrects what she declared.")
    step.check("her law is that of America", await larkspur.claims(larkspur["daria"]) == {("US", "residence")})
    step.check("she is told no more", await larkspur.running.notices.current(larkspur["daria"]) is None)


async def what_happened_to_the_real_one(larkspur: Larkspur, step: Step) -> None:
    report = await larkspur.full_audit()
    step.check("the pack has the block on record", larkspur.on_record(2016, 8, "block"))
    step.check("and the removal of the apps", larkspur.on_record(2016, 12, "app_removal"))
    step.check("and the refusal", larkspur.on_record(2017, 3, "block"))
    step.do(f"Larkspur's audit, {report.rows_checked:,} rows: {'nothing wrong' if report.ok else report.violations}.")
    step.check("Larkspur's audit is clean at both sites", report.ok)
    pavel = await larkspur.join("pavel", "RU", locale="ru")
    step.check("who joins from Russia is at home there", await larkspur.home_of(pavel) == RUSSIAN)
    said = await larkspur.say("anna", "good morning from Kazan")
    step.check("ben in America reads what anna says", said.id in await _ids_read_by_ben(larkspur, "anna"))


@contextlib.asynccontextmanager
async def _set_larkspur(folder: Path, members: int) -> AsyncIterator[Larkspur]:
    async with set_stage(folder, "US") as stage:
        yield Larkspur(stage, members)


OPENING = (
    Scene(
        "a-network-abroad",
        date(2015, 8, 24),
        "Law 242-FZ of 2014-07-21: who collects personal data of Russian citizens must first record it in databases in"
        " Russia. Its start is moved forward from 2016-09-01 to 2015-09-01.",
        "242-FZ of 2014-07-21; 526-FZ of 2014-12-31",
        a_network_abroad,
        day="summer 2015",
    ),
    Scene(
        "the-day-before",
        date(2015, 8, 31),
        "The ministry has explained on 2015-08-25 whom it means: it looks for a .ru or .рф domain, or a Russian version"
        " together with payment in roubles, advertising or delivery.",
        "rppa.ru",
        the_day_before,
    ),
    Scene("the-plan", date(2015, 8, 31), "Tomorrow the law is in force.", "152-FZ art. 18(5)", the_plan),
    Scene("the-law-in-force", LAW, "The law is in force.", "152-FZ art. 18(5)", the_law_in_force),
    Scene(
        "another-network-in-court",
        date(2016, 8, 4),
        "A Moscow court finds that LinkedIn, with more than six million members in Russia, breaks the law.",
        "uk.reuters.com idUKL8N1DI1W4; thecerbatgem.com",
        another_network_in_court,
    ),
    Scene(
        "a-site-is-opened",
        date(2016, 8, 15),
        "This did not happen: the real network opened no site. From here on Larkspur takes its own way.",
        "the story's part",
        a_site_is_opened,
        day="2016-08",
    ),
    Scene(
        "members-are-told",
        date(2016, 8, 22),
        "Not on record: the law asks no notice of a move that the pack knows of. Domicile's own rule is thirty days.",
        "the story's part",
        members_are_told,
        day="2016-08",
    ),
    Scene(
        "members-act-first",
        date(2016, 9, 5),
        "Before they move, members trim, take an archive, leave, or correct what they declared.",
        "the story's part",
        members_act_first,
        day="2016-09",
    ),
    Scene(
        "moved-while-it-serves",
        MOVES_ON,
        "The day that members were told. Everybody goes on writing and reading.",
        "the story's part",
        moved_while_it_serves,
        day="2016-09",
    ),
    Scene(
        "both-sides",
        MOVES_ON + timedelta(days=1),
        "The day after: is every row in Russia, is nothing left in America, is nothing lost?",
        "the story's part",
        both_sides_are_looked_at,
        day="2016-09",
    ),
)
MOVE = (
    Scene(
        "what-is-left-behind",
        MOVES_ON + timedelta(days=2),
        "Rows that were erased lie in a server's files until their space is used again.",
        "the story's part",
        what_is_left_behind,
        day="2016-09",
    ),
    Scene(
        "the-attestation",
        date(2016, 11, 10),
        "LinkedIn loses its appeal; on 2016-11-17 internet providers are told to block it. Larkspur's counsel sends the"
        " regulator an attestation.",
        "uk.reuters.com idUKL8N1DI1W4; thecerbatgem.com",
        the_attestation,
    ),
    Scene(
        "what-happened-to-the-real-one",
        date(2017, 3, 7),
        "In December 2016 the regulator writes to Apple and Google, and about 2017-01-06 LinkedIn's apps are removed."
        " Around 2017-03-07 it refuses by letter to move its data, and stays blocked.",
        "seoheronews.com, crimerussia.com, coins2day.com 2017-01-08; winbuzzer (the day is from general knowledge)",
        what_happened_to_the_real_one,
        day="2016-12 to 2017-03",
    ),
)

STORY = Story(
    name="linkedin-russia",
    title="A localisation law takes effect, and 1.3 % of the members are concerned (2015 to 2017)",
    note="Larkspur and its members are invented; the court, the block and the refusal happened to another network."
    " Recorded law, not legal advice.",
    stage=_set_larkspur,
    scenes=(*OPENING, *MOVE, *COPY_ABROAD),
    members=20_000,
    endings={"move": (*OPENING, *MOVE), "copy": (*OPENING, *COPY_ABROAD)},
)
