"""A plan's crossings in fewer lines for people: those that differ by what crosses alone are one."""

from collections.abc import Mapping
from dataclasses import dataclass

from domicile.law.finding import named
from domicile.plan.crossings import Change, ChangedCrossing, Place


@dataclass(frozen=True)
class Crossings:
    """Several kinds of crossing with one answer. `members`: the most whose data one of them concerns.

    `papers`: what would open them, or, where they stay open, what they rest on from then on.
    """

    change: Change
    home: Place
    reader: Place
    what: tuple[str, ...]
    members: int
    rules: tuple[str, ...]
    papers: tuple[str, ...]


def condense(crossings: Mapping[ChangedCrossing, int]) -> list[Crossings]:
    """The same in fewer lines, in the same order."""
    merged: dict[tuple[object, ...], list[tuple[ChangedCrossing, int]]] = {}
    for crossing, members in crossings.items():
        merged.setdefault(_ending(crossing), []).append((crossing, members))
    return [_condensed(found) for found in merged.values()]


def _ending(crossing: ChangedCrossing) -> tuple[object, ...]:
    """What several crossings have in common."""
    return crossing.change, crossing.home, crossing.route.after, _rules(crossing), _papers(crossing)


def _condensed(found: list[tuple[ChangedCrossing, int]]) -> Crossings:
    first = found[0][0]
    return Crossings(
        change=first.change,
        home=first.home,
        reader=first.route.after,
        what=tuple(dict.fromkeys(f"{crossing.what} ({crossing.act.value})" for crossing, _ in found)),
        members=max(members for _, members in found),
        rules=_rules(first),
        papers=_papers(first),
    )


def _rules(crossing: ChangedCrossing) -> tuple[str, ...]:
    return tuple(rule.rule for rule in crossing.rules)


def _papers(crossing: ChangedCrossing) -> tuple[str, ...]:
    return tuple(dict.fromkeys(named(lack) for lack in crossing.missing)) or crossing.needs
