"""How many members an incident concerns, by the claims of laws on them: counted where they live, one query a site."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from domicile.border.persons import parse_claim
from domicile.database import Row, Session, array
from domicile.errors import InvalidInput, NotFound, Unavailable
from domicile.ids import Country, MemberId, SiteName
from domicile.law.breaches import Affected
from domicile.placement.sites import Site
from domicile.plan.breach_case import Counted
from domicile.plan.census import ask_sites

_COUNT = """SELECT claims, count(*) AS members FROM (
  SELECT coalesce(c.claims, '{}') AS claims FROM resident r
  LEFT JOIN (SELECT member_id, array_agg(jurisdiction || ':' || basis || ':' || assumed::int
                    ORDER BY jurisdiction, basis) AS claims FROM claim GROUP BY member_id) c USING (member_id)
  WHERE r.state IN ('home', 'leaving') AND (%(some)s::bigint[] IS NULL OR r.member_id = ANY (%(some)s::bigint[]))
) m GROUP BY claims"""


@dataclass(frozen=True, slots=True)
class Who:
    """Whom the operator says it concerns: everybody at the sites, a bare `number`, or these `members`."""

    counted: Counted = "all"
    number: int = 0
    members: frozenset[MemberId] = frozenset()


@dataclass(frozen=True, slots=True)
class Concerned:
    """The members found, in groups; `unplaced` more that are not at home where anybody could count them."""

    groups: tuple[Affected, ...]
    persons: int
    at_most: int | None
    unplaced: int
    silent: tuple[SiteName, ...]

    @property
    def countries(self) -> dict[Country, int]:
        """Persons by the country whose law claims them: whom two claim is counted twice, whom none claims never."""
        found: dict[Country, int] = {}
        for group in self.groups:
            for country in {claim.jurisdiction for claim in group.claims}:
                found[country] = found.get(country, 0) + group.persons
        most = self.at_most
        return {country: n if most is None else min(n, most) for country, n in sorted(found.items())}


async def count_concerned(sites: Mapping[SiteName, Site], at: Collection[SiteName], who: Who) -> Concerned:
    """Count the members concerned: named ones wherever they live now, else those at home at the sites `at`.

    Raises NotFound for a site that is not there, InvalidInput where nobody would be concerned, Unavailable where
    everybody is to be counted and a site does not answer.
    """
    if unknown := [name for name in at if name not in sites]:
        raise NotFound(f"there is no site {unknown[0]}; there are {', '.join(sites)}")
    named = who.counted == "members"
    asked = {name: site for name, site in sites.items() if named or name in at}
    some = array(sorted(who.members)) if named else None

    async def count(session: Session) -> list[Row]:
        return await session.fetch(_COUNT, {"some": some})

    answers = await ask_sites(asked, count)
    silent = tuple(name for name, answer in answers.items() if answer is None)
    if silent and who.counted == "all":
        raise Unavailable(
            f"{', '.join(silent)} does not answer, so that its members cannot be counted: give `--affected` a number"
        )
    groups = tuple(
        Affected(frozenset(map(parse_claim, row.claims)), asked[name].country, row.members)
        for name, answer in answers.items()
        for row in answer or ()
    )
    return _tell(groups, who, silent, [asked[name].country for name in silent if name in at])


def _tell(groups: tuple[Affected, ...], who: Who, silent: tuple[SiteName, ...], unheard: list[Country]) -> Concerned:
    """What the count amounts to. Where a site is silent, somebody's data stood in its country all the same."""
    found = sum(group.persons for group in groups)
    if who.counted == "all":
        if not found:
            raise InvalidInput("nobody is at home there; give `--affected` a number if others are concerned")
        return Concerned(groups, found, None, 0, silent)
    said = who.number if who.counted == "number" else len(who.members)
    if said < 1:
        raise InvalidInput("an incident concerns at least one person")
    unplaced = max(0, said - found)
    if unheard and unplaced:
        groups += tuple(Affected(frozenset(), country, unplaced) for country in unheard)
        unplaced = 0
    return Concerned(groups, said, said if who.counted == "number" else None, unplaced, silent)
