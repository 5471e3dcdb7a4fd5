"""Every error has two texts, and the web has an answer for each."""

import importlib
import re

import pytest

from domicile import errors
from domicile.errors import DomicileError, InvalidFields, InvalidInput
from shape.source import modules


def every_error() -> list[type[DomicileError]]:
    """All of them, also those that only one module knows."""
    for module in modules():
        if module.part not in ("__main__", "migrations", "domicile"):
            importlib.import_module(f"domicile.{module.name}")
    found, todo = [], [DomicileError]
    while todo:
        kind = todo.pop()
        found.append(kind)
        todo += kind.__subclasses__()
    return sorted(set(found), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_a_reader_gets_a_safe_sentence_and_the_log_the_truth(kind: type[DomicileError]) -> None:
    assert kind.__doc__ or kind.__mro__[1].__doc__
    if kind.__init__ is not DomicileError.__init__:
        return  # made with more than a detail; the tests of their own modules make them
    error = kind("the pool of ru-1 is exhausted", safe=None)
    assert error.detail == str(error) == "the pool of ru-1 is exhausted"
    assert "ru-1" not in error.safe
    assert len(error.safe) > 10
    assert kind("truth", "a sentence").safe == "a sentence"


def test_bad_input_says_the_same_sentence_to_both_because_it_names_only_fields() -> None:
    assert InvalidInput("limit must be at least 1").safe == "limit must be at least 1"
    fields = InvalidFields({"username": [("ERR_TAKEN", "has already been taken")]})
    assert fields.safe == "Validation failed: username has already been taken"


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = set(re.findall(r"[├└]── (\w+)", errors.__doc__ or ""))
    assert drawn == {kind.__name__ for kind in vars(errors).values() if isinstance(kind, type)} - {
        "DomicileError",
        "Mapping",
    }


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_the_web_answers_every_error(kind: type[DomicileError]) -> None:
    status_of = importlib.import_module("domicile.web.errors").status_of
    blank = kind.__new__(kind)
    blank.status = 400  # type: ignore[attr-defined]  an OAuth refusal carries its own
    assert 400 <= status_of(blank) <= 599
