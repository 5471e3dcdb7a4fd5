"""What a site does when it hears that a member is erased: their halves go, counts are set right, words stay.

Other people's conversations keep an opaque id that leads nowhere. Runs in the transaction that applies the feed.
"""

from collections.abc import Sequence

from domicile.database import Session, array
from domicile.ids import MemberId

_GONE = "%(gone)s::bigint[]"

_STATEMENTS = (
    # Follows, both ways, and the counts that rest on them.
    f"""WITH cut AS (DELETE FROM follower WHERE follower = ANY ({_GONE}) RETURNING member_id, state),
    n AS (SELECT member_id, count(*) AS n FROM cut WHERE state = 'accepted' GROUP BY member_id)
    UPDATE tally t SET followers = greatest(followers - n.n, 0) FROM n WHERE t.member_id = n.member_id""",
    f"""WITH cut AS (DELETE FROM follow WHERE target = ANY ({_GONE}) RETURNING member_id, state),
    n AS (SELECT member_id, count(*) AS n FROM cut WHERE state = 'accepted' GROUP BY member_id)
    UPDATE tally t SET following = greatest(following - n.n, 0) FROM n WHERE t.member_id = n.member_id""",
    # What the erased did to others' posts.
    f"""WITH cut AS (DELETE FROM reaction_stub WHERE actor = ANY ({_GONE}) RETURNING author_id, post_id, kind, removed),
    n AS (SELECT author_id, post_id, count(*) FILTER (WHERE kind = 'favourite') AS favourites,
      count(*) FILTER (WHERE kind = 'boost') AS boosts FROM cut WHERE NOT removed GROUP BY author_id, post_id)
    UPDATE post p SET favourites = greatest(p.favourites - n.favourites, 0), boosts = greatest(p.boosts - n.boosts, 0)
    FROM n WHERE p.author_id = n.author_id AND p.post_id = n.post_id""",
    f"""WITH cut AS (DELETE FROM reply_stub WHERE reply_author = ANY ({_GONE}) RETURNING author_id, post_id, removed),
    n AS (SELECT author_id, post_id, count(*) AS n FROM cut WHERE NOT removed GROUP BY author_id, post_id)
    UPDATE post p SET replies = greatest(replies - n.n, 0) FROM n
    WHERE p.author_id = n.author_id AND p.post_id = n.post_id""",
    # What others did to the erased member's posts.
    f"DELETE FROM reaction WHERE target_author = ANY ({_GONE})",
    f"""WITH cut AS (DELETE FROM post WHERE boost_author = ANY ({_GONE}) RETURNING author_id),
    n AS (SELECT author_id, count(*) AS n FROM cut GROUP BY author_id)
    UPDATE tally t SET posts = greatest(posts - n.n, 0) FROM n WHERE t.member_id = n.author_id""",
    f"UPDATE post SET reply_gone = true WHERE reply_author = ANY ({_GONE}) AND NOT reply_gone",
    # Where they are named.
    f"DELETE FROM mention_stub WHERE author = ANY ({_GONE})",
    f"DELETE FROM post_mention WHERE mentioned = ANY ({_GONE})",
    f"DELETE FROM notification WHERE actor = ANY ({_GONE}) OR post_author = ANY ({_GONE})",
    f"DELETE FROM outbox WHERE recipient = ANY ({_GONE})",
)


async def forget_members(session: Session, erased: Sequence[MemberId]) -> None:
    """Remove what refers to erased members at one site. Raises NotResident while an owner of such a row is moving."""
    for statement in _STATEMENTS:
        await session.execute(statement, {"gone": array(erased)})
