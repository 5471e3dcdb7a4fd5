"""Authlib's authorization server for one request, over what `oauth.py` has loaded for it."""

import hmac
from collections.abc import Mapping
from typing import Any

from authlib.oauth2 import AuthorizationServer, OAuth2Request
from authlib.oauth2.rfc6749 import ClientMixin, InvalidRequestError, InvalidScopeError
from authlib.oauth2.rfc6749.grants import (
    AuthorizationCodeGrant,
    ClientCredentialsGrant,
    ResourceOwnerPasswordCredentialsGrant,
)
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge

from domicile.ids import MemberId
from domicile.network.access import App, Code, Grant
from domicile.running import Domicile
from domicile.web.auth import DEFAULT_SCOPE, allows, normal_scopes

AUTH_METHODS = ["client_secret_basic", "client_secret_post"]

# Authlib insists on https in what it is told. TLS ends before us, and loopback needs none (RFC 8252, section 8.3).
_ENDPOINT = "https://domicile.invalid/oauth"


class Request(OAuth2Request):  # type: ignore[misc]
    """A request as Authlib wants to see it."""

    def __init__(self, method: str, fields: Mapping[str, str], headers: Mapping[str, str]) -> None:
        super().__init__(method, _ENDPOINT, headers={"Authorization": headers.get("authorization", "")})
        self.payload = BasicOAuth2Payload(dict(fields))

    @property
    def args(self) -> dict[str, str]:
        return dict(self.payload.data)

    @property
    def form(self) -> dict[str, str]:
        return dict(self.payload.data)


class Client(ClientMixin):  # type: ignore[misc]
    """An app, with the questions that Authlib asks of it."""

    def __init__(self, app: App, domicile: Domicile) -> None:
        self.app = app
        self.client_id = app.client_id
        self._secret = domicile.access.app_secret(app.client_id)
        self._grants = {"authorization_code", "client_credentials"}
        if domicile.config.password_grant:
            self._grants.add("password")

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str | None:
        return self.app.redirect_uris[0] if len(self.app.redirect_uris) == 1 else None

    def get_allowed_scope(self, scope: str | None) -> str | None:
        asked = normal_scopes(scope or DEFAULT_SCOPE)
        registered = frozenset(self.app.scopes.split())
        return " ".join(asked) if asked and all(allows(registered, wanted) for wanted in asked) else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.app.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        return hmac.compare_digest(self._secret.encode(), client_secret.encode())

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in AUTH_METHODS

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self._grants


class CodeGrant(AuthorizationCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def query_authorization_code(self, code: str, client: Client) -> "LoadedCode | None":
        loaded = self.server.code
        return LoadedCode(loaded) if loaded is not None and loaded.client_id == client.client_id else None


class LoadedCode:
    """A code as Authlib wants to see it."""

    def __init__(self, code: Code) -> None:
        self.member = code.member
        self.scopes = code.scopes
        self.code_challenge = code.challenge
        self.code_challenge_method = code.challenge_method
        self._redirect_uri = code.redirect_uri

    def get_redirect_uri(self) -> str:
        return self._redirect_uri


class S256(CodeChallenge):  # type: ignore[misc]
    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]  # noqa: RUF012  Authlib's own
    CODE_CHALLENGE_METHODS = {"S256": CodeChallenge.CODE_CHALLENGE_METHODS["S256"]}  # noqa: RUF012

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        super().validate_code_challenge(grant, redirect_uri)
        sent = grant.request.payload.data
        if sent.get("code_challenge") and not sent.get("code_challenge_method"):
            raise InvalidRequestError("Missing 'code_challenge_method'")


class AppGrant(ClientCredentialsGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS


class PasswordGrant(ResourceOwnerPasswordCredentialsGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def authenticate_user(self, username: str, password: str) -> MemberId | None:
        member: MemberId | None = self.server.member
        return member


class Revocation(RevocationEndpoint):  # type: ignore[misc]
    CLIENT_AUTH_METHODS = AUTH_METHODS

    def __init__(self, server: "Server", grant: Grant | None) -> None:
        super().__init__(server)
        self._grant = grant
        self.token: Grant | None = None

    def query_token(self, token_string: str, token_type_hint: str | None) -> "LoadedToken | None":
        return LoadedToken(self._grant) if self._grant else None

    def revoke_token(self, token: "LoadedToken", request: OAuth2Request) -> None:
        self.token = token.grant


class LoadedToken:
    def __init__(self, grant: Grant) -> None:
        self.grant = grant

    def check_client(self, client: Client) -> bool:
        return self.grant.client_id == client.client_id


class Server(AuthorizationServer):  # type: ignore[misc]
    """Authlib's server for one request, with what was loaded for it."""

    def __init__(self, client: Client | None) -> None:
        super().__init__()
        self._client = client
        self.code: Code | None = None
        self.member: MemberId | None = None
        self.register_grant(CodeGrant, [S256(required=True)])
        self.register_grant(AppGrant)
        self.register_grant(PasswordGrant)

    def query_client(self, client_id: str) -> Client | None:
        return self._client if self._client and self._client.client_id == client_id else None

    def create_oauth2_request(self, request: Request) -> Request:
        return request

    def validate_requested_scope(self, scope: str | None) -> None:
        if self._client is not None and self._client.get_allowed_scope(scope) is None:
            raise InvalidScopeError("The requested scope is invalid, unknown, or malformed.")

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""
