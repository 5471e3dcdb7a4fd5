"""The ASGI app: client API, OAuth and member pages over one running Domicile."""

from typing import Any

from litestar import Litestar, Request, get
from litestar.datastructures import MutableScopeHeaders, State
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, OAuthFlow, OAuthFlows, SecurityScheme
from litestar.response import Response
from litestar.static_files import create_static_files_router
from litestar.types import Message, Scope

from domicile import __version__
from domicile.errors import DomicileError
from domicile.running import Domicile
from domicile.web.auth import SCOPES
from domicile.web.client_api.docs import DocsPage
from domicile.web.client_api.routes import ROUTES
from domicile.web.errors import answer_domicile, answer_http, answer_unexpected
from domicile.web.limits import Limits
from domicile.web.site import pages
from domicile.web.site.refusals import show_http_refusal

# What other origins may call: apps that run in a browser.
_OPEN_PATHS = (
    "/api/",
    "/oauth/token",
    "/oauth/revoke",
    "/oauth/userinfo",
    "/.well-known/",
    "/nodeinfo/",
    "/openapi.json",
)
_JSON_PATHS = (*_OPEN_PATHS, "/oauth/", "/media/")
_CROSS_ORIGIN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key",
    "Access-Control-Expose-Headers": "Link, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset,"
    " X-Domicile-Incomplete, Retry-After",
    "Access-Control-Max-Age": "86400",
}
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
}


def make_app(domicile: Domicile) -> Litestar:
    """The app for a Domicile that is open; it neither opens nor closes it."""
    return Litestar(
        route_handlers=[
            *ROUTES,
            show_openapi,
            *pages.ROUTES,
            create_static_files_router("/static", [pages.STATIC_DIR], include_in_schema=False),
        ],
        state=State({"domicile": domicile, "limits": Limits(domicile.config)}, deep_copy=False),
        exception_handlers={
            DomicileError: answer_domicile,
            HTTPException: _answer_http,
            Exception: answer_unexpected,
        },
        before_send=[_add_headers],
        openapi_config=_openapi(domicile.config.title),
        request_max_body_size=None,
        logging_config=None,
    )


@get("/openapi.json", include_in_schema=False, sync_to_thread=False)
def show_openapi(request: Request[Any, Any, State]) -> dict[str, Any]:
    """The API's description, for tools."""
    return request.app.openapi_schema.to_schema()


def _answer_http(request: Request[Any, Any, State], error: HTTPException) -> Response[Any]:
    """JSON for clients, a page for people."""
    if request.scope["path"].startswith(_JSON_PATHS):
        return answer_http(request, error)
    return show_http_refusal(request, error)


async def _add_headers(message: Message, scope: Scope) -> None:
    """What every answer carries, also that to a path nobody knows."""
    if message["type"] != "http.response.start":
        return
    headers = MutableScopeHeaders.from_message(message)
    for name, value in _SAFE.items():
        headers.setdefault(name, value)
    if scope["path"].startswith(_OPEN_PATHS):
        headers.update(_CROSS_ORIGIN)


def _openapi(title: str) -> OpenAPIConfig:
    flows = OAuthFlows(
        authorization_code=OAuthFlow(
            authorization_url="/oauth/authorize",
            token_url="/oauth/token",  # noqa: S106  an address
            scopes={scope: scope for scope in sorted(SCOPES)},
        )
    )
    return OpenAPIConfig(
        title=f"{title}: client API",
        version=__version__,
        path="/docs",
        render_plugins=[DocsPage(path="/")],
        components=Components(security_schemes={"oauth": SecurityScheme(type="oauth2", flows=flows)}),
    )
