"""`twitter-russia`, 2014 to 2022: a network that knew little of its members asks for a phone number.

What is collected decides what is asked. In the real one's place stands Thistle, an invented network with one site in
America; what happened in the world is on record, with its sources.
"""

import contextlib
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

from domicile.errors import NotPermitted
from domicile.placement.inventory import compare_inventories
from domicile.stories.house import House, inventory_of
from domicile.stories.keeper import RULE, RUSSIA
from domicile.stories.stage import set_stage
from domicile.stories.telling import Scene, Step, Story
from domicile.stories.thistle import FIRST, PHONE, SECOND

NUMBER = "+7 900 000-00-00"
ADDRESS = "192.0.2.77"  # RFC 5737: an address of nobody
BEFORE, AFTER = inventory_of(FIRST).categories, inventory_of(SECOND).categories
REASON = "Counsel reads the regulator's letter of July as still standing; the board will decide on a site in Russia."


async def a_law_is_passed(house: House, step: Step) -> None:
    await house.open(FIRST, "us")
    anna, ben = await house.join("anna", "RU"), await house.join("ben", "US")
    step.do("Thistle runs in us-1. Its members have a handle and say things; anna lives in Russia, ben in America.")
    step.check("on this day the rule on databases in Russia is not in force", not house.binds(date(2014, 7, 22)))
    homes = {await house.home_of(member) for member in (anna, ben)}
    step.check("the law lets both have their home in us-1", homes == {"us-1"})
    as_it_is, with_phone = await house.plan(date(2015, 9, 1), BEFORE), await house.plan(date(2015, 9, 1), AFTER)
    step.do("The operator plans for 2015-09-01, with what is collected today and with a phone number beside it.")
    step.check("planned with what is collected today, nobody has to move", as_it_is.moves == [])
    moves = [(move.source, move.target, move.country, move.members) for move in with_phone.moves]
    step.check(
        "planned with a phone number, anna has to move to Russia, where there is no site",
        moves == [("us-1", None, RUSSIA, 1)],
    )
    cited = {rule.rule for move in with_phone.moves for rule in move.rules}
    step.check(f"the plan cites {RULE} and its day", RULE in cited and with_phone.moves[0].due == date(2015, 9, 1))


async def the_first_letter(house: House, step: Step) -> None:
    bare, with_phone = (
        house.decide_home("RU", date(2015, 9, 1), BEFORE),
        house.decide_home("RU", date(2015, 9, 1), AFTER),
    )
    step.do("The same question twice: may somebody who lives in Russia have their home in the United States?")
    step.check(
        f"without contact data {RULE} is not among the rules, and the home is allowed",
        bare.allowed and RULE not in bare.rules,
    )
    step.check(f"with a phone number {RULE} forbids it", not with_phone.allowed and RULE in with_phone.rules)
    step.check("the pack has the letter on record", house.on_record(2015, 7, "other"))


async def the_law_starts(house: House, step: Step) -> None:
    await house.open(FIRST, "us")
    step.do("Thistle is started on the first day of the law, with the tables it has.")
    step.check(
        "the rule is in force now, and binds nobody who collects no more than this",
        house.binds(date(2015, 9, 1)) and not house.binds(date(2015, 9, 1), BEFORE),
    )
    clara = await house.join("clara", "RU")
    await house.app.say(clara, "hello from Kazan")
    step.check("clara joins from Russia, and is at home in us-1", await house.home_of(clara) == "us-1")
    step.check("the audit finds every row at home", await house.audited())
    step.check("the audit finds no home that the law forbids", await house.unlawful_homes() == 0)


async def the_terms_change(house: House, step: Step) -> None:
    change = compare_inventories(inventory_of(FIRST), inventory_of(SECOND))
    step.do("Thistle's second version asks for a phone number: one column more, vault.secret.phone, sealed.")
    step.check(f"the inventory has one new category, {PHONE}", change.new_categories == (PHONE,))
    refusal = await house.refusal(SECOND, "us")
    step.need("the second version does not start", refusal)
    step.do("It is refused before its migration runs:")
    step.do("\n".join(line for line in refusal.splitlines()[1:] if "acknowledge" not in line))
    named = all(word in refusal for word in (RULE, "152-FZ", "art. 18(5)", PHONE, "us-1"))
    step.check("the refusal names the rule, the article, the category and the site", named)
    step.check("and says what would satisfy it", "open a site in RU" in refusal)
    await house.open(FIRST, "us")
    step.check(
        "nothing was changed: PostgreSQL has no such column", "phone" not in await house.app.columns("vault.secret")
    )
    step.check("the first version starts and serves", await house.app.messages(house["clara"]) == ["hello from Kazan"])


async def the_second_letter(house: House, step: Step) -> None:
    await house.open(SECOND, "us", collects=False)
    await house.acknowledge(REASON)
    await house.open(SECOND, "us")
    step.do(
        f"The operator takes {RULE} upon themselves, with a reason, and starts. The reason and the day are on record."
    )
    step.check("the acknowledgement is kept with its reason", await house.acknowledged() == [(RULE, PHONE, REASON)])
    step.check(
        "the inventory has the day on which the number was first collected",
        await house.first_day(PHONE) == date(2015, 11, 11),
    )
    await house.app.give_phone(house["anna"], NUMBER)
    kept = await house.app.phone(house["anna"]) == NUMBER and not await house.rows_with(NUMBER)
    step.check("anna's number is kept sealed: no row holds it in the clear", kept)
    step.check("the audit says that two members may not have their home there", await house.unlawful_homes() == 2)
    refused = await _refused_to_join(house, "dmitri", "RU")
    step.check("who wants to join from Russia is refused: no site may be their home", refused)
    step.check("the pack has the letter on record", house.on_record(2015, 11, "other"))


async def a_small_fine(house: House, step: Step) -> None:
    step.check("the pack has the fine on record", house.on_record(2019, 4, "fine", 3_000))
    step.check("the ladder that names this rule has not begun yet", house.rungs() == [])
    await house.app.say(house["clara"], "still here")
    step.check("Thistle serves on", (await house.app.messages(house["clara"]))[-1] == "still here")


async def four_million(house: House, step: Step) -> None:
    step.do("The ladder in force: " + "; ".join(house.rungs_in_words()))
    step.check("a first fine of RUB 4,000,000 lies on its first rung", house.fits(4_000_000, repeat=False))
    step.check("the pack has the fine on record", house.on_record(2020, 2, "fine", 4_000_000))
    step.check("the audit still names the two members", await house.unlawful_homes() == 2)


async def slowed_down(house: House, step: Step) -> None:
    (duty,) = [duty for duty in await house.duties() if duty.citation.rule == RULE]
    step.do(
        "Members in Russia wait for every picture. The network cannot see why a connection is slow, and does not ask."
    )
    step.check("the pack has it on record", house.on_record(2021, 3, "throttle", about=None))
    step.check(
        "the duty is as unmet as in 2015, and the inventory says what would end it",
        (duty.standing, duty.remedy) == ("unmet", "open a site in RU and move these members there"),
    )


async def seventeen_million(house: House, step: Step) -> None:
    step.check("RUB 17,000,000 lies on the rung for who does it again", house.fits(17_000_000, repeat=True))
    step.check("and not on the first", not house.fits(17_000_000, repeat=False))
    step.check("the pack has the day on record", house.on_record(2021, 8, "fine"))


async def blocked(house: House, step: Step) -> None:
    step.do("From Russia nobody arrives any more: clara's app cannot connect, and no request of hers comes in.")
    before = await house.rows_with(ADDRESS)
    await house.app.say(house["anna"], "I am still here", ADDRESS)
    step.do(f"anna arrives through a VPN, from {ADDRESS}. To the network she is a member like before.")
    step.check("what she says is kept at her home", (await house.app.messages(house["anna"]))[-1] == "I am still here")
    step.check("the search through every row finds her words", await house.rows_with("I am still here") == 1)
    step.check("and nowhere the address she came from", before == 0 and await house.rows_with(ADDRESS) == 0)
    watched = [category for category in AFTER if category.startswith(("user.device", "user.location"))]
    step.check("no column is for addresses, devices or whereabouts", watched == [])
    step.check(
        "her law is as she said: an address changes nobody's claims",
        await house.claims(house["anna"]) == {("RU", "residence")},
    )
    step.check("the pack has the block on record", house.on_record(2022, 3, "block", about=None))


async def told_another_way(house: House, step: Step) -> None:
    step.do("The same network again, on the day before the second letter. This time it opens ru-1.")
    house = await house.another()
    await house.open(FIRST, "us")
    anna, ben, clara = [await house.join(*who) for who in (("anna", "RU"), ("ben", "US"), ("clara", "RU"))]
    await house.app.say(clara, "hello from Kazan")
    step.check(
        "with members in Russia and no site there, the second version is refused",
        RULE in await house.refusal(SECOND, "us"),
    )
    await house.open(FIRST, "us,ru")
    step.check("a site alone is not enough: they still live in us-1", RULE in await house.refusal(SECOND, "us,ru"))
    await house.open(FIRST, "us,ru")
    moved = await house.relocate([anna, clara])
    step.do(f"ru-1 is opened; {moved} members move there while the network serves.")
    await house.open(SECOND, "us,ru")
    step.do("The second version is started again. Nobody acknowledges anything.")
    step.check("it starts", await house.first_day(PHONE) == date(2015, 11, 9) and await house.acknowledged() == [])
    homes = [await house.home_of(member) for member in (anna, ben, clara)]
    step.check("anna and clara are at home in ru-1, ben in us-1", homes == ["ru-1", "us-1", "ru-1"])
    await house.app.give_phone(anna, NUMBER)
    step.check("anna's number is recorded in Russia first", await house.sealed_at(anna) == ["ru-1"])
    step.check("clara's words moved with her", await house.app.messages(clara) == ["hello from Kazan"])
    step.check(
        "who joins from Russia now is at home there",
        await house.home_of(await house.join("dmitri", "RU")) == "ru-1",
    )
    step.check("the audit finds every row at home", await house.audited())
    step.check("and no home that the law forbids", await house.unlawful_homes() == 0)


async def _refused_to_join(house: House, handle: str, country: str) -> bool:
    try:
        await house.join(handle, country)
    except NotPermitted as error:
        return RULE in error.detail
    return False


@contextlib.asynccontextmanager
async def _house(folder: Path) -> AsyncIterator[House]:
    async with contextlib.AsyncExitStack() as stack:
        yield House(await stack.enter_async_context(set_stage(folder, "US")), stack)


STORY = Story(
    name="twitter-russia",
    title="A network that knew little of its members asks for a phone number (2014 to 2022)",
    note="Thistle and its members are invented; the letters, the fines, the slowing and the block happened to another"
    " network. Recorded law, not legal advice.",
    stage=_house,
    scenes=(
        Scene(
            "a-law-is-passed",
            date(2014, 7, 22),
            "Russia passes Law 242-FZ: who collects personal data of Russian citizens must first record it in Russia."
            " Its start is later moved forward to 2015-09-01.",
            "242-FZ of 2014-07-21; 526-FZ of 2014-12-31",
            a_law_is_passed,
        ),
        Scene(
            "the-first-letter",
            date(2015, 7, 15),
            "The regulator says that the law does not apply to Twitter.",
            "checked; the page is not noted",
            the_first_letter,
            day="2015-07",
        ),
        Scene("the-law-starts", date(2015, 9, 1), "The law is in force.", "152-FZ art. 18(5)", the_law_starts),
        Scene(
            "the-terms-change",
            date(2015, 10, 15),
            "By the time of the second letter Twitter's terms have changed. The phone number is Thistle's part.",
            "the second letter",
            the_terms_change,
            day="autumn 2015",
        ),
        Scene(
            "the-second-letter",
            date(2015, 11, 11),
            "The regulator says that the law applies to Twitter, as its terms have changed. Two letters stayed"
            " unanswered.",
            "checked; the page is not noted",
            the_second_letter,
        ),
        Scene(
            "a-small-fine",
            date(2019, 4, 15),
            "Twitter and Facebook are fined RUB 3,000 each, and given nine months. Some press says 2018.",
            "lidings.com; sputniknews",
            a_small_fine,
            day="2019-04",
        ),
        Scene(
            "four-million",
            date(2020, 2, 13),
            "Twitter and Facebook are fined RUB 4,000,000 each.",
            "lidings.com",
            four_million,
        ),
        Scene("slowed-down", date(2021, 3, 10), "Russia slows Twitter down.", "general knowledge", slowed_down),
        Scene(
            "seventeen-million",
            date(2021, 8, 26),
            "Twitter is fined RUB 17,000,000, Facebook 15,000,000, WhatsApp 4,000,000. By 2022-01-12 all but Twitter"
            " have paid.",
            "tass.com/economy/1342067, tass.com/society/1386937",
            seventeen_million,
        ),
        Scene("blocked", date(2022, 3, 4), "Russia blocks Twitter.", "general knowledge", blocked),
        Scene(
            "told-another-way",
            date(2015, 11, 9),
            "This did not happen. What if the network had opened a site in Russia?",
            "152-FZ art. 18(5)",
            told_another_way,
            day="2015-11",
        ),
    ),
)
