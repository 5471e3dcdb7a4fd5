"""The record of one rule in a pack: strict, one class per kind. `docs/law-packs.md` explains each key."""

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

from domicile.law.decision import Confidence

Count = Annotated[int, Meta(ge=0)]
Text = Annotated[str, Meta(min_length=1)]
Answer = Literal["permit", "forbid", "unsettled"]


class Reference(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the rule is written. `verified`: the article was checked against `source`, not only known from memory."""

    act: Text
    article: Text
    source: Text
    checked_on: date
    verified: bool
    amended_by: str | None = None


class Subject(Struct, frozen=True, forbid_unknown_fields=True):
    """Whom the rule protects: by which hold, where they are, and what to assume when the hold is unknown."""

    basis: Literal["citizen", "resident", "present", "user_in", "collected_in", "any"]
    where: Literal["here", "abroad", "anywhere"] = "anywhere"
    unknown: Literal["treat_as_covered", "ask"] = "treat_as_covered"


class Threshold(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The rule binds operators whose count is at least / below a number. Not counted: it binds."""

    metric: Literal["persons_since_january"]
    at_least: Count | None = None
    below: Count | None = None


class Ask(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing that opens a gate: a safeguard on file (perhaps after waiting) or a consent of the member."""

    safeguard: str | None = None
    consent: str | None = None
    wait_working_days: Count = 0


Gates = tuple[tuple[Ask, ...], ...]
"""All gates must open; a gate opens by any one of its asks."""


class Rule(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    """What every kind of rule says about itself. Records with the same `id` are versions of one rule.

    Both dates are inclusive. A rule whose start is not fixed has no `valid_from` and is listed, but never applied.
    """

    id: Text
    summary: Text
    valid_from: date | None = None
    valid_to: date | None = None
    commencement: Literal["fixed", "on_publication", "offset", "dormant_until"] = "fixed"
    commencement_note: str | None = None
    in_force_known: bool = True
    subject: Subject
    threshold: Threshold | None = None
    designation: str | None = None
    citation: Reference
    confidence: Confidence
    disputed: str | None = None
    unverified: bool = False
    supersedes: str | None = None
    gap_declared: bool = False

    @property
    def kind_name(self) -> str:
        """The kind as a pack writes it, such as `residency`."""
        return str(self.__struct_config__.tag)


class Residency(Rule, frozen=True, kw_only=True, tag="residency"):
    """Where a home may be: in `homes` (empty: anywhere) but not in `homes_not`; `elsewhere` is the answer outside."""

    mode: Literal[
        "none",
        "supervisory_access",
        "copy_in_country",
        "first_write_in_country",
        "no_foreign_db_at_collection",
        "primary_in_country_export_by_gate",
        "exclusive",
        "on_order",
        "duty_without_detail",
        "egress_deny",
    ]
    homes: tuple[str, ...] = ()
    homes_not: tuple[str, ...] = ()
    elsewhere: Answer = "forbid"


class Transfer(Rule, frozen=True, kw_only=True, tag="transfer"):
    """What a crossing needs: all gates, then `answer`; if a gate stays shut, `unmet`.

    `needs_ground`: some rule that names this one in `ground_for` must be satisfied, or it is forbidden.
    `exporter_here`: only for data that leaves this jurisdiction.
    """

    acts: tuple[Literal["direct", "relay", "copy"], ...]
    categories: tuple[str, ...]
    categories_except: tuple[str, ...] = ()
    audiences: tuple[Literal["public", "followers", "direct", "none"], ...] = ()
    exporter_here: bool = False
    importers: tuple[str, ...] = ()
    importers_except: tuple[str, ...] = ()
    asks: Gates = ()
    answer: Answer = "permit"
    unmet: Literal["forbid", "unsettled"] = "forbid"
    needs_ground: bool = False
    ground_for: str | None = None


class Publication(Rule, frozen=True, kw_only=True, tag="publication"):
    """What showing something to an indefinite circle needs."""

    asks: Gates = ()
    answer: Answer = "permit"
    unmet: Literal["forbid", "unsettled"] = "forbid"


class SignUp(Rule, frozen=True, kw_only=True, tag="signup"):
    """A duty at sign-up. `owner`: binds only if the site's owner is of that nationality, which we do not know."""

    requires: Literal["verified_identity", "pseudonym_allowed", "separate_consent_document"]
    methods: tuple[str, ...] = ()
    before: Literal["account", "posting"] = "account"
    owner: str | None = None


class Age(Rule, frozen=True, kw_only=True, tag="age"):
    """Below `minimum` years the asks must be met. `countries` narrows a bloc's rule to some of its members."""

    minimum: Annotated[int, Meta(ge=1, le=25)]
    countries: tuple[str, ...] = ()
    asks: Gates
    unmet: Literal["forbid", "unsettled"] = "forbid"
