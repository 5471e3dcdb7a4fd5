"""Timelines, profiles and threads to read, as much of them as this reader may see."""

from dataclasses import dataclass

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from domicile.errors import InvalidInput, NotFound
from domicile.ids import MemberId, parse_post_id
from domicile.network.follows import Relation
from domicile.network.posts import Draft
from domicile.network.questions import Authors
from domicile.network.standing import Unverified
from domicile.network.timelines import Page as Posts
from domicile.web.site.page import AnyRequest, Form, Page, open_page, redirect
from domicile.web.site.session import own_path


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed into the form to post, shown again when it is refused."""

    text: str = ""
    reply_to: str = ""
    error: str | None = None


@get("/public", include_in_schema=False)
async def show_public(request: AnyRequest) -> Response[str]:
    page = await open_page(request)
    posts = await page.domicile.timelines.public(page.bounds(), reader=page.member)
    return _timeline(page, posts, "Public timeline")


@get("/tags/{tag:str}", include_in_schema=False)
async def show_tag(request: AnyRequest, tag: FromPath[str]) -> Response[str]:
    page = await open_page(request)
    posts = await page.domicile.timelines.public(page.bounds(), reader=page.member, tag=tag[:100])
    return _timeline(page, posts, f"#{tag[:100]}")


@get("/home", include_in_schema=False)
async def show_home(request: AnyRequest) -> Response[str]:
    """What those whom the member follows have posted, with a form to post."""
    page = await open_page(request)
    return await _home(page, Typed())


@post("/home", include_in_schema=False)
async def write_post(request: AnyRequest) -> Response[str] | Redirect:
    """Post from the page; what is refused stays in the form."""
    page = await open_page(request)
    member = page.require_member()
    form = await page.form()
    try:
        await page.domicile.posts.write(member, _draft(form))
    except (InvalidInput, Unverified) as error:
        status = 403 if isinstance(error, Unverified) else 422
        return await _home(page, Typed(form.text("text"), form.text("reply_to"), error.safe), status)
    return redirect(own_path(form.text("back")))


@get("/{name:str}", include_in_schema=False)
async def show_profile(request: AnyRequest, name: FromPath[str]) -> Response[str]:
    """A member's profile; a stranger gets the same 404 for one that is not public as for one that does not exist."""
    page = await open_page(request)
    member = await _member_named(page, name)
    item = await page.domicile.profiles.show(member, at=page.at, signed_in=page.member is not None)
    posts = await page.domicile.timelines.author(member, Authors(page.bounds()), reader=page.member)
    relation = await _relation(page, member)
    return _incomplete(page, page.render("profile.html", item=item, posts=posts, relation=relation), posts.complete)


@post("/{name:str}", include_in_schema=False)
async def change_follow(request: AnyRequest, name: FromPath[str]) -> Redirect:
    """Follow a member, or no longer."""
    page = await open_page(request)
    member = page.require_member()
    form = await page.form()
    other = await _member_named(page, name)
    if form.ticked("follow"):
        await page.domicile.follows.follow(member, other)
    else:
        await page.domicile.follows.unfollow(member, other)
    return redirect(f"/{name}")


@get("/{name:str}/{post:str}", include_in_schema=False)
async def show_thread(request: AnyRequest, name: FromPath[str], post: FromPath[str]) -> Response[str]:
    """A post with what it answers and what answers it."""
    page = await open_page(request)
    found = parse_post_id(post)
    if found is None or found.author != await _member_named(page, name):
        raise NotFound("no such post of this member")
    item = await page.domicile.posts.show(found, reader=page.member)
    thread = await page.domicile.posts.thread(found, reader=page.member)
    own = await page.domicile.profiles.own(page.member) if page.member else None
    unmet = await page.domicile.verifications.unmet(page.member) if page.member else []
    response = page.render("thread.html", item=item, thread=thread, own=own, unmet=unmet)
    return _incomplete(page, response, thread.complete)


async def _member_named(page: Page, name: str) -> MemberId:
    if not name.startswith("@"):
        raise NotFound("no such page")
    return await page.domicile.members.find_by_handle(name.removeprefix("@"))


async def _relation(page: Page, other: MemberId) -> Relation | None:
    """How the reader stands to another member; None for strangers and for oneself."""
    if page.member in (None, other):
        return None
    return (await page.domicile.follows.relations(page.require_member(), [other]))[0]


async def _home(page: Page, typed: Typed, status: int = 200) -> Response[str]:
    posts = await page.domicile.timelines.home(page.require_member(), page.bounds())
    own = await page.domicile.profiles.own(page.require_member())
    unmet = await page.domicile.verifications.unmet(page.require_member())
    notice = await page.domicile.notices.current(page.require_member())
    response = page.render("home.html", status, posts=posts, own=own, typed=typed, unmet=unmet, notice=notice)
    return _incomplete(page, response, posts.complete)


def _timeline(page: Page, posts: Posts, title: str) -> Response[str]:
    return _incomplete(page, page.render("timeline.html", posts=posts, title=title), posts.complete)


def _incomplete(page: Page, response: Response[str], complete: bool) -> Response[str]:
    """Say in a header too that a site did not answer (rule 12), whoever's page it is (see `Door.silent_to`)."""
    if not complete or page.domicile.door.silent_to(page.at):
        response.headers["X-Domicile-Incomplete"] = "1"
    return response


def _draft(form: Form) -> Draft:
    return Draft(
        text=form.text("text"),
        spoiler=form.text("spoiler"),
        visibility=form.text("visibility") or None,
        reply_to=parse_post_id(form.text("reply_to")),
        client="Web",
    )
