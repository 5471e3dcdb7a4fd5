"""Everything that the law of a day brings besides moves and crossings."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

from domicile.border.safeguards import read_on_file
from domicile.border.stats import Nearness
from domicile.plan.ahead import Expiring, find_expiring, find_near
from domicile.plan.census import Census
from domicile.plan.changes import CLOCKS, RuleChange, Waiting, find_changes, find_waiting
from domicile.plan.crossings import ChangedCrossing
from domicile.plan.days import Day
from domicile.plan.duties import Filing, PresenceDuty, find_filings, find_presence
from domicile.plan.territory import Territory


@dataclass(frozen=True)
class Outlook:
    """`rules` are changes of what may be done; `clocks` those of how soon, how long and to whom."""

    rules: tuple[RuleChange, ...]
    clocks: tuple[RuleChange, ...]
    presence: tuple[PresenceDuty, ...]
    filings: tuple[Filing, ...]
    expiring: tuple[Expiring, ...]
    near: tuple[Nearness, ...]
    waiting: tuple[Waiting, ...]


def look_ahead(
    before: Day,
    after: Day,
    census: Census,
    territory: Territory,
    crossings: Mapping[ChangedCrossing, int],
    nearness: Iterable[Nearness],
) -> Outlook:
    """What changes for the jurisdictions that the network touches."""
    places = territory.jurisdictions
    changes = find_changes(before, after, places)
    papers = [paper for name, rows in census.papers.items() for paper in read_on_file(name, rows, after.law)]
    lacking = [{lack.what for lack in crossing.missing} for crossing in crossings if crossing.change == "refused"]
    return Outlook(
        rules=tuple(change for change in changes if change.kind not in CLOCKS),
        clocks=tuple(change for change in changes if change.kind in CLOCKS),
        presence=tuple(find_presence(before, after, places)),
        filings=tuple(find_filings(before, after, sorted(territory.exporting))),
        expiring=tuple(find_expiring(papers, before, after, chain.from_iterable(lacking))),
        near=tuple(find_near(nearness, after, places)),
        waiting=tuple(find_waiting(after, places)),
    )
