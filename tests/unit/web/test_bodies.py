"""What clients send, nested as Rails nests it, and what cannot be read."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile.errors import InvalidInput
from domicile.web.bodies import Upload, convert, nest, parse_pairs, query_values
from domicile.web.errors import Malformed


class Form(msgspec.Struct):
    word: str | None = None
    flag: bool | None = None
    number: int = 0
    many: list[str] | str | None = None
    file: Upload | str | None = None


@pytest.mark.parametrize(
    ("sent", "values"),
    [
        (b"a=1&b=two", {"a": "1", "b": "two"}),
        (b"a[]=1&a[]=2", {"a": ["1", "2"]}),
        (b"id=1&id[]=2", {"id": ["1", "2"]}),
        (b"id[]=1&id=2", {"id": ["1", "2"]}),
        (b"source[privacy]=public", {"source": {"privacy": "public"}}),
        (b"f[0][name]=x&f[0][value]=y", {"f": {"0": {"name": "x", "value": "y"}}}),
        (b"f[][name]=x&f[][value]=y&f[][name]=z", {"f": [{"name": "x", "value": "y"}, {"name": "z"}]}),
        (b"word=%E2%9C%93+and+more", {"word": "\u2713 and more"}),
    ],
)
def test_pairs_nest_as_rails_nests_them(sent: bytes, values: object) -> None:
    assert query_values(sent) == values


@pytest.mark.parametrize(
    "sent",
    [
        b"a=%FF",
        b"a=%00",
        b"%00=1",
        b"a[b]=1&a[]=2",
        b"a=1&a[b]=2",
        b"[a]=1",
        b"a[[b]=1",
        b"a[b][c][d][e][f]=1",
        b"\xff=1",
    ],
)
def test_what_contradicts_itself_or_is_no_text_is_malformed(sent: bytes) -> None:
    with pytest.raises(Malformed):
        query_values(sent)


def test_more_fields_than_anybody_needs_are_malformed() -> None:
    with pytest.raises(Malformed):
        parse_pairs(b"&".join(b"a=1" for _ in range(600)))


def test_texts_become_what_the_struct_asks_for() -> None:
    form = convert({"word": "null", "flag": "1", "number": "7", "many": "one"}, Form)
    assert (form.word, form.flag, form.number, form.many) == ("null", True, 7, "one")
    upload = Upload(b"bytes")
    assert convert({"file": upload}, Form).file == upload


@pytest.mark.parametrize("values", [{"flag": "perhaps"}, {"number": "x"}, {"word": 5}, {"many": {"a": 1}}, {"file": 3}])
def test_a_wrong_type_names_the_field(values: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match=f"^Validation failed: {next(iter(values))}"):
        convert(values, Form)


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=5)), max_size=8))
def test_any_pairs_nest_or_are_malformed(pairs: list[tuple[str, str]]) -> None:
    with contextlib.suppress(Malformed):
        assert isinstance(nest(pairs), dict)
