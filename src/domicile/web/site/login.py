"""Logging in and out with a cookie."""

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from domicile.errors import NotAuthenticated
from domicile.network.members import Unconfirmed
from domicile.web.site.page import AnyRequest, count, open_page, redirect
from domicile.web.site.session import SESSION_COOKIE, expired_session_cookie, own_path, session_cookie


@get("/login", include_in_schema=False)
async def show_login(request: AnyRequest) -> Response[str] | Redirect:
    page = await open_page(request)
    then = own_path(page.query("next"))
    if page.member is not None:
        return redirect(then)
    return page.render("login.html", then=then, login="", error=None)


@post("/login", include_in_schema=False)
async def log_in(request: AnyRequest) -> Response[str] | Redirect:
    """A new session for whoever knows the password, and back to where they came from."""
    page = await open_page(request)
    form = await page.form()
    then = own_path(form.text("next"))
    count(request, "log_ins")
    try:
        member = await page.domicile.members.check_log_in(form.text("login"), form.text("password"))
    except NotAuthenticated as error:
        return page.render("login.html", 422, then=then, login=form.text("login"), error=error.safe)
    except Unconfirmed as error:
        await page.domicile.confirmation.send_link(error.member)
        return page.render("confirm.html", confirmed=False)
    session = await page.domicile.access.open_session(member)
    return redirect(then, [session_cookie(session, secure=page.secure)])


@get("/confirm/{token:str}", include_in_schema=False)
async def confirm(request: AnyRequest, token: FromPath[str]) -> Response[str]:
    """The link in the letter."""
    page = await open_page(request)
    await page.domicile.confirmation.confirm(token)
    return page.render("confirm.html", confirmed=True)


@post("/logout", include_in_schema=False)
async def log_out(request: AnyRequest) -> Redirect:
    """Forget the session, at home and in the browser."""
    page = await open_page(request)
    await page.form()
    await page.domicile.access.close_session(request.cookies.get(SESSION_COOKIE, ""))
    return redirect("/", [expired_session_cookie(secure=page.secure)])
