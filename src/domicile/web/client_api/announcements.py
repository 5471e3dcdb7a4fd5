"""Announcements: what this member is told of a relocation to come. Nobody else sees it."""

from html import escape
from typing import Any

import msgspec

from domicile.network.notices import Notice
from domicile.web.client_api.endpoint import Call, Nothing, Reply, endpoint
from domicile.web.client_api.shapes import stamp


class AnnouncementsAsked(msgspec.Struct):
    """`with_dismissed`: also those that were read."""

    with_dismissed: bool = False


@endpoint("GET", "/api/v1/announcements", scope="read", query=AnnouncementsAsked)
async def show_announcements(call: Call, query: AnnouncementsAsked) -> Reply:
    """The notice of a relocation, if one is to come, in the member's own language."""
    notice = await call.domicile.notices.current(call.member)
    if notice is None or (notice.dismissed_at and not query.with_dismissed):
        return Reply([])
    return Reply([_shape(notice, call.domicile.config.url)])


@endpoint("POST", "/api/v1/announcements/{id}/dismiss", scope="write:accounts", body=Nothing)
async def dismiss_announcement(call: Call, body: Nothing) -> Reply:
    """It has been read."""
    await call.domicile.notices.dismiss(call.member, call.number())
    return Reply({})


def _shape(notice: Notice, url: str) -> dict[str, Any]:
    """https://docs.joinmastodon.org/entities/Announcement/"""
    link = f"{url}/settings/move"
    paragraphs = [f"<strong>{escape(notice.title)}</strong>", *map(escape, notice.paragraphs)]
    text = "".join(f"<p>{paragraph}</p>" for paragraph in [*paragraphs, f'<a href="{link}">{link}</a>'])
    return {
        "id": str(notice.id),
        "content": text,
        "starts_at": None,
        "ends_at": None,
        "all_day": False,
        "published": True,
        "published_at": stamp(notice.told_at),
        "updated_at": stamp(notice.told_at),
        "read": notice.dismissed_at is not None,
        "mentions": [],
        "statuses": [],
        "tags": [],
        "emojis": [],
        "reactions": [],
    }


HANDLERS = [show_announcements, dismiss_announcement]
