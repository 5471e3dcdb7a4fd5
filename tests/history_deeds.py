"""What members do in a history, each deed as a few numbers that always mean somebody and something that is there."""

from dataclasses import dataclass

from domicile.ids import MemberId, PostId
from history_model import DIRECT
from history_world import World


@dataclass(frozen=True)
class Deed:
    """`who` does `what` to `whom` or to a `post`, each counted round and round among those that there are."""

    what: str
    who: int
    whom: int
    post: int
    visibility: str
    yes: bool


async def perform(world: World, deed: Deed) -> None:
    """Do it, if it can be done; what is done already is undone."""
    who, whom = world.member(deed.who), world.member(deed.whom)
    if deed.what == "post":
        await world.write(who, deed.visibility, pictured=deed.yes)
    elif deed.what == "log in":
        await (world.log_in if deed.yes else world.log_out)(who)
    elif deed.what in ("tell", "follow", "answer"):
        if who != whom:
            await _meet(world, deed, who, whom)
    elif posts := sorted(world.model.posts):
        await _handle(world, deed, who, whom, posts[deed.post % len(posts)])


async def _meet(world: World, deed: Deed, who: MemberId, whom: MemberId) -> None:
    state = world.model.follows.get((who, whom))
    if deed.what == "tell":
        await world.write(who, DIRECT if deed.yes else deed.visibility, [whom])
    elif deed.what == "follow":
        await (world.unfollow if state else world.follow)(who, whom)
    elif state == "requested":
        await world.answer(whom, who, accept=deed.yes)
    elif state == "accepted" and deed.yes:
        await world.remove_follower(whom, who)


async def _handle(world: World, deed: Deed, who: MemberId, whom: MemberId, post: PostId) -> None:
    written, model = world.model.posts[post], world.model
    if deed.what == "delete":
        await world.delete(post)
    elif deed.what == "edit" and written.boost_of is None:
        await world.edit(post, [whom] if deed.yes and whom != post.author else [])
    elif deed.what == "reply" and written.boost_of is None and model.sees(who, post):
        await world.write(who, deed.visibility, reply_to=post)
    elif deed.what == "favourite" and model.sees(who, post):
        await (world.unfavourite if (who, post) in model.favourites else world.favourite)(who, post)
    elif deed.what == "boost" and written.boost_of is None and written.visibility == "public":
        await (world.unboost if (who, post) in model.boosts else world.boost)(who, post)
