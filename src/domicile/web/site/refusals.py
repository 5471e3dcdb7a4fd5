"""Errors as pages: what happened in a safe sentence, and what to do next."""

from http import HTTPStatus
from urllib.parse import quote

from litestar import Response
from litestar.exceptions import HTTPException
from litestar.response import Redirect

from domicile.errors import DomicileError, Misdirected
from domicile.web.errors import AuthorizationRefused, answer_domicile, answer_unexpected, status_of
from domicile.web.site.page import AnyRequest, LedTo, Login, Page, redirect

_TITLES = {
    400: "That could not be read",
    401: "Please log in",
    403: "Not allowed",
    404: "There is nothing here",
    413: "Too large",
    421: "This belongs to another site",
    422: "That did not work",
    429: "Too many requests",
    451: "Withheld here for a legal reason",
    503: "Part of the network cannot be reached",
}
_SAID = {404: "Nothing is shown at this address. It may never have existed, or not be public."}


def show_refusal(request: AnyRequest, error: DomicileError) -> Response[str] | Redirect:
    """A page for an error that was raised on purpose; or the way to the log-in."""
    if isinstance(error, Login):
        return redirect(f"/login?next={quote(error.path, safe='')}")
    if isinstance(error, LedTo):
        return redirect(error.path)
    if isinstance(error, AuthorizationRefused):
        return Redirect(error.location, status_code=302)
    answered = answer_domicile(request, error)
    status = status_of(error)
    sentence = error.safe if error.safe != type(error).default_safe or status != HTTPStatus.NOT_FOUND else _SAID[404]
    address = error.address if isinstance(error, Misdirected) else None
    response = _error_page(request, status, sentence.removeprefix("Validation failed: "), address)
    response.headers |= {name: value for name, value in answered.headers.items() if name != "WWW-Authenticate"}
    return response


def show_http_refusal(request: AnyRequest, error: HTTPException) -> Response[str]:
    """A page for what Litestar refuses."""
    status = error.status_code
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return show_unexpected(request, error)
    return _error_page(request, status, _SAID.get(status, f"{HTTPStatus(status).phrase}."))


def show_unexpected(request: AnyRequest, error: Exception) -> Response[str]:
    """A page without any detail; the log gets the kind of error and the place (rule 10)."""
    answer_unexpected(request, error)
    return _error_page(request, 500, "Something went wrong. Nothing of what you see here is lost.")


def _error_page(request: AnyRequest, status: int, sentence: str, address: str | None = None) -> Response[str]:
    domicile = request.app.state.domicile
    nobody = Page(request, domicile, None, domicile.members.default_site, "", fresh=False)
    page: Page = request.state.get("page", nobody)
    title = _TITLES.get(status, "Something went wrong")
    return page.render("error.html", status, error_status=status, title=title, sentence=sentence, address=address)
