"""How often somebody may ask. Counted in memory, under an HMAC with this process's own random key: no address is kept.

What is counted: every request, by token or else by address; sign-ups and log-ins by address.
"""

import hmac
import ipaddress
import secrets
import time
from dataclasses import dataclass, field
from typing import Literal

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from litestar.connection import ASGIConnection

from domicile.config import Config
from domicile.errors import TooMany

Kind = Literal["requests", "sign_ups", "log_ins"]
WINDOW_MINUTES = 5


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of a limit: X-RateLimit-Limit, -Remaining and -Reset."""

    limit: int
    remaining: int
    reset: float


@dataclass
class Limits:
    config: Config
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def __post_init__(self) -> None:
        sizes = self.config.limits
        self._items: dict[str, RateLimitItem] = {
            kind: RateLimitItemPerMinute(size, WINDOW_MINUTES)
            for kind, size in (("requests", sizes.requests), ("sign_ups", sizes.sign_ups), ("log_ins", sizes.log_ins))
        }
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def spend(self, kind: Kind, connection: ASGIConnection, token: str | None = None) -> Left | None:  # type: ignore[type-arg]
        """Count one; what is left, or None where nothing is limited. Raises TooMany."""
        address = address_of(connection, self.config.trusted_proxies)
        embedded = self.config.hub.dsn is None  # elsewhere a proxy on this machine would make everybody look local
        if embedded and self.config.limits.exempt_loopback and is_loopback(address):
            return None
        item = self._items[kind]
        who = hmac.digest(self._key, (token or address or "").encode(), "sha256").hex()
        allowed = self._limiter.hit(item, kind, who)
        stats = self._limiter.get_window_stats(item, kind, who)
        if not allowed:
            raise TooMany(f"limit of {kind} reached", limit=item.amount, reset=stats.reset_time)
        return Left(item.amount, stats.remaining, stats.reset_time or time.time())


def address_of(connection: ASGIConnection, trusted_proxies: tuple[str, ...]) -> str | None:  # type: ignore[type-arg]
    """Who asks: the peer, or behind trusted proxies the last address that is not one of them."""
    peer = connection.client.host if connection.client else None
    if peer is None or peer not in trusted_proxies:
        return peer
    hops = [hop.strip() for hop in connection.headers.get("x-forwarded-for", "").split(",") if hop.strip()]
    outside = [hop for hop in hops if hop not in trusted_proxies]
    return outside[-1] if outside and _parsed(outside[-1]) else peer


def is_loopback(address: str | None) -> bool:
    parsed = _parsed(address or "")
    return parsed is not None and parsed.is_loopback


def country_of_address(address: str | None) -> str | None:
    """The country an address is registered in, looked up offline; None for private addresses and unknown ones."""
    import iptocc

    parsed = _parsed(address or "")
    return iptocc.country_code(str(parsed)) if parsed is not None and parsed.is_global else None


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = getattr(found, "ipv4_mapped", None)
    return mapped or found
