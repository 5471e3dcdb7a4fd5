"""Names, addresses and numbers are compared in their normal forms; what is wrong is told field by field."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile.errors import InvalidFields
from domicile.ids import Country
from domicile.network.names import (
    check_handle,
    clean_text,
    email_key,
    normalize_email,
    normalize_phone,
    skeleton,
)

HANDLES = st.from_regex(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,28}[A-Za-z0-9_])?", fullmatch=True)


@given(HANDLES)
def test_a_skeleton_does_not_see_case_and_is_its_own_skeleton(handle: str) -> None:
    assert skeleton(handle.upper()) == skeleton(handle.lower())
    assert skeleton(skeleton(handle)) == skeleton(handle)


@pytest.mark.parametrize(("one", "other"), [("paypal", "paypa1"), ("Ol1ver", "oliver"), ("mod-ern", "mod_em")])
def test_look_alikes_have_one_skeleton(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)


@pytest.mark.parametrize("handle", ["anna", "a", "_", "a-b", "A" * 30, "123"])
def test_good_handles_are_kept_as_written(handle: str) -> None:
    assert check_handle(handle) == handle


@pytest.mark.parametrize(
    ("handle", "code"),
    [
        ("", "ERR_BLANK"),
        ("a" * 31, "ERR_TOO_LONG"),
        ("-a", "ERR_INVALID"),
        ("a-", "ERR_INVALID"),
        ("а", "ERR_INVALID"),  # Cyrillic
        ("a b", "ERR_INVALID"),
        ("a@b", "ERR_INVALID"),
        ("anna\n", "ERR_INVALID"),
        ("Admin", "ERR_RESERVED"),
    ],
)
def test_bad_handles_are_refused_with_a_code_that_apps_know(handle: str, code: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        check_handle(handle)
    assert refused.value.fields["username"][0][0] == code


@pytest.mark.parametrize(
    ("typed", "normal"), [(" Anna@EXAMPLE.org ", "Anna@example.org"), ("anna@BÜCHER.example", "anna@bücher.example")]
)
def test_an_address_is_normal_in_its_domain(typed: str, normal: str) -> None:
    assert normalize_email(typed) == normal


def test_addresses_that_differ_in_case_or_composition_are_one_mailbox() -> None:
    composed, decomposed = (unicodedata.normalize(form, "José@example.org") for form in ("NFC", "NFD"))
    assert email_key(composed) == email_key(decomposed.upper())


@pytest.mark.parametrize(
    "typed", ["", "anna", "anna@", "@example.org", "a b@example.org", "anna@exam ple.org", "a" * 400]
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(InvalidFields):
        normalize_email(typed)


@pytest.mark.parametrize(
    ("typed", "country", "normal"),
    [
        ("0151 1234 5678", "DE", "+4915112345678"),
        ("8 (912) 345-67-89", "RU", "+79123456789"),
        ("+1 650-253-0000", None, "+16502530000"),
        ("138 0013 8000", "CN", "+8613800138000"),
    ],
)
def test_a_number_is_read_as_dialled_at_home(typed: str, country: str | None, normal: str) -> None:
    assert normalize_phone(typed, Country(country) if country else None) == normal


@pytest.mark.parametrize(
    ("typed", "country"), [("0151 1234 5678", None), ("1" * 20, "DE"), ("call me", "DE"), ("", "DE")]
)
def test_what_is_no_number_is_refused(typed: str, country: str | None) -> None:
    with pytest.raises(InvalidFields):
        normalize_phone(typed, Country(country) if country else None)


@given(st.text(max_size=200))
def test_clean_text_is_clean_for_good(text: str) -> None:
    once = clean_text("text", text, 10_000)
    assert clean_text("text", once, 10_000) == once
    assert not [c for c in once if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"]
    once.encode()


def test_text_that_is_too_long_is_refused_and_not_cut() -> None:
    assert clean_text("text", "x" * 500, 500) == "x" * 500
    with pytest.raises(InvalidFields, match="maximum is 500"):
        clean_text("text", "x" * 501, 500)
