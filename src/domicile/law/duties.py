"""Kinds of rule about what an operator does after the data is there: orders, requests, incidents, presence, sanctions.

`AnyRule` is the union of all kinds, also those of `rule`.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from domicile.law.rule import Age, Count, Gates, Publication, Residency, Rule, SignUp, Text, Transfer

Unit = Literal["hours", "days", "working_days", "weeks", "months", "years"]
Start = Literal["issue", "receipt", "awareness", "event"]
DataClass = Literal["subscriber", "identification", "traffic", "content", "keys"]
"""What a demand asks for: who the account belongs to, who used it when, traffic data, content, decryption keys."""
Notice = Literal[
    "allowed_to_notify",
    "notify_required",
    "authority_notifies",
    "forbidden_until",
    "forbidden_indefinite",
    "unknown",
]


class Period(Struct, frozen=True, forbid_unknown_fields=True):
    """A length of time: `{ n = 36, unit = "hours" }`. Working days are the jurisdiction's."""

    n: Annotated[int, Meta(ge=0, le=10_000)]
    unit: Unit

    def __str__(self) -> str:
        unit = self.unit.replace("_", " ")
        return f"{self.n} {unit.removesuffix('s') if self.n == 1 else unit}"


class Timed(Rule, frozen=True, kw_only=True):
    """A rule with a clock: a `deadline` that can be counted, or `deadline_words` (such as "without undue delay")."""

    deadline: Period | None = None
    deadline_words: Text | None = None
    clock_starts: Start = "receipt"


class Demanded(Timed, frozen=True, kw_only=True):
    """What an authority (or another person) may demand: by what, under which test, how urgently, and who may be told.

    `gag`: how long silence may first be ordered; `gag_extension`: by how much more; `gag_lifted_by`: who or what ends
    it; `gag_words`: what a law without such numbers says. `suspended_by` names a third authority whose objection
    stops the clock.
    """

    issuers: tuple[Text, ...] = ()
    instruments: tuple[Text, ...] = ()
    legal_test: Text | None = None
    urgent: Period | None = None
    urgent_when: Text | None = None
    notice: Notice = "unknown"
    gag: Period | None = None
    gag_extension: Period | None = None
    gag_lifted_by: Text | None = None
    gag_words: Text | None = None
    refusal_grounds: tuple[Text, ...] = ()
    suspended_by: Text | None = None
    reporting: Text | None = None


class Content(Demanded, frozen=True, kw_only=True, tag="content"):
    """An order, notice or duty to withhold content: how far it reaches and how soon.

    `warning`: told so long beforehand; `lasts`: for how long it is withheld at most.
    """

    scope: Literal["geo_only_suffices", "bloc_wide", "may_demand_global", "unspecified"] = "unspecified"
    warning: Period | None = None
    lasts: Period | None = None
    duty: Text


class Disclosure(Demanded, frozen=True, kw_only=True, tag="disclosure"):
    """A demand for data. `reaches`: data of persons whom this law claims, data held here, or data anywhere.

    `homes`: only data whose home is in one of these, such as a country with which there is an agreement.
    """

    classes: tuple[DataClass, ...]
    reaches: Literal["claimed", "held_here", "anywhere"] = "claimed"
    homes: tuple[str, ...] = ()


class Blocking(Rule, frozen=True, kw_only=True, tag="blocking"):
    """A blocking statute: data of these classes is not handed to authorities of other countries unless `asks` open it.

    `importers`: only to these; `importers_except`: to all but these. `reaches`: data of persons whom this law claims
    and data held here, or only the latter.
    """

    classes: tuple[DataClass, ...]
    reaches: Literal["claimed", "held_here"] = "claimed"
    importers: tuple[str, ...] = ()
    importers_except: tuple[str, ...] = ()
    asks: Gates = ()


class Access(Timed, frozen=True, kw_only=True, tag="access"):
    """How soon a member's own request is answered."""

    right: Literal["access", "correction", "erasure", "portability", "objection", "stop_publication", "complaint"]
    extension: Period | None = None


class Retention(Rule, frozen=True, kw_only=True, tag="retention"):
    """What is kept for at least (`min`) or at most (`max`) a period that starts at an event. `kept_here`: inside.

    `runs_from`: the event is one of each record's own life (`record`), or that the account is closed (`closing`), or a
    demand, notice or report that somebody must have written down (`demand`): then it is a hold that keeps.
    """

    categories: tuple[str, ...]
    bound: Literal["min", "max"]
    period: Period | None = None
    period_words: Text | None = None
    starts_at: Text
    runs_from: Literal["record", "closing", "demand"] = "record"
    kept_here: bool = False


class Deletion(Timed, frozen=True, kw_only=True, tag="deletion"):
    """What must be erased after the event named."""

    categories: tuple[str, ...]
    event_words: Text


class Breach(Timed, frozen=True, kw_only=True, tag="breach"):
    """Whom to tell of a breach. `deadline` is the `authority`'s; `follow_up` a later report to it.

    It binds from `affected_at_least` persons, and where the risk to them is at least `risk`; `only_when` says in words
    what else must be so, for a person to judge.
    """

    clock_starts: Start = "awareness"
    follow_up: Period | None = None
    tells_authority: bool = True
    risk: Literal["any", "risk", "high_risk"] = "any"
    affected_at_least: Count = 0
    only_when: Text | None = None
    tells_members: bool = False
    members_deadline: Period | None = None
    members_words: Text | None = None
    members_risk: Literal["any", "risk", "high_risk"] = "any"


class Presence(Rule, frozen=True, kw_only=True, tag="presence"):
    """A licence, representative, office or registration. `asks`: the papers that show it. `due` after it binds."""

    form: Literal[
        "representative", "entity", "registration", "licence", "officer", "hosting", "report", "complaints", "other"
    ]
    duty: Text
    asks: Gates = ()
    due: Period | None = None
    every: Period | None = None


class Step(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One rung of a ladder: `after` the one before it. Money is in `currency`, a share of turnover in percent."""

    step: Literal[
        "warning",
        "fine",
        "criminal",
        "label",
        "search_removal",
        "ad_ban",
        "payment_ban",
        "data_ban",
        "throttle",
        "block",
        "app_removal",
        "suspension",
        "damages",
        "other",
    ]
    what: Text
    after: Period | None = None
    amount_min: Count | None = None
    amount_max: Count | None = None
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] | None = None
    turnover_percent: Annotated[float, Meta(gt=0, le=100)] | None = None
    repeat: bool = False


class Sanction(Rule, frozen=True, kw_only=True, tag="sanction"):
    """What follows a breach of the rules named (`punishes`; empty: of this jurisdiction's rules in general)."""

    punishes: tuple[Text, ...] = ()
    ladder: tuple[Step, ...]


class TradeSanction(Rule, frozen=True, kw_only=True, tag="trade_sanction"):
    """A trade rule that may reach the operator who serves these countries: always a question for counsel."""

    services: tuple[Text, ...]
    against: tuple[str, ...]
    not_reached: tuple[Text, ...] = ()


AnyRule = (
    Residency
    | Transfer
    | Publication
    | SignUp
    | Age
    | Content
    | Disclosure
    | Blocking
    | Access
    | Retention
    | Deletion
    | Breach
    | Presence
    | Sanction
    | TradeSanction
)
