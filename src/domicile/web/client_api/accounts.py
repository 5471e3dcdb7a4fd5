"""Accounts: looking them up, their posts, and who follows whom."""

import msgspec

from domicile.errors import InvalidInput, NotFound
from domicile.ids import MemberId, parse_member_id
from domicile.network.questions import Authors
from domicile.web.client_api.endpoint import Call, Reply, endpoint
from domicile.web.client_api.pages import (
    LARGEST_ACCOUNT_PAGE,
    Paging,
    account_page,
    accounts,
    clamp,
    shaper,
    timeline,
)
from domicile.web.client_api.shapes import AccountShape

MOST_IDS = 200
DEFAULT_ACCOUNT_PAGE = 40


class Lookup(msgspec.Struct):
    acct: str = ""


class AccountSearch(msgspec.Struct):
    q: str = ""
    limit: int = DEFAULT_ACCOUNT_PAGE
    offset: int = 0
    resolve: bool = False
    following: bool = False


class ManyIds(msgspec.Struct):
    id: list[str | int] | str | int = msgspec.field(default_factory=list)

    def members(self) -> list[MemberId]:
        """The members' ids among what was sent, each once. Raises InvalidInput for too many."""
        sent = self.id if isinstance(self.id, list) else [self.id]
        if len(sent) > MOST_IDS:
            raise InvalidInput(f"Validation failed: at most {MOST_IDS} ids can be asked for")
        found = (parse_member_id(str(one)) for one in sent)
        return list(dict.fromkeys(one for one in found if one is not None))


class AccountPaging(Paging, kw_only=True):
    limit: int = DEFAULT_ACCOUNT_PAGE


class StatusesAsked(Paging, kw_only=True):
    """Which of a member's posts."""

    pinned: bool = False
    only_media: bool = False
    exclude_replies: bool = False
    exclude_reblogs: bool = False
    tagged: str | None = None


@endpoint("GET", "/api/v1/accounts/lookup", scope="read:accounts", access="anyone", query=Lookup)
async def look_up(call: Call, query: Lookup) -> Reply:
    """The account with this name, `user` or `user@host` of this network."""
    return Reply(await _one(call, await call.domicile.members.find_by_handle(own_handle(call, query.acct))))


@endpoint("GET", "/api/v1/accounts/search", scope="read:accounts", query=AccountSearch)
async def search_accounts(call: Call, query: AccountSearch) -> Reply:
    """Accounts whose name begins like this."""
    shapes, complete = await find_accounts(call, query.q, clamp(query.limit, LARGEST_ACCOUNT_PAGE), query.offset)
    if query.following and shapes:
        ids = [MemberId(int(shape.id)) for shape in shapes]
        followed = {str(r.member) for r in await call.domicile.follows.relations(call.member, ids) if r.following}
        shapes = [shape for shape in shapes if shape.id in followed]
    return Reply(shapes, complete=complete)


@endpoint("GET", "/api/v1/accounts", scope="read:accounts", access="anyone", query=ManyIds)
async def show_accounts(call: Call, query: ManyIds) -> Reply:
    """Several accounts by id."""
    wanted = query.members()
    if call.reader is not None:
        return Reply(await accounts(call, wanted))
    found = await call.domicile.profiles.show_many(wanted, at=await call.site())
    public = [member for member, item in found.items() if item.profile is not None and item.profile.published]
    return Reply((await shaper(call)).accounts(found, public))


@endpoint("GET", "/api/v1/accounts/{id}", scope="read:accounts", access="anyone")
async def show_account(call: Call) -> Reply:
    """One account."""
    return Reply(await _one(call, call.member_id()))


@endpoint("GET", "/api/v1/accounts/{id}/statuses", scope="read:statuses", access="anyone", query=StatusesAsked)
async def show_statuses(call: Call, query: StatusesAsked) -> Reply:
    """A member's posts, newest first."""
    member = call.member_id()
    bounds = query.bounds()
    if call.reader is None:
        await _one(call, member)
    if query.pinned:
        return Reply([])
    asked = Authors(
        bounds,
        only_media=query.only_media,
        exclude_replies=query.exclude_replies,
        exclude_boosts=query.exclude_reblogs,
        tag=query.tagged.casefold() if query.tagged else None,
    )
    return await timeline(call, await call.domicile.timelines.author(member, asked, reader=call.reader))


@endpoint("GET", "/api/v1/accounts/{id}/followers", scope="read:accounts", access="anyone", query=AccountPaging)
async def show_followers(call: Call, query: AccountPaging) -> Reply:
    """Who follows a member."""
    return await _relations(call, "followers", query)


@endpoint("GET", "/api/v1/accounts/{id}/following", scope="read:accounts", access="anyone", query=AccountPaging)
async def show_following(call: Call, query: AccountPaging) -> Reply:
    """Whom a member follows."""
    return await _relations(call, "following", query)


@endpoint("GET", "/api/v1/accounts/{id}/featured_tags", scope="read:accounts", access="anyone")
async def show_featured_tags(call: Call) -> Reply:
    """Nobody features tags here."""
    await _one(call, call.member_id())
    return Reply([])


@endpoint("GET", "/api/v1/accounts/{id}/lists", scope="read:lists")
async def show_lists(call: Call) -> Reply:
    """Nobody keeps lists here."""
    await _one(call, call.member_id())
    return Reply([])


def own_handle(call: Call, text: str) -> str:
    """The handle in `user`, `@user` or `user@host` of this network. Raises NotFound for every other host."""
    handle, _, host = text.strip().lstrip("@").partition("@")
    own = call.domicile.config.url.split("://", 1)[-1].lower()
    if host and host.lower() not in (own, own.partition(":")[0]):
        raise NotFound("a name of another network")
    return handle


async def find_accounts(call: Call, text: str, limit: int, offset: int = 0) -> tuple[list[AccountShape], bool]:
    """Accounts whose handle or shown name begins like this, and whether every site answered."""
    if offset < 0:
        raise InvalidInput("Validation failed: offset must not be negative")
    try:
        handle = own_handle(call, text) if "@" in text.strip().lstrip("@") else text
    except NotFound:
        return [], True
    shapes = await shaper(call)
    found, complete = await call.domicile.profiles.search(
        handle, at=shapes.at, signed_in=call.reader is not None, limit=limit, offset=min(offset, LARGEST_OFFSET)
    )
    return [shapes.account(item.member, item.profile) for item in found], complete


LARGEST_OFFSET = 10_000


async def _one(call: Call, member: MemberId) -> AccountShape:
    shapes = await shaper(call)
    item = await call.domicile.profiles.show(member, at=shapes.at, signed_in=call.reader is not None)
    return shapes.account(member, item.profile)


async def _relations(call: Call, kind: str, query: AccountPaging) -> Reply:
    member = call.member_id()
    window = query.window(LARGEST_ACCOUNT_PAGE)
    await _one(call, member)
    found, complete = await call.domicile.timelines.relations(
        kind, member, reader=call.reader, before=window.before, after=window.after, limit=window.limit
    )
    return await account_page(call, found, window, complete)


HANDLERS = [
    look_up,
    search_accounts,
    show_accounts,
    show_account,
    show_statuses,
    show_followers,
    show_following,
    show_featured_tags,
    show_lists,
]
