"""Kinds of rule that no decision reads yet: orders, disclosure, retention and the like. Loaded strictly too."""

from typing import Literal

from domicile.law.rule import Age, Count, Publication, Residency, Rule, SignUp, Text, Transfer


class Content(Rule, frozen=True, kw_only=True, tag="content"):
    """An order or duty to withhold content: how far it reaches and how soon (hours from `clock_starts`)."""

    scope: Literal["geo_only_suffices", "bloc_wide", "may_demand_global", "unspecified"] = "unspecified"
    deadline_hours: Count | None = None
    clock_starts: Literal["issue", "receipt", "awareness"] | None = None
    duty: Text


class Disclosure(Rule, frozen=True, kw_only=True, tag="disclosure"):
    """Who may demand data, by what, and whether the member may be told."""

    issuers: tuple[str, ...]
    instruments: tuple[str, ...] = ()
    notice: Literal[
        "allowed_to_notify",
        "notify_required",
        "authority_notifies",
        "forbidden_until",
        "forbidden_indefinite",
        "unknown",
    ]
    deadline_hours: Count | None = None


class Retention(Rule, frozen=True, kw_only=True, tag="retention"):
    """What must be kept, for at least `days`."""

    categories: tuple[str, ...]
    days: Count


class Deletion(Rule, frozen=True, kw_only=True, tag="deletion"):
    """What must be erased, within `days` of the event named."""

    categories: tuple[str, ...]
    event: Text
    days: Count | None = None


class Breach(Rule, frozen=True, kw_only=True, tag="breach"):
    """Whom to tell of a breach, within how many hours of awareness."""

    authority: Text
    hours: Count | None = None


class Presence(Rule, frozen=True, kw_only=True, tag="presence"):
    """A licence, representative or registration that opening a site needs."""

    duty: Text


class Sanction(Rule, frozen=True, kw_only=True, tag="sanction"):
    """What follows a breach of the rules."""

    ladder: tuple[str, ...]


class TradeSanction(Rule, frozen=True, kw_only=True, tag="trade_sanction"):
    """A trade rule that may reach the operator: always a question for counsel."""

    services: tuple[str, ...]
    against: tuple[str, ...]


AnyRule = (
    Residency
    | Transfer
    | Publication
    | SignUp
    | Age
    | Content
    | Disclosure
    | Retention
    | Deletion
    | Breach
    | Presence
    | Sanction
    | TradeSanction
)
