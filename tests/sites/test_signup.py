"""Signing up."""

from domicile.wiring import Domicile
from network_at import MakeMember


async def test_everybody_is_at_home_in_their_own_country(domicile: Domicile, member: MakeMember) -> None:
    for country, site in (("DE", "de-1"), ("RU", "ru-1"), ("CN", "cn-1"), ("US", "us-1"), ("FR", "de-1")):
        assert (await domicile.router.home_of(await member(country))).site == site
