"""From what the engine shows to what clients read.

Nothing here waits for anything: `pages.py` fetches, this module shapes. What may not be shown becomes one neutral
placeholder, the same for every reason (rule 13).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import UNSET

from domicile.ids import MemberId, PostId, SiteName, moment_of
from domicile.network.follows import Relation
from domicile.network.items import Body, Picture, PostItem, Profile, ProfileItem
from domicile.network.notifications import Notification
from domicile.network.profiles import Own
from domicile.network.reactions import Marks
from domicile.network.schema import VISIBILITIES
from domicile.web.client_api.shapes import (
    AccountShape,
    FieldShape,
    GroupShape,
    MediaShape,
    MentionShape,
    NotificationShape,
    RelationshipShape,
    StatusShape,
    TagShape,
    file_claim,
    stamp,
)

NOT_HERE = "<p>This post is not available here.</p>"
UNAVAILABLE = "unavailable"
_LONG_AGO = "1970-01-01T00:00:00.000Z"
_NO_MARKS = Marks()


def encode(value: object) -> msgspec.Raw:
    return msgspec.Raw(_encoder.encode(value))


_encoder = msgspec.json.Encoder()


@dataclass(slots=True)
class Shaper:
    """Shapes for one reader: `at` is the reader's site, which signs the addresses of files."""

    url: str
    at: SiteName
    sign: Callable[[str], str]
    _accounts: dict[MemberId, msgspec.Raw] = field(default_factory=dict)

    def account(self, member: MemberId, profile: Profile | None) -> AccountShape:
        """A member as others see them, or the placeholder."""
        if profile is None:
            return self._nobody(member)
        avatar = self.file(member, profile.avatar) if profile.avatar else f"{self.url}/static/avatar.svg"
        header = self.file(member, profile.header) if profile.header else f"{self.url}/static/header.svg"
        address = f"{self.url}/@{profile.handle}"
        return AccountShape(
            id=str(member),
            username=profile.handle,
            acct=profile.handle,
            display_name=profile.display_name,
            note=profile.note,
            url=address,
            uri=address,
            avatar=avatar,
            avatar_static=avatar,
            header=header,
            header_static=header,
            created_at=f"{stamp(profile.created_at)[:10]}T00:00:00.000Z",
            locked=profile.locked,
            bot=profile.bot,
            discoverable=profile.discoverable,
            noindex=not profile.published,
            last_status_at=stamp(profile.last_post_at)[:10] if profile.last_post_at else None,
            statuses_count=profile.posts,
            followers_count=profile.followers,
            following_count=profile.following,
            fields=[FieldShape(str(name), str(value)) for name, value in profile.fields],
            country=profile.country or UNSET,
            suspended=profile.suspended or UNSET,
        )

    def own_account(self, own: Own) -> AccountShape:
        """One's own account, with what only oneself sees."""
        kept = own.preferences
        shape = self.account(own.member, own.profile)
        shape.source = {
            "privacy": kept.visibility,
            "sensitive": kept.sensitive,
            "language": kept.language,
            "note": kept.note,
            "fields": [FieldShape(str(name), str(value)) for name, value in kept.fields],
            "follow_requests_count": kept.follow_requests,
            "discoverable": kept.discoverable,
            "indexable": False,
            "hide_collections": None,
        }
        shape.role = {"id": "-99", "name": "", "permissions": "0", "color": "", "highlighted": False}
        return shape

    def accounts(self, items: Mapping[MemberId, ProfileItem], members: Sequence[MemberId]) -> list[AccountShape]:
        """Accounts in the order asked; whoever is erased or out of reach is left out."""
        return [self.account(member, items[member].profile) for member in members if member in items]

    def encoded(self, member: MemberId, profile: Profile | None) -> msgspec.Raw:
        """An account encoded once for this reader and page."""
        known = self._accounts.get(member)
        if known is None:
            known = self._accounts[member] = encode(self.account(member, profile))
        return known if profile is not None else encode(self._nobody(member))

    def status(self, item: PostItem, others: Mapping[PostId, PostItem], marks: Mapping[PostId, Marks]) -> StatusShape:
        """A post, with the one it boosts."""
        if item.boost_of is None or item.body is None:
            return self._plain(item, marks)
        boosted_id = PostId(*item.boost_of)
        boosted = others.get(boosted_id)
        inner = self._plain(boosted, marks) if boosted is not None else self._missing(boosted_id)
        outer = self._plain(item, marks)
        return msgspec.structs.replace(
            inner,
            **{name: getattr(outer, name) for name in ("id", "created_at", "uri", "url", "account", "visibility")},
            application=None,
            reblog=inner,
        )

    def media(self, owner: MemberId, picture: Picture) -> MediaShape:
        return MediaShape(
            id=str(picture.media_id),
            url=self.file(owner, picture.digest),
            preview_url=self.file(owner, picture.preview),
            meta=picture.meta,
            description=picture.description or None,
        )

    def tag(self, name: str) -> TagShape:
        """A hashtag on a page of its own. We keep no history of tags and nobody follows one."""
        return TagShape(name, f"{self.url}/tags/{name}", history=(), following=False, id=name)

    def notification(
        self, notice: Notification, actor: ProfileItem | None, status: StatusShape | None
    ) -> NotificationShape:
        return NotificationShape(
            id=str(notice.id),
            type=notice.kind,
            created_at=stamp(moment_of(notice.id)),
            group_key=group_key(notice),
            account=self.encoded(notice.actor, actor.profile if actor else None),
            status=status,
        )

    def file(self, member: MemberId, digest: str) -> str:
        """The address of a file for readers at this site; the signature keeps others from asking there."""
        return f"{self.url}/media/{self.at}/{member}/{digest}/{self.sign(file_claim(self.at, member, digest))}"

    def _plain(self, item: PostItem, marks: Mapping[PostId, Marks]) -> StatusShape:
        body, post = item.body, item.id
        if body is None:
            return self._missing(post, VISIBILITIES[item.visibility])
        handle = item.profile.handle if item.profile else UNAVAILABLE
        address = f"{self.url}/@{handle}/{post}"
        reply_snowflake, reply_author = item.reply_to or (None, None)
        replied = None if reply_snowflake is None or reply_author is None else PostId(reply_snowflake, reply_author)
        shape = StatusShape(
            id=str(post),
            created_at=stamp(moment_of(post.snowflake)),
            uri=address,
            url=address,
            account=self.encoded(item.author, item.profile),
            content=body.content,
            visibility=VISIBILITIES[item.visibility],
            sensitive=body.sensitive,
            spoiler_text=body.spoiler,
            language=body.language,
            in_reply_to_id=str(replied) if replied else None,
            in_reply_to_account_id=str(replied.author) if replied else None,
            application={"name": body.client, "website": None} if body.client else None,
            media_attachments=[self.media(item.author, picture) for picture in body.pictures],
            mentions=[self._mention(member, name) for member, name in body.mentions],
            tags=[TagShape(name, f"{self.url}/tags/{name}") for name in body.tags],
            replies_count=body.replies,
            reblogs_count=body.boosts,
            favourites_count=body.favourites,
            edited_at=stamp(body.edited_at) if body.edited_at else None,
        )
        return _mark(shape, marks.get(post)) if marks else shape

    def _missing(self, post: PostId, visibility: str = "public") -> StatusShape:
        """A post that may not be shown here, is gone, or is out of reach: all look the same."""
        address = f"{self.url}/@{UNAVAILABLE}/{post}"
        return StatusShape(
            id=str(post),
            created_at=stamp(moment_of(post.snowflake)),
            uri=address,
            url=address,
            account=encode(self._nobody(post.author)),
            content=NOT_HERE,
            visibility=visibility,
        )

    def _mention(self, member: MemberId, handle: str) -> MentionShape:
        return MentionShape(str(member), handle, f"{self.url}/@{handle}", handle)

    def _nobody(self, member: MemberId) -> AccountShape:
        avatar, header = f"{self.url}/static/avatar.svg", f"{self.url}/static/header.svg"
        return AccountShape(
            id=str(member),
            username=UNAVAILABLE,
            acct=UNAVAILABLE,
            display_name="Not available here",
            note="",
            url=f"{self.url}/@{UNAVAILABLE}",
            uri=f"{self.url}/@{UNAVAILABLE}",
            avatar=avatar,
            avatar_static=avatar,
            header=header,
            header_static=header,
            created_at=_LONG_AGO,
        )


def with_source(shape: StatusShape, body: Body | None) -> StatusShape:
    """A deleted post with the words it was made of, so that a client can offer them again."""
    shape.text = body.source if body else ""
    return shape


def relationship(relation: Relation) -> RelationshipShape:
    return RelationshipShape(
        id=str(relation.member),
        following=relation.following,
        showing_reblogs=relation.following and relation.boosts,
        notifying=relation.following and relation.notify,
        followed_by=relation.followed_by,
        requested=relation.requested,
        requested_by=relation.requested_by,
    )


def group_key(notice: Notification) -> str:
    return f"ungrouped-{notice.id}"


def group(notice: Notification) -> GroupShape:
    """Each notification is a group of its own, which is what clients show for those that have no fellows."""
    number = str(notice.id)
    return GroupShape(
        group_key=group_key(notice),
        type=notice.kind,
        most_recent_notification_id=notice.id,
        page_min_id=number,
        page_max_id=number,
        latest_page_notification_at=stamp(moment_of(notice.id)),
        sample_account_ids=[str(notice.actor)],
        status_id=str(notice.post) if notice.post else None,
    )


def edit(shape: StatusShape) -> dict[str, Any]:
    """The newest version of a post; earlier ones are not kept."""
    kept = ("content", "spoiler_text", "sensitive", "account", "media_attachments", "emojis", "poll")
    return {name: getattr(shape, name) for name in kept} | {"created_at": shape.edited_at or shape.created_at}


def _mark(shape: StatusShape, marks: Marks | None) -> StatusShape:
    marks = marks or _NO_MARKS
    shape.favourited, shape.reblogged, shape.bookmarked = marks.favourite, marks.boost is not None, marks.bookmark
    shape.muted, shape.pinned, shape.filtered = False, False, ()
    return shape
