"""Why, for one member: whose laws claim them, where their home may be, and what may cross to which country.

For the member themself and for the operator (`law explain`); never for another reader (rule 13).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import msgspec

from domicile.border.crossing import Door
from domicile.border.licence import CLOSED_CONTENT, OPAQUE_IDS, OPEN_CONTENT, Desk
from domicile.border.persons import find_persons
from domicile.border.safeguards import ON_FILE, in_force
from domicile.ids import Country, MemberId, SiteName, country_of_site
from domicile.law.decision import Decision
from domicile.law.facts import Act, Audience, Claim, Person
from domicile.law.keeping import Keeping, Leaving, find_keepings
from domicile.law.publication import decide_publication
from domicile.law.residency import HomeDecision, choose_home
from domicile.law.retention import Clash, find_clashes_for
from domicile.placement.residue import Hold, list_holds
from domicile.placement.routing import SiteReader

QUESTIONS: tuple[tuple[str, str, Audience], ...] = (
    ("public posts", OPEN_CONTENT, "public"),
    ("profile", "user.name", "public"),
    ("followers-only posts", CLOSED_CONTENT, "followers"),
    ("direct messages", CLOSED_CONTENT, "direct"),
    ("opaque ids", OPAQUE_IDS, "none"),
    ("e-mail address", "user.contact.email", "none"),
)

ASKED = {Act.DIRECT: ("public posts",), Act.COPY: ("public posts", "profile", "opaque ids")}
"""What comes up by these acts alone: copies hold public posts and profiles, halves of pairs hold opaque ids."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One question about a crossing and what the law and the policy say."""

    what: str
    importer: Country
    act: Act
    decision: Decision


@dataclass(frozen=True, slots=True)
class Staying:
    """What one rule keeps at the member's home if they are erased, or move to a country."""

    moves_to: Country | None
    keeping: Keeping


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything the law says about one member on one day. `keeping`: laws that do not agree on how long.

    `staying`: what would stay behind, by a rule, if the member were erased or moved to a site of the network; with the
    rules that keep nothing where only the policy says so. `holds` are those in force at their home.
    """

    member: MemberId
    site: SiteName
    on: date
    claims: tuple[Claim, ...]
    consents: tuple[str, ...]
    home: HomeDecision
    publication: Decision
    crossings: tuple[Answered, ...]
    keeping: tuple[Clash, ...]
    staying: tuple[Staying, ...]
    holds: tuple[Hold, ...]


async def explain_member(door: Door, member: MemberId, on: date | None = None) -> Explanation:
    """The law on a member on a day (today if none is given). Raises NotFound."""

    async def read(reader: SiteReader) -> tuple[Person, SiteName, Desk]:
        person = (await find_persons(reader, [member]))[member]
        today = await door.desks.at(reader)
        return person, reader.site.name, today if on in (None, today.on) else await _desk_on(door, reader, today, on)

    person, site, desk = await door.router.read(member, read)
    countries = list(dict.fromkeys(country_of_site(name) for name in door.router.sites))
    return Explanation(
        member=member,
        site=site,
        on=desk.on,
        claims=tuple(sorted(person.claims)),
        consents=tuple(sorted(person.consents)),
        home=choose_home(person, countries, desk.law, desk.policy, desk.operator),
        publication=decide_publication(person, desk.law, desk.policy),
        crossings=tuple(
            Answered(what, importer, act, desk.decide(person, importer, act, category, audience))
            for importer in countries
            if importer != country_of_site(site)
            for act in (Act.RELAY, Act.COPY, Act.DIRECT)
            for what, category, audience in QUESTIONS
            if what in ASKED.get(act, (what,))
        ),
        keeping=tuple(
            clash
            for clash in find_clashes_for(person, desk.law, desk.operator)
            if clash.certain or clash.keeps.jurisdiction != clash.limits.jurisdiction
        ),
        staying=tuple(_stay(person, country_of_site(site), countries, desk)),
        holds=tuple(h for h in await _holds(door, site, member) if h.in_force(desk.on)),
    )


def _stay(person: Person, site: Country, countries: list[Country], desk: Desk) -> Iterator[Staying]:
    """If they are erased, and for each country to which they could move; what moves along is not told."""
    for to in (None, *(country for country in countries if country != site)):
        for keeping in find_keepings(person, Leaving(site, to), desk.operator, desk.law, desk.policy):
            if not keeping.carried:
                yield Staying(to, keeping)


async def _holds(door: Door, site: SiteName, member: MemberId) -> list[Hold]:
    return await list_holds(site, door.router.sites[site].auditor, [member])


async def _desk_on(door: Door, reader: SiteReader, today: Desk, on: date | None) -> Desk:
    """The desk as it would stand on another day: that day's law, and the papers that count then."""
    day = on or today.on
    papers = in_force(await reader.fetch(ON_FILE), day)
    operator = msgspec.structs.replace(today.operator, safeguards=papers)
    return Desk(today.site, today.exporter, day, door.desks.law.on(day), operator, today.policy)
