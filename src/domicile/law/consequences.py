"""What follows a breach of a rule: the ladders of sanctions in force on a day, and what happened to others."""

from collections.abc import Iterator

from domicile.ids import Country
from domicile.law.binding import bound
from domicile.law.compiled import Law, LawOn
from domicile.law.decision import Citation
from domicile.law.duties import Sanction, Step
from domicile.law.facts import Operator
from domicile.law.pack import Precedent


def sanctions_for(rule: str, place: Country, operator: Operator | None, on: LawOn) -> Iterator[tuple[Citation, Step]]:
    """Each rung of each ladder that punishes a breach of a rule of this jurisdiction by name, in the packs' order."""
    for article in bound(place, Sanction, operator, on):
        found = article.rule
        if isinstance(found, Sanction) and rule in found.punishes:
            yield from ((article.citation, step) for step in found.ladder)


def precedents_for(rule: str, place: Country, law: Law) -> tuple[Precedent, ...]:
    """What happened to others under a rule of this jurisdiction, oldest first."""
    pack = law.packs.get(place)
    found = [event for event in pack.precedent if rule in event.about] if pack is not None else []
    return tuple(sorted(found, key=lambda event: event.began))


def in_words(step: Step) -> str:
    """A rung in a few words: `a fine, RUB 1,000,000 to 6,000,000, after 3 working days`."""
    parts = [step.what]
    money = [f"{amount:,}" for amount in (step.amount_min, step.amount_max) if amount is not None]
    if money:
        upto = "up to " if step.amount_min is None else ""
        parts.append(f"{step.currency or ''} {upto}{' to '.join(dict.fromkeys(money))}".strip())
    if step.turnover_percent is not None:
        parts.append(f"{step.turnover_percent:g} % of turnover")
    if step.after is not None:
        parts.append(f"after {step.after}")
    return ", ".join(parts)
