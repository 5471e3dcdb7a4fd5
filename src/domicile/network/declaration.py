"""What a member declares of the laws that claim them, and what follows when they correct it.

A correction never moves anything. Where the law asks for another home, or another is nearer, a relocation is proposed:
a row at the member's home that they and the operator can read, and that only a relocation makes done (rule 14: never
for citizenship alone).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from domicile.border.operator import OperatorNow
from domicile.database import Row
from domicile.errors import Conflict, NotFound
from domicile.ids import Country, MemberId, SiteName, Snowflake, country_of_site, next_snowflake
from domicile.law.compiled import Law
from domicile.law.facts import Basis, Claim, Person
from domicile.law.policy import Policy
from domicile.law.residency import HomeDecision, choose_home
from domicile.network.forms import parse_country
from domicile.network.standing import find_legal_facts
from domicile.placement.routing import Router, SiteReader, SiteWriter

ProposalState = Literal["open", "declined", "superseded", "done"]

_COLUMNS = "member_id, proposal_id, source, target, lawful, reason, rules, state, made_at, closed_at"
# A relocation moves this row too and knows nothing of it: where the member has arrived, the proposal is done.
_STATE = "CASE WHEN state = 'open' AND target = %(here)s THEN 'done' ELSE state END"
_SHOWN = f"SELECT {_COLUMNS.replace('state', f'{_STATE} AS state')} FROM proposal"
_OF_MEMBER = f"{_SHOWN} WHERE member_id = %(member)s ORDER BY proposal_id DESC"
_OF_SITE = f"{_SHOWN} WHERE {_STATE} = ANY (%(states)s) ORDER BY proposal_id DESC"
_ANNOUNCED = """SELECT 1 AS yes FROM notice JOIN proposal USING (member_id, proposal_id)
WHERE member_id = %(member)s AND proposal_id = %(number)s AND state = 'open' AND NOT lawful"""
_PROPOSE = f"INSERT INTO proposal ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, 'open', %s, NULL)"


class Proposal(msgspec.Struct):
    """A relocation that the law suggests. `lawful`: whether the old home is lawful all the same."""

    member: MemberId
    id: Snowflake
    source: SiteName
    target: SiteName
    lawful: bool
    reason: str
    rules: list[str]
    state: ProposalState
    made_at: datetime
    closed_at: datetime | None


class Declaration(msgspec.Struct):
    """Whose law applies: by residence, as declared or assumed, and by citizenship if the member wanted that."""

    country: Country | None
    assumed: bool
    citizenship: Country | None


@dataclass(frozen=True)
class Declarations:
    router: Router
    law: Law
    policy: Policy
    operator: OperatorNow

    async def show(self, member: MemberId) -> tuple[Declaration, list[Proposal]]:
        """What a member has declared, and every relocation proposed to them, the newest first."""

        async def read(reader: SiteReader) -> tuple[Declaration, list[Proposal]]:
            person = await find_legal_facts(reader, member)
            rows = await reader.fetch(_OF_MEMBER, {"member": member, "here": reader.site.name})
            return _declared(person), [_proposal(row) for row in rows]

        return await self.router.read(member, read)

    async def correct(self, member: MemberId, country: str, citizenship: str | None = None) -> Proposal | None:
        """Declare another country's law, or confirm an assumed one, and ask the law again.

        `citizenship`: None leaves it, an empty text takes it back. Returns what is now proposed, if anything. Raises
        InvalidFields, and then nothing is changed.
        """
        claims = [Claim(parse_country(country), Basis.RESIDENCE)]
        if citizenship:
            claims.append(Claim(parse_country(citizenship, "citizenship"), Basis.CITIZENSHIP))
        replaced = [Basis.RESIDENCE, *([Basis.CITIZENSHIP] if citizenship is not None else [])]

        async def write(writer: SiteWriter) -> Proposal | None:
            await _replace_claims(writer, replaced, claims)
            person = await find_legal_facts(writer, member)
            return await self._propose(writer, self.choose(person, writer.site.country))

        return await self.router.transact(member, write)

    async def decline(self, member: MemberId, number: int) -> None:
        """Say no to a proposal. Nothing else changes; an unlawful home stays for the operator to answer for.

        Raises Conflict for a move that the law asks for and whose day has been told: that is no proposal any more.
        """

        async def write(writer: SiteWriter) -> int:
            if await writer.one(_ANNOUNCED, {"member": member, "number": number}):
                raise Conflict(
                    "a move that was announced cannot be declined",
                    "The law asks for this move, and you were told its day. You may still correct what you declared,"
                    " or leave.",
                )
            return await _close(writer, "declined", number)

        if not await self.router.transact(member, write):
            raise NotFound("no open proposal of this member")

    async def at_site(self, name: SiteName, states: Sequence[ProposalState] = ("open",)) -> list[Proposal]:
        """The proposals to members at home at a site, for its operator."""
        rows = await self.router.sites[name].app.run(_OF_SITE, {"states": list(states), "here": name})
        return [_proposal(row) for row in rows]

    def choose(self, person: Person, home: Country) -> HomeDecision:
        """Where the person may live today, and where they had best; of homes that are as good, the one they have."""
        here = list(dict.fromkeys([home, *map(country_of_site, self.router.sites)]))
        on = self.law.on(self.router.clock().date())
        return choose_home(
            msgspec.structs.replace(person, verified=frozenset()), here, on, self.policy, self.operator.facts
        )

    async def _propose(self, writer: SiteWriter, found: HomeDecision) -> Proposal | None:
        """Write what the law's answer proposes; a proposal that stood before is superseded unless it is the same."""
        home = writer.site.country
        if found.proposed in (None, home):
            await _close(writer, "superseded")
            return None
        target = next(name for name in self.router.sites if country_of_site(name) == found.proposed)
        decisions, lawful = dict(found.decisions), home in found.homes
        deciding = decisions[home if not lawful else found.proposed]
        return await propose(writer, target, deciding.reason, list(deciding.rules), lawful=lawful)


async def propose(writer: SiteWriter, target: SiteName, reason: str, rules: Sequence[str], *, lawful: bool) -> Proposal:
    """Propose a home to the writer's member. One that stands open already stays; others are superseded."""
    member, here = writer.member, writer.site.name
    standing = await writer.one(f"{_OF_MEMBER} LIMIT 1", {"member": member, "here": here})
    if standing and (standing.state, standing.target, standing.lawful) == ("open", target, lawful):
        return _proposal(standing)
    await _close(writer, "superseded")
    number = next_snowflake(writer.now, standing.proposal_id if standing else 0)
    kept = (member, number, here, target, lawful, reason, list(rules), writer.now)
    await writer.execute(_PROPOSE, kept)
    return Proposal(*kept[:7], "open", writer.now, None)


async def _replace_claims(writer: SiteWriter, replaced: Sequence[Basis], claims: Sequence[Claim]) -> None:
    bases = [basis.value for basis in replaced]
    await writer.execute("DELETE FROM claim WHERE member_id = %s AND basis = ANY (%s)", (writer.member, bases))
    await writer.execute_many(
        "INSERT INTO claim VALUES (%s, %s, %s, false, %s)",
        [(writer.member, claim.jurisdiction, claim.basis.value, writer.now) for claim in claims],
    )


async def _close(writer: SiteWriter, state: ProposalState, number: int | None = None) -> int:
    """End what is open, or one of it; what has come true meanwhile is written down as done."""
    here = {"member": writer.member, "here": writer.site.name, "now": writer.now}
    await writer.execute(
        "UPDATE proposal SET state = 'done', closed_at = %(now)s"
        " WHERE member_id = %(member)s AND state = 'open' AND target = %(here)s",
        here,
    )
    return await writer.execute(
        "UPDATE proposal SET state = %(state)s, closed_at = %(now)s WHERE member_id = %(member)s AND state = 'open'"
        " AND (%(number)s::bigint IS NULL OR proposal_id = %(number)s)",
        here | {"state": state, "number": number},
    )


def _declared(person: Person) -> Declaration:
    lives = next((claim for claim in sorted(person.claims) if claim.basis is Basis.RESIDENCE), None)
    citizen = next((claim for claim in sorted(person.claims) if claim.basis is Basis.CITIZENSHIP), None)
    return Declaration(
        lives.jurisdiction if lives else None,
        lives.assumed if lives else False,
        citizen.jurisdiction if citizen else None,
    )


def _proposal(row: Row) -> Proposal:
    return Proposal(*row)
