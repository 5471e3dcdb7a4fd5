"""One way to write an endpoint: what it takes, who may ask, and what it answers, declared once.

    @endpoint("GET", "/api/v1/timelines/home", scope="read:statuses", query=Paging)
    async def home(call: Call, query: Paging) -> Reply: ...

The declaration checks the token and its scope, reads query and body into the structs, and is what /openapi.json says.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from litestar import Request
from litestar.connection import Request as AnyRequest
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response

from domicile.errors import NotAuthenticated, NotFound
from domicile.ids import MemberId, PostId, SiteName, parse_member_id, parse_number, parse_post_id
from domicile.network.access import Grant
from domicile.running import Domicile
from domicile.web.auth import bearer, check_grant
from domicile.web.bodies import convert, query_values, read_values
from domicile.web.client_api.openapi import documented, security
from domicile.web.errors import rate_limit_reset
from domicile.web.limits import Left, Limits

LARGEST_NUMBER = (1 << 63) - 1
# What a client may send beside its file.
_FORM_ALLOWANCE = 64 << 10
_encode = msgspec.json.Encoder().encode


class Nothing(msgspec.Struct):
    """No parameters are read."""


@dataclass(slots=True)
class Reply:
    """An answer: a value to encode, the Link header of a page, and whether every site had its say."""

    value: object
    link: str | None = None
    complete: bool = True
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Call:
    """One request, read and let in. `grant` is None for a stranger."""

    domicile: Domicile
    request: AnyRequest[Any, Any, Any]
    grant: Grant | None
    limits: Limits

    @property
    def member(self) -> MemberId:
        """Who asks, where the endpoint lets in members only."""
        if self.grant is None or self.grant.member is None:
            raise NotAuthenticated("no member")
        return self.grant.member

    @property
    def reader(self) -> MemberId | None:
        return self.grant.member if self.grant else None

    async def site(self) -> SiteName:
        """The site the reader reads at: their home, a stranger's default."""
        if self.reader is None:
            return self.domicile.members.default_site
        return (await self.domicile.router.home_of(self.reader)).site

    def path(self, name: str) -> str:
        text = str(self.request.path_params[name])
        if "\0" in text:
            raise NotFound("a NUL in a path")
        return text

    def member_id(self, name: str = "id") -> MemberId:
        """A member's id in the path. Raises NotFound for anything else."""
        found = parse_member_id(self.path(name))
        if found is None:
            raise NotFound("not a member's id")
        return found

    def post_id(self, name: str = "id") -> PostId:
        """A post's id in the path. Raises NotFound for anything else."""
        found = parse_post_id(self.path(name))
        if found is None:
            raise NotFound("not a post's id")
        return found

    def number(self, name: str = "id") -> int:
        """Another id in the path. Raises NotFound for anything else."""
        found = parse_number(self.path(name))
        if found is None or found > LARGEST_NUMBER:
            raise NotFound("not an id")
        return found


Handler = Callable[..., Awaitable[Reply]]
F = TypeVar("F", bound=Handler)


@dataclass(frozen=True)
class Declared:
    """What an endpoint takes and whom it lets in.

    `access`: member; unverified (also a member whom a law wants verified first); app (its own token will do); anyone
    (a token is checked if there is one); open (none is read).
    """

    scope: str | None
    access: str
    query: type[msgspec.Struct] | None
    body: type[msgspec.Struct] | None
    upload: bool

    async def let_in(self, request: AnyRequest[Any, Any, Any], domicile: Domicile, token: str | None) -> Grant | None:
        if self.access == "open" or (self.access == "anyone" and token is None):
            return None
        app, unverified = self.access not in ("member", "unverified"), self.access == "unverified"
        return await check_grant(domicile, token, self.scope, app=app, unverified=unverified)

    async def arguments(self, request: AnyRequest[Any, Any, Any], domicile: Domicile) -> list[Any]:
        """The structs for the handler; a write also takes what stands in its query."""
        values = query_values(request.scope["query_string"])
        if self.body is None:
            return [] if self.query is None else [convert(values, self.query)]
        limits = domicile.config.limits
        most = max(limits.body_bytes, limits.media_bytes + _FORM_ALLOWANCE if self.upload else 0)
        return [convert(values | await read_values(request, most), self.body)]


def endpoint(
    method: str,
    path: str,
    *,
    scope: str | None = None,
    access: str = "member",
    query: type[msgspec.Struct] | None = None,
    body: type[msgspec.Struct] | None = None,
    upload: bool = False,
) -> Callable[[Handler], HTTPRouteHandler]:
    """Declare a handler. It is called with the Call, and with its query or body if it declares one."""
    declared = Declared(scope, access, query, body, upload)

    def declare(handler: Handler) -> HTTPRouteHandler:
        async def answer(request: Request[Any, Any, Any]) -> Response[bytes]:
            state = request.app.state
            domicile: Domicile = state.domicile
            token = bearer(request)
            try:
                grant = await declared.let_in(request, domicile, token)
            except NotAuthenticated:
                state.limits.spend("requests", request)  # made-up tokens count for the address they come from
                raise
            left = state.limits.spend("requests", request, token if grant else None)
            arguments = await declared.arguments(request, domicile)
            call = Call(domicile, request, grant, state.limits)
            reply = await handler(call, *arguments)
            if method == "GET" and domicile.door.silent and domicile.door.silent_to(await call.site()):
                reply.complete = False  # whoever it is about, see `silent_to`
            return _response(reply, left)

        answer.__doc__ = handler.__doc__
        answer.__name__ = answer.__qualname__ = handler.__name__
        return HTTPRouteHandler(
            re.sub(r"{(\w+)}", r"{\1:str}", path),
            http_method=method,  # type: ignore[arg-type]
            status_code=200,
            operation_class=documented(path, query, body, security(access, scope), upload=upload),
            operation_id=f"{method.lower()}{re.sub(r'[^a-z0-9]+', '_', path)}".rstrip("_"),
            summary=(handler.__doc__ or handler.__name__).split("\n")[0],
            tags=[path.split("/")[3] if path.startswith("/api/") else path.split("/")[1]],
        )(answer)

    return declare


def _response(reply: Reply, left: Left | None) -> Response[bytes]:
    headers = reply.headers
    if reply.link:
        headers["Link"] = reply.link
    if not reply.complete:
        headers["X-Domicile-Incomplete"] = "1"
    if left is not None:
        headers |= {"X-RateLimit-Limit": str(left.limit), "X-RateLimit-Remaining": str(left.remaining)}
        headers["X-RateLimit-Reset"] = rate_limit_reset(left.reset)
    headers["Cache-Control"] = "private, no-store"
    return Response(_encode(reply.value), status_code=reply.status, media_type="application/json", headers=headers)
