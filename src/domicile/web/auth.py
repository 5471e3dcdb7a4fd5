"""Who asks: the access token of a request, and what its scopes allow."""

from collections.abc import Iterable

from litestar.connection import ASGIConnection

from domicile.errors import NotAuthenticated, NotPermitted
from domicile.network.access import Grant
from domicile.running import Domicile

DEFAULT_SCOPE = "read"
_THINGS = {
    "read": "accounts blocks bookmarks favourites filters follows lists mutes notifications search statuses",
    "write": "accounts blocks bookmarks conversations favourites filters follows lists media mutes notifications"
    " reports statuses",
}
SCOPES = frozenset(
    [f"{verb}:{thing}" for verb, things in _THINGS.items() for thing in things.split()]
    + ["read", "write", "follow", "push", "profile"]
)
# Mastodon's older word for four pairs of the newer ones.
_FOLLOW = frozenset(f"{verb}:{thing}" for verb in ("read", "write") for thing in ("blocks", "follows", "mutes"))


def normal_scopes(text: str) -> list[str]:
    """Known scopes, each once, in the order written; empty if any is unknown."""
    scopes = list(dict.fromkeys(text.replace("+", " ").split()))
    return scopes if all(scope in SCOPES for scope in scopes) else []


def allows(held: Iterable[str], wanted: str) -> bool:
    """Whether the scopes held cover the one wanted: `read` covers `read:statuses`, `follow` covers `write:follows`."""
    held = frozenset(held)
    if wanted in held or wanted.partition(":")[0] in held:
        return True
    if wanted == "profile":
        return "read" in held or "read:accounts" in held
    if wanted == "follow":
        return held >= _FOLLOW or held >= {"read", "write"}
    return wanted in _FOLLOW and "follow" in held


def bearer(connection: ASGIConnection) -> str | None:  # type: ignore[type-arg]
    """The token of a request's Authorization header, or None."""
    kind, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" and token.strip() else None


async def check_grant(
    domicile: Domicile, token: str | None, scope: str | None, *, app: bool = False, unverified: bool = False
) -> Grant:
    """The grant behind a token that has this scope. `app`: an app's own token will do; `unverified`: see `check_token`.

    Raises NotAuthenticated, or NotPermitted when the token is good for something else.
    """
    if token is None:
        raise NotAuthenticated("no access token")
    grant = await domicile.access.check_token(token, unverified=unverified)
    if grant.member is None and not app:
        raise NotPermitted("an app's own token", "This method requires an authenticated user")
    if scope is not None and not allows(grant.scopes, scope):
        raise NotPermitted("a token without the scope", "This action is outside the authorized scopes")
    return grant
