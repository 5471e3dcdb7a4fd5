"""Planted values are found in any stream, however it is cut, and never quoted."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domicile.audit.canaries import MOST, Canary, Matcher, Reading, read_canaries
from domicile.errors import InvalidInput

SITES = ("de-1", "ru-1")
values = st.lists(st.text("abAB@.é ", min_size=8, max_size=12), min_size=1, max_size=5, unique=True)


def count_by_hand(canaries: list[Canary], content: bytes) -> Counter[int]:
    found: Counter[int] = Counter()
    for canary in canaries:
        for form in canary.forms:
            starts = range(len(content) - len(form) + 1)
            found[canary.line] += sum(content.startswith(form, start) for start in starts)
    return +found


@settings(max_examples=50, deadline=None)
@given(values, st.data())
def test_a_stream_is_searched_alike_however_it_is_cut(texts: list[str], data: st.DataObject) -> None:
    canaries = [Canary(number, text) for number, text in enumerate(texts, start=1)]
    forms = st.sampled_from([form for canary in canaries for form in canary.forms])
    content = b"".join(data.draw(st.lists(forms | st.binary(max_size=20), max_size=8)))
    reading = Reading(Matcher(canaries))
    rest = content
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        reading.feed(rest[:size])
        rest = rest[size:]
    assert reading.counts == count_by_hand(canaries, content)
    assert reading.size == len(content)


@pytest.mark.parametrize(
    "lying",
    ["Zoë Müller", "zoë müller", "Zoe\u0308 Mu\u0308ller", r"Zo\xeb M\xfcller", "Zo%C3%AB%20M%C3%BCller"],
)
def test_a_value_is_found_in_the_forms_in_which_it_may_lie(lying: str) -> None:
    reading = Reading(Matcher([Canary(1, "Zoë Müller")]))
    reading.feed(b"before " + lying.encode() + b" after")
    reading.feed(b" and in hexadecimal: " + lying.encode().hex().encode() if "%" not in lying else b"")
    assert reading.counts[1] >= 1


def test_each_line_may_say_where_its_value_may_be() -> None:
    lines = ["# made up\n", "\n", "kanarie@example.org\n", "Anna Kanarie\tru-1\r\n", "a post\tof hers\tde-1, ru-1\n"]
    assert [(c.line, c.value, sorted(c.may_be_at)) for c in read_canaries(lines, SITES)] == [
        (3, "kanarie@example.org", []),
        (4, "Anna Kanarie", ["ru-1"]),
        (5, "a post\tof hers", ["de-1", "ru-1"]),
    ]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["secret7"], "line 1: a value of fewer than 8 bytes"),
        (["# nothing", ""], "no value"),
        (["kanarie@example.org\tfr-1"], "line 1: what stands after the tab is no site here"),
        (["kanarie@example.org\tParis"], "line 1: what stands after the tab is no name"),
        ([f"kanarie{number:04}" for number in range(MOST + 1)], "1001 values"),
    ],
)
def test_what_cannot_be_looked_for_is_refused_by_its_line_and_not_quoted(lines: list[str], words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as refused:
        read_canaries(lines, SITES)
    assert not any(line.split("\t")[0] in refused.value.detail for line in lines if line)
    assert "kanarie" not in repr(Canary(1, "kanarie@example.org"))
