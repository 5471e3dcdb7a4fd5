"""The wire shapes of the Mastodon client API: what clients read, field by field."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from domicile.ids import MemberId, SiteName


class FieldShape(msgspec.Struct):
    name: str
    value: str
    verified_at: str | None = None


class AccountShape(msgspec.Struct):
    """https://docs.joinmastodon.org/entities/Account/ ; `country` is ours, and there only if the member shows it."""

    id: str
    username: str
    acct: str
    display_name: str
    note: str
    url: str
    uri: str
    avatar: str
    avatar_static: str
    header: str
    header_static: str
    created_at: str
    locked: bool = False
    bot: bool = False
    group: bool = False
    discoverable: bool | None = None
    indexable: bool = False
    noindex: bool = True
    hide_collections: bool | None = None
    last_status_at: str | None = None
    statuses_count: int = 0
    followers_count: int = 0
    following_count: int = 0
    emojis: Sequence[str] = ()
    roles: Sequence[str] = ()
    fields: list[FieldShape] = msgspec.field(default_factory=list)
    country: str | UnsetType = UNSET
    suspended: bool | UnsetType = UNSET
    source: dict[str, Any] | UnsetType = UNSET
    role: dict[str, Any] | UnsetType = UNSET


class MentionShape(msgspec.Struct):
    id: str
    username: str
    url: str
    acct: str


class TagShape(msgspec.Struct):
    name: str
    url: str
    history: Sequence[str] | UnsetType = UNSET
    following: bool | UnsetType = UNSET
    id: str | UnsetType = UNSET


class MediaShape(msgspec.Struct):
    """https://docs.joinmastodon.org/entities/MediaAttachment/"""

    id: str
    url: str
    preview_url: str
    meta: dict[str, Any]
    description: str | None
    type: str = "image"
    remote_url: str | None = None
    preview_remote_url: str | None = None
    text_url: str | None = None
    blurhash: str | None = None


class StatusShape(msgspec.Struct):
    """https://docs.joinmastodon.org/entities/Status/ ; accounts are encoded once a page."""

    id: str
    created_at: str
    uri: str
    url: str
    account: msgspec.Raw
    content: str
    visibility: str
    sensitive: bool = False
    spoiler_text: str = ""
    language: str | None = None
    in_reply_to_id: str | None = None
    in_reply_to_account_id: str | None = None
    reblog: "StatusShape | None" = None
    application: dict[str, str | None] | None = None
    media_attachments: list[MediaShape] = msgspec.field(default_factory=list)
    mentions: list[MentionShape] = msgspec.field(default_factory=list)
    tags: list[TagShape] = msgspec.field(default_factory=list)
    emojis: Sequence[str] = ()
    card: None = None
    poll: None = None
    replies_count: int = 0
    reblogs_count: int = 0
    favourites_count: int = 0
    edited_at: str | None = None
    favourited: bool | UnsetType = UNSET
    reblogged: bool | UnsetType = UNSET
    bookmarked: bool | UnsetType = UNSET
    muted: bool | UnsetType = UNSET
    pinned: bool | UnsetType = UNSET
    filtered: Sequence[str] | UnsetType = UNSET
    text: str | UnsetType = UNSET


class RelationshipShape(msgspec.Struct):
    id: str
    following: bool
    showing_reblogs: bool
    notifying: bool
    followed_by: bool
    requested: bool
    requested_by: bool
    languages: Sequence[str] | None = None
    blocking: bool = False
    blocked_by: bool = False
    muting: bool = False
    muting_notifications: bool = False
    domain_blocking: bool = False
    endorsed: bool = False
    note: str = ""


class NotificationShape(msgspec.Struct):
    id: str
    type: str
    created_at: str
    group_key: str
    account: msgspec.Raw
    status: StatusShape | None = None


class GroupShape(msgspec.Struct):
    """A group of one notification: https://docs.joinmastodon.org/methods/grouped_notifications/"""

    group_key: str
    type: str
    most_recent_notification_id: int
    page_min_id: str
    page_max_id: str
    latest_page_notification_at: str
    sample_account_ids: list[str]
    notifications_count: int = 1
    status_id: str | None = None


def stamp(moment: datetime) -> str:
    """A moment as clients read it: UTC, milliseconds, Z."""
    return f"{moment.astimezone(UTC).isoformat(timespec='milliseconds')[:23]}Z"


def file_claim(at: SiteName, member: MemberId, digest: str) -> str:
    """What the signature in a file's address covers."""
    return f"media {at} {member} {digest}"
