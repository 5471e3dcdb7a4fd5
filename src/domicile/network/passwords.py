"""Passwords: argon2id (RFC 9106) in a thread, so that the event loop serves others meanwhile."""

import asyncio
import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from domicile.network.names import refuse

SHORTEST, LONGEST = 8, 256

# RFC 9106 section 4, second recommended option: 64 MiB, three passes; one lane, since requests run side by side.
hasher = PasswordHasher(time_cost=3, memory_cost=65536, parallelism=1)
_gate = asyncio.Semaphore(2)


@cache
def _nobody() -> str:
    return hasher.hash(secrets.token_urlsafe(16))


def check_password_form(password: str) -> str:
    """Raises InvalidFields for a password that is too short or too long."""
    if not password:
        raise refuse("password", "ERR_BLANK", "can't be blank")
    if len(password) < SHORTEST:
        raise refuse("password", "ERR_TOO_SHORT", f"is too short (minimum is {SHORTEST} characters)")
    if len(password) > LONGEST:
        raise refuse("password", "ERR_TOO_LONG", f"is too long (maximum is {LONGEST} characters)")
    return password


async def hash_password(password: str) -> str:
    async with _gate:
        return await asyncio.to_thread(hasher.hash, password)


async def password_matches(hashed: str | None, password: str) -> bool:
    """Whether the password is right. Takes as long for a member without a password, or for nobody at all."""
    async with _gate:
        return await asyncio.to_thread(_verify, hashed, password)


def _verify(hashed: str | None, password: str) -> bool:
    nobody = _nobody()  # also where it is not needed: the first answer is no quicker for somebody than for nobody
    try:
        return hasher.verify(hashed or nobody, password) and hashed is not None
    except (VerificationError, InvalidHashError):
        return False
