"""One page for one reader: who they are, what their form says, and how the answer is rendered."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Request, Response
from litestar.datastructures import Cookie, State
from litestar.response import Redirect

from domicile.errors import NotAuthenticated, NotPermitted
from domicile.ids import MemberId, PostId, SiteName, Snowflake, moment_of, parse_bound
from domicile.network.items import PostItem, Profile
from domicile.network.questions import Bounds
from domicile.network.standing import VERIFY_PATH
from domicile.network.suspension import SUSPENSION_PATH
from domicile.network.timelines import make_bounds
from domicile.running import Domicile
from domicile.web.bodies import Upload, Values, read_values
from domicile.web.client_api.shapes import file_claim
from domicile.web.limits import Kind, Limits
from domicile.web.site.session import (
    SESSION_COOKIE,
    VISIT_COOKIE,
    form_token,
    form_token_fits,
    new_visit,
    visit_cookie,
)
from domicile.web.site.words import country_name, scope_words

TEMPLATES = Path(__file__).parent.parent / "templates"
POSTS_A_PAGE = 20
OPEN_TO_ALL = frozenset(
    {"/settings/data", "/settings/rights", "/settings/rights/archive", "/settings/rights/erase"}
    | {"/logout", "/law", "/about"}
)
"""What every member may see, whatever keeps them from using their account: the rights that do not end with that."""
OPEN_TO_UNVERIFIED = OPEN_TO_ALL | {VERIFY_PATH, f"{VERIFY_PATH}/answer"}
"""What a member may see whom a law wants verified before they use their account at all."""
OPEN_TO_SUSPENDED = OPEN_TO_ALL | {SUSPENSION_PATH}
"""What a member may see whom the operator has suspended."""

AnyRequest = Request[Any, Any, State]
Fields = dict[str, list[str]]


class Login(NotAuthenticated):
    """Whoever asks must log in first; afterwards they come back to `path`."""

    def __init__(self, path: str) -> None:
        super().__init__("a page for members", "Please log in first")
        self.path = path


class LedTo(NotPermitted):
    """Whoever asks may see only some pages now, and is led to `path`, which says why."""

    def __init__(self, detail: str, path: str) -> None:
        super().__init__(detail)
        self.path = path


@dataclass(frozen=True)
class Form:
    """What a form sent: texts as typed, ticks, and files; all of it in memory, nothing on any disk (rule 2)."""

    values: Values

    def text(self, name: str) -> str:
        found = self.values.get(name)
        return found if isinstance(found, str) else ""

    def ticked(self, name: str) -> bool:
        return self.text(name) == "yes"

    def texts(self, name: str) -> list[str]:
        """The values of boxes that share a name, written `name[]` in the form."""
        found = self.values.get(name)
        return [value for value in found if isinstance(value, str)] if isinstance(found, list) else []

    def file(self, name: str) -> bytes | None:
        """What was uploaded, or None if nothing was chosen."""
        found = self.values.get(name)
        return (found.content or None) if isinstance(found, Upload) else None


@dataclass(frozen=True)
class Page:
    """A request with its reader, who reads at site `at`: a member's home, or the default site.

    `cookie` is what the form token is bound to; `fresh`: this answer must set it.
    """

    request: AnyRequest
    domicile: Domicile
    member: MemberId | None
    at: SiteName
    cookie: str
    fresh: bool

    @property
    def secure(self) -> bool:
        return self.domicile.config.url.startswith("https://")

    @property
    def path(self) -> str:
        """The address asked for, with its query, as a path of ours."""
        query = self.request.scope["query_string"].decode("latin-1")
        return self.request.url.path + (f"?{query}" if query else "")

    def query(self, name: str) -> str:
        return str(self.request.query_params.get(name, ""))

    def bounds(self, limit: int = POSTS_A_PAGE) -> Bounds:
        """The page of posts asked for: those before `max_id`, or the newest."""
        return make_bounds(limit, before=parse_bound(self.query("max_id")))

    def require_member(self) -> MemberId:
        """Who is logged in. Raises Login."""
        if self.member is None:
            raise Login(self.path if self.request.method == "GET" else "/home")
        return self.member

    def media(self, member: MemberId, digest: str) -> str:
        """Where this reader finds a file."""
        signature = self.domicile.access.sign(file_claim(self.at, member, digest))
        return f"/media/{self.at}/{member}/{digest}/{signature}"

    def portrait(self, profile: Profile | None, member: MemberId) -> str:
        avatar = profile.avatar if profile else None
        return self.media(member, avatar) if avatar else "/static/avatar.svg"

    async def form(self, *, most_bytes: int | None = None) -> Form:
        """What was sent, once its token fits. Raises NotPermitted."""
        values = Form(await read_values(self.request, most_bytes or self.domicile.config.limits.body_bytes))
        if self.fresh or not form_token_fits(self.domicile.access, self.cookie, values.text("form_token")):
            raise NotPermitted(
                "a form without its token",
                "This form was not sent from this page, or the page is too old. Please go back, reload it and try"
                " again; cookies must be allowed.",
            )
        return values

    def render(self, template: str, status: int = 200, **values: Any) -> Response[str]:
        """The answer as HTML, with the cookie that its forms need."""
        text = _environment.get_template(template).render(
            page=self,
            config=self.domicile.config,
            form_token=form_token(self.domicile.access, self.cookie),
            **values,
        )
        return html(text, status, [visit_cookie(self.cookie, secure=self.secure)] if self.fresh else [])


async def open_page(request: AnyRequest) -> Page:
    """Find out who asks. Raises TooMany."""
    domicile: Domicile = request.app.state.domicile
    count(request, "requests")
    session = request.cookies.get(SESSION_COOKIE, "")
    visitor = await domicile.access.check_session(session) if session else None
    member = visitor.member if visitor else None
    visit = session if member else request.cookies.get(VISIT_COOKIE, "")
    at = (await domicile.router.home_of(member)).site if member else domicile.members.default_site
    page = Page(request, domicile, member, at, visit or new_visit(), fresh=not visit)
    request.state.page = page
    if visitor is not None and visitor.suspended and request.url.path not in OPEN_TO_SUSPENDED:
        raise LedTo("the member is suspended", SUSPENSION_PATH)
    if visitor is not None and visitor.unverified and request.url.path not in OPEN_TO_UNVERIFIED:
        raise LedTo("a page for verified members", VERIFY_PATH)
    return page


def count(request: AnyRequest, kind: Kind) -> None:
    """Count one request, log-in or sign-up from this address. Raises TooMany."""
    limits: Limits = request.app.state.limits
    limits.spend(kind, request)


def html(text: str, status: int = 200, cookies: list[Cookie] | None = None) -> Response[str]:
    """HTML that may load nothing from elsewhere, run nothing inline, and be framed by nobody."""
    return Response(text, status_code=status, media_type="text/html", cookies=cookies or [], headers=HEADERS)


def redirect(path: str, cookies: list[Cookie] | None = None) -> Redirect:
    """Go on by GET."""
    return Redirect(path, status_code=303, cookies=cookies or [], headers={"Cache-Control": "no-store"})


POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
HEADERS = {
    "Content-Security-Policy": f"{POLICY}; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"


def _post_path(post: PostId, profile: Profile | None) -> str:
    return f"/@{profile.handle}/{post}" if profile else ""


def _find_post(others: dict[PostId, PostItem], key: tuple[Snowflake, MemberId]) -> PostItem | None:
    return others.get(PostId(*key))


_environment = Environment(
    loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_environment.filters |= {"country": country_name, "day": _day, "moment": moment_of, "scope": scope_words}
_environment.globals |= {"post_path": _post_path, "find_post": _find_post}
