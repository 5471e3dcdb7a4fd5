"""What changed, in words: between two files of a pack, and between two days of the law."""

from datetime import date

from domicile.law.comparison import compare_days, compare_packs
from domicile.law.library import load_packs
from domicile.law.pack import parse_pack

TOP = """
jurisdiction = "IN"
name = "Test"
version = "{version}"
checked_on = 2026-01-01
not_legal_advice = "No advice."
claims_by = ["residence"]
claims_by_source = "test"
"""
ORDER = """
[[rule]]
id = "IN-ORDER"
kind = "content"
summary = "Withhold on order."
valid_from = {start}
{end}
subject = {{ basis = "any" }}
deadline = {{ n = {hours}, unit = "hours" }}
duty = "withhold"
confidence = "H"
[rule.citation]
act = "IT Rules"
article = "r. 3(1)(d)"
source = "page"
checked_on = 2026-01-01
verified = true
"""
OLD = TOP.format(version="1") + ORDER.format(start="2021-02-25", end="valid_to = 2026-02-19", hours=36)
NEW = (
    TOP.format(version="2")
    + ORDER.format(start="2021-02-25", end="valid_to = 2026-02-19", hours=36)
    + ORDER.format(start="2026-02-20", end="", hours=3)
)


def said(old: str, new: str) -> list[str]:
    return [c.sentence for c in compare_packs(parse_pack(old.encode(), "old"), parse_pack(new.encode(), "new"))]


def test_a_new_version_is_told_and_so_is_the_new_number_of_the_pack() -> None:
    assert said(OLD, NEW) == [
        'version was "1" and is now "2".',
        "New: IN-ORDER (content, from 2026-02-20; IT Rules, r. 3(1)(d)). Withhold on order.",
    ]
    assert said(NEW, OLD)[1].startswith("Gone: IN-ORDER")


def test_a_changed_rule_says_what_was_and_what_is() -> None:
    assert said(OLD, OLD.replace("n = 36", "n = 3")) == ["IN-ORDER: the deadline was 36 hours and is now 3 hours."]
    asks = OLD.replace("verified = true", "verified = false").replace(
        "[rule.citation]", 'disputed = "x"\n[rule.citation]'
    )
    (sentence,) = said(OLD, asks)
    assert 'what lawyers differ on is now "x"' in sentence
    assert "whether the article was checked against a text was yes and is now no" in sentence


def test_equal_packs_have_nothing_to_say() -> None:
    assert said(NEW, NEW) == []


def test_two_days_of_one_pack() -> None:
    pack = parse_pack(NEW.encode(), "new")
    (change,) = compare_days(pack, date(2026, 2, 19), date(2026, 2, 20))
    assert change.what == "changed"
    assert "the deadline was 36 hours and is now 3 hours" in change.sentence
    assert compare_days(pack, date(2026, 2, 20), date(2026, 12, 1)) == ()


def test_every_shipped_pack_can_be_told_against_nothing_in_force() -> None:
    for pack in load_packs().packs.values():
        changes = compare_days(pack, date(1900, 1, 1), date(2026, 11, 21))
        assert {change.what for change in changes} == {"new"}
        assert all(change.rule in change.sentence for change in changes)
