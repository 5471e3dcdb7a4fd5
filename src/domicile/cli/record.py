"""`domicile inventory record`: the record of processing activities, for people, for a spreadsheet, for a program."""

import csv
import io
import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Annotated, Any

import typer

from domicile.audit.processing import (
    SECURITY,
    UNKNOWN,
    Activity,
    Controller,
    Limit,
    ProcessingRecord,
    Transfer,
    write_record,
)
from domicile.cli.output import ConfigOption, DataOption, JsonOption, failures, look_at_network, print_json, settings
from domicile.config import Config, SiteConfig
from domicile.ids import Country, SiteName
from domicile.network.purposes import NETWORK_ACTIVITIES
from domicile.placement.purposes import ENGINE_ACTIVITIES
from domicile.running import Domicile

NOTE = "Derived from declared tables, papers on file and today's decisions. Not legal advice."
NOT_SAID = "(not said; see [operator] in the settings)"


class Format(StrEnum):
    """How the record is written."""

    MD = "md"
    CSV = "csv"
    JSON = "json"


def record_command(
    form: Annotated[Format, typer.Option("--format", help="Markdown, CSV or JSON.")] = Format.MD,
    data: DataOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """The record of processing activities (GDPR art. 30(1)), one for each controller, on standard output."""
    form = Format.JSON if json else form
    with failures(form is Format.JSON):
        records = look_at_network(settings(data, config), write_records)
        if form is Format.JSON:
            print_json({"records": [describe_record(record) for record in records], "note": NOTE})
        else:
            sys.stdout.write(render_records(records, form))


async def write_records(domicile: Domicile) -> list[ProcessingRecord]:
    """The record of each controller of the network."""
    declared = (*NETWORK_ACTIVITIES, *ENGINE_ACTIVITIES)
    inventory, hub = domicile.collecting.inventory, Country(domicile.config.hub.country)
    return [
        await write_record(controller, domicile.door, hub, inventory, declared)
        for controller in controllers_of(domicile.config)
    ]


def render_records(records: list[ProcessingRecord], form: Format) -> str:
    """Markdown for people, or CSV."""
    if form is Format.CSV:
        return _csv(records)
    return "\n\n".join("\n".join(_markdown(record)) for record in records) + "\n"


def controllers_of(config: Config) -> list[Controller]:
    """Who operates which sites. A site that names no operator of its own is the network operator's."""
    names: dict[str, list[SiteName]] = {}
    for site in config.sites:
        own = site.operator != SiteConfig(name=site.name).operator
        names.setdefault(site.operator if own else config.operator.name, []).append(SiteName(site.name))
    said = config.operator
    return [
        Controller(
            name,
            said.address if name == said.name else "",
            config.contact,
            said.representative if name == said.name else "",
            said.data_protection_officer if name == said.name else "",
            tuple(sites),
        )
        for name, sites in names.items()
    ]


def describe_record(record: ProcessingRecord) -> dict[str, Any]:
    """One record as a JSON document."""
    controller = record.controller
    return {
        "on": record.on,
        "controller": {
            "name": controller.name,
            "address": controller.address or None,
            "contact": controller.contact,
            "representative": controller.representative or None,
            "data_protection_officer": controller.data_protection_officer or None,
            "sites": controller.sites,
        },
        "activities": [_activity(activity) for activity in record.activities],
        "transfers": [_transfer(transfer) for transfer in record.transfers],
        "security": SECURITY,
        "purpose_not_declared": record.undeclared,
        "cannot_know": UNKNOWN,
    }


def _activity(activity: Activity) -> dict[str, Any]:
    return {
        "name": activity.declared.name,
        "purpose": activity.declared.purpose,
        "data_subjects": activity.declared.subjects,
        "categories": activity.categories,
        "columns": [{"column": c.name, "category": c.category, "sealed": c.sealed} for c in activity.columns],
        "time_limits": [{"kept": limit.words, "rule": limit.rule} for limit in activity.limits],
    }


def _transfer(transfer: Transfer) -> dict[str, Any]:
    return {
        "from": transfer.exporter,
        "to": transfer.importer,
        "third_country": transfer.third_country,
        "recipient": transfer.recipient,
        "what": transfer.what,
        "category": transfer.category,
        "act": transfer.act.value,
        "allowed": transfer.decision.allowed,
        "verdict": transfer.decision.verdict.value,
        "policy": transfer.decision.policy,
        "rules": transfer.decision.rules,
        "safeguards_on_file": transfer.papers,
    }


def _markdown(record: ProcessingRecord) -> Iterator[str]:
    controller = record.controller
    yield f"# Record of processing activities: {controller.name}"
    yield f"\nGDPR art. 30(1), as of {record.on}. {NOTE}\n"
    rows = (
        ("Controller", f"{controller.name}, {controller.address or NOT_SAID}"),
        ("Contact", controller.contact),
        ("Representative in the Union", controller.representative or NOT_SAID),
        ("Data protection officer", controller.data_protection_officer or NOT_SAID),
        ("Sites", ", ".join(controller.sites)),
    )
    yield from _table(("", ""), rows)
    yield "\n## Purposes, data and time limits\n"
    yield from _table(("activity", "purpose", "data subjects", "categories of data", "kept"), _activities(record))
    yield "\nCategories are fideslang's keys; * is sealed.\n"
    if by_law := list(_by_law(record)):
        yield "What the law of a site's country says about keeping, where it binds this operator:\n"
        yield from _table(("rule", "kept", "activities"), by_law)
    yield "\n## Recipients and transfers\n"
    yield "For a member who gave both consents, as the border decides today. What is refused to readers does not cross."
    yield "The directory is needed by every site: where the answer to it is no, the hub stands in the wrong country.\n"
    yield from _table(
        ("from", "to", "recipient", "what", "crosses", "by", "safeguards on file"), _grouped(record.transfers)
    )
    yield "\n## Security measures\n"
    yield from (f"- {line}" for line in SECURITY)
    yield "\n## What this record cannot know\n"
    yield from (f"- {line}" for line in UNKNOWN)
    if record.undeclared:
        yield f"- the purpose of {', '.join(record.undeclared)}: no activity declares it"


def _activities(record: ProcessingRecord) -> Iterator[tuple[str, ...]]:
    for activity in record.activities:
        if activity.columns:
            declared, own = activity.declared, [limit.words for limit in activity.limits if limit.rule is None]
            subjects, categories = ", ".join(declared.subjects), ", ".join(_marked(activity))
            yield declared.name, declared.purpose, subjects, categories, "; ".join(own)


def _by_law(record: ProcessingRecord) -> Iterator[tuple[str, ...]]:
    found: dict[Limit, list[str]] = {}
    for activity in record.activities:
        for limit in (limit for limit in activity.limits if limit.rule):
            found.setdefault(limit, []).append(activity.declared.name)
    for limit, names in found.items():
        yield limit.rule or "", limit.words, ", ".join(names)


def _grouped(transfers: Iterable[Transfer]) -> Iterator[tuple[str, ...]]:
    """One line for everything that one recipient is answered in one way."""
    found: dict[tuple[str, ...], list[str]] = {}
    for one in transfers:
        where = f"{one.importer}{'' if one.third_country else ' (same bloc)'}"
        by = ", ".join(one.decision.rules) or one.decision.policy or ""
        crosses, papers = ("yes", ", ".join(one.papers)) if one.decision.allowed else ("no", "")
        found.setdefault((one.exporter, where, one.recipient, crosses, by, papers), []).append(one.what)
    for (source, where, recipient, crosses, by, papers), what in found.items():
        yield source, where, recipient, ", ".join(what), crosses, by, papers


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for row in (columns, ("---",) * len(columns), *rows):
        yield f"| {' | '.join(cell.replace('|', '/') for cell in row)} |"


def _marked(activity: Activity) -> list[str]:
    sealed = {column.category for column in activity.columns if column.sealed}
    return [f"{category}{'*' if category in sealed else ''}" for category in activity.categories]


SHEET = ("controller", "on", "kind", "name", "purpose or data", "subjects or route", "category", "detail")


def _csv(records: list[ProcessingRecord]) -> str:
    """One line for each activity and category, then one for each transfer."""
    text = io.StringIO()
    sheet = csv.writer(text)
    sheet.writerow(SHEET)
    for record in records:
        top = (record.controller.name, record.on.isoformat())
        for activity in record.activities:
            kept = "; ".join(limit.words for limit in activity.limits)
            declared = activity.declared
            about = (declared.name, declared.purpose, ", ".join(declared.subjects))
            sheet.writerows((*top, "activity", *about, category, f"kept {kept}") for category in activity.categories)
        for one in record.transfers:
            answer = "crosses" if one.decision.allowed else "refused"
            detail = f"{answer}: {', '.join(one.decision.rules)}; on file: {', '.join(one.papers) or 'nothing'}"
            route = f"{one.exporter} to {one.importer}"
            sheet.writerow((*top, "transfer", one.recipient, one.what, route, one.category, detail))
    return text.getvalue()
