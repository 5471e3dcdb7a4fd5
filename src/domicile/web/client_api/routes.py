"""All endpoints of the client API."""

from typing import Any

from domicile.web.client_api import (
    absent,
    accounts,
    announcements,
    apps,
    credentials,
    declaration,
    follows,
    instance,
    media,
    notifications,
    reactions,
    search,
    sign_up,
    statuses,
    timelines,
    verification,
)

_RESOURCES = (
    absent,
    accounts,
    announcements,
    apps,
    credentials,
    declaration,
    follows,
    instance,
    media,
    notifications,
    reactions,
    search,
    sign_up,
    statuses,
    timelines,
    verification,
)
ROUTES: list[Any] = [handler for resource in _RESOURCES for handler in resource.HANDLERS]
