"""Graphs: read strictly from a file, or made up alike for the same seed."""

import gzip
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domicile.errors import InvalidInput
from domicile.network.seeding import graph as graphs
from domicile.network.seeding.graph import make_graph, read_graph

PAIRS = st.lists(st.tuples(st.integers(0, 10**15), st.integers(0, 10**15)), max_size=60)
files = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@files
@given(pairs=PAIRS, packed=st.booleans(), noise=st.sampled_from(["", "\n", "# a remark\n", "  \t\n", "\r\n"]))
def test_every_friendship_becomes_two_follows_once(
    tmp_path: Path, pairs: list[tuple[int, int]], packed: bool, noise: str
) -> None:
    text = noise + "".join(f"{a} {b}\n{noise}" for a, b in pairs)
    file = tmp_path / "pairs"
    file.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    friends = {frozenset(pair) for pair in pairs if pair[0] != pair[1]}
    people = {person for pair in friends for person in pair}
    found = read_graph(file, 200)
    assert len(found.follows) == len(set(found.follows)) == 2 * len(friends)
    assert found.ignored == len(pairs) - len(friends)
    assert {person for pair in found.follows for person in pair} == set(range(len(people)))
    assert all((b, a) in set(found.follows) for a, b in found.follows)


@pytest.mark.parametrize(
    "line", ["1", "1 2 3", "a b", "1,2", "1 -2", "1 2.5", "1 ²", "9" * 19 + " 1", "\x00 1", "x" * 5000]
)
def test_a_rubbish_line_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "friends.txt"
    file.write_text(f"# friends\n1 2\n\n{line}\n3 4\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"friends\.txt, line 4: two whole numbers are expected, not") as refused:
        read_graph(file, 10)
    assert len(str(refused.value)) < 400


@files
@given(content=st.binary(max_size=300))
def test_any_bytes_are_a_graph_or_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "bytes"
    file.write_bytes(content)
    try:
        read_graph(file, 1000)
    except InvalidInput:
        return


def test_a_broken_archive_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gz"
    broken.write_bytes(gzip.compress(b"1 2\n" * 1000)[:-12])
    for file in (broken, tmp_path, tmp_path / "missing"):
        with pytest.raises(InvalidInput, match="cannot be read"):
            read_graph(file, 10)


def test_more_people_than_members_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "three"
    file.write_text("1 2\n2 3\n")
    with pytest.raises(InvalidInput, match="names 3 people, more than the 2 members"):
        read_graph(file, 2)
    assert read_graph(file, 5).size == 5


def test_an_archive_that_unpacks_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "LARGEST_BYTES", 10_000)
    file = tmp_path / "bomb.gz"
    file.write_bytes(gzip.compress(b"# nothing\n" * 100_000))
    with pytest.raises(InvalidInput, match="holds more than"):
        read_graph(file, 10)


@given(size=st.integers(1, 120), seed=st.integers(0, 1000))
def test_a_made_up_graph_is_the_same_for_the_same_seed(size: int, seed: int) -> None:
    first, again = make_graph(size, Random(seed)), make_graph(size, Random(seed))
    assert first.follows == again.follows
    assert all(a != b and 0 <= a < size and 0 <= b < size for a, b in first.follows)
    assert len(set(first.follows)) == len(first.follows)


def test_a_made_up_network_is_lively_and_has_its_famous() -> None:
    graph = make_graph(1000, Random(3))
    following = sorted(map(len, graph.following))
    assert following[0] >= 5
    assert max(map(len, graph.followers)) > 5 * following[500]
