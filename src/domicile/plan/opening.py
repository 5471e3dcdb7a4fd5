"""What the law asks of whoever has a site in a country: offices and licences, and a word on trade sanctions."""

from collections.abc import Iterator

import msgspec

from domicile.ids import Country
from domicile.law.binding import bound
from domicile.law.compiled import LawOn
from domicile.law.duties import Presence, TradeSanction
from domicile.law.facts import Operator


def find_needs_of_a_site(place: Country, operator: Operator, on: LawOn) -> Iterator[str]:
    """The duties of an operator who is established in `place` too, each in a sentence with its article."""
    there = msgspec.structs.replace(operator, established=(operator.established or frozenset()) | {place})
    for jurisdiction in on.group(place):
        for article in bound(jurisdiction, Presence, there, on):
            rule = article.rule
            assert isinstance(rule, Presence)
            doubt = "" if article.settled else ", if it binds you"
            yield f"{rule.duty} ({rule.id}: {rule.citation.act}, {rule.citation.article}{doubt})"
    for jurisdiction in on.packs:
        for article in bound(jurisdiction, TradeSanction, there, on):
            rule = article.rule
            if isinstance(rule, TradeSanction) and on.within(place, rule.against):
                yield f"Ask counsel about trade sanctions: {rule.summary} ({rule.id})"
