"""What is sealed opens only in its own place, under its own member's key, and lies nowhere in clear."""

import json
import secrets
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from canary import places
from domicile.errors import DomicileError, InvalidFields, Misconfigured
from domicile.ids import MemberId
from domicile.network.posts import Draft
from domicile.placement.sealing import BrokenSeal, DataKey, SiteKey, keyed_digest, load_secret
from domicile.running import Domicile
from network_at import MakeMember, superuser

KEY = DataKey(MemberId(7), b"k" * 32)
SITE_KEY = SiteKey("here", b"s" * 32)


@given(st.binary(max_size=2000), st.text(min_size=1, max_size=40))
def test_what_is_sealed_opens_again(value: bytes, place: str) -> None:
    assert KEY.open(place, KEY.seal(place, value)) == value


@given(st.text(max_size=300) | st.none())
def test_text_and_nothing_come_back_as_they_were(value: str | None) -> None:
    assert KEY.open_text("credential.email", KEY.seal_text("credential.email", value)) == value


@given(st.binary(max_size=100), st.data())
def test_a_changed_byte_breaks_the_seal(value: bytes, data: st.DataObject) -> None:
    sealed = bytearray(KEY.seal("a.b", value))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BrokenSeal):
        KEY.open("a.b", bytes(sealed))


@given(st.binary(max_size=11))
def test_what_was_never_sealed_does_not_open(value: bytes) -> None:
    with pytest.raises(BrokenSeal):
        KEY.open("a.b", value)


def test_a_sealed_value_means_nothing_in_another_column_or_for_another_member() -> None:
    sealed = KEY.seal("credential.email", b"anna@example.org")
    with pytest.raises(BrokenSeal):
        KEY.open("credential.phone", sealed)
    with pytest.raises(BrokenSeal):
        DataKey(MemberId(8), KEY.secret).open("credential.email", sealed)
    with pytest.raises(BrokenSeal):
        DataKey(KEY.member, b"x" * 32).open("credential.email", sealed)


def test_equal_values_are_sealed_differently_each_time() -> None:
    assert len({KEY.seal("a.b", b"same") for _ in range(50)}) == 50


def test_a_data_key_opens_under_its_own_sites_key_and_for_its_own_member_only() -> None:
    key, wrapped = SITE_KEY.new_data_key(MemberId(7))
    assert SITE_KEY.unwrap(MemberId(7), wrapped) == key
    for site_key, member in ((SITE_KEY, 8), (SiteKey("there", b"t" * 32), 7)):
        with pytest.raises(BrokenSeal):
            site_key.unwrap(MemberId(member), wrapped)


def test_no_key_shows_itself() -> None:
    assert KEY.secret.decode() not in f"{KEY} {KEY!r} {SITE_KEY} {SITE_KEY!r}"


def test_digests_depend_on_the_key_the_kind_and_the_value() -> None:
    digests = {keyed_digest(key, kind, value) for key in (b"a", b"b") for kind in ("x", "y") for value in ("1", "2")}
    assert len(digests) == 8


def test_a_key_file_is_made_once_and_refused_when_others_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "secrets" / "one.key"
    assert load_secret(file) == load_secret(file)
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o640)
    with pytest.raises(Misconfigured, match="can be read by others"):
        load_secret(file)
    file.chmod(0o600)
    file.write_text("not a key")
    with pytest.raises(Misconfigured, match="is not a key"):
        load_secret(file)


class Canary:
    """Values that stand nowhere else in the world."""

    def __init__(self) -> None:
        tag = secrets.token_hex(8)
        self.handle = f"canary_{tag}"
        self.email = f"canary-{tag}@example.org"
        self.phone = f"+4915{secrets.randbelow(10**8):08d}"
        self.password = f"Passw0rd-{tag}"
        self.letter = f"letter-{tag}"
        self.refused = f"refused-{tag}"

    @property
    def sealed(self) -> list[str]:
        return [self.email, self.phone, self.password, self.letter]


@pytest.fixture
def our_log() -> Iterator[list[dict[str, Any]]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


async def test_no_address_number_password_or_letter_lies_in_clear_in_any_servers_folder(
    domicile: Domicile, member: MakeMember, our_log: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    canary = Canary()
    form = {"email": canary.email, "phone": canary.phone, "password": canary.password, "birth_date": date(1990, 5, 1)}
    anna = await member("DE", handle=canary.handle, **form)
    with pytest.raises(InvalidFields):
        await member("DE", **form)
    with pytest.raises(DomicileError):
        await domicile.members.check_log_in(canary.email, "wrong " + canary.password)
    assert await domicile.members.check_log_in(canary.email, canary.password) == anna
    await domicile.posts.write(anna, Draft(text=canary.letter, visibility="direct"))
    german = domicile.sites[domicile.config.site_names[0]]
    with pytest.raises(DomicileError) as refusal:
        await german.app.run(
            "INSERT INTO account (member_id, handle, note, created_at) VALUES (%s, 'x', %s, now())",
            (anna, canary.refused),
        )
    for name in [*domicile.sites, "hub"]:
        async with superuser(domicile, name) as admin:
            await admin.run("CHECKPOINT")
    clusters = (domicile.config.data / "pg").resolve()
    assert places(clusters, canary.handle) == {"de-1"}, "what is not sealed lies at home, and the search finds it"
    for value in canary.sealed:
        assert places(clusters, value) == places(domicile.config.data, value) == set()
    assert places(clusters, canary.refused, "*.log") == set(), "a refused row is not quoted in the server's log"
    said = json.dumps(our_log, default=str) + caplog.text + str(refusal.value)
    assert not [value for value in [*canary.sealed, canary.refused] if value in said]
