"""Questions that verifiers ask, as rows at the member's home: counted before they are asked, and tried a few times.

A code is good once, for its lifetime and five tries. Each try is counted before it is looked at, so that tries side by
side are five in all. Codes are sent at most five times a day to one member, and five times a day to one number.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from domicile.database import Row
from domicile.errors import TooMany
from domicile.ids import Snowflake, next_snowflake
from domicile.network.verifiers import Challenge
from domicile.placement.routing import SiteReader, SiteWriter
from domicile.placement.sealing import DataKey

MOST_TRIES = 5
MOST_SENT = 5
COUNTED = timedelta(days=1)
PAUSE = timedelta(seconds=60)
_SEALED = "challenge_contact.contact"

_SENT = """
SELECT count(*) FILTER (WHERE member_id = %(member)s) AS to_member,
  count(*) FILTER (WHERE digest = %(digest)s) AS to_number,
  max(started_at) FILTER (WHERE member_id = %(member)s) AS last, min(started_at) AS first
FROM challenge WHERE started_at > %(after)s AND (member_id = %(member)s OR digest = %(digest)s)
"""
_OPEN = "member_id = %(member)s AND ended_at IS NULL AND answer IS NOT NULL AND expires_at > %(now)s"
_TRY = f"""
UPDATE challenge SET attempts = attempts + 1 WHERE {_OPEN} AND attempts < %(most)s
RETURNING challenge_id, verifier, answer, attempts, digest
"""
_WAITING = f"SELECT verifier, expires_at, attempts FROM challenge WHERE {_OPEN} AND attempts < %(most)s"
PRUNE = """
DELETE FROM challenge c USING resident r WHERE r.member_id = c.member_id AND r.state = 'home' AND c.started_at < %s
"""
"""Takes away what need no longer be counted, of every member at home here."""


@dataclass(frozen=True, repr=False)
class Try:
    """One counted try at a challenge. `left` is how many remain; `contact` was opened for it."""

    number: Snowflake
    verifier: str
    answer: bytes
    left: int
    digest: bytes
    contact: str


async def reserve_challenge(writer: SiteWriter, verifier: str, contact: str, digest: bytes) -> Snowflake:
    """Count a question before it is asked; one that was open is open no more. Raises TooMany."""
    member, now = writer.member, writer.now
    await lock_number(writer, digest)
    await writer.execute("DELETE FROM challenge WHERE member_id = %s AND started_at <= %s", (member, now - COUNTED))
    (sent,) = await writer.fetch(_SENT, {"member": member, "digest": digest, "after": now - COUNTED})
    _check_limits(sent, now)
    await writer.execute("UPDATE challenge SET ended_at = %s WHERE member_id = %s AND ended_at IS NULL", (now, member))
    number = next_snowflake(now)
    await writer.execute(
        "INSERT INTO challenge (member_id, challenge_id, verifier, digest, started_at, expires_at)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (member, number, verifier, digest, now, now),
    )
    sealed = (await writer.data_key()).seal_text(_SEALED, contact)
    await writer.execute("SELECT vault.write_challenge_contact(%s, %s, %s)", (member, number, sealed))
    return number


async def keep_answer(writer: SiteWriter, number: Snowflake, asked: Challenge) -> None:
    """From now on the question can be answered, unless another was asked meanwhile."""
    await writer.execute(
        "UPDATE challenge SET answer = %s, expires_at = %s"
        " WHERE member_id = %s AND challenge_id = %s AND ended_at IS NULL",
        (asked.answer, writer.now + asked.lifetime, writer.member, number),
    )


async def try_challenge(writer: SiteWriter) -> Try | None:
    """Count a try at the open question; None if there is none, it is too late, or too often."""
    row = await writer.one(_TRY, {"member": writer.member, "now": writer.now, "most": MOST_TRIES})
    if row is None:
        return None
    (kept,) = await writer.fetch(
        "SELECT contact FROM vault.read_some_challenge_contact(%s, %s)", ([writer.member], [row.challenge_id])
    )
    contact = (await writer.data_key()).open_text(_SEALED, bytes(kept.contact)) or ""
    return Try(row.challenge_id, row.verifier, bytes(row.answer), MOST_TRIES - row.attempts, bytes(row.digest), contact)


async def end_challenge(writer: SiteWriter, tried: Try) -> bool:
    """End the question, and forget where it was sent; whether it was still open: of two right answers one ends it."""
    await lock_number(writer, tried.digest)
    ended = await writer.execute(
        "UPDATE challenge SET ended_at = %s WHERE member_id = %s AND challenge_id = %s AND ended_at IS NULL",
        (writer.now, writer.member, tried.number),
    )
    await writer.execute("SELECT vault.erase_challenge_contact(%s, %s)", (writer.member, tried.number))
    return ended == 1


async def find_waiting(reader: SiteReader, member: int) -> Row | None:
    """The open question of a member at home here: `verifier`, `expires_at`, `attempts`."""
    return await reader.one(_WAITING, {"member": member, "now": reader.now, "most": MOST_TRIES})


async def lock_number(writer: SiteWriter, digest: bytes) -> None:
    """One at a time for one number at this site and for one member, in this order."""
    await writer.fetch("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (digest.hex(),))
    await writer.fetch("SELECT 1 FROM account WHERE member_id = %s FOR UPDATE", (writer.member,))


def digester(key: DataKey) -> Callable[[str], bytes]:
    """The keyed hash under which an answer is kept."""
    return lambda value: key.digest("challenge.answer", value)


def _check_limits(sent: Row, now: datetime) -> None:
    if sent.last is not None and now < sent.last + PAUSE:
        reset = (sent.last + PAUSE).timestamp()
        raise TooMany("codes in a row", "Please wait a minute before you ask for another code.", limit=1, reset=reset)
    if sent.to_member >= MOST_SENT or sent.to_number >= MOST_SENT:
        reset = (sent.first + COUNTED).timestamp()
        safe = "No more codes can be sent today. Please try again tomorrow."
        raise TooMany("codes of a day", safe, limit=MOST_SENT, reset=reset)
