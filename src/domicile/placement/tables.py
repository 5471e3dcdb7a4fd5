"""The engine's own tables, declared like everybody's: they join the app's MetaData, so that every part sees them.

`add_engine_tables(metadata)` is called once by whoever hands a MetaData to Domicile.
"""

from collections.abc import Sequence

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    func,
    text,
)

from domicile.placement.kept_tables import add_kept_tables
from domicile.placement.marks import Info, PairSide, audited
from domicile.placement.ownership import VAULT, harmless, home, local, personal, remote, resident_table
from domicile.placement.recalls import recalls

STATES = ("pending", "home", "leaving", "arriving", "moved")


_PSEUDONYM = personal("user.unique_id.pseudonymous")


def owner(name: str = "member_id") -> Column[int]:
    """The first column of an owned table's key: the member whose row it is."""
    return Column(
        name, BigInteger, ForeignKey("resident.member_id"), primary_key=True, autoincrement=False, info=home()
    )


def number(name: str, *, key: bool = False, null: bool = False, info: Info | None = None) -> Column[int]:
    return Column(name, BigInteger, primary_key=key, autoincrement=False, nullable=null, info=info)


def other_member(name: str, *, key: bool = False, null: bool = False, pair: PairSide | None = None) -> Column[int]:
    """An opaque id of somebody who may live at another site, where they may have the other half of this row."""
    info = remote("member", pair=pair, **personal("user.unique_id.pseudonymous", about="other"))
    return Column(name, BigInteger, primary_key=key, autoincrement=False, nullable=null, info=info)


def moment(name: str, *, null: bool = False, info: Info | None = None) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=null, info=info)


def add_engine_tables(metadata: MetaData, copied: Sequence[str] = ()) -> MetaData:
    """`resident` and what placement and border keep beside it.

    `copied`: the categories of personal data in what the app lets other sites keep as copies.
    """
    if "name_claim" in metadata.tables:
        return metadata
    resident = resident_table(metadata)
    resident.append_constraint(CheckConstraint(resident.c.state.in_(STATES), name="resident_state"))
    _owned(metadata)
    _kept_by_the_site(metadata, copied)
    add_kept_tables(metadata)
    return metadata


def _owned(metadata: MetaData) -> None:
    _identity(metadata)
    _pairs(metadata)
    _copies(metadata)


def _identity(metadata: MetaData) -> None:
    Table(
        "data_key",
        metadata,
        owner(),
        Column("wrapped", LargeBinary, nullable=False),
        Column("site_key", String(16), nullable=False),
        schema=VAULT,
        comment="the member's data key, wrapped by the site's key, which is kept outside PostgreSQL",
    )
    Table(
        "name_claim",
        metadata,
        owner(),
        Column("kind", String(16), primary_key=True),
        Column("digest", LargeBinary, nullable=False, info=personal("user.unique_id.pseudonymous")),
        Column("token", LargeBinary, nullable=False),
        comment="what this member claimed at the hub: keyed digests and the random token that won them",
    )
    Table(
        "claim",
        metadata,
        owner(),
        Column("jurisdiction", String(8), primary_key=True, info=audited(**personal("user.contact.address.country"))),
        Column("basis", String(16), primary_key=True, info=audited()),
        Column("assumed", Boolean, nullable=False, info=audited()),
        moment("declared_at"),
        info=recalls(),
        comment="which countries' laws claim this member, as declared or assumed",
    )
    Table(
        "consent",
        metadata,
        owner(),
        number("consent_id", key=True),
        Column("kind", String(32), nullable=False, info=audited()),
        Column("wording", Text, nullable=False),
        Column("rules", ARRAY(Text), nullable=False),
        moment("given_at"),
        moment("withdrawn_at", null=True, info=audited()),
        info=recalls(),
        comment="consents in the form the law pack asks for; withdrawn ones stay as proof",
    )


def _pairs(metadata: MetaData) -> None:
    Table(
        "outbox",
        metadata,
        owner(),
        number("sequence", key=True, info=audited()),
        other_member("recipient"),
        Column("kind", String(32), nullable=False, info=audited()),
        Column("body", LargeBinary, nullable=False),
        moment("not_before"),
        Column("attempts", Integer, nullable=False, server_default="0"),
        Index("outbox_due", "not_before"),
        comment="halves of pairs on their way to the other member's home",
    )
    Table(
        "pair_version",
        metadata,
        owner(),
        number("last"),
        comment="the last version drawn for a pair of this member's: it moves along and only grows, whatever the clock",
    )


def _copies(metadata: MetaData) -> None:
    Table(
        "copy_register",
        metadata,
        owner(),
        Column("holder", String(8), primary_key=True, info=audited()),
        Column("view", String(32), primary_key=True, info=audited()),
        Column("number", BigInteger, primary_key=True, autoincrement=False, info=audited()),
        Column("version", BigInteger, nullable=False, info=audited()),
        Column("sections", Text, nullable=False, info=audited()),
        Column("rules", Text, nullable=False, info=audited()),
        Column("law", String(40), nullable=False),
        Column("shows_home", Boolean, nullable=False, info=audited()),
        moment("given_at"),
        moment("until", info=audited()),
        Column("state", String(9), nullable=False, server_default="held", info=audited()),
        Column("reason", String(8), info=audited()),
        moment("asked_at", null=True, info=audited()),
        Column("attempts", Integer, nullable=False, server_default="0", info=audited()),
        moment("not_before", null=True),
        Index("copy_register_recall", "not_before", postgresql_where=text("state = 'recalling'")),
        Index("copy_register_law", "law", "member_id", postgresql_where=text("state = 'held'")),
        Index("copy_register_until", "until"),
        comment="the copies of this member's data that other sites hold, each with its licence, and its recall if any",
    )


def _kept_by_the_site(metadata: MetaData, copied: Sequence[str]) -> None:
    Table(
        "route",
        metadata,
        Column(
            "member_id",
            BigInteger,
            primary_key=True,
            autoincrement=False,
            info=personal("user.unique_id.pseudonymous"),
        ),
        Column("site", String(8), nullable=False),
        Column("epoch", Integer, nullable=False),
        info=local(retention="while a member of this site refers to that member"),
        comment="read copy of the hub's directory for the members this site serves",
    )
    Table(
        "kept_copy",
        metadata,
        Column("member_id", BigInteger, primary_key=True, autoincrement=False, info=_PSEUDONYM),
        Column("view", String(32), primary_key=True),
        number("number", key=True),
        number("version"),
        moment("until"),
        moment("received_at"),
        Column("recalled", Boolean, nullable=False, server_default="false"),
        Column("body", LargeBinary, info=personal(*copied, about="other") if copied else {}),
        Index("kept_copy_until", "until"),
        info=local(retention="until its licence ends, or its home recalls it"),
        comment="copies of members elsewhere, by a licence of their homes; of a recalled one only the version stays",
    )
    Table(
        "feed_position",
        metadata,
        Column("feed", String(16), primary_key=True),
        number("entry"),
        info=local(),
    )
    Table(
        "safeguard",
        metadata,
        Column("safeguard_id", String(64), primary_key=True),
        Column("kind", String(32), nullable=False),
        Column("exporter", String(8), nullable=False),
        Column("importer", String(8)),
        Column("scope", ARRAY(Text), nullable=False, server_default="{}"),
        Column("filed_on", Date, nullable=False),
        Column("valid_until", Date),
        Column("withdrawn_on", Date),
        Column("document", Text, nullable=False, server_default=""),
        Column("made_up", Boolean, nullable=False),
        Column("note", Text, nullable=False, server_default=""),
        moment("changed_at"),
        info=local(),
        comment="standard contracts, notices, certifications and assessments that the border's gates ask for",
    )
    Table(
        "incident_entry",
        metadata,
        Column("entry_id", String(64), primary_key=True),
        Column("incident", String(40), nullable=False),
        moment("at"),
        Column("told", Text, nullable=False),
        info=local(),
        comment="what was said of incidents at this site: counts, categories, clocks; of no single person",
    )
    Table(
        "crossing_tally",
        metadata,
        Column("day", Date, primary_key=True),
        Column("importer", String(8), primary_key=True),
        Column("section", String(64), primary_key=True),
        Column("verdict", String(12), primary_key=True),
        Column("rules", String(200), primary_key=True),
        number("items"),
        info=local(),
        comment="what the border decided, counted: no member, no content",
    )
    Table(
        "activity",
        metadata,
        Column("day", Date, primary_key=True),
        Column("country", String(8), primary_key=True),
        Column("sketch", LargeBinary, nullable=False, info=personal("user.unique_id.pseudonymous")),
        info=local(retention="400 days"),
        comment="unique users of a day: sketches under a key kept outside PostgreSQL, pseudonymous personal data",
    )
    Table(
        "changed",
        metadata,
        Column("member_id", BigInteger, primary_key=True, autoincrement=False, info=_PSEUDONYM),
        Column("relation", String(63), primary_key=True),
        Column("row_key", ARRAY(Text), primary_key=True, info=_PSEUDONYM),
        info=local(retention="while a relocation copies the member"),
        comment="keys of rows that changed while their owner is copied, see the fence",
    )
    Table(
        "erasure",
        metadata,
        Column("member_id", BigInteger, primary_key=True, autoincrement=False, info=_PSEUDONYM),
        Column("state", String(8), nullable=False),
        moment("erased_at"),
        number("rows_erased"),
        Column("files", Integer, nullable=False, server_default="0"),
        number("entry", null=True),
        info=local(retention="as the receipt of the erasure, by its opaque id alone"),
        comment="members erased here, and the hub's entry after which every site has heard of it",
    )
    Table(
        "relocation",
        metadata,
        Column("batch_id", BigInteger, primary_key=True, autoincrement=False),
        Column("role", String(8), primary_key=True),
        Column("other", String(8), nullable=False),
        Column("state", String(9), nullable=False),
        Column("token", LargeBinary, nullable=False),
        Column("members", ARRAY(BigInteger), nullable=False, info=_PSEUDONYM),
        moment("began_at"),
        info=local(retention="until the batch is closed"),
        comment="the batches in which this site is source or target, and which coordinator it obeys",
    )
    Table(
        "collected",
        metadata,
        Column("category", String(80), primary_key=True),
        Column("table_name", String(130), primary_key=True),
        Column("column_name", String(63), primary_key=True),
        Column("first_on", Date, primary_key=True),
        Column("until", Date),
        info=local(),
        comment="which personal columns this site collects, since when: the inventory; about nobody",
    )
    Table(
        "acknowledgement",
        metadata,
        Column("category", String(80), primary_key=True),
        Column("rule", String(64), primary_key=True),
        Column("acknowledged_on", Date, primary_key=True),
        Column("reason", Text, nullable=False),
        Column("role", String(80), nullable=False),
        info=local(),
        comment="unmet duties that the operator took upon themselves when a category was first collected, and why",
    )
    Table(
        "setting",
        metadata,
        Column("key", String(64), primary_key=True),
        Column("value", Text, nullable=False),
        Column("changed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        info=local(),
    )


__all__ = ["add_engine_tables", "harmless", "moment", "number", "other_member", "owner"]
