"""Old and new version talk to each other: what the last release wrote is understood, messages grow at their end."""

import json

import msgspec
import pytest

from domicile.transport.exchange import decode, encode
from frozen_messages import FROZEN, as_values, messages

FOUND = messages()
THEN = json.loads(FROZEN.read_text())
HOW = "run PYTHONPATH=src:tests python tests/frozen_messages.py, before a release only"


def test_every_message_is_frozen() -> None:
    assert FOUND.keys() - THEN.keys() == set(), f"new messages: {HOW}"
    assert THEN.keys() - FOUND.keys() == set(), f"messages that an older site still sends: {HOW}"


@pytest.mark.parametrize("name", sorted(THEN.keys() & FOUND.keys()))
def test_what_the_version_before_says_is_understood(name: str) -> None:
    then = THEN[name]
    now = as_values(decode(bytes.fromhex(then["bytes"]), FOUND[name]))
    assert {field: now.get(field) for field in then["values"]} == then["values"], HOW


@pytest.mark.parametrize("name", sorted(THEN.keys() & FOUND.keys()))
def test_what_the_next_version_adds_at_the_end_is_passed_over(name: str) -> None:
    message = decode(bytes.fromhex(THEN[name]["bytes"]), FOUND[name])
    grown = msgspec.msgpack.encode([*msgspec.msgpack.decode(encode(message)), "something new"])
    assert decode(grown, FOUND[name]) == message
