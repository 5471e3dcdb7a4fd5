"""The loader refuses a bad pack with the file, the line, and a sentence that helps."""

from pathlib import Path
from typing import get_args

import pytest
from fideslang.default_taxonomy import DEFAULT_TAXONOMY

from domicile.law.categories import CATEGORIES
from domicile.law.library import load_packs, load_policy, load_safeguards
from domicile.law.pack import LARGEST_PACK, PackError, Weekday, parse_pack

HEAD = """\
jurisdiction = "RU"
name = "Russia"
version = "1"
checked_on = 2026-01-01
not_legal_advice = "No advice."
claims_by = ["residence"]
claims_by_source = "here"
"""
CITATION = """\
[rule.citation]
act = "152-FZ"
article = "art. 18(5)"
source = "page"
checked_on = 2026-01-01
verified = true
"""
RULE = """
[[rule]]
id = "A"
kind = "residency"
summary = "Keep it here."
valid_from = 2015-09-01
subject = { basis = "resident" }
mode = "exclusive"
homes = ["RU"]
confidence = "H"
"""
TRANSFER = """
[[rule]]
id = "T"
kind = "transfer"
summary = "Ask."
valid_from = 2015-09-01
subject = { basis = "any" }
acts = ["relay"]
categories = ["user.contact"]
confidence = "H"
"""
SIGN_UP = """
[[rule]]
id = "S"
kind = "signup"
summary = "Say who you are."
valid_from = 2015-09-01
subject = { basis = "any" }
requires = "verified_identity"
"""
AGE = """
[[rule]]
id = "Y"
kind = "age"
summary = "Be old enough."
valid_from = 2015-09-01
subject = { basis = "any" }
minimum = 16
"""
SURE = 'confidence = "H"\n'
GOOD = HEAD + RULE + CITATION


def changed(old: str, new: str, text: str = GOOD) -> str:
    assert old in text
    return text.replace(old, new, 1)


SECOND = (RULE + CITATION).replace("2015-09-01", "2020-01-01")
ENDED = changed('confidence = "H"', 'valid_to = 2018-01-01\nconfidence = "H"')
BAD = {
    "not-toml": ("name = [", 1, "not valid TOML"),
    "unknown-key": (changed("homes =", "home ="), 16, "did you mean `homes`?"),
    "unknown-key-at-the-top": (changed("name =", "nane ="), 2, "did you mean `name`?"),
    "unknown-key-in-the-citation": (changed("article =", "articel ="), 20, "did you mean `article`?"),
    "unknown-key-in-the-subject": (changed("basis =", "bases ="), 14, "did you mean `basis`?"),
    "unknown-kind": (changed('"residency"', '"residence"'), 11, "did you mean `residency`?"),
    "no-kind": (changed('kind = "residency"\n', ""), 9, "no `kind`"),
    "no-citation": (HEAD + RULE, 9, "every rule says where it is written"),
    "citation-without-article": (changed('article = "art. 18(5)"\n', ""), 18, "`article` is missing in `citation`"),
    "no-first-day": (changed("valid_from = 2015-09-01\n", ""), 9, "`valid_from` is missing"),
    "ends-before-it-starts": (changed('confidence = "H"', 'valid_to = 2015-08-31\nconfidence = "H"'), 17, "before it"),
    "no-such-day": (changed("2015-09-01", "2015-02-30"), 13, "not valid TOML"),
    "a-time-for-a-day": (changed("2015-09-01", "2015-09-01T10:00:00"), 13, "`valid_from`"),
    "unknown-mode": (changed('"exclusive"', '"somewhere"'), 15, "`mode`"),
    "empty-id": (changed('id = "A"', 'id = ""'), 10, "`id`"),
    "unknown-jurisdiction": (changed('jurisdiction = "RU"', 'jurisdiction = "XX"'), 1, "'XX' is no jurisdiction"),
    "unknown-home": (changed('homes = ["RU"]', 'homes = ["Russia"]'), 16, "'Russia' is no jurisdiction"),
    "both-homes-and-not": (changed('homes = ["RU"]', 'homes = ["RU"]\nhomes_not = ["US"]'), 17, "not both"),
    "bad-holiday": (changed("claims_by =", 'holidays = ["13-40"]\nclaims_by ='), 6, "no day of the year"),
    "bad-time-zone": (changed("claims_by =", 'time_zone = "Moscow"\nclaims_by ='), 6, "no time zone"),
    "bad-weekend": (changed("claims_by =", 'weekend = ["sat"]\nclaims_by ='), 6, "`weekend`"),
    "no-working-day": (changed("claims_by =", f"weekend = {[*get_args(Weekday)]}\nclaims_by ="), 6, "`weekend`"),
    "overlap": (GOOD + SECOND, 29, "another runs without end"),
    "gap": (ENDED + SECOND, 30, "from 2018-01-02 to 2019-12-31"),
    "versions-of-two-kinds": (ENDED + changed('id = "T"', 'id = "A"', TRANSFER) + CITATION, 28, "of one kind"),
    "impossible-threshold": (
        changed("mode =", 'thresholds = [{ metric = "persons_since_january", at_least = 9, below = 9 }]\nmode ='),
        15,
        "no number is at least 9 and below 9",
    ),
    "empty-threshold": (
        changed("mode =", 'thresholds = [{ metric = "persons_since_january" }]\nmode ='),
        15,
        "at_least",
    ),
    "negative-threshold": (
        changed("mode =", 'thresholds = [{ metric = "persons_since_january", below = -1 }]\nmode ='),
        15,
        "`thresholds.below`",
    ),
    "bad-category": (HEAD + changed("user.contact", "user.contakt", TRANSFER) + CITATION, 16, "`user.contact`"),
    "empty-gate": (HEAD + TRANSFER + "asks = [[]]\n" + CITATION, 18, "can never open"),
    "ask-of-two-things": (
        HEAD + TRANSFER + 'asks = [[{ consent = "a", safeguard = "b" }]]\n' + CITATION,
        18,
        "either a `safeguard` or a `consent`",
    ),
    "assured-and-forgotten": (
        HEAD + AGE + 'evidence = "assurance"\nkeep = "nothing"\n' + SURE + CITATION,
        17,
        'write `keep = "yes_no"`',
    ),
    "unknown-evidence": (HEAD + AGE + 'evidence = "a hunch"\n' + SURE + CITATION, 16, "`evidence`"),
    "no-method": (HEAD + SIGN_UP + 'methods = ["Mobile Number"]\n' + SURE + CITATION, 16, "is no method"),
    "method-of-nowhere": (
        HEAD + SIGN_UP + 'methods = ["phone:XX"]\n' + SURE + CITATION,
        16,
        "is no jurisdiction",
    ),
    "ground-for-nothing": (HEAD + TRANSFER + 'ground_for = "X"\n' + CITATION, 18, "needs a ground"),
    "supersedes-nothing": (changed("mode =", 'supersedes = "X"\nmode ='), 15, "no other rule here"),
    "rules-not-a-table": (HEAD + "rule = 3\n", 1, "[[rule]]"),
}


@pytest.mark.parametrize(("text", "line", "sentence"), BAD.values(), ids=BAD)
def test_a_bad_pack_is_refused_with_file_line_and_help(text: str, line: int, sentence: str) -> None:
    with pytest.raises(PackError) as refused:
        parse_pack(text.encode(), "ru.toml")
    assert (refused.value.file, refused.value.line) == ("ru.toml", line), refused.value.detail
    assert sentence in refused.value.sentence
    assert refused.value.detail.startswith(f"ru.toml:{line}: ")
    assert "ru.toml" not in refused.value.safe


def test_a_good_pack_loads() -> None:
    pack = parse_pack(GOOD.encode(), "ru.toml")
    assert [rule.id for rule in pack.rule] == ["A"]


def test_a_declared_gap_between_versions_is_no_fault() -> None:
    text = ENDED + changed('confidence = "H"', 'gap_declared = true\nconfidence = "H"', SECOND)
    assert len(parse_pack(text.encode(), "ru.toml").rule) == 2


def test_a_rule_may_wait_for_its_first_day() -> None:
    text = changed("valid_from = 2015-09-01", 'commencement = "on_publication"\nin_force_known = false')
    assert parse_pack(text.encode(), "ru.toml").rule[0].valid_from is None


def test_a_header_inside_a_long_string_moves_no_line() -> None:
    text = changed('"Keep it here."', '"""\n[[rule]]\n"""', changed("homes =", "home ="))
    with pytest.raises(PackError) as refused:
        parse_pack(text.encode(), "ru.toml")
    assert refused.value.line == 18


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(PackError, match=r"ru\.toml:2: .*UTF-8"):
        parse_pack(b'name = "x"\n\xff\xfe', "ru.toml")


def test_a_pack_over_one_mebibyte_is_refused() -> None:
    with pytest.raises(PackError, match="at most 1 MiB"):
        parse_pack(b"#" * (LARGEST_PACK + 1), "ru.toml")


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(PackError, match="not valid TOML"):
        parse_pack(b"a = " + b"[" * 100_000, "ru.toml")


def test_a_folder_without_packs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="holds no pack"):
        load_packs(tmp_path)
    with pytest.raises(PackError, match="cannot be read"):
        load_packs(tmp_path / "absent")


def test_two_packs_of_one_jurisdiction_are_refused(tmp_path: Path) -> None:
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text(GOOD)
    with pytest.raises(PackError, match="already the pack of RU"):
        load_packs(tmp_path)


def test_a_bad_policy_or_safeguard_file_is_refused(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("name = 3")
    for load in (load_policy, load_safeguards):
        with pytest.raises(PackError, match=r"bad\.toml"):
            load(bad)


def test_our_categories_are_those_of_fideslang() -> None:
    assert {category.fides_key for category in DEFAULT_TAXONOMY.data_category} == CATEGORIES
