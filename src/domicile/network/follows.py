"""Follows: truth with the follower, a stub with the followed. The version is set by the truth's side.

requested --(followed accepts, or is not locked)--> accepted --(follower leaves, or followed removes)--> gone
"""

from dataclasses import dataclass
from typing import Literal

import msgspec

from domicile.border.delivery import Deliverer, next_version, post_parcel
from domicile.errors import InvalidInput, NotFound
from domicile.ids import MemberId
from domicile.network.notifications import notify, unnotify
from domicile.placement.routing import Router, SiteReader, SiteWriter
from domicile.transport.exchange import decode, encode

State = Literal["requested", "accepted", "removed"]


class FollowHalf(msgspec.Struct, array_like=True):
    """From the follower: I ask to follow you, or I no longer do. `accepted`: you did accept it, under this version."""

    version: int
    wanted: bool
    accepted: bool = False


class Verdict(msgspec.Struct, array_like=True):
    """From the followed: the state of your follow of this version."""

    version: int
    state: State


class Relation(msgspec.Struct):
    """How a member stands to another."""

    member: MemberId
    following: bool = False
    requested: bool = False
    followed_by: bool = False
    requested_by: bool = False
    boosts: bool = True
    notify: bool = False


@dataclass(frozen=True)
class Follows:
    router: Router
    deliverer: Deliverer

    def serve(self) -> None:
        """Apply what other homes deliver."""
        self.deliverer.accept("follow", _receive_follow, _settle_follow)
        self.deliverer.accept("follow-verdict", _receive_verdict)

    async def follow(self, member: MemberId, target: MemberId, *, boosts: bool = True, notify: bool = False) -> None:
        """Ask to follow; accepted at once where the other is not locked and their home answers."""
        if member == target:
            raise InvalidInput("Validation failed: you cannot follow yourself")
        await self.router.home_of(target)

        async def write(writer: SiteWriter) -> None:
            version = await next_version(writer)
            fresh = await writer.one(
                "INSERT INTO follow (member_id, target, state, version, boosts, notify)"
                " VALUES (%s, %s, 'requested', %s, %s, %s) ON CONFLICT (member_id, target)"
                " DO UPDATE SET boosts = EXCLUDED.boosts, notify = EXCLUDED.notify RETURNING xmax = 0 AS fresh",
                (member, target, version, boosts, notify),
            )
            if fresh is not None and fresh.fresh:
                await post_parcel(writer, target, "follow", FollowHalf(version, True))

        await self.router.transact(member, write)
        await self.deliverer.flush(member)

    async def unfollow(self, member: MemberId, target: MemberId) -> None:
        """Stop following, or take a request back."""

        async def write(writer: SiteWriter) -> None:
            version = await next_version(writer)
            row = await writer.one(
                "DELETE FROM follow WHERE member_id = %s AND target = %s RETURNING state", (member, target)
            )
            if row is None:
                return
            if row.state == "accepted":
                await _count(writer, "following", -1)
            await post_parcel(writer, target, "follow", FollowHalf(version, False))

        await self.router.transact(member, write)
        await self.deliverer.flush(member)

    async def answer_request(self, member: MemberId, follower: MemberId, *, accept: bool) -> None:
        """Accept or reject a request. Raises NotFound when there is none."""
        await self._decide(member, follower, "requested", "accepted" if accept else "removed")

    async def remove_follower(self, member: MemberId, follower: MemberId) -> None:
        await self._decide(member, follower, "accepted", "removed")

    async def requests(self, member: MemberId, limit: int) -> list[MemberId]:
        """Who asks to follow this member, newest first."""

        async def read(reader: SiteReader) -> list[MemberId]:
            rows = await reader.fetch(
                "SELECT follower FROM follower WHERE member_id = %s AND state = 'requested'"
                " ORDER BY version DESC LIMIT %s",
                (member, limit),
            )
            return [row.follower for row in rows]

        return await self.router.read(member, read)

    async def relations(self, member: MemberId, others: list[MemberId]) -> list[Relation]:
        """How the member stands to each of the others; all of it is known at the member's own home."""

        async def read(reader: SiteReader) -> list[Relation]:
            mine, theirs = await reader.fetch_all(
                ("SELECT * FROM follow WHERE member_id = %s AND target = ANY (%s)", (member, others)),
                ("SELECT * FROM follower WHERE member_id = %s AND follower = ANY (%s)", (member, others)),
            )
            found = {other: Relation(other) for other in others}
            for row in mine:
                relation = found[row.target]
                relation.following, relation.requested = row.state == "accepted", row.state == "requested"
                relation.boosts, relation.notify = row.boosts, row.notify
            for row in theirs:
                relation = found[row.follower]
                relation.followed_by, relation.requested_by = row.state == "accepted", row.state == "requested"
            return list(found.values())

        return await self.router.read(member, read)

    async def _decide(self, member: MemberId, follower: MemberId, was: State, then: State) -> None:
        async def write(writer: SiteWriter) -> None:
            await next_version(writer)  # held before the follower's row is, as whoever unfollows holds it
            row = await writer.one(
                "UPDATE follower SET state = %s, removed_at = %s WHERE member_id = %s AND follower = %s AND state = %s"
                " RETURNING version",
                (then, writer.now if then == "removed" else None, member, follower, was),
            )
            if row is None:
                raise NotFound("no follower in this state")
            await _count(writer, "followers", (then == "accepted") - (was == "accepted"))
            await unnotify(writer, "follow" if was == "accepted" else "follow_request", follower)
            if then == "accepted":
                await notify(writer, "follow", follower)
            await post_parcel(writer, follower, "follow-verdict", Verdict(row.version, then))

        await self.router.transact(member, write)
        await self.deliverer.flush(member)


async def _count(writer: SiteWriter, column: Literal["followers", "following"], by: int) -> None:
    if by:
        await writer.execute(
            f"UPDATE tally SET {column} = greatest({column} + %s, 0) WHERE member_id = %s", (by, writer.member)
        )


async def _receive_follow(writer: SiteWriter, sender: MemberId, body: bytes) -> bytes:
    """At the followed's home: apply the follower's half if it is newer; answer with the state."""
    half = decode(body, FollowHalf)
    # There is always a row to lock, so that two deliveries at once (a flush beside a tick) come one after the other.
    known = await writer.one(
        "INSERT INTO follower AS f (member_id, follower, state, version) VALUES (%s, %s, 'removed', 0)"
        " ON CONFLICT (member_id, follower) DO UPDATE SET version = f.version RETURNING state, version",
        (writer.member, sender),
    )
    assert known is not None  # new, or the one that was there
    restored = half.accepted and known.version == half.version and known.state == "requested"
    if known.version >= half.version and not restored:
        return encode(Verdict(known.version, known.state))
    state: State = "accepted" if half.wanted else "removed"
    if half.wanted and not half.accepted:
        locked = await writer.value("SELECT locked FROM account WHERE member_id = %s", (writer.member,))
        state = "requested" if locked else "accepted"
    await writer.execute(
        "UPDATE follower SET state = %s, version = %s, removed_at = NULL WHERE member_id = %s AND follower = %s",
        (state, half.version, writer.member, sender),
    )
    await _count(writer, "followers", (state == "accepted") - (known.state == "accepted"))
    if state == "removed" or restored:
        await unnotify(writer, "follow", sender)
        await unnotify(writer, "follow_request", sender)
    elif not half.accepted:
        await notify(writer, "follow" if state == "accepted" else "follow_request", sender)
    return encode(Verdict(half.version, state))


async def _settle_follow(writer: SiteWriter, recipient: MemberId, answer: bytes) -> None:
    await _apply_verdict(writer, recipient, decode(answer, Verdict))


async def _receive_verdict(writer: SiteWriter, sender: MemberId, body: bytes) -> bytes:
    await _apply_verdict(writer, sender, decode(body, Verdict))
    return b""


async def _apply_verdict(writer: SiteWriter, target: MemberId, verdict: Verdict) -> None:
    """At the follower's home: take the followed's word for the follow it speaks of, and for no later one.

    It may speak of a later one than is known here: a site that came back from a backup has lost what came after it.
    """
    asked = (writer.member, target, verdict.version)
    if verdict.state == "accepted":
        row = await writer.one(
            "SELECT state, version FROM follow WHERE member_id = %s AND target = %s AND version <= %s FOR UPDATE", asked
        )
        if row is not None and (row.state, row.version) != (verdict.state, verdict.version):
            await writer.execute(
                "UPDATE follow SET state = 'accepted', version = %s WHERE member_id = %s AND target = %s",
                (verdict.version, writer.member, target),
            )
            await _count(writer, "following", int(row.state == "requested"))
    elif verdict.state == "removed":
        row = await writer.one(
            "DELETE FROM follow WHERE member_id = %s AND target = %s AND version <= %s RETURNING state", asked
        )
        await _count(writer, "following", -1 if row is not None and row.state == "accepted" else 0)
