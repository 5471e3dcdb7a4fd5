"""Plans of a running network, and packs made up for one test."""

from datetime import date

from domicile.ids import Country
from domicile.law.compiled import Law
from domicile.law.pack import parse_pack
from domicile.plan.planning import make_plan
from domicile.plan.prices import load_prices
from domicile.plan.report import Plan
from domicile.running import Domicile

HEAD = """
jurisdiction = "{code}"
name = "Made up"
version = "1"
checked_on = 2026-11-21
not_legal_advice = "Made up for a test."
claims_by = ["residence", "citizenship", "presence", "collection"]
claims_by_source = "made up"
"""

CITED = """
confidence = "H"
[rule.citation]
act = "Act"
article = "art. {number}"
source = "made up"
checked_on = 2026-11-21
verified = false
"""


def made_up(code: str, *rules: str, bloc: tuple[str, ...] = (), more: str = "") -> Law:
    """A pack of these rules, each without its confidence and citation; `more` stands after them."""
    members = f"bloc_members = {list(bloc)}\n" if bloc else ""
    written = [f"\n[[rule]]\n{rule}{CITED.format(number=number)}" for number, rule in enumerate(rules)]
    pack = parse_pack((HEAD.format(code=code) + members + "".join(written) + more).encode(), f"{code.lower()}.toml")
    return Law({Country(code): pack})


def residency(name: str, homes: str, **more: str) -> str:
    """A residency rule; `more` are keys in TOML, such as `valid_from`."""
    keys = {
        "id": f'"{name}"',
        "kind": '"residency"',
        "summary": '"Made up."',
        "subject": '{ basis = "resident" }',
        "mode": '"exclusive"',
        "homes": homes,
        "elsewhere": '"forbid"',
        **more,
    }
    return "\n".join(f"{key} = {value}" for key, value in keys.items())


ANYBODY = '{ basis = "any" }'


def keys(kind: str, name: str, **more: str) -> str:
    """A rule of any kind; `more` are keys in TOML."""
    stated = {"id": f'"{name}"', "kind": f'"{kind}"', "summary": '"Made up."', "subject": ANYBODY, **more}
    return "\n".join(f"{key} = {value}" for key, value in stated.items())


async def plan(domicile: Domicile, on: date, tested: Law | None = None) -> Plan:
    return await make_plan(domicile.to_plan(load_prices()), on, domicile.clock(), tested)
