"""What is asked and not there yet, by jurisdiction: what the options are about."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domicile.ids import Country
from domicile.law.decision import Citation
from domicile.plan.duties import PresenceDuty
from domicile.plan.territory import Territory
from domicile.plan.weighing import PlannedMove


@dataclass(frozen=True)
class Matter:
    """What one jurisdiction asks and does not get: `rules` are broken while members stay, or duties are not done."""

    jurisdiction: Country
    rules: tuple[Citation, ...]
    moves: tuple[PlannedMove, ...]
    duties: tuple[PresenceDuty, ...]
    members: int

    @property
    def country(self) -> Country:
        """The country whose prices and members are meant: where they would move, or the jurisdiction itself."""
        return self.moves[0].move.country if self.moves else self.jurisdiction


def find_matters(moves: Iterable[PlannedMove], presence: Iterable[PresenceDuty], territory: Territory) -> list[Matter]:
    """The jurisdictions that ask something which is not there yet."""
    moving: dict[Country, list[PlannedMove]] = {}
    for planned in moves:
        for place in dict.fromkeys(rule.jurisdiction for rule in planned.move.rules):
            moving.setdefault(place, []).append(planned)
    open_duties: dict[Country, list[PresenceDuty]] = {}
    for duty in presence:
        if duty.binds == "binds" and (duty.state == "missing" or (duty.new and duty.state != "shown")):
            open_duties.setdefault(duty.citation.jurisdiction, []).append(duty)
    return [
        _matter(place, moving.get(place, []), open_duties.get(place, []), territory)
        for place in dict.fromkeys((*moving, *open_duties))
    ]


def _matter(
    place: Country, moves: Sequence[PlannedMove], duties: Sequence[PresenceDuty], territory: Territory
) -> Matter:
    rules = (rule for planned in moves for rule in planned.move.rules if rule.jurisdiction == place)
    broken = tuple(dict.fromkeys((*rules, *(duty.citation for duty in duties))))
    members = sum(planned.move.members for planned in moves) or territory.claimed.get(place, 0)
    return Matter(place, broken, tuple(moves), tuple(duties), members)
