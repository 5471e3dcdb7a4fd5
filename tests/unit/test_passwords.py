"""Passwords are kept as RFC 9106 recommends; the other tests of a run hash them cheaply."""

import subprocess
import sys

import pytest

from domicile.errors import InvalidFields
from domicile.network.passwords import check_password_form, hash_password, password_matches

HASH = "import asyncio; from domicile.network.passwords import hash_password as h; print(asyncio.run(h('a password')))"


@pytest.fixture
def hashed() -> str:
    """By a process that is no test's."""
    path = f"import sys; sys.path[:0] = {sys.path!r}; "
    done = subprocess.run([sys.executable, "-c", path + HASH], capture_output=True, text=True, check=True)
    return done.stdout.strip()


async def test_a_password_is_hashed_with_argon2id_in_64_mib_and_three_passes(hashed: str) -> None:
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert await password_matches(hashed, "a password")
    assert not await password_matches(hashed, "a Password")


async def test_nobody_has_no_password() -> None:
    assert not await password_matches(None, "a password")
    assert not await password_matches("no hash", "a password")
    assert await hash_password("a password") != await hash_password("a password"), "each with its own salt"


@pytest.mark.parametrize("password", ["", "seven77", "x" * 257])
def test_a_password_that_is_too_short_or_too_long_is_refused(password: str) -> None:
    with pytest.raises(InvalidFields):
        check_password_form(password)
