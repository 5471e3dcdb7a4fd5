"""What a decision is asked about: frozen, hashable facts. Nothing here says who somebody is."""

from datetime import date
from enum import StrEnum
from typing import Literal

from msgspec import Struct

from domicile.ids import Country

Audience = Literal["public", "followers", "direct", "none"]

PUBLICATION = "publication"
"""Consent: the member's own act to show public posts and profile to an indefinite circle, also abroad.

152-FZ art. 10.1 (distribution consent), PIPL arts. 25 and 39 (separate consent), GDPR art. 25(2) (the person's act).
"""
ABROAD = "abroad"
"""Consent: to show followers-only posts and messages to the chosen readers in other countries (PIPL art. 39)."""
PARENTAL = "parental"
"""Consent: given by a parent or guardian, verified by the operator (16 CFR 312, GDPR art. 8, PIPL art. 31)."""


class Basis(StrEnum):
    """By what a law takes hold of a person."""

    RESIDENCE = "residence"
    CITIZENSHIP = "citizenship"
    PRESENCE = "presence"
    COLLECTION = "collection"


class Act(StrEnum):
    """How data crosses: the reader's browser fetches it, the reader's site shows it, or the reader's site keeps it."""

    DIRECT = "direct"
    RELAY = "relay"
    COPY = "copy"


class Claim(Struct, frozen=True, cache_hash=True, gc=False, order=True):
    """A country's hold on a person. `assumed`: taken as given without proof; it decides like any other."""

    jurisdiction: Country
    basis: Basis
    assumed: bool = False


class Person(Struct, frozen=True, cache_hash=True, gc=False):
    """A member as the law sees them. `age` is in whole years; None means that nobody asked.

    `verified` holds the methods by which they proved who they are; `since` is the day on which they joined.
    """

    claims: frozenset[Claim]
    consents: frozenset[str] = frozenset()
    age: int | None = None
    verified: frozenset[str] = frozenset()
    since: date | None = None


class Safeguard(Struct, frozen=True, cache_hash=True, gc=False, kw_only=True):
    """A paper on file for transfers from `exporter` to `importer` (None: any), from `filed_on` to `valid_until`.

    `scope` holds the categories it covers, by prefix; empty means all.
    """

    kind: str
    exporter: Country
    importer: Country | None = None
    filed_on: date
    valid_until: date | None = None
    scope: frozenset[str] = frozenset()


class Count(Struct, frozen=True, cache_hash=True, gc=False):
    """How many there are of a threshold's `metric` in a jurisdiction (see `rule.Metric`)."""

    metric: str
    jurisdiction: Country
    n: int


class Operator(Struct, frozen=True, cache_hash=True, gc=False):
    """Who runs the network, and what it is that they run.

    A metric that is absent from `counts` was not counted: every band of a threshold then applies. Designations are
    written `CN:CIIO`. `owner` and `established` (countries and free zones) are None where the operator did not say.
    `events` are the days of events on which rules wait, such as a decision served. `collected` are the categories of
    personal data that the network collects; None: not asked, so any. `turnover` is a year's, by currency. `policy` is
    the policy's name, for the record.
    """

    safeguards: frozenset[Safeguard] = frozenset()
    counts: frozenset[Count] = frozenset()
    designations: frozenset[str] = frozenset()
    policy: str = ""
    owner: Country | None = None
    established: frozenset[str] | None = None
    events: frozenset[tuple[str, date]] = frozenset()
    collected: frozenset[str] | None = None
    turnover: frozenset[tuple[str, int]] = frozenset()

    def counted(self, metric: str, jurisdiction: Country) -> int | None:
        """The count, or None if nobody counted."""
        return next((c.n for c in self.counts if c.metric == metric and c.jurisdiction == jurisdiction), None)

    def turned_over(self, currency: str | None) -> int | None:
        """A year's turnover in a currency, or None if the operator did not say."""
        return next((n for name, n in self.turnover if name == currency), None)

    def day_of(self, event: str) -> date | None:
        """The day on which an event happened, or None if it has not, as far as the operator says."""
        return next((day for name, day in self.events if name == event), None)


class Crossing(Struct, frozen=True, cache_hash=True, gc=False, kw_only=True):
    """One category of data about one person, going from the home site's country to another country by one act.

    `audience` is whom the member showed it to; `none` for fields that nobody sees, such as opaque ids.
    """

    exporter: Country
    importer: Country
    act: Act
    category: str
    audience: Audience = "none"
