"""The page on which a member lets an app in. OAuth itself is in `web.oauth`; here is only what a person sees."""

from litestar import Response, get, post
from litestar.response import Redirect

from domicile.web.oauth import OUT_OF_BAND, begin_authorization, deny_authorization, grant_authorization
from domicile.web.site.page import POLICY, AnyRequest, open_page, redirect


@get("/oauth/authorize", include_in_schema=False)
async def ask_consent(request: AnyRequest) -> Response[str]:
    """Which app asks for what; whoever is not logged in does that first and comes back with the same question."""
    page = await open_page(request)
    asked = await begin_authorization(page.domicile, dict(request.query_params.items()))
    own = await page.domicile.profiles.own(page.require_member())
    response = page.render("authorize.html", asked=asked, scopes=asked.scopes.split(), own=own)
    # The answer leads to the app's own address, and `form-action` would stop browsers from following there.
    response.headers["Content-Security-Policy"] = POLICY
    return response


@post("/oauth/authorize", include_in_schema=False)
async def answer_consent(request: AnyRequest) -> Response[str] | Redirect:
    """Back to the app with a code or a refusal; out of band, a page that shows the code."""
    page = await open_page(request)
    member = page.require_member()
    form = await page.form()
    asked = await begin_authorization(page.domicile, {name: form.text(name) for name in form.values})
    granted = form.text("answer") == "authorize"
    leads = await grant_authorization(page.domicile, asked, member) if granted else deny_authorization(asked)
    if asked.redirect_uri != OUT_OF_BAND:
        return redirect(leads)
    response = page.render("code.html", asked=asked, code=leads)
    response.headers["Cache-Control"] = "no-store"
    return response
