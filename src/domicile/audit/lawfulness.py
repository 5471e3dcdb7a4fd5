"""Whether the law of a day lets a site's residents live there: asked once for each set of claims."""

from collections.abc import Mapping

from domicile.audit.report import Violation
from domicile.errors import Unavailable
from domicile.ids import Country, SiteName
from domicile.law.compiled import LawOn
from domicile.law.facts import Basis, Claim, Operator, Person
from domicile.law.policy import Policy
from domicile.law.residency import decide_home
from domicile.placement.sites import Site

_CLAIMED = """
SELECT claims, count(*) AS members, (array_agg(member_id ORDER BY member_id))[1:10] AS sample
FROM (SELECT r.member_id, (SELECT array_agg(c.jurisdiction || ':' || c.basis ORDER BY 1) FROM claim c
        WHERE c.member_id = r.member_id) AS claims FROM resident r WHERE r.state IN ('home', 'leaving')) m
GROUP BY claims
"""


async def find_unlawful_homes(
    sites: Mapping[SiteName, Site], law: LawOn, policy: Policy, operator: Operator
) -> list[Violation]:
    """Residents whose home the law of that day forbids, or the policy where the law does not say."""
    found: list[Violation] = []
    for name, site in sites.items():
        try:
            rows = await site.auditor.run(_CLAIMED)
        except Unavailable:
            continue  # the residency audit has said so already
        for row in rows:
            person = Person(frozenset(map(_claim, row.claims or ())))
            decision = decide_home(person, site.country, law, policy, operator)
            if not decision.allowed:
                rules = ", ".join(f"{c.act} {c.article}" for c in decision.citations) or "the operator's policy"
                text = f"{row.members} members may not have their home in {site.country}: {rules}"
                found.append(Violation("law", name, "resident", row.members, tuple(row.sample), text))
    return found


def _claim(text: str) -> Claim:
    jurisdiction, basis = text.split(":")
    return Claim(Country(jurisdiction), Basis(basis))
