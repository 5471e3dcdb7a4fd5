"""What of an age is asked and kept at sign-up, on laws made for the purpose."""

from datetime import date

import msgspec
import pytest

from domicile.errors import InvalidFields
from domicile.ids import Country
from domicile.law.compiled import Law
from domicile.law.facts import Basis, Claim, Operator
from domicile.law.library import load_packs, load_policy
from domicile.law.policy import Ruling, policy_of
from domicile.law.rule import Age
from domicile.network.forms import SignUp, check_form
from domicile.network.joining import Joining, check_joining

PACKS, POLICY = load_packs().packs, load_policy()
TODAY = date(2026, 11, 24)
US, DE = Country("US"), Country("DE")
STRICT = policy_of("strict", (*POLICY.rulings.values(), Ruling(question="age-not-asked", permit=False, reason="no")))
ADULT, CHILD = date(1990, 5, 1), date(2015, 11, 24)


def law(**changes: object) -> Law:
    """The packs, with the age rule of the United States changed."""
    rules = tuple(msgspec.structs.replace(r, **changes) if isinstance(r, Age) else r for r in PACKS[US].rule)
    return Law(PACKS | {US: msgspec.structs.replace(PACKS[US], rule=rules)})


def join(
    of: Law | None = None, country: Country = US, on: date = TODAY, policy: object = POLICY, **form: object
) -> Joining:
    typed = SignUp(username="kim", email="kim@example.org", password=None, country=country, **form)  # type: ignore[arg-type]
    claims = frozenset({Claim(country, Basis.RESIDENCE)})
    found = (of or Law(PACKS)).on(on)
    return check_joining(typed, claims, country, found, policy, Operator(), lambda proving: True)  # type: ignore[arg-type]


def refusal(*args: object, **form: object) -> InvalidFields:
    with pytest.raises(InvalidFields) as refused:
        join(*args, **form)  # type: ignore[arg-type]
    return refused.value


@pytest.mark.parametrize(("country", "born"), [(US, date(2013, 11, 25)), (DE, date(2010, 11, 25)), (US, CHILD)])
def test_below_the_age_nobody_joins_and_no_age_is_told(country: Country, born: date) -> None:
    error = refusal(country=country, birth_date=born)
    assert error.fields == {"date_of_birth": [("ERR_BELOW_LIMIT", "does not let us open an account for you")]}


@pytest.mark.parametrize(("country", "born"), [(US, date(2013, 11, 24)), (DE, date(2010, 11, 24)), (US, ADULT)])
def test_from_the_birthday_on_they_do_and_the_date_is_kept_for_the_seal(country: Country, born: date) -> None:
    joined = join(country=country, birth_date=born)
    assert (joined.birth_date, joined.answer, joined.unverified) == (born, None, False)


def test_before_the_rule_nothing_is_asked_and_nothing_kept() -> None:
    child = date(2008, 1, 1)
    assert join(country=DE, on=date(2018, 5, 24), birth_date=child).birth_date is None
    assert refusal(country=DE, on=date(2018, 5, 25), birth_date=child).fields.keys() == {"date_of_birth"}


def test_a_date_that_an_app_sends_where_no_law_asks_is_not_kept() -> None:
    joined = join(country=Country("NZ"), birth_date=ADULT)
    assert (joined.birth_date, joined.answer) == (None, None)


def test_only_a_yes_is_kept_where_the_law_lets_no_more() -> None:
    joined = join(law(keep="yes_no"), birth_date=ADULT)
    assert joined.birth_date is None and joined.answer is not None
    assert (joined.answer.minimum, joined.answer.asked_on, joined.answer.method) == (13, TODAY, "date_of_birth")
    assert joined.answer.rules == ["US-COPPA"]
    assert refusal(law(keep="yes_no"), birth_date=CHILD)


def test_nothing_is_kept_where_the_law_lets_nothing() -> None:
    joined = join(law(keep="nothing"), birth_date=ADULT)
    assert (joined.birth_date, joined.answer) == (None, None)


def test_a_declaration_is_a_tick_and_a_date_sent_in_its_place_is_not_kept() -> None:
    ticked = join(law(evidence="declaration"), of_age=True)
    assert ticked.answer is not None and ticked.answer.method == "declaration"
    dated = join(law(evidence="declaration"), birth_date=ADULT)
    assert dated.birth_date is None and dated.answer is not None and dated.answer.method == "date_of_birth"


def test_a_tick_is_no_date_where_the_law_wants_the_date() -> None:
    assert refusal(policy=STRICT, of_age=True).fields["date_of_birth"][0][0] == "ERR_BLANK"
    assert join(of_age=True).answer is None  # the default policy lets it pass, and keeps no yes that nobody gave


def test_an_assured_age_leaves_the_account_waiting() -> None:
    assured = law(evidence="assurance", keep="yes_no")
    assert join(assured).unverified
    assert refusal(assured, birth_date=CHILD).fields.keys() == {"date_of_birth"}


def test_no_consent_of_a_parent_can_be_claimed_by_the_child() -> None:
    form = SignUp(username="kim", email="kim@example.org", password=None, country=US, consents=["parental"])
    with pytest.raises(InvalidFields, match="consents"):
        check_form(form)


@pytest.mark.parametrize("born", [date(2026, 11, 25), date(1895, 1, 1), date(1, 1, 1), date(9999, 12, 31)])
def test_a_day_on_which_nobody_was_born_is_refused(born: date) -> None:
    assert refusal(birth_date=born).fields["date_of_birth"][0][0] == "ERR_INVALID"
