"""How often, and whose address counts."""

from types import SimpleNamespace
from typing import Any

import pytest

from domicile.config import Config
from domicile.config import Limits as Sizes
from domicile.errors import TooMany
from domicile.web.limits import Limits, address_of, country_of_address


def _asking(peer: str, forwarded: str = "") -> Any:
    return SimpleNamespace(
        client=SimpleNamespace(host=peer), headers={"x-forwarded-for": forwarded} if forwarded else {}
    )


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "address"),
    [
        ("203.0.113.9", "", (), "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", (), "203.0.113.9"),  # nobody is believed unasked
        ("10.0.0.1", "198.51.100.1", ("10.0.0.1",), "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1, 10.0.0.2", ("10.0.0.1", "10.0.0.2"), "198.51.100.1"),
        ("10.0.0.1", "no address", ("10.0.0.1",), "10.0.0.1"),
    ],
)
def test_the_address_is_the_last_that_is_no_proxy_of_ours(
    peer: str, forwarded: str, trusted: tuple[str, ...], address: str
) -> None:
    assert address_of(_asking(peer, forwarded), trusted) == address


def test_who_asks_too_often_is_told_when_to_come_back() -> None:
    limits = Limits(Config(limits=Sizes(requests=2)))
    asking = _asking("203.0.113.9")
    left = limits.spend("requests", asking)
    assert left is not None and (left.limit, left.remaining) == (2, 1)
    limits.spend("requests", asking)
    with pytest.raises(TooMany) as refused:
        limits.spend("requests", asking)
    assert refused.value.limit == 2 and refused.value.reset > 0
    assert limits.spend("requests", asking, token="another") is not None


def test_loopback_is_not_limited_unless_asked() -> None:
    assert Limits(Config()).spend("requests", _asking("127.0.0.1")) is None
    assert Limits(Config(limits=Sizes(exempt_loopback=False))).spend("requests", _asking("::1")) is not None


def test_no_address_is_kept_in_clear() -> None:
    limits = Limits(Config())
    limits.spend("requests", _asking("203.0.113.9"))
    assert "203.0.113.9" not in repr(vars(limits._limiter.storage))


def test_private_addresses_point_to_no_country() -> None:
    assert country_of_address("10.1.2.3") is None
    assert country_of_address("127.0.0.1") is None
    assert country_of_address(None) is None
    assert country_of_address("nonsense") is None
    assert country_of_address("5.255.255.5") == "RU"
