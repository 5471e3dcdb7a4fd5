"""The record of processing activities, GDPR art. 30(1), derived from what is declared, on file and decided.

One for each controller: whoever operates sites under a name of their own. What it cannot know it says.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from domicile.border.crossing import Door
from domicile.border.explanation import QUESTIONS
from domicile.border.licence import OPAQUE_IDS, Desk
from domicile.border.safeguards import list_safeguards
from domicile.ids import Country, SiteName
from domicile.law.binding import bound
from domicile.law.categories import covers
from domicile.law.decision import Decision
from domicile.law.duties import Retention
from domicile.law.facts import ABROAD, PUBLICATION, Act, Audience, Basis, Claim, Person
from domicile.placement.inventory import CollectedColumn, Inventory
from domicile.placement.purposes import ProcessingActivity, undeclared

UNTIL_ERASED = "until the member's account is erased"
DIRECTORY = "the network's directory"
SECURITY = (
    "Every member's rows are stored at their home site only; PostgreSQL refuses them anywhere else.",
    "Columns marked sealed are encrypted under the member's own key (AES-256-GCM), which the site's key wraps; that key"
    " is kept outside the database.",
    "The application, migrations, imports and the audit have database roles of their own, with the least each needs.",
    "What crosses between sites passes one door, section by section, by licence; opaque ids count as personal data.",
    "Server logs are set to hold no values of rows; log lines hold nothing personal.",
    "An audit reads every row at every site, independently of the code that placed it.",
    "Erasing or moving a member destroys their key.",
)
UNKNOWN = (
    "the lawful basis of each purpose (art. 6), and of special categories (art. 9)",
    "joint controllers, and processors: who hosts the servers, sends the mail and the text messages",
    "recipients outside this software, such as authorities who were answered on paper",
    "what the operator keeps elsewhere: backups, mail boxes, analytics, support tickets",
    "where a disk really stands",
)


@dataclass(frozen=True, slots=True)
class Controller:
    """Who is responsible for some of the sites. Empty: the operator did not say."""

    name: str
    address: str
    contact: str
    representative: str
    data_protection_officer: str
    sites: tuple[SiteName, ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """How long something is kept, in words, and by which rule; no rule: by the declaration."""

    words: str
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Activity:
    """A processing activity with what it holds and how long."""

    declared: ProcessingActivity
    columns: tuple[CollectedColumn, ...]
    limits: tuple[Limit, ...]

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories of personal data in it."""
        return tuple(dict.fromkeys(column.category for column in self.columns))


@dataclass(frozen=True, slots=True)
class Transfer:
    """What goes from one country to another, by which act, and whether the law and the policy of today let it.

    For somebody who lives at the exporting site and gave both consents. `third_country`: for the exporter's bloc.
    `papers` are the kinds on file for it, those of a demonstration marked as made up.
    """

    exporter: Country
    importer: Country
    recipient: str
    what: str
    category: str
    act: Act
    third_country: bool
    decision: Decision
    papers: tuple[str, ...]


@dataclass(frozen=True)
class ProcessingRecord:
    """The record of one controller on one day. `undeclared` are tables with personal data and no declared purpose."""

    on: date
    controller: Controller
    activities: tuple[Activity, ...]
    transfers: tuple[Transfer, ...]
    undeclared: tuple[str, ...]


async def write_record(
    controller: Controller, door: Door, hub: Country, inventory: Inventory, declared: Sequence[ProcessingActivity]
) -> ProcessingRecord:
    """The record of one controller as of today. Raises Unavailable if one of their sites does not answer."""
    desks = {name: await _desk(door, name) for name in controller.sites}
    transfers: dict[Transfer, None] = {}
    for name, desk in desks.items():
        made_up = {(r.kind, r.importer) for r in await list_safeguards(door.router.sites[name].app) if r.made_up}
        transfers |= dict.fromkeys(_transfers(desk, _importers(desk, door), hub, made_up))
    return ProcessingRecord(
        on=door.desks.clock().date(),
        controller=controller,
        activities=tuple(_activity(one, inventory, [*desks.values()]) for one in declared),
        transfers=tuple(transfers),
        undeclared=undeclared(inventory, declared),
    )


async def _desk(door: Door, name: SiteName) -> Desk:
    async with door.router.read_at(name, {}) as (reader, _):
        return await door.desks.at(reader)


def _importers(desk: Desk, door: Door) -> list[Country]:
    return list(dict.fromkeys(s.country for s in door.router.sites.values() if s.country != desk.exporter))


def _activity(declared: ProcessingActivity, inventory: Inventory, desks: Sequence[Desk]) -> Activity:
    columns = tuple(column for column in inventory.columns if column.table in declared.tables)
    own = dict.fromkeys(Limit(column.retention or UNTIL_ERASED) for column in columns)
    by_law = dict.fromkeys(limit for desk in desks for limit in _limits(desk, columns))
    return Activity(declared, columns, (*own, *by_law))


def _limits(desk: Desk, columns: Sequence[CollectedColumn]) -> Iterator[Limit]:
    """What the law of a site's country says about keeping these columns."""
    for place in desk.law.group(desk.exporter):
        for article in bound(place, Retention, desk.operator, desk.law):
            rule = article.rule
            assert isinstance(rule, Retention)
            if any(covers(prefix, column.category) for prefix in rule.categories for column in columns):
                length = rule.period or rule.period_words or "as the rule says"
                words = f"{'at least' if rule.bound == 'min' else 'at most'} {length}, from {rule.starts_at}"
                yield Limit(words, rule.id)


def _transfers(
    desk: Desk, importers: Sequence[Country], hub: Country, made_up: Collection[tuple[str, str | None]]
) -> Iterator[Transfer]:
    asked: list[tuple[Country, str, str, str, Audience, Act]] = [
        (importer, f"readers at the site in {importer}", what, category, audience, Act.RELAY)
        for importer in importers
        for what, category, audience in QUESTIONS
    ]
    if hub != desk.exporter:
        asked.append((hub, DIRECTORY, "opaque ids and keyed digests", OPAQUE_IDS, "none", Act.COPY))
    person = Person(frozenset({Claim(desk.exporter, Basis.RESIDENCE)}), frozenset({PUBLICATION, ABROAD}))
    for importer, recipient, what, category, audience, act in asked:
        decision = desk.decide(person, importer, act, category, audience)
        papers = (p for p in desk.operator.safeguards if p.exporter == desk.exporter and p.importer in (None, importer))
        group = {*desk.law.group(desk.exporter), desk.exporter}
        third = group.isdisjoint((*desk.law.group(importer), importer))
        kinds = tuple(sorted({f"{p.kind}{' (made up)' if (p.kind, p.importer) in made_up else ''}" for p in papers}))
        yield Transfer(desk.exporter, importer, recipient, what, category, act, third, decision, kinds)
