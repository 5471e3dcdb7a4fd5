"""Which scopes cover which."""

import pytest

from domicile.web.auth import allows, normal_scopes


@pytest.mark.parametrize(
    ("held", "wanted", "allowed"),
    [
        ("read", "read:statuses", True),
        ("read:statuses", "read:statuses", True),
        ("read:statuses", "read:accounts", False),
        ("read:statuses", "read", False),
        ("write", "read:statuses", False),
        ("follow", "write:follows", True),
        ("follow", "write:statuses", False),
        ("profile", "profile", True),
        ("read", "profile", True),
        ("read:accounts", "profile", True),
        ("push", "profile", False),
        ("", "read", False),
    ],
)
def test_a_scope_covers_its_own_things_and_no_others(held: str, wanted: str, allowed: bool) -> None:
    assert allows(frozenset(held.split()), wanted) is allowed


def test_an_unknown_scope_makes_the_whole_wish_unknown() -> None:
    assert normal_scopes("read write:statuses read") == ["read", "write:statuses"]
    assert normal_scopes("read admin:everything") == []
    assert normal_scopes("") == []
