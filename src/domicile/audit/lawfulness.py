"""Whether the law of a day lets a site's residents live there: asked once for each set of facts that it turns on."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta

from domicile.audit.report import Violation
from domicile.database import Row
from domicile.errors import Unavailable
from domicile.ids import SEQUENCE_BITS, Country, SiteName, milliseconds
from domicile.law.compiled import Law
from domicile.law.facts import Basis, Claim, Operator, Person
from domicile.law.policy import Policy
from domicile.law.residency import decide_home, rules_against_home
from domicile.law.rule import Rule
from domicile.placement.sites import Site

# `joined` is the bucket of the time of joining, which an id carries: some rules spare those who came before.
_FACTS = """
SELECT claims, consents, joined, count(*) AS members, (array_agg(member_id ORDER BY member_id))[1:10] AS sample
FROM (SELECT r.member_id, width_bucket(r.member_id, %s::bigint[]) AS joined,
        (SELECT array_agg(c.jurisdiction || ':' || c.basis ORDER BY 1) FROM claim c
          WHERE c.member_id = r.member_id) AS claims,
        (SELECT array_agg(DISTINCT k.kind ORDER BY k.kind) FROM consent k
          WHERE k.member_id = r.member_id AND k.withdrawn_at IS NULL) AS consents
      FROM resident r WHERE r.state IN ('home', 'leaving')) m
GROUP BY claims, consents, joined
"""


async def find_unlawful_homes(
    sites: Mapping[SiteName, Site], law: Law, on: date, policy: Policy, operator: Operator
) -> list[Violation]:
    """Residents whose home the law of that day forbids, or the policy where the law does not say."""
    days = sorted({day for pack in law.packs.values() for rule in pack.rule if (day := _spares_before(rule))})
    midnights = (datetime.combine(day, time.min, UTC) for day in days)
    bounds = [milliseconds(midnight) << SEQUENCE_BITS for midnight in midnights]
    found: list[Violation] = []
    for site in sites.values():
        try:
            rows = await site.auditor.run(_FACTS, (bounds,))
        except Unavailable:
            continue  # the residency audit has said so already
        found += _unlawful(site, rows, days, law, on, policy, operator)
    return found


def _unlawful(
    site: Site, rows: list[Row], days: list[date], law: Law, on: date, policy: Policy, operator: Operator
) -> Iterator[Violation]:
    that_day = law.on(on)
    for row in rows:
        since = (days[row.joined - 1] if row.joined else days[0] - timedelta(days=1)) if days else None
        person = Person(frozenset(map(_claim, row.claims or ())), frozenset(row.consents or ()), since=since)
        if decide_home(person, site.country, that_day, policy, operator).allowed:
            continue
        citations = rules_against_home(person, site.country, that_day, policy, operator)
        rules = ", ".join(f"{c.act} {c.article}" for c in citations) or "the operator's policy"
        text = f"{row.members} members may not have their home in {site.country} on {on}: {rules}"
        yield Violation("law", site.name, "resident", row.members, tuple(row.sample), text)


def _spares_before(rule: Rule) -> date | None:
    """The first day of a rule that spares those who joined before it."""
    return rule.valid_from if rule.existing_until else None


def _claim(text: str) -> Claim:
    jurisdiction, basis = text.split(":")
    return Claim(Country(jurisdiction), Basis(basis))
