"""What a batch does to `resident`: the row whose lock is the fence, and whose state says who serves the member.

source   home -> leaving -> moved, or back to home        target   (nobody, or moved) -> arriving -> home, or gone again
"""

from collections.abc import Mapping, Sequence

from domicile.database import Session, array
from domicile.ids import MemberId

_FREE = "ORDER BY member_id FOR UPDATE"


async def track_members(session: Session, members: Mapping[MemberId, int], *, wait: bool) -> list[MemberId]:
    """From now on the fence notes the keys of their rows that change. Those for whom it is done.

    The lock waits for writers (or, without `wait`, leaves out who has one), and the changed row tells later ones, at
    any isolation level. A resident under another epoch than the hub's is a stale one, and nobody to copy.
    """
    await session.execute(
        "DELETE FROM changed c USING resident r WHERE c.member_id = ANY (%s::bigint[]) AND r.member_id = c.member_id"
        " AND NOT r.tracked",
        (array(members),),
    )
    return await _members(
        session,
        "WITH free AS (SELECT member_id FROM resident JOIN unnest(%s::bigint[], %s::int[]) AS asked (member_id, epoch)"
        f" USING (member_id, epoch) WHERE state = 'home' {_FREE} OF resident {_skip(wait)})"
        " UPDATE resident r SET tracked = true FROM free WHERE r.member_id = free.member_id RETURNING r.member_id",
        (array(members), array(members.values())),
    )


async def fence_members(session: Session, members: Sequence[MemberId], *, wait: bool) -> list[MemberId]:
    """Tracked members become `leaving`, and nothing more is written for them. Those for whom it is done."""
    return await _members(
        session,
        "WITH free AS (SELECT member_id FROM resident WHERE member_id = ANY (%s::bigint[])"
        f" AND (state = 'leaving' OR (state = 'home' AND tracked)) {_FREE} {_skip(wait)})"
        " UPDATE resident r SET state = 'leaving' FROM free WHERE r.member_id = free.member_id RETURNING r.member_id",
        (array(members),),
    )


async def present_members(session: Session, role: str, members: Sequence[MemberId]) -> list[MemberId]:
    """Those who are on their way here: tracked or leaving at the source, arriving at the target."""
    where = "(tracked OR state = 'leaving')" if role == "source" else "state = 'arriving'"
    return await _members(
        session,
        f"SELECT member_id FROM resident WHERE member_id = ANY (%s::bigint[]) AND {where} ORDER BY member_id",
        (array(members),),
    )


async def reopen_members(session: Session, members: Sequence[MemberId]) -> None:
    """They stay: served and written for as before, and no longer tracked."""
    await session.execute(
        "UPDATE resident SET state = 'home', tracked = false WHERE member_id = ANY (%s::bigint[])"
        " AND (state = 'leaving' OR (state = 'home' AND tracked))",
        (array(members),),
    )
    await _forget_changes(session, members)


async def whole_members(session: Session, members: Mapping[MemberId, int]) -> list[MemberId]:
    """Those who have left under these epochs, and of whom everything is here: the data key goes first when they do."""
    return await _members(
        session,
        "SELECT member_id FROM resident JOIN unnest(%s::bigint[], %s::int[]) AS a (member_id, epoch)"
        " USING (member_id, epoch) JOIN vault.data_key USING (member_id) WHERE state IN ('leaving', 'moved')",
        (array(members), array(members.values())),
    )


async def take_back_members(session: Session, members: Mapping[MemberId, int]) -> None:
    """Who has left under these epochs is at home here again, under the one after that in which they were away."""
    await session.execute(
        "UPDATE resident r SET state = 'home', tracked = false, epoch = r.epoch + 2"
        " FROM unnest(%s::bigint[], %s::int[]) AS a (member_id, epoch)"
        " WHERE r.member_id = a.member_id AND r.epoch = a.epoch AND state IN ('leaving', 'moved')",
        (array(members), array(members.values())),
    )
    await _forget_changes(session, list(members))


async def retire_members(session: Session, members: Mapping[MemberId, int]) -> list[MemberId]:
    """Who is here under these epochs, or the next ones, is not at home here. Those for whom it is done."""
    return await _members(
        session,
        "UPDATE resident r SET state = 'moved', tracked = false"
        " FROM unnest(%s::bigint[], %s::int[]) AS a (member_id, epoch)"
        " WHERE r.member_id = a.member_id AND r.epoch IN (a.epoch, a.epoch + 1)"
        " AND state IN ('home', 'leaving', 'moved') RETURNING r.member_id",
        (array(members), array(members.values())),
    )


async def settle_source(session: Session, members: Sequence[MemberId]) -> None:
    """They have left: nothing more is answered for them."""
    await session.execute(
        "UPDATE resident SET state = 'moved', tracked = false WHERE member_id = ANY (%s::bigint[])"
        " AND (state = 'leaving' OR (state = 'moved' AND tracked))",  # set aside before the site served again
        (array(members),),
    )
    await _forget_changes(session, members)


async def receive_members(session: Session, members: Mapping[MemberId, int]) -> list[MemberId]:
    """They are `arriving`, under the epoch after the one in which they leave. Those for whom it is done."""
    epochs = {member: epoch + 1 for member, epoch in members.items()}
    asked = (array(epochs), array(epochs.values()))
    await session.execute(
        "INSERT INTO resident (member_id, state, epoch) SELECT a.member_id, 'arriving', a.epoch"
        " FROM unnest(%s::bigint[], %s::int[]) AS a (member_id, epoch) ORDER BY 1"
        " ON CONFLICT (member_id) DO UPDATE SET state = 'arriving', epoch = EXCLUDED.epoch"
        " WHERE resident.state = 'moved' AND resident.epoch < EXCLUDED.epoch",
        asked,
    )
    return await _members(
        session,
        "SELECT member_id FROM resident JOIN unnest(%s::bigint[], %s::int[]) AS a (member_id, epoch)"
        " USING (member_id, epoch) WHERE state = 'arriving'",
        asked,
    )


async def settle_target(session: Session, members: Mapping[MemberId, int]) -> list[MemberId]:
    """They are at home here. Those of whom that is not true even now: there must be none."""
    await session.execute(
        "UPDATE resident SET state = 'home' WHERE member_id = ANY (%s::bigint[]) AND state = 'arriving'",
        (array(members),),
    )
    return await _members(
        session,
        "SELECT a.member_id FROM unnest(%s::bigint[], %s::int[]) AS a (member_id, epoch) WHERE NOT EXISTS"
        " (SELECT FROM resident r WHERE r.member_id = a.member_id AND r.state = 'home' AND r.epoch = a.epoch + 1)",
        (array(members), array(members.values())),
    )


async def lock_members(session: Session, members: Sequence[MemberId], state: str) -> list[MemberId]:
    """Those of them who are in this state, and stay in it until the transaction ends."""
    return await _members(
        session,
        "SELECT member_id FROM resident WHERE member_id = ANY (%s::bigint[]) AND state = %s ORDER BY member_id"
        " FOR UPDATE",
        (array(members), state),
    )


async def remove_arriving(session: Session, members: Sequence[MemberId]) -> None:
    """They never came. Their rows must be gone by now."""
    await session.execute(
        "DELETE FROM resident WHERE member_id = ANY (%s::bigint[]) AND state = 'arriving'", (array(members),)
    )


async def _forget_changes(session: Session, members: Sequence[MemberId]) -> None:
    await session.execute("DELETE FROM changed WHERE member_id = ANY (%s::bigint[])", (array(members),))


async def _members(session: Session, query: str, params: Sequence[object]) -> list[MemberId]:
    """What a query finds, as one array: rows of one number each cost the driver more than the server."""
    found = await session.value(f"WITH found AS ({query}) SELECT array_agg(member_id) FROM found", params)
    return found or []


def _skip(wait: bool) -> str:
    return "" if wait else "SKIP LOCKED"
