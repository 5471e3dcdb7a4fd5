"""Apps, tokens, and what a client reads before it asks for one."""

import msgspec

from domicile.errors import InvalidInput
from domicile.network.access import App
from domicile.web.auth import DEFAULT_SCOPE, normal_scopes
from domicile.web.client_api.endpoint import Call, Reply, endpoint
from domicile.web.client_api.pages import shaper
from domicile.web.oauth import OUT_OF_BAND, issue_token, revoke_token, server_metadata

LONGEST_URI = 2000
MOST_URIS = 20
# RFC 9700, section 4.1: what a browser would run, or read from its own disk, is no place to send a code to.
_UNSAFE = ("javascript:", "data:", "vbscript:", "file:", "about:", "blob:")


class NewApp(msgspec.Struct):
    """POST /api/v1/apps; several redirect URIs come as a list, or one a line."""

    client_name: str = ""
    redirect_uris: str | list[str] = ""
    scopes: str | None = None
    website: str | None = None


class TokenAsked(msgspec.Struct):
    """RFC 6749, sections 4.1.3, 4.3.2 and 4.4.2."""

    grant_type: str = ""
    code: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    redirect_uri: str | None = None
    scope: str | None = None
    code_verifier: str | None = None
    username: str | None = None
    password: str | None = None


class Revoked(msgspec.Struct):
    """RFC 7009, section 2.1."""

    token: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    token_type_hint: str | None = None


@endpoint("POST", "/api/v1/apps", access="open", body=NewApp)
async def create_app(call: Call, body: NewApp) -> Reply:
    """Register an app."""
    uris = _redirect_uris(body.redirect_uris)
    scopes = normal_scopes(body.scopes or DEFAULT_SCOPE)
    if not scopes:
        raise InvalidInput("Validation failed: Scopes doesn't match configured on the server.")
    if not body.client_name.strip():
        raise InvalidInput("Validation failed: Application name can't be blank")
    website = _website(body.website)
    app = await call.domicile.access.register_app(body.client_name, uris, " ".join(scopes), website)
    secret = call.domicile.access.app_secret(app.client_id)
    return Reply(_shape(app) | {"client_id": app.client_id, "client_secret": secret, "client_secret_expires_at": 0})


@endpoint("GET", "/api/v1/apps/verify_credentials", access="app")
async def verify_app(call: Call) -> Reply:
    """The app behind a token."""
    assert call.grant is not None  # let in with a token only
    return Reply(_shape(await call.domicile.access.find_app(call.grant.client_id)))


@endpoint("POST", "/oauth/token", access="open", body=TokenAsked)
async def give_token(call: Call, body: TokenAsked) -> Reply:
    """An access token for a code, for the app itself, or where switched on for a password."""
    if body.grant_type == "password":
        call.limits.spend("log_ins", call.request)
    form = _texts(body)
    return Reply(await issue_token(call.domicile, form, call.request.headers))


@endpoint("POST", "/oauth/revoke", access="open", body=Revoked)
async def forget_token(call: Call, body: Revoked) -> Reply:
    """Forget a token."""
    await revoke_token(call.domicile, _texts(body), call.request.headers)
    return Reply({})


@endpoint("GET", "/.well-known/oauth-authorization-server", access="open")
async def show_metadata(call: Call) -> Reply:
    """Where and how to ask for access (RFC 8414)."""
    return Reply(server_metadata(call.domicile))


@endpoint("GET", "/oauth/userinfo", scope="profile")
async def show_userinfo(call: Call) -> Reply:
    """Who is logged in, in the words of OpenID Connect."""
    own = await call.domicile.profiles.own(call.member)
    account = (await shaper(call)).account(own.member, own.profile)
    return Reply(
        {
            "iss": f"{call.domicile.config.url}/",
            "sub": account.url,
            "name": account.display_name,
            "preferred_username": account.username,
            "profile": account.url,
            "picture": account.avatar,
        }
    )


def _texts(body: msgspec.Struct) -> dict[str, str]:
    return {name: value for name, value in msgspec.structs.asdict(body).items() if value is not None}


def _shape(app: App) -> dict[str, object]:
    """An app as clients read it; `redirect_uri` is Mastodon's older name."""
    return {
        "id": app.client_id,
        "name": app.name,
        "website": app.website,
        "scopes": app.scopes.split(),
        "redirect_uri": "\n".join(app.redirect_uris),
        "redirect_uris": app.redirect_uris,
        "vapid_key": "",
    }


def _redirect_uris(sent: str | list[str]) -> list[str]:
    """The places a code may be sent to. Raises InvalidInput."""
    uris = sent.split() if isinstance(sent, str) else sent
    if not uris or len(uris) > MOST_URIS:
        raise InvalidInput("Validation failed: Redirect URI can't be blank")
    for uri in uris:
        scheme = uri.partition(":")[0]
        well_formed = (
            scheme[:1].isalpha()
            and scheme.isascii()
            and scheme.replace("+", "").replace(".", "").replace("-", "").isalnum()
        )
        odd = not uri.isprintable() or " " in uri or "#" in uri or ":" not in uri or len(uri) > LONGEST_URI
        if uri != OUT_OF_BAND and (odd or not well_formed or uri.lower().startswith(_UNSAFE)):
            raise InvalidInput("Validation failed: Redirect URI must be an absolute URI.")
    return list(dict.fromkeys(uris))


def _website(text: str | None) -> str | None:
    if not text:
        return None
    if not text.startswith(("http://", "https://")) or len(text) > LONGEST_URI or not text.isprintable():
        raise InvalidInput("Validation failed: Application website must be a valid URL")
    return text


HANDLERS = [create_app, verify_app, give_token, forget_token, show_metadata, show_userinfo]
