"""Licences: what may cross, decided at the home site, for one act and one importer, citing the rules.

A `View` declares one kind of thing that may be asked for across a border and which categories of personal data each of
its sections holds. The licence is made section by section; a section that may not cross is taken out before anything
is serialised.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Generic, TypeVar

import msgspec

from domicile.database import Row
from domicile.ids import Country, MemberId, SiteName
from domicile.law.compiled import LawOn
from domicile.law.decision import Decision
from domicile.law.facts import Act, Audience, Crossing, Operator, Person
from domicile.law.policy import Policy
from domicile.law.transfer import decide_crossing
from domicile.placement.routing import Asked, SiteReader

Q = TypeVar("Q", bound=msgspec.Struct)
R = TypeVar("R", bound=msgspec.Struct)

OPAQUE_IDS = "user.unique_id.pseudonymous"
OPEN_CONTENT = "user.content.public"
CLOSED_CONTENT = "user.content.private"
MOST_ISSUED = 100_000


Query = tuple[str, dict[str, Any]]
"""A statement and its values."""


@dataclass(frozen=True)
class View(Generic[Q, R]):
    """A kind of thing that may cross: what is asked, what is answered, and what is personal in it.

    `query` turns a question into the home site's statement, given the parameters for the members asked for (see
    `routing.AT_HOME`); `read` makes an item of a row, whose owner stands in the column `owner`. `subject` says whose an
    item is and for which audience.
    `sections` names the item's optional parts and the categories in each; `user.content` counts as open or closed by
    the audience. An item without its sections still carries opaque ids, a field like any other. Items that are
    `unfinished` (sealed words, files) are completed by `finish`, at home too.
    """

    name: str
    question: type[Q]
    item: type[R]
    query: Callable[[Q, Asked], Query]
    read: Callable[[Row, Country], R]
    subject: Callable[[R], tuple[MemberId, Audience]]
    sections: Mapping[str, tuple[str, ...]]
    owner: str = "author_id"
    unfinished: Callable[[R], bool] | None = None
    finish: Callable[[SiteReader, list[R]], Awaitable[list[R]]] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Licence:
    """What the law and the policy answered for one item: which sections may cross, and every decision behind it."""

    ids: bool
    sections: frozenset[str]
    decisions: tuple[tuple[str, Decision], ...]


@dataclass(frozen=True)
class Desk:
    """Where one site answers for one day: the law on that day, its operator's papers and policy.

    Licences are remembered, for equal facts give equal licences; a new day or a changed paper makes a new desk.
    """

    site: SiteName
    exporter: Country
    on: date
    law: LawOn
    operator: Operator
    policy: Policy
    _issued: dict[tuple[object, ...], Licence] = field(default_factory=dict)

    def decide(self, person: Person, importer: Country, act: Act, category: str, audience: Audience) -> Decision:
        crossing = Crossing(exporter=self.exporter, importer=importer, act=act, category=category, audience=audience)
        return decide_crossing(person, crossing, self.operator, self.law, self.policy)

    def license(
        self, person: Person, importer: Country, act: Act, sections: Mapping[str, tuple[str, ...]], audience: Audience
    ) -> Licence:
        """The licence for one item about `person`; each section needs all of its categories allowed."""
        key = (person, importer, act, audience, *sections)
        licence = self._issued.get(key)
        if licence is None:
            if len(self._issued) > MOST_ISSUED:
                self._issued.clear()
            licence = self._issued[key] = self._issue(person, importer, act, sections, audience)
        return licence

    def _issue(
        self, person: Person, importer: Country, act: Act, sections: Mapping[str, tuple[str, ...]], audience: Audience
    ) -> Licence:
        ids = self.decide(person, importer, act, OPAQUE_IDS, "none")
        decisions: list[tuple[str, Decision]] = [("ids", ids)]
        allowed: set[str] = set()
        for name, categories in sections.items():
            found = [self.decide(person, importer, act, effective(c, audience), audience) for c in categories]
            refused = next((decision for decision in found if not decision.allowed), None)
            decisions.append((name, refused or found[0]))
            if refused is None:
                allowed.add(name)
        return Licence(ids.allowed, frozenset(allowed) if ids.allowed else frozenset(), tuple(decisions))


def effective(category: str, audience: Audience) -> str:
    """Content shown to everybody and content shown to some are different categories."""
    if category == "user.content":
        return OPEN_CONTENT if audience == "public" else CLOSED_CONTENT
    return category


def mask(item: Any, allowed: Collection[str], sections: Mapping[str, tuple[str, ...]]) -> Any:
    """The item without the sections that may not cross."""
    refused = {name: None for name in sections if name not in allowed and getattr(item, name) is not None}
    return msgspec.structs.replace(item, **refused) if refused else item
