"""Whom among operators a rule binds: by a count of persons, by designation."""

from domicile.law.compiled import Compiled
from domicile.law.facts import Operator


def binds(article: Compiled, operator: Operator | None) -> bool:
    """Whether the rule binds this operator. A count that nobody made reaches every band; a designation is served."""
    rule, place = article.rule, article.jurisdiction
    if rule.designation and (operator is None or f"{place}:{rule.designation}" not in operator.designations):
        return False
    if rule.threshold is None or operator is None:
        return True
    count = operator.persons_from(place)
    low, high = rule.threshold.at_least, rule.threshold.below
    return count is None or ((low is None or count >= low) and (high is None or count < high))
