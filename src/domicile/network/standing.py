"""Whether a member may post, answer, share and send messages: asked of the law at home, inside the transaction.

The facts are the member's claims, what they have proved and since when they are here. The answer for equal facts is
looked up, so that for most members it costs a look into a dictionary.
"""

from dataclasses import dataclass

import pycountry

from domicile.border.operator import OperatorNow
from domicile.border.persons import parse_claim
from domicile.database import Row
from domicile.errors import NotPermitted
from domicile.ids import Country
from domicile.law.compiled import Law, LawOn
from domicile.law.decision import Citation
from domicile.law.facts import Person
from domicile.law.policy import Policy
from domicile.law.standing import Proving, decide_posting, find_proving
from domicile.network.suspension import REASON, refuse_suspended
from domicile.placement.routing import Clock, SiteReader

VERIFY_PATH = "/settings/verify"

# Of the row of `account` called `a`, at the moment %(now)s.
LEGAL_FACTS = f"""a.created_at AS since,
(SELECT array_agg(c.jurisdiction || ':' || c.basis || ':' || c.assumed::int) FROM claim c
  WHERE c.member_id = a.member_id) AS claims,
(SELECT array_agg(v.method) FROM verification v
  WHERE v.member_id = a.member_id AND (v.valid_until IS NULL OR v.valid_until > %(now)s)) AS verified,
{REASON.format(member="a.member_id")} AS suspended"""
_OF_MEMBER = f"SELECT {LEGAL_FACTS} FROM account a WHERE a.member_id = %(member)s"


class Unverified(NotPermitted):
    """A law asks this member to prove something first. Only they are told which (rule 13)."""

    default_safe = "A law asks you to verify before you do this"


@dataclass(frozen=True)
class Standing:
    """`url` is the network's public address: where a member is sent to verify."""

    law: Law
    policy: Policy
    operator: OperatorNow
    clock: Clock
    url: str

    def check_posting(self, row: Row, country: Country) -> None:
        """Raise Unverified or Suspended if the member of this row, at home in `country`, may not post today."""
        if row.suspended is not None:
            raise refuse_suspended(row.suspended)
        person = read_legal_facts(row)
        if not self.may_post(person, country):
            unmet = [proving for proving in self.proving(person, country) if not proving.met]
            raise Unverified("a post before its author was verified", self._explain(unmet))

    async def check_posting_of(self, reader: SiteReader, member: int) -> None:
        """`check_posting` for a member at home here."""
        (row,) = await reader.fetch(_OF_MEMBER, {"member": member, "now": reader.now})
        self.check_posting(row, reader.site.country)

    def may_post(self, person: Person, country: Country) -> bool:
        """Whether today's law, and the policy where it does not say, lets this person post."""
        return decide_posting(person, country, self._today(), self.policy, self.operator.facts).allowed

    def proving(self, person: Person, country: Country) -> tuple[Proving, ...]:
        """Everything that today's law asks this person to prove, proved or not."""
        return find_proving(person, country, self._today(), self.policy, self.operator.facts)

    def _today(self) -> LawOn:
        return self.law.on(self.clock().date())

    def _explain(self, unmet: list[Proving]) -> str:
        laws = "; ".join(dict.fromkeys(_name_law(proving.citation) for proving in unmet))
        return (
            f"A law asks you to verify before you post, answer, share or send messages: {laws}."
            f" You can go on reading. Verify at {self.url}{VERIFY_PATH}"
        )


async def find_legal_facts(reader: SiteReader, member: int) -> Person:
    """A member at home here, as the law sees them; consents and age are left out."""
    (row,) = await reader.fetch(_OF_MEMBER, {"member": member, "now": reader.now})
    return read_legal_facts(row)


def read_legal_facts(row: Row) -> Person:
    """The person of a row of LEGAL_FACTS."""
    return Person(
        frozenset(map(parse_claim, row.claims or ())), verified=frozenset(row.verified or ()), since=row.since.date()
    )


def _name_law(citation: Citation) -> str:
    country = pycountry.countries.get(alpha_2=citation.jurisdiction)
    return f"{country.name if country else citation.jurisdiction}, {citation.act}, {citation.article}"
