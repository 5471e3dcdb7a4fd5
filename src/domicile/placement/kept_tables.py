"""The site's tables for what must stay behind: holds, residue in sealed parts, and the chain of what was done to them.

The application's role reaches none of them. The import role writes residue, and reads its headings alone; its content
is read by the role that owns the tables, when somebody opens it and has said why (`relocation.opening`).
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
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
)

from domicile.placement.marks import closed, withheld
from domicile.placement.ownership import VAULT, local, personal


def add_kept_tables(metadata: MetaData) -> None:
    """Declare them beside the engine's other tables."""
    _holds(metadata)
    _residue(metadata)
    Table(
        "keeping_entry",
        metadata,
        _number("number", key=True),
        _moment("at"),
        Column("step", String(12), nullable=False),
        _member(null=True),
        Column("fields", Text, nullable=False),
        Column("previous", LargeBinary, nullable=False),
        Column("digest", LargeBinary, nullable=False),
        schema=VAULT,
        info=local(retention="as the proof of what was kept, by the member's opaque id alone") | withheld("INSERT"),
        comment="a chain of hashes: holds placed, renewed, released; residue left, opened, destroyed",
    )


def _holds(metadata: MetaData) -> None:
    Table(
        "hold",
        metadata,
        _number("hold_id", key=True),
        _member(),
        Column("state", String(8), nullable=False),
        Column("authority", Text, nullable=False),
        Column("rule", String(64), nullable=False),
        Column("jurisdiction", String(8), nullable=False),
        Column("citation", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("categories", ARRAY(Text), nullable=False),
        Column("secret", Boolean, nullable=False),
        _moment("placed_at"),
        Column("until", Date),
        Column("released_at", DateTime(timezone=True)),
        Index("hold_member", "member_id"),
        schema=VAULT,
        info=local(retention="as the record of what was ordered, by opaque id alone") | withheld("INSERT, UPDATE"),
        comment="what an authority wants preserved of a member at this site; state: placed, released. No `until`: open",
    )


def _residue(metadata: MetaData) -> None:
    Table(
        "residue",
        metadata,
        _number("residue_id", key=True),
        _member(),
        Column("cause", String(8), nullable=False),
        _number("batch_id", null=True),
        _number("hold_id", null=True),
        Column("rule", String(64), nullable=False),
        Column("jurisdiction", String(8), nullable=False),
        Column("citation", Text, nullable=False),
        Column("settled", Boolean, nullable=False),
        Column("categories", ARRAY(Text), nullable=False),
        Column("conflicts", ARRAY(Text), nullable=False),
        Column("tables", Text, nullable=False),
        Column("rows", Integer, nullable=False),
        Column("files", Integer, nullable=False),
        Column("parts", Integer, nullable=False),
        Column("digest", LargeBinary, nullable=False),
        Column("wrapped", LargeBinary, nullable=False, info=closed()),
        Column("site_key", String(16), nullable=False),
        _moment("left_at"),
        Column("until", Date),
        Index("residue_member", "member_id"),
        Index("residue_batch", "batch_id"),
        schema=VAULT,
        info=local(retention="through the day `until`, or as long as its hold lasts") | withheld("INSERT, DELETE"),
        comment="headings of what had to stay: rule, end, counts, digest of its parts; cause: moved, erased, held",
    )
    # What the parts hold is declared where it came from: no column here collects anything anew.
    Table(
        "residue_part",
        metadata,
        Column(
            "residue_id",
            BigInteger,
            ForeignKey(f"{VAULT}.residue.residue_id", ondelete="CASCADE", deferrable=True, initially="DEFERRED"),
            primary_key=True,
            autoincrement=False,
        ),
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("body", LargeBinary, nullable=False, info=closed()),
        schema=VAULT,
        info=local() | withheld("INSERT"),
        comment="rows and files, sealed under the residue's own key",
    )


def _number(name: str, *, key: bool = False, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=key, autoincrement=False, nullable=null)


def _member(*, null: bool = False) -> Column[int]:
    return Column("member_id", BigInteger, nullable=null, info=personal("user.unique_id.pseudonymous"))


def _moment(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=False)
