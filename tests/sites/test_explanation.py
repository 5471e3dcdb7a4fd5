"""What `law explain` says of one member beyond where they live: laws that do not agree on what is kept."""

from datetime import date

from domicile.border.explanation import explain_member
from domicile.running import Domicile
from network_at import MakeMember

DAY = date(2026, 11, 24)


async def test_keeping_attaches_to_the_law_that_claims_a_member(domicile: Domicile, member: MakeMember) -> None:
    """Russia's order to destroy copies meets Germany's duty to keep only for whom both claim (design, C3)."""
    both = await explain_member(domicile.door, await member("DE", citizenship="RU"), DAY)
    laws = {frozenset(rule.jurisdiction for rule in clash.rules) for clash in both.keeping}
    assert frozenset({"EU", "RU"}) in laws
    german = await explain_member(domicile.door, await member("DE"), DAY)
    assert not any(rule.jurisdiction == "RU" for clash in german.keeping for rule in clash.rules)
