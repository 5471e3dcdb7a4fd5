"""Whether the law lets members live at the site to which they are to move."""

from collections.abc import Sequence

from domicile.border.persons import find_persons
from domicile.ids import Country, MemberId, SiteName
from domicile.law.compiled import LawOn
from domicile.law.facts import Operator
from domicile.law.policy import Policy
from domicile.law.residency import decide_home
from domicile.placement.routing import Router


async def find_barred(
    router: Router,
    source: SiteName,
    members: Sequence[MemberId],
    target: Country,
    on: LawOn,
    policy: Policy,
    operator: Operator,
) -> dict[MemberId, str]:
    """Those of these members whose home may not be in `target`, and the law's reason."""
    async with router.read_at(source, dict.fromkeys(members, 1)) as (reader, _):
        persons = await find_persons(reader, members)
    decisions = {member: decide_home(person, target, on, policy, operator) for member, person in persons.items()}
    return {member: decision.reason for member, decision in decisions.items() if not decision.allowed}
