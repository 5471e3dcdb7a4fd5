"""The one map from Domicile's errors to HTTP."""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
import structlog
from litestar.connection import Request
from litestar.exceptions import HTTPException
from litestar.response import Response

from domicile import errors
from domicile.errors import DomicileError, InvalidFields, InvalidInput, TooMany
from domicile.logs import places_of

log = structlog.get_logger("domicile.web")


class Malformed(InvalidInput):
    """The request itself cannot be read: broken JSON, a broken form, bytes that are no text."""


class TooLarge(InvalidInput):
    """The request's body is larger than the operator allows."""


class UnknownMediaType(InvalidInput):
    """The body is in a format that is not read here."""


class OAuthRefused(DomicileError):
    """RFC 6749, section 5.2: an error code, a sentence and a status."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(f"oauth: {code}", description or code.replace("_", " ").capitalize())
        self.code = code
        self.status = status


class AuthorizationRefused(OAuthRefused):
    """RFC 6749, section 4.1.2.1: the client is told by sending the browser to `location`."""

    def __init__(self, code: str, description: str, location: str) -> None:
        super().__init__(code, description, 302)
        self.location = location


_STATUS: Mapping[type[DomicileError], int] = {
    Malformed: 400,
    TooLarge: 413,
    UnknownMediaType: 415,
    InvalidInput: 422,
    errors.NotAuthenticated: 401,
    errors.NotPermitted: 403,
    errors.NotFound: 404,
    errors.Conflict: 422,  # as Mastodon says it
    errors.TooMany: 429,
    errors.Misdirected: 421,
    errors.Withheld: 451,
    errors.Unavailable: 503,
    errors.Misconfigured: 500,
    DomicileError: 500,
}
_RETRY_S = "5"


def status_of(error: DomicileError) -> int:
    """The HTTP status of an error, by the nearest of its classes that the map names."""
    if isinstance(error, OAuthRefused):
        return error.status
    return next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)


def answer_domicile(request: Request, error: DomicileError) -> Response[bytes]:  # type: ignore[type-arg]
    """JSON for an error that was raised on purpose."""
    status = status_of(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("request failed", error=type(error).__name__, detail=error.detail)
    headers: dict[str, str] = {}
    body: dict[str, object] = {"error": error.safe}
    if isinstance(error, OAuthRefused):
        body = {"error": error.code, "error_description": error.safe}
    if isinstance(error, AuthorizationRefused):
        headers["Location"] = error.location
    if isinstance(error, InvalidFields):
        body["details"] = {
            name: [{"error": code, "description": sentence} for code, sentence in found]
            for name, found in error.fields.items()
        }
    if isinstance(error, TooMany):
        headers |= {"X-RateLimit-Limit": str(error.limit), "X-RateLimit-Remaining": "0"}
        headers["X-RateLimit-Reset"] = rate_limit_reset(error.reset)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = _RETRY_S
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="Domicile"'
    return json_error(status, body, headers)


def answer_http(request: Request, error: HTTPException) -> Response[bytes]:  # type: ignore[type-arg]
    """JSON for what Litestar refuses: unknown paths, wrong methods, unreadable requests."""
    known = {404: "Record not found", 405: "Method not allowed"}
    status = error.status_code
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return answer_unexpected(request, error)
    return json_error(status, {"error": known.get(status, HTTPStatus(status).phrase)}, dict(error.headers or {}))


def answer_unexpected(request: Request, error: Exception) -> Response[bytes]:  # type: ignore[type-arg]
    """500, and a log of the kind of error and the place: no message, no values (rule 10)."""
    log.error("unexpected error", error=type(error).__name__, places=places_of(error.__traceback__))
    return json_error(500, {"error": "Something went wrong."}, {})


def json_error(status: int, body: Mapping[str, object], headers: dict[str, str]) -> Response[bytes]:
    return Response(msgspec.json.encode(body), status_code=status, media_type="application/json", headers=headers)


def rate_limit_reset(moment: float) -> str:
    """When a window ends, as Mastodon writes it."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
