"""A relocation that is to come: what the member was told, and what they may still do before it."""

from datetime import date

from litestar import Response, get, post
from litestar.response import Redirect

from domicile.network.notice_words import words_in
from domicile.web.site.page import AnyRequest, Fields, Page, open_page, redirect


@get("/settings/move", include_in_schema=False)
async def show_move(request: AnyRequest) -> Response[str] | Redirect:
    """The notice, in the member's own language, and the choices."""
    page = await open_page(request)
    return await _move(page)


@post("/settings/move/read", include_in_schema=False)
async def dismiss_notice(request: AnyRequest) -> Redirect:
    """It has been read; the page stays."""
    page = await open_page(request)
    member = page.require_member()
    await page.form()
    if notice := await page.domicile.notices.current(member):
        await page.domicile.notices.dismiss(member, notice.id)
    return redirect("/home")


@post("/settings/move/posts", include_in_schema=False)
async def delete_old_posts(request: AnyRequest) -> Response[str] | Redirect:
    """Delete one's own posts from before a day."""
    page = await open_page(request)
    member = page.require_member()
    form = await page.form()
    try:
        before = date.fromisoformat(form.text("before"))
    except ValueError:
        return await _move(page, {"before": ["is not a day"]}, 422)
    deleted = await page.domicile.trimming.delete_posts(member, before)
    return redirect(f"/settings/move?done={deleted}")


@post("/settings/move/devices", include_in_schema=False)
async def end_other_devices(request: AnyRequest) -> Redirect:
    """Log out everywhere but in this browser."""
    page = await open_page(request)
    page.require_member()
    await page.form()
    ended = await page.domicile.access.end_others(page.cookie)
    return redirect(f"/settings/move?done={ended}")


async def _move(page: Page, errors: Fields | None = None, status: int = 200) -> Response[str] | Redirect:
    member = page.require_member()
    notice = await page.domicile.notices.current(member)
    if notice is None:
        return redirect("/settings/data")
    done = page.query("done")
    return page.render(
        "move.html",
        status,
        notice=notice,
        labels=words_in(notice.language).labels,
        done=int(done) if done.isascii() and done.isdigit() and len(done) < 9 else None,
        errors=errors or {},
    )
