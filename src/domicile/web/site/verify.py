"""Verifying: what a law asks this member to prove, and the two small forms for it."""

from litestar import Response, get, post
from litestar.response import Redirect

from domicile.errors import InvalidFields, InvalidInput, TooMany, Unavailable
from domicile.network.standing import VERIFY_PATH
from domicile.web.errors import status_of
from domicile.web.site.page import AnyRequest, Fields, Page, open_page, redirect


@get(VERIFY_PATH, include_in_schema=False)
async def show_verify(request: AnyRequest) -> Response[str]:
    page = await open_page(request)
    return await _show(page)


@post(VERIFY_PATH, include_in_schema=False)
async def start_verifying(request: AnyRequest) -> Response[str] | Redirect:
    """Have the verifier ask."""
    page = await open_page(request)
    member = page.require_member()
    form = await page.form()
    contact, verifier = form.text("contact"), form.text("verifier") or None
    try:
        await page.domicile.verifications.start(member, contact, verifier)
    except (InvalidInput, TooMany, Unavailable) as error:
        return await _show(page, error, contact=contact)
    return redirect(VERIFY_PATH)


@post(f"{VERIFY_PATH}/answer", include_in_schema=False)
async def answer_verifier(request: AnyRequest) -> Response[str] | Redirect:
    """Take the answer."""
    page = await open_page(request)
    member = page.require_member()
    form = await page.form()
    try:
        await page.domicile.verifications.finish(member, form.text("code"))
    except InvalidInput as error:
        return await _show(page, error)
    return redirect(f"{VERIFY_PATH}?done=1")


@post(f"{VERIFY_PATH}/forget", include_in_schema=False)
async def forget_proof(request: AnyRequest) -> Redirect:
    """Take back what was proved, with the number."""
    page = await open_page(request)
    member = page.require_member()
    form = await page.form()
    await page.domicile.verifications.forget(member, form.text("method"))
    return redirect(VERIFY_PATH)


async def _show(
    page: Page, error: InvalidInput | TooMany | Unavailable | None = None, contact: str = ""
) -> Response[str]:
    state = await page.domicile.verifications.state(page.require_member())
    errors: Fields = {}
    if isinstance(error, InvalidFields):
        errors = {name: [sentence for _, sentence in wrong] for name, wrong in error.fields.items()}
    elif error is not None:
        errors = {"all": [error.safe.removeprefix("Validation failed: ")]}
    folder = page.domicile.config.text_messages or {}
    return page.render(
        "verify.html",
        status_of(error) if error else 200,
        state=state,
        contact=contact,
        errors=errors,
        done=page.query("done") == "1",
        folder=f"messages/{page.at}/{page.member}.txt" if folder.get("folder") else None,
    )
