"""What must be kept against what must be erased: surfaced with both articles, resolved by nobody here."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile.ids import Country
from domicile.law.compiled import Law
from domicile.law.deadline import due_at
from domicile.law.duties import Period
from domicile.law.facts import Basis, Claim, Person
from domicile.law.pack import parse_pack
from domicile.law.retention import find_clashes, find_clashes_between, find_clashes_for, is_longer

HEAD = """\
jurisdiction = "{place}"
name = "{place}"
version = "1"
checked_on = 2026-01-01
not_legal_advice = "No advice."
claims_by = ["residence", "citizenship"]
claims_by_source = "here"
{more}
"""
RULE = """
[[rule]]
id = "{name}"
summary = "Keep it, or do not."
valid_from = 2016-01-01
subject = {{ basis = "any" }}
confidence = "H"
{more}
[rule.citation]
act = "Act of {name}"
article = "art. 1"
source = "page"
checked_on = 2026-01-01
verified = true
"""
LEAST = 'kind = "retention"\nbound = "min"\n'
MOST = 'kind = "retention"\nbound = "max"\n'


def pack(place: str, *rules: tuple[str, str], more: str = "") -> str:
    return HEAD.format(place=place, more=more) + "".join(RULE.format(name=n, more=m) for n, m in rules)


PACKS = (
    pack(
        "RU",
        (
            "RU-3Y",
            LEAST + 'categories = ["user.device"]\nperiod = { n = 3, unit = "years" }\nstarts_at = "the message"\n'
            "kept_here = true",
        ),
        (
            "RU-MAX",
            MOST + 'categories = ["user.content"]\nperiod = { n = 6, unit = "months" }\nstarts_at = "the message"',
        ),
    ),
    pack(
        "EU",
        (
            "EU-17",
            'kind = "deletion"\ncategories = ["user"]\ndeadline_words = "without undue delay"\n'
            'event_words = "the member asks for it"',
        ),
        more='bloc_members = ["DE"]',
    ),
    pack(
        "DE",
        (
            "DE-LOGS",
            LEAST + 'categories = ["user.device.ip_address"]\nperiod = { n = 3, unit = "months" }\n'
            'starts_at = "the access"',
        ),
        (
            "DE-7D",
            MOST
            + 'categories = ["user.device.ip_address"]\nperiod = { n = 7, unit = "days" }\nstarts_at = "the access"',
        ),
    ),
)
LAW = Law({pack.jurisdiction: pack for pack in (parse_pack(text.encode(), "test.toml") for text in PACKS)})
ON = LAW.on(date(2026, 11, 24))
DE, RU = Country("DE"), Country("RU")


def test_a_law_that_asks_for_three_months_and_allows_seven_days_is_shown_with_both_articles() -> None:
    clashes = find_clashes(ON, jurisdictions=[DE])
    certain = [clash for clash in clashes if clash.certain]
    assert [(c.kind, c.keeps.rule, c.limits.rule) for c in certain] == [("longer_than_allowed", "DE-LOGS", "DE-7D")]
    assert certain[0].sentence == (
        "DE-LOGS keeps it for at least 3 months from the access; DE-7D keeps it for at most 7 days from the access."
    )
    assert (certain[0].keeps.act, certain[0].limits.act) == ("Act of DE-LOGS", "Act of DE-7D")
    # The Union's erasure, whose words have no number, stands against Germany's minimum too.
    assert [(c.limits.rule, c.certain) for c in clashes if not c.certain] == [("EU-17", False)]


def test_a_law_that_agrees_with_itself_has_no_clash() -> None:
    assert find_clashes(ON, jurisdictions=[RU]) == ()


def test_a_russian_in_germany_is_kept_by_one_law_and_erased_by_the_other() -> None:
    person = Person(frozenset({Claim(DE, Basis.RESIDENCE), Claim(RU, Basis.CITIZENSHIP)}))
    clashes = find_clashes_for(person, ON, category="user.device.ip_address")
    assert {(c.keeps.rule, c.limits.rule, c.certain) for c in clashes} == {
        ("RU-3Y", "EU-17", False),
        ("RU-3Y", "DE-7D", True),
        ("DE-LOGS", "EU-17", False),
        ("DE-LOGS", "DE-7D", True),
    }
    erased = next(c for c in clashes if (c.keeps.rule, c.limits.rule) == ("RU-3Y", "EU-17"))
    assert erased.kind == "kept_against_erasure"
    assert erased.sentence.startswith("RU-3Y keeps it in RU for at least 3 years from the message")
    assert set(clashes) == set(find_clashes_between(ON, None, [DE, RU]))


def test_retention_attaches_to_the_claim_and_not_to_the_deployment() -> None:
    german = Person(frozenset({Claim(DE, Basis.RESIDENCE)}))
    assert "RU-3Y" not in {c.keeps.rule for c in find_clashes_for(german, ON, category="user.device.ip_address")}


def test_other_categories_do_not_clash() -> None:
    person = Person(frozenset({Claim(DE, Basis.RESIDENCE), Claim(RU, Basis.CITIZENSHIP)}))
    assert find_clashes_for(person, ON, category="user.name") == ()


@pytest.mark.parametrize(
    ("one", "other", "longer"),
    [
        (Period(13, "months"), Period(1, "years"), True),
        (Period(12, "months"), Period(1, "years"), False),
        (Period(72, "hours"), Period(3, "days"), False),
        (Period(30, "days"), Period(1, "months"), None),
        (Period(10, "working_days"), Period(10, "days"), None),
        (Period(3, "years"), Period(90, "days"), True),
    ],
)
def test_periods_compare_where_they_can(one: Period, other: Period, longer: bool | None) -> None:
    assert is_longer(one, other) is longer


PERIODS = st.builds(
    Period, st.integers(0, 40), st.sampled_from(("hours", "days", "working_days", "weeks", "months", "years"))
)
STARTS = st.timedeltas(timedelta(), timedelta(days=3000)).map(lambda since: datetime(2024, 1, 1, tzinfo=UTC) + since)


@given(PERIODS, PERIODS, STARTS)
def test_what_is_longer_ends_later(one: Period, other: Period, start: datetime) -> None:
    if is_longer(one, other) is True:
        assert due_at(start, one) >= due_at(start, other)
    if is_longer(one, other) is False:
        assert due_at(start, one) <= due_at(start, other)
