"""The social network's tables, declared once. Rows about two people are split: see design, section 4.

    post          body, with its author                 reply_stub, reaction_stub, mention_stub   with the other member
    follow        truth, with the follower              follower                                  with the followed
    reaction      truth, with who reacts                notification                              with who is told

Each half of a pair carries `version`, set by the truth's side: a delivery applies only if it is higher. `pair=` says
what the two halves of a pair have in common: from there the audit knows what to compare across sites.
"""

from sqlalchemy import (
    ARRAY,
    Boolean,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from domicile.network.legal_tables import add_legal_tables
from domicile.placement.marks import PairSide, stored
from domicile.placement.ownership import VAULT, harmless, network, personal, stays
from domicile.placement.recalls import recalls
from domicile.placement.tables import add_engine_tables, moment, number, other_member, owner

PROFILE = ("user.account.username", "user.name", "user.content.public", "user.content.self_image")
"""What a profile holds. Copies hold no more: public posts are of a category that it has too."""

metadata = add_engine_tables(MetaData(), copied=PROFILE)

PUBLIC, UNLISTED, PRIVATE, DIRECT = range(4)
VISIBILITIES = ("public", "unlisted", "private", "direct")
POSTS = "posts"
"""The view whose items other sites may keep as copies, see `views`; each is known by its post's number."""


def _flag(name: str, default: bool = False) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=text(str(default).lower()))


def _words(name: str, category: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default="", info=personal(category))


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default="0")


account = Table(
    "account",
    metadata,
    owner(),
    Column("handle", String(30), nullable=False, info=personal("user.account.username")),
    _words("display_name", "user.name"),
    _words("note", "user.content.public"),
    Column("fields", JSONB, nullable=False, server_default="[]", info=personal("user.content.public")),
    Column("avatar", String(80), info=stored(**personal("user.content.self_image"))),
    Column("header", String(80), info=stored(**personal("user.content.self_image"))),
    _flag("locked"),
    _flag("bot"),
    _flag("discoverable", True),
    _flag("show_country"),
    _flag("unconfirmed"),
    _flag("unverified"),
    Column("language", String(8), nullable=False, server_default="en"),
    Column("default_visibility", SmallInteger, nullable=False, server_default="0"),
    _flag("default_sensitive"),
    Column("role", String(8), nullable=False, server_default="member"),
    moment("created_at"),
    Index("account_handle", func.lower(text("handle"))),
    info=recalls(new=False),
    comment="the profile. Whether it is public follows from the member's publication consent",
)

suspension = Table(
    "suspension",
    metadata,
    owner(),
    Column("reason", Text, nullable=False, info=personal("user.behavior")),
    moment("since"),
    moment("until", null=True),
    Index("suspension_until", "until"),
    info=recalls(),
    comment="the operator has suspended this member: the reason as the member reads it, and when it ends, if it does",
)

tally = Table(
    "tally",
    metadata,
    owner(),
    _count("posts"),
    _count("followers"),
    _count("following"),
    number("last_post", null=True),
    moment("last_post_at", null=True),
    comment="counters of one member, apart from `resident` and `account` so that counting blocks neither",
)

credential = Table(
    "credential",
    metadata,
    owner(),
    Column("email", LargeBinary, info=personal("user.contact.email", sealed=True)),
    Column("phone", LargeBinary, info=personal("user.contact.phone_number", sealed=True)),
    Column("birth_date", LargeBinary, info=personal("user.demographic.date_of_birth", sealed=True)),
    Column("password_hash", LargeBinary, info=personal("user.authorization.credentials", sealed=True)),
    schema=VAULT,
)

add_legal_tables(metadata)

_NOT_SHOWN = ("author_id", "post_id", "reply_gone", "replies", "boosts", "favourites")
"""Of a post: what never changes, and what is no part of the post as others see a copy of it."""

post = Table(
    "post",
    metadata,
    owner("author_id"),
    number("post_id", key=True),
    Column("visibility", SmallInteger, nullable=False),
    _words("content", "user.content"),
    _words("source", "user.content"),
    _words("spoiler", "user.content"),
    _flag("sensitive"),
    Column("language", String(8)),
    other_member(
        "reply_author",
        null=True,
        pair=PairSide(
            pair="reply", side="truth", rest=("reply_post", "post_id"), version="", unless=("reply_gone", "true")
        ),
    ),
    number("reply_post", null=True),
    _flag("reply_gone"),
    other_member("boost_author", null=True),
    number("boost_post", null=True),
    Column("client", String(60)),
    Column("idempotency", LargeBinary),
    moment("edited_at", null=True),
    _count("replies"),
    _count("boosts"),
    _count("favourites"),
    Index("post_public", "post_id", postgresql_where=text("visibility = 0 AND boost_post IS NULL")),
    Index("post_idempotency", "author_id", "idempotency", postgresql_where=text("idempotency IS NOT NULL")),
    info=recalls(POSTS, "post_id", but=_NOT_SHOWN, new=False),
    comment="a post, with its author. Direct ones' words are in vault.direct_text; `reply_gone`: what it answers is",
)

_POST = ("author_id", "post_id")


def _of_post() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(_POST, ("post.author_id", "post.post_id"), ondelete="CASCADE")


direct_text = Table(
    "direct_text",
    metadata,
    owner("author_id"),
    number("post_id", key=True),
    Column("body", LargeBinary, nullable=False, info=personal("user.content.private", sealed=True)),
    schema=VAULT,
    comment="content, source and spoiler of a direct post, as sealed JSON",
)

post_mention = Table(
    "post_mention",
    metadata,
    owner("author_id"),
    number("post_id", key=True),
    other_member("mentioned", key=True, pair=PairSide(pair="mention", side="truth", rest=("post_id",), selves=False)),
    number("version"),
    Column("handle", String(30), nullable=False, info=personal("user.account.username", about="other")),
    _of_post(),
    info=recalls(POSTS, "post_id"),
    comment="whom the author names, in the author's own words",
)

post_tag = Table(
    "post_tag",
    metadata,
    owner("author_id"),
    number("post_id", key=True),
    Column("tag", String(100), primary_key=True, info=personal("user.content")),
    _of_post(),
    Index("post_tag_newest", "tag", "post_id"),
    info=recalls(POSTS, "post_id"),
)

media = Table(
    "media",
    metadata,
    owner(),
    number("media_id", key=True),
    number("post_id", null=True),
    Column("position", SmallInteger, nullable=False, server_default="0"),
    Column("digest", String(64), nullable=False, info=stored(**personal("user.content"))),
    Column("preview", String(64), nullable=False, info=stored()),
    Column("mime", String(32), nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("meta", JSONB, nullable=False, server_default="{}"),
    _words("description", "user.content"),
    moment("created_at"),
    Index("media_post", "member_id", "post_id"),
    info=recalls(POSTS, "post_id"),
    comment="pictures on posts; the files lie in the site's store under the member's id, named by digest",
)

follow = Table(
    "follow",
    metadata,
    owner(),
    other_member("target", key=True, pair=PairSide(pair="follow", side="truth", same=("state",))),
    Column("state", String(10), nullable=False),
    number("version"),
    _flag("boosts", True),
    _flag("notify"),
    Index("follow_target", "target"),
    comment="truth of a follow, with the follower; state: requested, accepted",
)

follower = Table(
    "follower",
    metadata,
    owner(),
    other_member(
        "follower",
        key=True,
        pair=PairSide(pair="follow", side="half", same=("state",), unless=("state", "removed"), since="removed_at"),
    ),
    Column("state", String(10), nullable=False),
    number("version"),
    moment("removed_at", null=True),
    Index("follower_newest", "member_id", "version"),
    comment="the followed member's half; state: requested, accepted, removed (a tombstone)",
)

reaction = Table(
    "reaction",
    metadata,
    owner(),
    Column("kind", String(10), primary_key=True),
    other_member(
        "target_author",
        key=True,
        pair=PairSide(pair="reaction", side="truth", rest=("target_post", "kind"), unless=("kind", "bookmark")),
    ),
    number("target_post", key=True),
    number("version"),
    number("boost", null=True),
    Index("reaction_newest", "member_id", "kind", "version"),
    comment="favourite, boost or bookmark, with who reacts; `boost` is the boosting post's id",
)

reaction_stub = Table(
    "reaction_stub",
    metadata,
    owner("author_id"),
    number("post_id", key=True),
    Column("kind", String(10), primary_key=True),
    other_member(
        "actor",
        key=True,
        pair=PairSide(pair="reaction", side="half", rest=("post_id", "kind"), unless=("removed", "true")),
    ),
    number("version"),
    _flag("removed"),
    _of_post(),
)

reply_stub = Table(
    "reply_stub",
    metadata,
    owner("author_id"),
    number("post_id", key=True),
    other_member(
        "reply_author",
        key=True,
        pair=PairSide(pair="reply", side="half", rest=("post_id", "reply_post"), unless=("removed", "true")),
    ),
    number("reply_post", key=True),
    number("version"),
    _flag("removed"),
    Column("verdict", String(8), nullable=False, server_default="shown"),
    _of_post(),
    comment="replies to a post; `verdict` is the thread owner's: shown or hidden",
)

mention_stub = Table(
    "mention_stub",
    metadata,
    owner(),
    other_member(
        "author",
        key=True,
        pair=PairSide(pair="mention", side="half", rest=("post_id",), unless=("removed", "true"), selves=False),
    ),
    number("post_id", key=True),
    _flag("direct"),
    number("version"),
    _flag("removed"),
    Index("mention_newest", "member_id", "post_id"),
    comment="posts that name this member, and direct ones sent to them",
)

notification = Table(
    "notification",
    metadata,
    owner(),
    number("notification_id", key=True),
    Column("kind", String(16), nullable=False),
    other_member("actor"),
    other_member("post_author", null=True),
    number("post_id", null=True),
)

token = Table(
    "token",
    metadata,
    owner(),
    Column("digest", LargeBinary, primary_key=True),
    Column("client_id", String(64), nullable=False),
    Column("scopes", Text, nullable=False),
    moment("created_at"),
    comment="access tokens: only their hash is stored, at home",
)

authorization_code = Table(
    "authorization_code",
    metadata,
    owner(),
    Column("digest", LargeBinary, primary_key=True),
    Column("client_id", String(64), nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("challenge", String(128)),
    Column("challenge_method", String(8)),
    moment("expires_at"),
    moment("used_at", null=True),
    info=stays("a log-in half way, good for ten minutes; the app begins it anew"),
)

session = Table(
    "session",
    metadata,
    owner(),
    Column("digest", LargeBinary, primary_key=True),
    moment("created_at"),
    moment("expires_at"),
    comment="web log-ins; the cookie begins with the member's id, its other part is stored as a hash",
)

app = Table(
    "app",
    metadata,
    Column("client_id", String(64), primary_key=True),
    Column("name", String(120), nullable=False, info=harmless("the app's name, not a person's")),
    Column("website", Text),
    Column("redirect_uris", ARRAY(Text), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    info=network(),
    comment="app registrations: about nobody, the same at every site",
)
