"""What `law explain` says of one member beyond where they live: laws that do not agree on what is kept."""

from datetime import date

from domicile.border.explanation import explain_member
from domicile.law.facts import Act
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


async def test_it_says_what_may_be_kept_where_and_why(domicile: Domicile, member: MakeMember) -> None:
    explained = await explain_member(domicile.door, await member("US"), DAY)
    kept = {(a.what, a.importer): a.decision for a in explained.crossings if a.act is Act.COPY}
    assert {what for what, _ in kept} == {"public posts", "profile", "opaque ids"}
    assert kept["public posts", "DE"].allowed
    assert "US-ELSEWHERE" in kept["public posts", "DE"].rules
    chinese = await explain_member(domicile.door, await member("CN"), DAY)
    refused = {a.importer for a in chinese.crossings if a.act is Act.COPY and not a.decision.allowed}
    assert refused == {"DE", "RU", "US"}
