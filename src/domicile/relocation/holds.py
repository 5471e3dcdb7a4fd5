"""Holds: an authority wants a member's data at a site preserved. It blocks its destruction, not the member's use of it.

What is there when a hold is placed is sealed at once, so that the member may go on editing and deleting. What is there
when they move or are erased stays as well. A hold ends on its last day, or when it is released.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

import msgspec

from domicile.database import Session
from domicile.errors import Conflict, InvalidInput, NotFound
from domicile.ids import MemberId, SiteName
from domicile.law.categories import CATEGORIES
from domicile.law.duties import Retention
from domicile.law.keeping import find_rule, last_day
from domicile.lifecycle import Lifecycle
from domicile.placement.residue import Hold, list_holds
from domicile.placement.sites import Site
from domicile.relocation.covers import EVERYTHING, claims_of
from domicile.relocation.kept_chain import note
from domicile.relocation.residue import Keeper, Stayed

HOLD = Lifecycle("hold", {"placed": ("released",), "released": ()})

_ADD = """
INSERT INTO vault.hold (hold_id, member_id, state, authority, rule, jurisdiction, citation, reason, categories, secret,
 placed_at, until) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
# Whoever erases or moves the member locks this row too: they see the hold, or it sees that nothing is here.
_LOCK = "SELECT state FROM resident WHERE member_id = %s FOR UPDATE"
_LEFT = "SELECT count(*) FROM vault.residue WHERE member_id = %s"


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """What an authority asks to be preserved. `rule` is one of a pack's, or empty with a `citation` of one's own.

    Without `until` the rule's own period counts; `open_ended`: until it is released. No `categories`: the rule's, or
    everything. `secret`: the member may not be told.
    """

    authority: str
    reason: str
    rule: str = ""
    citation: str = ""
    until: date | None = None
    open_ended: bool = False
    categories: tuple[str, ...] = ()
    secret: bool = False


@dataclass(frozen=True)
class Holds:
    """Places, renews and releases holds at the sites of this process."""

    sites: Mapping[SiteName, Site]
    keeper: Keeper

    async def place(self, name: SiteName, member: MemberId, demand: Demand) -> tuple[Hold, Stayed]:
        """Place a hold and seal what is there. Raises InvalidInput, or NotFound for somebody never at home there."""
        site, now = self._site(name), self.keeper.covering.clock()
        hold = self._word(site, member, demand, now)
        values = (hold.rule, hold.jurisdiction, hold.citation, hold.reason, list(hold.categories), hold.secret, now)
        async with site.importer.transaction() as session:
            state = await session.value(_LOCK, (member,))
            if state is None and not await session.value(_LEFT, (member,)):
                raise NotFound(f"this member has never been at home at {name}")
            await session.execute(_ADD, (hold.id, member, hold.state, hold.authority, *values, hold.until))
            stayed = await self._seal_now(session, site, hold) if state in ("home", "leaving") else Stayed()
            await note(session, "placed", member, _told(hold), now)
            await self.keeper.note_left(session, stayed, "held", member)
        return hold, stayed

    async def renew(self, name: SiteName, number: int, reason: str, until: date | None = None) -> Hold:
        """Another last day; if none is given, the rule's own period from today. Raises Conflict for one released."""
        site, now = self._site(name), self.keeper.covering.clock()
        async with site.importer.transaction() as session:
            hold = await self._lock(session, site, number)
            last = _check_last(until or self._period(site, hold.rule, now), now)
            await session.execute("UPDATE vault.hold SET until = %s WHERE hold_id = %s", (last, number))
            fields = {"hold": str(number), "until": str(last), "reason": _said(reason, "a reason")}
            await note(session, "renewed", hold.member, fields, now)
        return replace(hold, until=last)

    async def release(self, name: SiteName, number: int, reason: str) -> Hold:
        """End a hold; what it alone kept is destroyed by recurring work. Raises Conflict for one released before."""
        site, now = self._site(name), self.keeper.covering.clock()
        async with site.importer.transaction() as session:
            hold = await self._lock(session, site, number)
            await session.execute(
                "UPDATE vault.hold SET state = 'released', released_at = %s WHERE hold_id = %s AND state = ANY (%s)",
                (now, number, HOLD.before("released")),
            )
            fields = {"hold": str(number), "reason": _said(reason, "a reason")}
            await note(session, "released", hold.member, fields, now)
        return replace(hold, state="released", released_at=now)

    def _site(self, name: SiteName) -> Site:
        if name not in self.sites:
            raise InvalidInput(f"there is no site {name} here; there are {', '.join(self.sites)}")
        return self.sites[name]

    async def _lock(self, session: Session, site: Site, number: int) -> Hold:
        row = await session.one("SELECT member_id FROM vault.hold WHERE hold_id = %s FOR UPDATE", (number,))
        if row is None:
            raise NotFound(f"{site.name} knows no hold {number}; `hold list` shows them")
        holds = await list_holds(site.name, session, [MemberId(row.member_id)])
        hold = next(hold for hold in holds if hold.id == number)
        if hold.state in HOLD.ends:
            raise Conflict(f"hold {number} was released on {hold.released_at:%Y-%m-%d}; place another")
        return hold

    def _word(self, site: Site, member: MemberId, demand: Demand, now: datetime) -> Hold:
        """The hold that a demand makes."""
        law = self.keeper.covering.law.on(now.date())
        article = find_rule(site.country, demand.rule, law) if demand.rule else None
        if demand.rule and article is None:
            raise InvalidInput(
                f"the packs know no rule {demand.rule} that keeps data at {site.name} today; name another, or give the"
                " citation in words"
            )
        cited = f"{article.citation.act}, {article.citation.article}" if article else ""
        own = article.rule.categories if article and isinstance(article.rule, Retention) else (EVERYTHING,)
        categories = demand.categories or own
        if unknown := sorted(set(categories) - CATEGORIES):
            raise InvalidInput(f"{', '.join(unknown)}: no category of personal data; see the fideslang taxonomy")
        until = demand.until or (None if demand.open_ended else self._period(site, demand.rule, now))
        return Hold(
            id=secrets.randbits(62),
            site=site.name,
            member=member,
            state=HOLD.start,
            authority=_said(demand.authority, "the authority"),
            rule=demand.rule,
            jurisdiction=article.jurisdiction if article else site.country,
            citation=_said(demand.citation or cited, "a rule of the packs or a citation"),
            reason=_said(demand.reason, "a reason"),
            categories=tuple(categories),
            secret=demand.secret,
            placed_at=now,
            until=None if until is None else _check_last(until, now),
            released_at=None,
        )

    def _period(self, site: Site, rule: str, now: datetime) -> date:
        law = self.keeper.covering.law.on(now.date())
        article = find_rule(site.country, rule, law) if rule else None
        if article is None or not isinstance(article.rule, Retention) or article.rule.period is None:
            raise InvalidInput("no rule gives this hold a period: say until when, or that it is open-ended")
        return last_day(now.date(), article.rule.period, article.jurisdiction, law)

    async def _seal_now(self, session: Session, site: Site, hold: Hold) -> Stayed:
        """What is there now; the member's row is locked, so that nobody writes for them meanwhile."""
        person = await claims_of(session, hold.member)
        covers = tuple(self.keeper.covering.by_holds(person, site, [hold]))
        return await self.keeper.seal(session, site, {hold.member: covers}, "held")


def _said(text: str, what: str) -> str:
    if not text.strip():
        raise InvalidInput(f"a hold needs {what}")
    return text.strip()


def _check_last(last: date, now: datetime) -> date:
    if last < now.date():
        raise InvalidInput(f"{last} is over; a hold ends today or later")
    return last


def _told(hold: Hold) -> dict[str, str | list[str]]:
    """What the chain says of a hold that is placed: as much as an order's record needs."""
    return {
        "hold": str(hold.id),
        "authority": hold.authority,
        "rule": hold.rule,
        "citation": hold.citation,
        "reason": hold.reason,
        "categories": list(hold.categories),
        "until": str(hold.until or "open-ended"),
    }
