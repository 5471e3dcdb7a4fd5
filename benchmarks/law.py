"""Decisions a second: cold, compiled and cached, on one core; the limit beside them is a plain dict look-up.

Run: `python benchmarks/law.py [--decisions N]`. Compiled: persons never seen before, over several dates, after other
persons were decided on (rules are made ready for a crossing when it is first asked of). "First of the day" has no such
start. "Every operator distinct" is the worst case: rules must be made ready for each decision.
"""

import argparse
import itertools
import random
import time
from collections.abc import Callable, Sequence
from datetime import date

from domicile.ids import Country
from domicile.law.compiled import Law, LawOn
from domicile.law.facts import Act, Basis, Claim, Count, Crossing, Operator, Person
from domicile.law.library import load_packs, load_policy, load_safeguards
from domicile.law.policy import Policy
from domicile.law.transfer import decide_crossing

COUNTRIES = [Country(name) for name in ("DE", "RU", "CN", "US", "FR", "BR", "JP", "IN")]
SITES = COUNTRIES[:4]
DATES = [date(2026, month, 1) for month in range(1, 9)]
Question = tuple[Person, Crossing, Operator, LawOn]


def people(count: int, chance: random.Random) -> list[Person]:
    """Distinct persons: one or two claims, with and without consents, of every age."""
    made: dict[Person, None] = {}
    while len(made) < count:
        claims = frozenset(
            Claim(chance.choice(COUNTRIES), chance.choice(list(Basis)), chance.random() < 0.5)
            for _ in range(chance.randint(1, 2))
        )
        consents = frozenset(chance.sample(["publication", "abroad", "parental"], chance.randint(0, 3)))
        made[Person(claims, consents, chance.randint(13, 100))] = None
    return list(made)


def crossings() -> list[Crossing]:
    """Every pair of sites, act and kind of displayed field."""
    fields = [("user.content.public", "public"), ("user.content.private", "followers"), ("user.name", "public")]
    return [
        Crossing(exporter=exporter, importer=importer, act=act, category=category, audience=audience)  # type: ignore[arg-type]
        for exporter, importer in itertools.permutations(SITES, 2)
        for act in Act
        for category, audience in [*fields, ("user.unique_id.pseudonymous", "none")]
    ]


def rate(questions: Sequence[Question], policy: Policy) -> float:
    start = time.perf_counter()
    for person, crossing, operator, on in questions:
        decide_crossing(person, crossing, operator, on, policy)
    return len(questions) / (time.perf_counter() - start)


def best(measure: Callable[[], float]) -> float:
    return max(measure() for _ in range(3))


def cold(law: Law, question: Question, policy: Policy, count: int = 200) -> float:
    """A fresh `LawOn` for every decision."""
    person, crossing, operator, on = question
    start = time.perf_counter()
    for _ in range(count):
        decide_crossing(person, crossing, operator, LawOn(law.packs, on.date), policy)
    return count / (time.perf_counter() - start)


def look_ups(questions: Sequence[Question], policy: Policy) -> float:
    """The limit: nothing but a tuple and a dict look-up on the same keys."""
    table = {(person, crossing, operator, policy): True for person, crossing, operator, _ in questions}
    start = time.perf_counter()
    for person, crossing, operator, _ in questions:
        table[person, crossing, operator, policy]
    return len(questions) / (time.perf_counter() - start)


def counted(persons: int) -> frozenset[Count]:
    return frozenset({Count("persons_since_january", Country("CN"), persons)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--decisions", type=int, default=60_000)
    count = parser.parse_args().decisions
    law, policy, chance = load_packs(), load_policy(), random.Random(7)
    operator = Operator(load_safeguards(), counted(1200))
    ways = crossings()

    everybody = people(2 * count, chance)

    def fresh(distinct_operators: bool = False, begun: bool = False) -> list[Question]:
        """Questions that were never asked of these days; `begun`: others were."""
        days = [LawOn(law.packs, day) for day in DATES]
        if begun:
            rate(asked(everybody[count:], days, False), policy)
        return asked(everybody[:count], days, distinct_operators)

    def asked(persons: list[Person], days: list[LawOn], distinct_operators: bool) -> list[Question]:
        return [
            (
                person,
                chance.choice(ways),
                Operator(operator.safeguards, counted(number)) if distinct_operators else operator,
                days[number % len(days)],
            )
            for number, person in enumerate(persons)
        ]

    few = fresh()[:2_000]
    rate(few, policy)
    warm = few * max(1, count // len(few))
    results = {
        "cold (the day compiled anew each time)": best(lambda: cold(law, few[0], policy)),
        "compiled, every operator distinct": best(lambda: rate(fresh(True), policy)),
        "compiled, first of the day": best(lambda: rate(fresh(), policy)),
        "compiled, distinct facts and dates": best(lambda: rate(fresh(begun=True), policy)),
        "cached": best(lambda: rate(warm, policy)),
    }
    limit = best(lambda: look_ups(warm, policy))
    print(f"{'limit: a dict look-up on the same facts':42} {limit:12,.0f} /s")
    for name, value in results.items():
        print(f"{name:42} {value:12,.0f} /s   {value / limit:6.3f} of the limit")


if __name__ == "__main__":
    main()
