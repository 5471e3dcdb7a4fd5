"""Packs and incidents for tests: four laws on breaches, with the clocks that the real ones have."""

from datetime import UTC, datetime

from domicile.ids import Country
from domicile.law.breaches import Affected, Incident, Risk, decide_breach
from domicile.law.compiled import Law
from domicile.law.facts import Basis, Claim, Operator
from domicile.law.pack import parse_pack
from domicile.plan.breach_case import Assessment

HEAD = """\
jurisdiction = "{place}"
name = "{place}"
version = "1"
checked_on = 2026-01-01
not_legal_advice = "No advice."
claims_by = ["residence"]
claims_by_source = "here"
{more}
"""
RULE = """
[[rule]]
id = "{name}"
kind = "breach"
summary = "Tell it."
subject = {{ basis = "collected_in" }}
confidence = "H"
{more}
[rule.citation]
act = "Act"
article = "art. 1"
source = "page"
checked_on = 2026-01-01
verified = true
"""
AWARE = datetime(2026, 11, 24, 9, tzinfo=UTC)
NOBODY = Operator(established=frozenset())


def pack(place: str, *rules: tuple[str, str], more: str = "") -> str:
    """A pack of breach rules: each a name and the keys of its own."""
    return HEAD.format(place=place, more=more) + "".join(RULE.format(name=n, more=m) for n, m in rules)


def hours(n: int) -> str:
    return f'{{ n = {n}, unit = "hours" }}'


EU = pack(
    "EU",
    (
        "EU-33",
        f'valid_from = 2018-05-25\nauthority = "DPA"\ndeadline = {hours(72)}\nrisk = "risk"\n'
        'tells_members = true\nmembers_words = "without undue delay"\nmembers_risk = "high_risk"',
    ),
    more='bloc_members = ["DE", "FR"]',
)
RU = pack(
    "RU",
    (
        "RU-21",
        f'valid_from = 2022-09-01\nauthority = "Roskomnadzor"\ndeadline = {hours(24)}\nfollow_up = {hours(72)}',
    ),
    more='time_zone = "Europe/Moscow"',
)
CN = pack(
    "CN",
    (
        "CN-4H",
        f'valid_from = 2025-11-01\nauthority = "CAC"\ndeadline = {hours(4)}\n'
        'follow_up = { n = 30, unit = "days" }\ntells_members = true\nmembers_words = "at once"',
    ),
    more='time_zone = "Asia/Shanghai"',
)
KR = pack(
    "KR",
    ("KR-1000", f"valid_from = 2023-09-15\ndeadline = {hours(72)}\naffected_at_least = 1000"),
    ("KR-GRAVE", f'valid_from = 2023-09-15\ndeadline = {hours(72)}\nonly_when = "it was an attack"'),
    ("KR-NEW", f'commencement = "on_publication"\nevent = "KR-LAW"\ndeadline = {hours(24)}'),
    more='time_zone = "Asia/Seoul"',
)


def law_of(*packs: str) -> Law:
    return Law({pack.jurisdiction: pack for pack in (parse_pack(text.encode(), "test.toml") for text in packs)})


LAW = law_of(EU, RU, CN, KR)


def affected(home: str, **by_country: int) -> tuple[Affected, ...]:
    """Residents of countries, whose data stood in `home`."""
    return tuple(
        Affected(frozenset({Claim(Country(country), Basis.RESIDENCE)}), Country(home), n)
        for country, n in by_country.items()
    )


def assess(*groups: Affected, risk: Risk | None = None, aware: datetime = AWARE) -> Assessment:
    """What the law makes of these persons, as an incident keeps it."""
    incident = Incident(aware=aware, affected=groups, risk=risk)
    return Assessment(
        categories=("user.contact.email",),
        counted="all",
        persons=sum(group.persons for group in groups),
        unplaced=0,
        risk=risk,
        countries={},
        silent=(),
        notification=decide_breach(incident, NOBODY, LAW),
    )
