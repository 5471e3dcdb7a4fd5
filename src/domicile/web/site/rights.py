"""What members may do with all that is theirs: take it with them (GDPR art. 20), or have it erased (art. 17)."""

import io

from litestar import Response, get, post
from litestar.response import Redirect

from domicile.errors import NotAuthenticated
from domicile.ids import MemberId
from domicile.network.suspension import SUSPENSION_PATH
from domicile.web.site.page import HEADERS, AnyRequest, Fields, Page, count, open_page, redirect
from domicile.web.site.session import expired_session_cookie


@get(SUSPENSION_PATH, include_in_schema=False)
async def show_suspension(request: AnyRequest) -> Response[str] | Redirect:
    """Why a member is suspended, and what they may still do."""
    page = await open_page(request)
    suspension = await page.domicile.suspensions.find(page.require_member())
    return page.render("suspension.html", suspension=suspension) if suspension else redirect("/settings")


@get("/settings/rights", include_in_schema=False)
async def show_rights(request: AnyRequest) -> Response[str]:
    """Take everything with you, or leave."""
    page = await open_page(request)
    return _rights(page, page.require_member())


@post("/settings/rights/archive", include_in_schema=False, status_code=200)
async def take_archive(request: AnyRequest) -> Response[bytes]:
    """The member's archive as a ZIP file."""
    page = await open_page(request)
    member = page.require_member()
    await page.form()
    count(request, "log_ins")  # an archive is much work
    packed = io.BytesIO()
    await page.domicile.archives.write(member, packed)
    name = f"archive-{page.domicile.clock():%Y-%m-%d}.zip"
    headers = HEADERS | {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(packed.getvalue(), media_type="application/zip", headers=headers)


@post("/settings/rights/erase", include_in_schema=False)
async def erase_account(request: AnyRequest) -> Response[str] | Redirect:
    """Erase the account, everywhere and for ever, once its password is given."""
    page = await open_page(request)
    member = page.require_member()
    form = await page.form()
    count(request, "log_ins")
    errors: Fields = {}
    if not form.ticked("sure"):
        errors["sure"] = ["must be ticked: it cannot be undone"]
    try:
        await page.domicile.members.check_password(member, form.text("password"))
    except NotAuthenticated:
        errors["password"] = ["is not your password"]
    if errors:
        return _rights(page, member, errors, 422)
    await page.domicile.erasure.erase(member)
    return redirect("/?erased=1", [expired_session_cookie(secure=page.secure)])


def _rights(page: Page, member: MemberId, errors: Fields | None = None, status: int = 200) -> Response[str]:
    return page.render("rights.html", status, member=member, errors=errors or {})
