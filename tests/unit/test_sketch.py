"""A sketch counts members, merges like a set, and cannot be asked about a member without the key."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile.border.sketch import Sketch, union
from domicile.ids import MemberId

KEY, OTHER = b"k" * 32, b"o" * 32
members = st.sets(st.integers(1, 2**63 - 1).map(MemberId), max_size=40)


def of(found: "set[MemberId] | range", key: bytes = KEY) -> Sketch:
    sketch = Sketch()
    sketch.add(key, [MemberId(member) for member in found])
    return sketch


def holds(sketch: Sketch, member: int, key: bytes) -> bool:
    """Whether a member may be in it, as somebody with this key would try."""
    return bytes(union([sketch, of({MemberId(member)}, key)])) == bytes(sketch)


@given(members, members, members)
def test_merging_is_the_union_of_sets_in_any_order_and_any_number_of_times(
    a: set[MemberId], b: set[MemberId], c: set[MemberId]
) -> None:
    whole = bytes(of(a | b | c))
    assert bytes(union([of(a), of(b), of(c)])) == bytes(union([of(c), of(b), of(a), of(b)])) == whole
    assert bytes(union([])) == bytes(Sketch())


@given(members)
def test_what_is_stored_is_read_again(found: set[MemberId]) -> None:
    assert bytes(Sketch(bytes(of(found)))) == bytes(of(found))
    assert Sketch(bytes(of(found))).count() == of(found).count()


@pytest.mark.parametrize("n", [0, 1, 40, 999, 20_000, 150_000])
def test_the_count_is_within_the_stated_error(n: int) -> None:
    assert abs(of(range(1, n + 1)).count() - n) <= 4 * 0.0082 * n


def test_a_sketch_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="12 registers, not 16384"):
        Sketch(bytes(12))


def test_whoever_holds_the_key_can_try_a_member_and_nobody_else_can() -> None:
    """Said in the docstring, and why the key lies outside PostgreSQL."""
    present, absent = range(1, 201), range(1001, 1201)
    sketch = of(present)
    assert all(holds(sketch, member, KEY) for member in present)
    assert sum(holds(sketch, member, KEY) for member in absent) <= 8
    for key in (OTHER, b""):  # another key, and none
        assert sum(holds(sketch, member, key) for member in present) <= 8


def test_neither_an_id_nor_a_hash_of_it_without_the_key_lies_in_a_sketch() -> None:
    found = [MemberId(98_765_432_123_456_789 + n) for n in range(50)]
    stored = bytes(of(set(found)))
    for member in found:
        texts = (str(member).encode(), member.to_bytes(8, "big"), member.to_bytes(8, "little"))
        hashes = (hashlib.new(name, text).digest()[:4] for text in texts for name in ("sha256", "sha1", "md5"))
        assert not any(trace in stored for trace in (*texts, *hashes))
