"""Whether the law lets somebody join, and what of their age may be kept. Nothing is stored before it has answered."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from domicile.database import Session
from domicile.ids import Country, MemberId
from domicile.law.compiled import LawOn
from domicile.law.facts import Claim, Operator, Person
from domicile.law.policy import Policy
from domicile.law.signup import SignupDecision, decide_signup
from domicile.law.standing import Proving
from domicile.network.forms import SignUp, age_on
from domicile.network.names import refuse
from domicile.network.verification import locks

OLDEST = 130
TOO_YOUNG = "does not let us open an account for you"


@dataclass(frozen=True)
class AgeAnswer:
    """A yes: at least `minimum` years, told on a day, by a date of birth that is not kept or by a declaration."""

    minimum: int
    asked_on: date
    method: str
    rules: list[str]

    async def write(self, session: Session, member: MemberId) -> None:
        """Keep the yes at home."""
        values: tuple[Any, ...] = (member, self.minimum, self.asked_on, self.method, self.rules)
        await session.execute("INSERT INTO age_answer VALUES (%s, %s, %s, %s, %s)", values)


@dataclass(frozen=True)
class Joining:
    """What is kept of a sign-up by law: a date of birth or a yes or neither, and whether the account waits."""

    birth_date: date | None
    answer: AgeAnswer | None
    unverified: bool


def check_joining(
    form: SignUp,
    claims: frozenset[Claim],
    country: Country,
    on: LawOn,
    policy: Policy,
    operator: Operator,
    can_prove: Callable[[Proving], bool],
) -> Joining:
    """What the law of the day makes of somebody who joins in `country`. Raises InvalidFields, in neutral sentences."""
    consents = frozenset(form.consents)
    asked = decide_signup(Person(claims, consents), country, on, policy, operator)
    age = _age(form, asked, on.date)
    found = decide_signup(Person(claims, consents, age), country, on, policy, operator)
    if found.too_young:
        raise refuse("date_of_birth", "ERR_BELOW_LIMIT", TOO_YOUNG)
    if not found.allowed:
        old_enough = Person(claims, consents, asked.minimum_age)
        if age is None and decide_signup(old_enough, country, on, policy, operator).allowed:
            raise refuse("date_of_birth", "ERR_BLANK", "can't be blank: a law here sets an age")
        raise refuse("country", "ERR_UNAVAILABLE", "has a law that does not let you sign up here at present")
    waits = [proving for proving in found.proving if locks(proving)]
    if not all(map(can_prove, waits)):
        raise refuse("country", "ERR_UNAVAILABLE", "has a law that asks for a proof which nobody here can take")
    return _keep(form, found, age, on.date, unverified=bool(waits))


def _age(form: SignUp, asked: SignupDecision, today: date) -> int | None:
    """Whole years, or for a declaration the years that were declared at least."""
    born = form.birth_date
    if born is None:
        declared = form.of_age and not asked.asks_birth_date
        return asked.minimum_age if declared else None
    if not 0 <= age_on(born, today) <= OLDEST:
        raise refuse("date_of_birth", "ERR_INVALID", "is not anybody's date of birth")
    return age_on(born, today)


def _keep(form: SignUp, found: SignupDecision, age: int | None, today: date, *, unverified: bool) -> Joining:
    """As much as all laws allow that ask; where none asks, nothing."""
    minimum = found.minimum_age
    if age is None or minimum is None or found.keep == "nothing":
        return Joining(None, None, unverified)
    if found.keep == "date_of_birth" and found.asks_birth_date and form.birth_date is not None:
        return Joining(form.birth_date, None, unverified)
    method = "declaration" if form.birth_date is None else "date_of_birth"
    rules = [asked.citation.rule for asked in found.ages]
    return Joining(None, AgeAnswer(minimum, today, method, rules), unverified)
