"""Does the network say what the model says? Asked as members ask, and of every server's rows."""

from collections import Counter

from copying import gather, settle
from domicile.audit.residency import audit
from domicile.errors import NotFound
from domicile.ids import MemberId, PostId, Snowflake
from domicile.network.questions import Authors
from domicile.network.timelines import make_bounds
from domicile.placement.files import list_files
from domicile.relocation.shape import table_name
from history_model import DIRECT, Model
from history_world import World
from relocating import check_nothing_left, check_one_home, deliver_everything

NUMBER = (1 << 63) - 1
_POSTS = """
SELECT p.*, (SELECT array_agg(m.mentioned) FROM post_mention m
  WHERE m.author_id = p.author_id AND m.post_id = p.post_id) AS named
FROM post p WHERE author_id = %(author)s ORDER BY post_id
"""


async def check_quickly(world: World) -> None:
    """Of whoever was touched: one home, and every acknowledged post there once, with its words."""
    for member in sorted(world.touched & world.model.people.keys()):
        await check_one_home(world.domicile, member)
        await check_truth(world, member)
    world.touched.clear()


async def check_run(world: World) -> None:
    """All that must be true at the end of a history."""
    await world.recover()
    await deliver_everything(world.domicile, world.clock)
    if world.restored:
        await reconcile(world)
    for site in world.domicile.sites:
        await gather(world.domicile, site)
    await settle(world.domicile)
    assert await world.domicile.journal.is_intact()
    for member in sorted(world.model.people):
        await check_one_home(world.domicile, member)
        await check_truth(world, member)
        if not world.restored:
            await check_view(world, member)
    for token in world.revoked if not world.restored else ():
        assert await world.is_refused(token), "a log-in that was ended is good again"
    await check_gone(world)
    await check_nothing_left(world.domicile)
    report = await audit(world.domicile.sites, world.domicile.hub, world.domicile.clock())
    assert report.ok and report.in_transit == 0, report.violations


async def reconcile(world: World) -> None:
    """After a restore, as the running network does hour by hour: others hold halves of what is lost.

    One thing leads to another: who boosted a lost post takes the boost back, and who liked the boost has liked nothing.
    """
    for _ in range(4):
        report = await world.domicile.reconciler.round()
        await deliver_everything(world.domicile, world.clock)
        if report.ok and not report.resent and not report.removed:
            return world.model.reconcile()
    raise AssertionError(f"the reconciler does not come to an end: {report}")


async def end_run(world: World) -> None:
    """Everybody leaves, and nothing of them stays anywhere."""
    for member in sorted(world.model.people):
        assert await world.erase(member)
    await deliver_everything(world.domicile, world.clock)
    await settle(world.domicile)
    await check_gone(world)


async def check_truth(world: World, member: MemberId) -> None:
    """What is a member's own alone: posts, log-ins, pictures."""
    domicile, model = world.domicile, world.model
    person = model.people[member]
    rows = await domicile.router.rows(member, _POSTS, {"author": member})
    found = {PostId(Snowflake(row.post_id), member): row for row in rows}
    expected = model.posts_of(member)
    assert sorted(found) == sorted(expected), f"posts of {member}: {_differ(found.keys(), expected.keys())}"
    for post, written in expected.items():
        assert set(found[post].named or ()) == written.to, f"{post} names others"
        if written.visibility == DIRECT:
            item = await domicile.posts.show(post, reader=member)
            assert item.body is not None and item.body.source == written.text
        else:
            assert found[post].source == written.text, f"{post} has other words"
    for token in person.tokens:
        assert (await domicile.access.check_token(token)).member == member
    for number, digest in person.pictures.items():
        assert (await domicile.media.show(member, number)).digest == digest
        content, _ = await domicile.media.fetch(member, digest, at=person.home)
        assert content.startswith(b"\x89PNG")
    assert await domicile.members.find_by_handle(person.handle) == member


async def check_view(world: World, member: MemberId) -> None:
    """What a member sees of everybody, and everybody's halves of what they do."""
    await _check_follows(world, member)
    await _check_timeline(world, member)
    await _check_posts(world, member)
    shown = await world.domicile.notifications.page(member, before=NUMBER, after=0, upward=False, limit=1000)
    notices = Counter((notice.kind, notice.actor, notice.post) for notice in shown)
    expected = world.model.notices(member)
    assert notices == expected, f"notices: {notices - expected} too many, {expected - notices} missing"


async def _check_follows(world: World, member: MemberId) -> None:
    model = world.model
    others = sorted(model.people.keys() - {member})
    for relation in await world.domicile.follows.relations(member, others):
        mine = model.follows.get((member, relation.member))
        theirs = model.follows.get((relation.member, member))
        assert (relation.following, relation.requested) == (mine == "accepted", mine == "requested"), relation
        assert (relation.followed_by, relation.requested_by) == (theirs == "accepted", theirs == "requested"), relation
    rows = await world.domicile.router.rows(
        member, "SELECT * FROM tally WHERE member_id = %(member)s", {"member": member}
    )
    counted = sum(written.visibility != DIRECT for written in model.posts_of(member).values())
    expected = (counted, len(model.followers_of(member)), len(model.followed_by(member)))
    assert (rows[0].posts, rows[0].followers, rows[0].following) == expected, f"counts {rows[0]}, not {expected}"


async def _check_timeline(world: World, member: MemberId) -> None:
    domicile, model = world.domicile, world.model
    expected = model.timeline(member)
    before = None
    found: list[PostId] = []
    while True:
        page = await domicile.timelines.home(member, make_bounds(40, before=before))
        assert page.complete
        for item in page.items:
            written = model.posts[item.id]
            assert written.boost_of is not None or (item.body is not None and item.body.source == written.text)
        found += [item.id for item in page.items]
        if len(page.items) < 40:
            break
        before = page.items[-1].id
    assert found == expected, f"timeline of {member}: {_differ(found, expected)}"
    for author in sorted(model.people):
        seen = await domicile.timelines.author(author, Authors(make_bounds(40)), reader=member)
        theirs = [p for p, w in model.posts_of(author).items() if w.visibility != DIRECT and model.lists(member, p)]
        assert [item.id for item in seen.items] == theirs[::-1][:40], f"{author}'s posts for {member}"


async def _check_posts(world: World, member: MemberId) -> None:
    """Every post as this member may see it, with its counts and its answers."""
    domicile, model = world.domicile, world.model
    marks = await domicile.reactions.marks(member, list(model.posts))
    for post, written in sorted(model.posts.items()):
        mark = marks[post]
        assert mark.favourite == ((member, post) in model.favourites)
        assert mark.boost == model.boosts.get((member, post))
        if not model.sees(member, post):
            with_refusal = None
            try:
                await domicile.posts.show(post, reader=member)
            except NotFound as refusal:
                with_refusal = refusal
            assert with_refusal is not None, f"{member} sees {post}"
            continue
        item = await domicile.posts.show(post, reader=member)
        assert item.body is not None
        counts = (item.body.favourites, item.body.boosts, item.body.replies)
        favourites = sum(p == post for _, p in model.favourites)
        expected = (favourites, sum(p == post for _, p in model.boosts), len(model.replies_to(post)))
        assert item.body.source == written.text and counts == expected, f"{post}: {counts}, not {expected}"
        thread = await domicile.posts.thread(post, reader=member)
        answers = {reply for reply in _answers(model, post) if model.sees(member, reply)}
        assert {item.id for item in thread.descendants} == answers and thread.complete


def _answers(model: Model, post: PostId) -> set[PostId]:
    replies = model.replies_to(post)
    return replies.union(*(_answers(model, reply) for reply in replies))


async def check_gone(world: World) -> None:
    """Of who is gone there is nothing, at any site or the hub, but the opaque id to which an answer was given."""
    domicile, gone = world.domicile, sorted(world.everybody - world.model.people.keys())
    if not gone:
        return
    parts = [(owned.name, owned.owner, table_name(owned).as_string()) for owned in domicile.ownership.owned]
    parts += [
        (owned.name, column, table_name(owned).as_string())
        for owned in domicile.ownership.owned
        for column, what in owned.remotes.items()
        if what == "member" and column != "reply_author"
    ]
    parts += [(table, "member_id", table) for table in ("route", "kept_copy", "changed")]
    union = " UNION ALL ".join(
        f"SELECT '{name}.{column}' AS place, count(*) AS n FROM {table} WHERE {column} = ANY (%(gone)s)"
        for name, column, table in parts
    )
    for name, site in domicile.sites.items():
        left = await site.importer.run(f"SELECT * FROM ({union}) x WHERE n > 0", {"gone": gone})
        assert not left, f"{name} still has {left} of members who are gone"
        assert not list_files(site.media, gone), f"{name} has files of members who are gone"
    for table in ("home", "claim", "interest"):
        rows = await domicile.hub.run(f"SELECT count(*) AS n FROM {table} WHERE member_id = ANY (%s)", (gone,))
        assert rows[0].n == 0, f"the hub still has a {table} of members who are gone"


def _differ(found: object, expected: object) -> str:
    here, there = set(found), set(expected)  # type: ignore[call-overload]
    return f"{sorted(here - there)} too many, {sorted(there - here)} missing"
