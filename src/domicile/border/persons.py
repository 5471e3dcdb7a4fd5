"""A member as the law sees them, from the rows at their home: claims and standing consents."""

from collections.abc import Iterable

from domicile.border.safeguards import STAMP
from domicile.database import Row, array
from domicile.ids import Country, MemberId
from domicile.law.facts import Basis, Claim, Person
from domicile.placement.routing import SiteReader

# Beside each row of a view, the legal facts of its owner; `papers` tells whether the desk still knows the site's
# safeguards as they are.
FACTS = f", facts.claims, facts.consents, {STAMP} AS papers"
OWNERS = """LEFT JOIN LATERAL (SELECT
  (SELECT array_agg(c.jurisdiction || ':' || c.basis || ':' || c.assumed::int ORDER BY 1)
     FROM claim c WHERE c.member_id = v.{owner}) AS claims,
  (SELECT array_agg(DISTINCT c.kind) FROM consent c
     WHERE c.member_id = v.{owner} AND c.withdrawn_at IS NULL) AS consents) facts ON true"""

PERSONS = f"""
SELECT v.member_id {FACTS} FROM unnest(%(members)s::bigint[]) AS v (member_id) {OWNERS.format(owner="member_id")}
"""


async def find_persons(reader: SiteReader, members: Iterable[MemberId]) -> dict[MemberId, Person]:
    """The legal facts of members at home here."""
    rows = await reader.fetch(PERSONS, {"members": array(set(members))})
    return {MemberId(row.member_id): read_person(row) for row in rows}


_seen: dict[tuple[tuple[str, ...], tuple[str, ...]], Person] = {}


def read_person(row: Row) -> Person:
    """Equal facts give one and the same object, so that decisions about them are looked up and not made again."""
    key = (tuple(row.claims or ()), tuple(row.consents or ()))
    person = _seen.get(key)
    if person is None:
        if len(_seen) > 10_000:
            _seen.clear()
        person = _seen[key] = Person(frozenset(map(parse_claim, key[0])), frozenset(key[1]))
    return person


def parse_claim(text: str) -> Claim:
    """A claim as FACTS writes it."""
    jurisdiction, basis, assumed = text.split(":")
    return Claim(Country(jurisdiction), Basis(basis), assumed == "1")
