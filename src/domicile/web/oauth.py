"""OAuth 2.0: Authlib decides, Domicile stores. RFC 6749, RFC 7636 (S256 only), RFC 7009.

Authlib's grants are synchronous and our store is not. So each request first loads what the decision needs (app, code,
member), then lets Authlib validate, and only then writes. The member's pages call `begin_authorization`,
`grant_authorization` and `deny_authorization`; the client calls `issue_token` and `revoke_token`.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
from authlib.common.urls import add_params_to_uri
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidClientError
from authlib.oauth2.rfc6749.util import extract_basic_authorization

from domicile.errors import NotAuthenticated, NotFound
from domicile.ids import MemberId
from domicile.network.access import App, Code, Grant
from domicile.running import Domicile
from domicile.web.auth import SCOPES
from domicile.web.errors import AuthorizationRefused, OAuthRefused
from domicile.web.grants import AUTH_METHODS, Client, CodeGrant, Request, Revocation, Server

OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"

T = TypeVar("T")


class AuthorizationRequest(msgspec.Struct, frozen=True):
    """A request that Authlib found right. `fields` is what a page repeats in its form, to be checked again."""

    client_id: str
    app_name: str
    website: str | None
    redirect_uri: str
    scopes: str
    state: str | None
    challenge: str | None
    challenge_method: str | None
    fields: dict[str, str]


class Token(msgspec.Struct):
    """RFC 6749, section 5.1, as Mastodon answers it."""

    access_token: str
    token_type: str
    scope: str
    created_at: int


async def begin_authorization(domicile: Domicile, query: Mapping[str, str]) -> AuthorizationRequest:
    """Validate what a client asks a member for.

    Raises AuthorizationRefused where the client is told by a redirect (the error map sends it), else OAuthRefused.
    """
    _check_text(query)
    fields = {name: value for name, value in query.items() if name in _FIELDS and value}
    app = await _find_app(domicile, fields.get("client_id"))
    request = Request("GET", fields, {})
    server = Server(Client(app, domicile) if app else None)
    grant = _decided(lambda: server.get_consent_grant(request))
    assert app is not None  # Authlib has refused an unknown client
    return AuthorizationRequest(
        app.client_id,
        app.name,
        app.website,
        grant.redirect_uri,
        request.scope,
        fields.get("state"),
        fields.get("code_challenge"),
        fields.get("code_challenge_method"),
        fields,
    )


async def grant_authorization(domicile: Domicile, request: AuthorizationRequest, member: MemberId) -> str:
    """Where to send the browser with the code; out of band, the code itself."""
    code = await domicile.access.new_code(
        Code(
            member,
            request.client_id,
            request.redirect_uri,
            request.scopes,
            request.challenge,
            request.challenge_method,
        )
    )
    return code if request.redirect_uri == OUT_OF_BAND else _back(request, code=code)


def deny_authorization(request: AuthorizationRequest) -> str:
    """Where to send the browser when the member said no; empty out of band, where there is nowhere to go."""
    if request.redirect_uri == OUT_OF_BAND:
        return ""
    return _back(request, error="access_denied", error_description="The resource owner denied the request.")


async def issue_token(domicile: Domicile, form: Mapping[str, str], headers: Mapping[str, str]) -> Token:
    """An access token for a code, for the app itself, or (where switched on) for a password. Raises OAuthRefused."""
    _check_text(form)
    request = Request("POST", form, headers)
    client_id, _ = _decided(lambda: extract_basic_authorization(request.headers))
    app = await _find_app(domicile, client_id or form.get("client_id"))
    server = Server(Client(app, domicile) if app else None)
    _decided(lambda: server.authenticate_client(request, AUTH_METHODS))
    server.code, server.member = await _load(domicile, form)
    grant = _decided(lambda: server.get_token_grant(request))
    _decided(grant.validate_token_request)
    assert app is not None  # Authlib has refused an unknown client
    if isinstance(grant, CodeGrant):
        return await new_token(domicile, request.authorization_code.member, app, request.authorization_code.scopes)
    scopes = request.client.get_allowed_scope(form.get("scope"))
    return await new_token(domicile, request.user, app, scopes)


async def new_token(domicile: Domicile, member: MemberId | None, app: App, scopes: str) -> Token:
    """Make and store a token for a member, or sign one for the app itself."""
    if member is None:
        text = domicile.access.app_token(app.client_id, scopes)
    else:
        text = await domicile.access.new_token(member, app.client_id, scopes)
    return Token(text, "Bearer", scopes, int(domicile.clock().timestamp()))


async def revoke_token(domicile: Domicile, form: Mapping[str, str], headers: Mapping[str, str]) -> None:
    """Forget a token (RFC 7009); one that nobody knows is no error, an app's own cannot be revoked."""
    _check_text(form)
    request = Request("POST", form, headers)
    client_id, _ = _decided(lambda: extract_basic_authorization(request.headers))
    app = await _find_app(domicile, client_id or form.get("client_id"))
    server = Server(Client(app, domicile) if app else None)
    text = form.get("token", "")
    endpoint = Revocation(server, await _grant_of(domicile, text))
    _decided(lambda: endpoint.create_endpoint_response(request))
    if text.startswith("app."):
        raise OAuthRefused("unsupported_token_type", "An app's own token is signed and not stored.", 400)
    if endpoint.token is not None:
        await domicile.access.revoke_token(text)


def server_metadata(domicile: Domicile) -> dict[str, Any]:
    """RFC 8414, for /.well-known/oauth-authorization-server."""
    url = domicile.config.url
    return {
        "issuer": f"{url}/",
        "authorization_endpoint": f"{url}/oauth/authorize",
        "token_endpoint": f"{url}/oauth/token",
        "revocation_endpoint": f"{url}/oauth/revoke",
        "userinfo_endpoint": f"{url}/oauth/userinfo",
        "app_registration_endpoint": f"{url}/api/v1/apps",
        "scopes_supported": sorted(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "client_credentials"]
        + (["password"] if domicile.config.password_grant else []),
        "token_endpoint_auth_methods_supported": AUTH_METHODS,
        "code_challenge_methods_supported": ["S256"],
    }


_FIELDS = frozenset(
    ("client_id", "redirect_uri", "response_type", "scope", "state", "code_challenge", "code_challenge_method")
)


def _check_text(fields: Mapping[str, str]) -> None:
    """OAuth's parameters are printable; whatever else was sent is refused before anybody reads it."""
    for name, value in fields.items():
        if name not in ("password", "username") and not value.isprintable():
            raise OAuthRefused("invalid_request", f"{name if name in _FIELDS else 'A parameter'} is malformed.", 400)


async def _find_app(domicile: Domicile, client_id: str | None) -> App | None:
    if not client_id or len(client_id) > 64 or not client_id.isascii() or not client_id.isprintable():
        return None
    try:
        return await domicile.access.find_app(client_id)
    except NotFound:
        return None


async def _load(domicile: Domicile, form: Mapping[str, str]) -> tuple[Code | None, MemberId | None]:
    """What the grant will ask for: the code, taken for good, or the member whose password this is."""
    kind = form.get("grant_type")
    if kind == "authorization_code":
        return await domicile.access.take_code(form.get("code", "")), None
    if kind == "password" and domicile.config.password_grant:
        try:
            return None, await domicile.members.check_log_in(form.get("username", ""), form.get("password", ""))
        except NotAuthenticated:
            return None, None
    return None, None


async def _grant_of(domicile: Domicile, text: str) -> Grant | None:
    try:
        return await domicile.access.find_grant(text)
    except NotAuthenticated:
        return None


def _back(request: AuthorizationRequest, **params: str) -> str:
    pairs = [*params.items(), *([("state", request.state)] if request.state else [])]
    return str(add_params_to_uri(request.redirect_uri, pairs))


def _decided(decide: Callable[[], T]) -> T:
    """Authlib's decision, its refusals as ours. Its texts may not hold what it was sent, hence ValueError."""
    try:
        return decide()
    except OAuth2Error as error:
        location = str(error.redirect_uri or "")
        if location and location != OUT_OF_BAND:
            _, _, headers = error()
            raise AuthorizationRefused(error.error, error.description, dict(headers)["Location"]) from None
        status = 401 if isinstance(error, InvalidClientError) else error.status_code
        raise OAuthRefused(error.error, error.description, status) from None
    except ValueError:
        raise OAuthRefused("invalid_request", "The request is malformed.", 400) from None
