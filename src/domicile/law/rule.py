"""The record of one rule in a pack: strict, one class per kind. `docs/law-packs.md` explains each key."""

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

from domicile.ids import Country
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


Metric = Literal["daily_users", "monthly_users", "registered", "persons_since_january", "persons_12_months", "turnover"]
"""What a threshold counts, in the rule's jurisdiction: unique users of a day, unique users of the last 30 days, members
registered, persons whose data left since 1 January or within twelve months, and money in the threshold's currency."""


class Threshold(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The rule binds operators whose count is at least / below a number. Not counted: it binds."""

    metric: Metric
    at_least: Count | None = None
    below: Count | None = None
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] | None = None
    window: str | None = None


class Ask(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing that opens a gate: a safeguard on file (perhaps after waiting) or a consent of the member.

    A safeguard lasts `valid_months` from its filing (0: for ever). `file_within_days` and
    `file_within_working_days` say how soon after the transfer begins it must be filed with the authority.
    """

    safeguard: str | None = None
    consent: str | None = None
    wait_working_days: Count = 0
    valid_months: Count = 0
    file_within_days: Count = 0
    file_within_working_days: Count = 0


Gates = tuple[tuple[Ask, ...], ...]
"""All gates must open; a gate opens by any one of its asks."""


class Rule(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    """What every kind of rule says about itself. Records with the same `id` are versions of one rule.

    Both dates are inclusive. A rule whose start is not fixed has no `valid_from`; it is listed, and applies only from
    `after_months` after its `event`, once the operator has written down that the event happened.

    It binds an operator who meets every condition that it names: `thresholds`, `designation` (named on an authority's
    list), `owner` and `owner_not` (nationality of the site's owner), `established` (has, or has not, an establishment
    in the jurisdiction), `unit` (established in this free zone), `collects` (collects one of these categories).
    `exempt` is the other way round: it binds everybody but who is on that list. `countries_except` are members of a
    bloc where its rule is no law: nobody there demands by it, and nothing there is reached by it.
    `existing_until`: for who joined before `valid_from` it binds only after that day.
    """

    id: Text
    summary: Text
    valid_from: date | None = None
    valid_to: date | None = None
    commencement: Literal["fixed", "on_publication", "offset", "dormant_until"] = "fixed"
    commencement_note: str | None = None
    event: Text | None = None
    after_months: Count = 0
    in_force_known: bool = True
    existing_until: date | None = None
    subject: Subject
    thresholds: tuple[Threshold, ...] = ()
    designation: str | None = None
    exempt: Text | None = None
    owner: Country | None = None
    owner_not: Country | None = None
    established: Literal["here", "abroad"] | None = None
    unit: Text | None = None
    collects: tuple[str, ...] = ()
    countries_except: tuple[str, ...] = ()
    authority: Text | None = None
    citation: Reference
    confidence: Confidence
    disputed: str | None = None
    unverified: bool = False
    supersedes: str | None = None
    gap_declared: bool = False

    @property
    def conditional(self) -> bool:
        """Whether it binds some operators, or some members, only."""
        return bool(
            self.thresholds
            or self.collects
            or self.designation
            or self.exempt
            or self.owner
            or self.owner_not
            or self.established
            or self.unit
            or self.existing_until
        )

    @property
    def kind_name(self) -> str:
        """The kind as a pack writes it, such as `residency`."""
        return str(self.__struct_config__.tag)


class Residency(Rule, frozen=True, kw_only=True, tag="residency"):
    """Where a home may be: in `homes` (empty: anywhere) but not in `homes_not`; `elsewhere` is the answer outside.

    `asks` are papers that a home elsewhere needs, such as a copy kept in the country; without them the answer there is
    `unmet`.
    """

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
    asks: Gates = ()
    elsewhere: Answer = "forbid"
    unmet: Literal["forbid", "unsettled"] = "forbid"


class Transfer(Rule, frozen=True, kw_only=True, tag="transfer"):
    """What a crossing needs: all gates, then `answer`; if a gate stays shut, `unmet`.

    `needs_ground`: some rule that names this one in `ground_for` must be satisfied, or it is forbidden.
    `exporter_here`: only for data that leaves this jurisdiction. `gate` names the kind of gate, for people.
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
    gate: (
        Literal[
            "adequacy_list",
            "negative_list",
            "scc_use",
            "scc_file",
            "bcr",
            "certification",
            "gov_assessment",
            "prior_notice",
            "impact_dossier",
            "consent",
            "derogation",
            "ban_power",
        ]
        | None
    ) = None


class Publication(Rule, frozen=True, kw_only=True, tag="publication"):
    """What showing something to an indefinite circle needs."""

    asks: Gates = ()
    answer: Answer = "permit"
    unmet: Literal["forbid", "unsettled"] = "forbid"


class SignUp(Rule, frozen=True, kw_only=True, tag="signup"):
    """A duty at sign-up, or before a member posts.

    A verified identity is proved by one of `methods`: `mobile_number` by any such number, `mobile_number:RU` only by
    one of that country; none named: by any method.
    """

    requires: Literal["verified_identity", "pseudonym_allowed", "no_identity_images", "separate_consent_document"]
    methods: tuple[str, ...] = ()
    before: Literal["account", "posting"] = "account"


Evidence = Literal["declaration", "date_of_birth", "assurance"]
Keep = Literal["nothing", "yes_no", "date_of_birth"]


class Age(Rule, frozen=True, kw_only=True, tag="age"):
    """Below `minimum` years the asks must be met; without any, nothing opens the gate below that age.

    `countries` narrows a bloc's rule to some of its members. `evidence` is what the sign-up asks: a tick, a date of
    birth, or that a verifier has found the age. `keep` is the most of the answer that may be kept.
    """

    minimum: Annotated[int, Meta(ge=1, le=25)]
    countries: tuple[str, ...] = ()
    asks: Gates = ()
    unmet: Literal["forbid", "unsettled"] = "forbid"
    evidence: Evidence = "date_of_birth"
    keep: Keep = "date_of_birth"
