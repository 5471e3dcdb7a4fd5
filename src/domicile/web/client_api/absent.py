"""What clients ask for that this network does not have: an empty answer where that is the truth, else 404.

Nothing is ever pretended: a write to something that does not exist is refused.
"""

from litestar.handlers import HTTPRouteHandler

from domicile.web.client_api.endpoint import Call, Handler, Reply, endpoint
from domicile.web.client_api.pages import shaper

# path -> (scope; None: anybody may ask)
_EMPTY: dict[str, str | None] = {
    "/api/v1/blocks": "read:blocks",
    "/api/v1/conversations": "read:statuses",
    "/api/v1/custom_emojis": None,
    "/api/v1/directory": None,
    "/api/v1/domain_blocks": "read:blocks",
    "/api/v1/endorsements": "read:accounts",
    "/api/v1/featured_tags": "read:accounts",
    "/api/v1/featured_tags/suggestions": "read:accounts",
    "/api/v1/filters": "read:filters",
    "/api/v1/followed_tags": "read:follows",
    "/api/v1/instance/activity": None,
    "/api/v1/instance/domain_blocks": None,
    "/api/v1/instance/peers": None,
    "/api/v1/instance/rules": None,
    "/api/v1/instance/translation_languages": None,
    "/api/v1/lists": "read:lists",
    "/api/v1/mutes": "read:mutes",
    "/api/v1/notifications/requests": "read:notifications",
    "/api/v1/scheduled_statuses": "read:statuses",
    "/api/v1/suggestions": "read",
    "/api/v1/trends": None,
    "/api/v1/trends/links": None,
    "/api/v1/trends/statuses": None,
    "/api/v1/trends/tags": None,
    "/api/v2/filters": "read:filters",
    "/api/v2/suggestions": "read",
}
_MAPPINGS = frozenset(("/api/v1/instance/translation_languages",))


def _empty(path: str, scope: str | None) -> HTTPRouteHandler:
    async def show(call: Call) -> Reply:
        return Reply({} if path in _MAPPINGS else [])

    show.__name__ = f"show_no_{path.rsplit('/', 1)[-1]}"
    show.__doc__ = "There are none here."
    handler: Handler = show
    return endpoint("GET", path, scope=scope, access="member" if scope else "open")(handler)


@endpoint("GET", "/api/v1/markers", scope="read:statuses")
async def show_markers(call: Call) -> Reply:
    """Nobody's place in a timeline is kept."""
    return Reply({})


@endpoint("GET", "/api/v1/tags/{name}", scope="read", access="anyone")
async def show_tag(call: Call) -> Reply:
    """A hashtag; nobody follows one here."""
    return Reply((await shaper(call)).tag(call.path("name").lstrip("#").casefold()[:100]))


@endpoint("GET", "/api/v2/notifications/policy", scope="read:notifications")
async def show_policy(call: Call) -> Reply:
    """Nothing is filtered here."""
    kinds = ("not_following", "not_followers", "new_accounts", "private_mentions", "limited_accounts")
    summary = {"pending_requests_count": 0, "pending_notifications_count": 0}
    return Reply({f"for_{kind}": "accept" for kind in kinds} | {"summary": summary})


HANDLERS = [show_markers, show_tag, show_policy, *(_empty(path, scope) for path, scope in _EMPTY.items())]
