"""Following, being followed, and how two members stand to each other."""

import contextlib

import msgspec

from domicile.errors import NotFound
from domicile.ids import MemberId
from domicile.web.client_api.accounts import DEFAULT_ACCOUNT_PAGE, ManyIds
from domicile.web.client_api.endpoint import Call, Nothing, Reply, endpoint
from domicile.web.client_api.pages import LARGEST_ACCOUNT_PAGE, accounts, clamp
from domicile.web.client_api.shaping import relationship


class FollowForm(msgspec.Struct):
    reblogs: bool | None = None
    notify: bool | None = None


class RequestsAsked(msgspec.Struct):
    limit: int = DEFAULT_ACCOUNT_PAGE


@endpoint("GET", "/api/v1/accounts/relationships", scope="read:follows", query=ManyIds)
async def show_relationships(call: Call, query: ManyIds) -> Reply:
    """How one stands to each of these members."""
    known = await call.domicile.directory.homes(query.members())
    relations = await call.domicile.follows.relations(call.member, [m for m in query.members() if m in known])
    return Reply([relationship(relation) for relation in relations])


@endpoint("GET", "/api/v1/accounts/familiar_followers", scope="read:follows", query=ManyIds)
async def show_familiar_followers(call: Call, query: ManyIds) -> Reply:
    """Not worked out here: it would tell whom somebody follows."""
    return Reply([{"id": str(member), "accounts": []} for member in query.members()])


@endpoint("POST", "/api/v1/accounts/{id}/follow", scope="write:follows", body=FollowForm)
async def follow(call: Call, body: FollowForm) -> Reply:
    """Ask to follow."""
    target = call.member_id()
    boosts, notify = body.reblogs is not False, body.notify is True
    await call.domicile.follows.follow(call.member, target, boosts=boosts, notify=notify)
    return await _relation(call, target)


@endpoint("POST", "/api/v1/accounts/{id}/unfollow", scope="write:follows", body=Nothing)
async def unfollow(call: Call, body: Nothing) -> Reply:
    """Stop following, or take a request back."""
    target = await _known(call)
    await call.domicile.follows.unfollow(call.member, target)
    return await _relation(call, target)


@endpoint("POST", "/api/v1/accounts/{id}/remove_from_followers", scope="write:follows", body=Nothing)
async def remove_from_followers(call: Call, body: Nothing) -> Reply:
    """Send a follower away."""
    target = await _known(call)
    with contextlib.suppress(NotFound):  # nobody to send away
        await call.domicile.follows.remove_follower(call.member, target)
    return await _relation(call, target)


@endpoint("GET", "/api/v1/follow_requests", scope="read:follows", query=RequestsAsked)
async def show_requests(call: Call, query: RequestsAsked) -> Reply:
    """Who asks to follow."""
    limit = clamp(query.limit, LARGEST_ACCOUNT_PAGE)
    return Reply(await accounts(call, await call.domicile.follows.requests(call.member, limit)))


@endpoint("POST", "/api/v1/follow_requests/{id}/authorize", scope="write:follows", body=Nothing)
async def accept_request(call: Call, body: Nothing) -> Reply:
    """Let somebody follow."""
    return await _answer(call, accept=True)


@endpoint("POST", "/api/v1/follow_requests/{id}/reject", scope="write:follows", body=Nothing)
async def reject_request(call: Call, body: Nothing) -> Reply:
    """Do not let somebody follow."""
    return await _answer(call, accept=False)


async def _answer(call: Call, *, accept: bool) -> Reply:
    follower = call.member_id()
    await call.domicile.follows.answer_request(call.member, follower, accept=accept)
    return await _relation(call, follower)


async def _known(call: Call) -> MemberId:
    """The member in the path. Raises NotFound when there is none."""
    target = call.member_id()
    if not await call.domicile.directory.homes([target]):
        raise NotFound("no such member")
    return target


async def _relation(call: Call, target: MemberId) -> Reply:
    relations = await call.domicile.follows.relations(call.member, [target])
    return Reply(relationship(relations[0]))


HANDLERS = [
    show_relationships,
    show_familiar_followers,
    follow,
    unfollow,
    remove_from_followers,
    show_requests,
    accept_request,
    reject_request,
]
