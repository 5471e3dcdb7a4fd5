"""Owned tables for what the law wants known of a member: proofs, ages, questions under way, proposed relocations."""

from sqlalchemy import (
    ARRAY,
    Boolean,
    Column,
    Date,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
)

from domicile.placement.marks import audited
from domicile.placement.ownership import VAULT, personal, stays
from domicile.placement.tables import moment, number, owner

ASKED_HERE = "a question under way at this site; whoever has moved is asked anew"


def add_legal_tables(metadata: MetaData) -> None:
    """Declare them beside the network's other tables."""
    _declared(metadata)
    _proved(metadata)


def _declared(metadata: MetaData) -> None:
    Table(
        "proposal",
        metadata,
        owner(),
        number("proposal_id", key=True),
        Column("source", String(8), nullable=False),
        Column("target", String(8), nullable=False, info=audited()),
        Column("lawful", Boolean, nullable=False, info=audited()),
        Column("reason", Text, nullable=False),
        Column("rules", ARRAY(Text), nullable=False),
        Column("state", String(12), nullable=False, info=audited()),
        moment("made_at"),
        moment("closed_at", null=True),
        comment="relocations that the law suggests to this member; state: open, declined, superseded, done",
    )
    Table(
        "notice",
        metadata,
        owner(),
        number("notice_id", key=True),
        number("proposal_id"),
        Column("moves_on", Date, nullable=False),
        Column("language", String(8), nullable=False),
        Column("wording", Text, nullable=False),
        moment("told_at"),
        moment("dismissed_at", null=True),
        ForeignKeyConstraint(("member_id", "proposal_id"), ("proposal.member_id", "proposal.proposal_id")),
        comment="what this member was told of a relocation that is to come, in which words, and when: kept as proof",
    )
    Table(
        "age_answer",
        metadata,
        owner(),
        Column("minimum", SmallInteger, primary_key=True, info=personal("user.demographic.age_range")),
        Column("asked_on", Date, nullable=False),
        Column("method", String(20), nullable=False),
        Column("rules", ARRAY(Text), nullable=False),
        comment="a yes to an age, where the law lets no more be kept: at least so many years, told on that day",
    )


def _proved(metadata: MetaData) -> None:
    Table(
        "verification",
        metadata,
        owner(),
        Column("method", String(40), primary_key=True),
        moment("verified_at"),
        moment("valid_until", null=True),
        Column("rules", ARRAY(Text), nullable=False),
        Column("digest", LargeBinary, info=personal("user.unique_id.pseudonymous")),
        Column("made_up", Boolean, nullable=False, server_default="false"),
        Index("verification_digest", "digest"),
        comment="what this member has proved, by which method, for which rules; no document. `digest`: of the number",
    )
    Table(
        "challenge",
        metadata,
        owner(),
        number("challenge_id", key=True),
        Column("verifier", String(80), nullable=False),
        Column("digest", LargeBinary, nullable=False, info=personal("user.unique_id.pseudonymous")),
        Column("answer", LargeBinary),
        Column("attempts", SmallInteger, nullable=False, server_default="0"),
        moment("started_at"),
        moment("expires_at"),
        moment("ended_at", null=True),
        Index("challenge_digest", "digest", "started_at"),
        info=stays(ASKED_HERE),
        comment="a question a verifier has asked; `answer` is a keyed hash. Kept for a day, to count",
    )
    Table(
        "challenge_contact",
        metadata,
        owner(),
        number("challenge_id", key=True),
        Column("contact", LargeBinary, nullable=False, info=personal("user.contact", sealed=True)),
        ForeignKeyConstraint(
            ("member_id", "challenge_id"), ("challenge.member_id", "challenge.challenge_id"), ondelete="CASCADE"
        ),
        schema=VAULT,
        info=stays(ASKED_HERE),
        comment="the number a code went to, until the answer",
    )
