"""What this network says about itself."""

import time
from typing import Any

from domicile import __version__
from domicile.network.media import FORMATS
from domicile.network.posts import MOST_PICTURES
from domicile.network.size import Size, count_network
from domicile.web.client_api.endpoint import Call, Reply, endpoint

# Clients read the Mastodon version to know what they may ask for.
VERSION = f"4.5.0 (compatible; Domicile {__version__})"
LANGUAGES = ("en",)
CHARACTERS_A_URL = 23
COUNT_EVERY_S = 60.0
_ABOUT = "Each member's data is kept in the country whose law claims it."


@endpoint("GET", "/api/v1/instance", access="open")
async def show_instance_v1(call: Call) -> Reply:
    """This network, as older clients ask."""
    config = call.domicile.config
    size = await network_size(call)
    return Reply(
        {
            "uri": _host(call),
            "title": config.title,
            "short_description": _ABOUT,
            "description": _ABOUT,
            "email": config.contact,
            "version": VERSION,
            "urls": {"streaming_api": ""},
            "stats": {"user_count": size.members, "status_count": size.posts, "domain_count": 1},
            "thumbnail": None,
            "languages": LANGUAGES,
            "registrations": config.registrations,
            "approval_required": False,
            "invites_enabled": False,
            "configuration": _configuration(call),
            "contact_account": None,
            "rules": [],
        }
    )


@endpoint("GET", "/api/v2/instance", access="open")
async def show_instance(call: Call) -> Reply:
    """This network: names, limits, and what it offers."""
    config = call.domicile.config
    size = await network_size(call)
    return Reply(
        {
            "domain": _host(call),
            "title": config.title,
            "version": VERSION,
            "source_url": "",
            "description": _ABOUT,
            "usage": {"users": {"active_month": size.members}},
            "thumbnail": {"url": f"{config.url}/static/header.svg"},
            "icon": [],
            "languages": LANGUAGES,
            "configuration": _configuration(call)
            | {"urls": {}, "vapid": {"public_key": ""}, "translation": {"enabled": False}},
            "registrations": {
                "enabled": config.registrations,
                "approval_required": False,
                "message": None,
                "url": f"{config.url}/signup",
            },
            "api_versions": {"mastodon": 6},
            "contact": {"email": config.contact, "account": None},
            "rules": [],
        }
    )


@endpoint("GET", "/api/v1/instance/extended_description", access="open")
async def show_description(call: Call) -> Reply:
    """A few words on what this is."""
    return Reply({"updated_at": "2026-01-01T00:00:00.000Z", "content": f"<p>{_ABOUT}</p>"})


@endpoint("GET", "/.well-known/nodeinfo", access="open")
async def show_nodeinfo_links(call: Call) -> Reply:
    """Where the nodeinfo document is."""
    schema = "http://nodeinfo.diaspora.software/ns/schema"
    return Reply(
        {
            "links": [
                {"rel": f"{schema}/{version}", "href": f"{call.domicile.config.url}/nodeinfo/{version}"}
                for version in ("2.0", "2.1")
            ]
        }
    )


@endpoint("GET", "/nodeinfo/2.0", access="open")
async def show_nodeinfo(call: Call) -> Reply:
    """The network in the words of nodeinfo 2.0."""
    return Reply(await _nodeinfo(call, "2.0"))


@endpoint("GET", "/nodeinfo/2.1", access="open")
async def show_nodeinfo_21(call: Call) -> Reply:
    """The network in the words of nodeinfo 2.1."""
    return Reply(await _nodeinfo(call, "2.1"))


async def _nodeinfo(call: Call, version: str) -> dict[str, Any]:
    size = await network_size(call)
    return {
        "version": version,
        "software": {"name": "domicile", "version": __version__},
        "protocols": [],
        "services": {"inbound": [], "outbound": []},
        "usage": {"users": {"total": size.members}, "localPosts": size.posts},
        "openRegistrations": call.domicile.config.registrations,
        "metadata": {"nodeName": call.domicile.config.title},
    }


async def network_size(call: Call) -> Size:
    """How large the network is, counted at most once a minute."""
    state = call.request.app.state
    known: tuple[float, Size] | None = state.get("network_size")
    if known is not None and time.monotonic() - known[0] < COUNT_EVERY_S:
        return known[1]
    size = await count_network(call.domicile.router)
    state.network_size = (time.monotonic(), size)
    return size


def _host(call: Call) -> str:
    return call.domicile.config.url.split("://", 1)[-1]


def _configuration(call: Call) -> dict[str, Any]:
    limits = call.domicile.config.limits
    return {
        "accounts": {"max_featured_tags": 0, "max_pinned_statuses": 0},
        "statuses": {
            "max_characters": limits.post_characters,
            "max_media_attachments": MOST_PICTURES,
            "characters_reserved_per_url": CHARACTERS_A_URL,
        },
        "media_attachments": {
            "supported_mime_types": sorted(FORMATS.values()),
            "description_limit": 1500,
            "image_size_limit": limits.media_bytes,
            "image_matrix_limit": limits.media_pixels,
            "video_size_limit": 0,
            "video_frame_rate_limit": 0,
            "video_matrix_limit": 0,
        },
        "polls": {
            "max_options": 0,
            "max_characters_per_option": 0,
            "min_expiration": 0,
            "max_expiration": 0,
        },
    }


HANDLERS = [
    show_instance_v1,
    show_instance,
    show_description,
    show_nodeinfo_links,
    show_nodeinfo,
    show_nodeinfo_21,
]
