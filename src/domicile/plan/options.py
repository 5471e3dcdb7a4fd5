"""What can be done about what a jurisdiction asks, side by side, in money: stay, open a site or move, refuse, leave.

No option is recommended, and none is called lawful: each says what it needs, what it costs, and what is at risk.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from domicile.ids import Country
from domicile.law.binding import bound
from domicile.law.duties import Retention
from domicile.law.pack import Precedent
from domicile.plan.crossings import ChangedCrossing
from domicile.plan.days import Day
from domicile.plan.duties import PresenceDuty
from domicile.plan.matters import Matter
from domicile.plan.opening import find_needs_of_a_site
from domicile.plan.prices import NOTHING, Prices, Range
from domicile.plan.sanctions import Rung, find_rungs

Name = Literal["stay", "open_site", "move", "appoint", "refuse", "leave"]

GB = 1e9
MONTHS = 12


@dataclass(frozen=True)
class Line:
    """One part of what an option costs. `certain`: it comes with the option; else it is at risk. None: see `unsaid`."""

    what: str
    amount: Range | None
    certain: bool
    unsaid: str = ""


@dataclass(frozen=True)
class Option:
    """One thing that can be done. `needs` are what must be there or looked at first; `follows` what may happen."""

    jurisdiction: Country
    name: Name
    what: str
    members: int
    lines: tuple[Line, ...]
    needs: tuple[str, ...]
    follows: tuple[Rung, ...]
    precedents: tuple[Precedent, ...]

    def total(self, *, certain: bool) -> Range:
        """What is certain, or what is at risk, added up as far as it can be said."""
        total = NOTHING
        for line in self.lines:
            if line.certain is certain and line.amount is not None:
                total = total.plus(line.amount)
        return total

    def added_up(self, *, certain: bool) -> bool:
        """Whether that is all of it: no line is left out for want of a price, a rate or a rule."""
        return not any(line.unsaid for line in self.lines if line.certain is certain)


@dataclass(frozen=True)
class Pricing:
    """Everything that options are worked out from."""

    day: Day
    prices: Prices
    today: date
    crossings: Sequence[ChangedCrossing]

    def options(self, matter: Matter) -> Iterator[Option]:
        """What can be done about one matter."""
        rungs = tuple(find_rungs(matter.jurisdiction, [r.rule for r in matter.rules], self.day, self.prices))
        told = self._precedents(matter, rungs)
        yield self._stay(matter, rungs, told)
        if matter.moves:
            yield self._move(matter, told)
        else:
            yield self._appoint(matter, told)
        yield self._refuse(matter, told)
        yield self._leave(matter, told)

    def _stay(self, matter: Matter, rungs: tuple[Rung, ...], told: tuple[Precedent, ...]) -> Option:
        lines = [self._fine(rung) for rung in rungs if (rung.amount or rung.unsaid) and not rung.general]
        if not any(not rung.general for rung in rungs):
            general = ", ".join(dict.fromkeys(rung.citation.rule for rung in rungs))
            unsaid = f"the pack of {matter.jurisdiction} has no ladder for these rules by name"
            more = f"; see {general}" if general else ""
            lines.append(Line("what may follow", None, certain=False, unsaid=unsaid + more))
        if any(rung.cuts_off for rung in rungs):
            share = self.prices.of(matter.country, "member", "lost_if_blocked") or Range(0, 1)
            lines.append(self._revenue(matter, "members lost if the network is cut off there", share, certain=False))
        needs = ("No fine is certain, and none is the last: the steps follow one another while nothing changes.",)
        what = "Change nothing: what is asked is not done."
        return Option(matter.jurisdiction, "stay", what, matter.members, tuple(lines), needs, rungs, told)

    def _fine(self, rung: Rung) -> Line:
        times = Range(1, max(1.0, self.prices.years)) if rung.repeat else 1.0
        again = f", again and again over {self.prices.years:g} years" if rung.repeat else ""
        amount = rung.amount.times(times) if rung.amount else None
        return Line(f"{rung.what}{again} ({rung.citation.rule})", amount, certain=False, unsaid=rung.unsaid)

    def _move(self, matter: Matter, told: tuple[Precedent, ...]) -> Option:
        missing = sorted({planned.move.country for planned in matter.moves if planned.move.target is None})
        place = missing[0] if missing else matter.moves[0].move.country
        lines = list(self._site_lines(place)) if missing else []
        lines += self._bytes_lines(matter, place)
        lines += self._office_lines(matter.duties, place)
        targets = sorted({planned.move.target for planned in matter.moves if planned.move.target})
        where = " and ".join([f"Open a site in {country}" for country in missing] or [f"Use {', '.join(targets)}"])
        what = f"{where}, and move {matter.members:,} members there."
        asked = find_needs_of_a_site(place, self.day.operator, self.day.law)
        needs = tuple(dict.fromkeys([*asked, *self._papers_to_leave(place)]))
        name: Name = "open_site" if missing else "move"
        kept = _with_outcome(told, "other", "suspension")
        return Option(matter.jurisdiction, name, what, matter.members, tuple(lines), needs, (), kept)

    def _site_lines(self, place: Country) -> Iterator[Line]:
        years, prices = self.prices.years, self.prices
        yield self._line(f"opening a site in {place}", prices.of(place, "site", "setup"), 1, "site.setup")
        yield self._line(f"running it for {years:g} years", prices.of(place, "site", "year"), years, "site.year")
        people, year = prices.of(place, "site", "people"), prices.of(place, "people", "year")
        wages = people.times(year) if people and year else None
        yield self._line("the people whom it keeps busy", wages, years, "site.people and people.year")

    def _bytes_lines(self, matter: Matter, place: Country) -> Iterator[Line]:
        held = [planned.held for planned in matter.moves if planned.held]
        size = sum(found.bytes + found.file_bytes for found in held) / GB
        months = self.prices.years * MONTHS
        storage, traffic = self.prices.of(place, "storage", "gb_month"), self.prices.of(place, "traffic", "gb")
        yield self._line(f"storing {_gigabytes(size)} there", storage, size * months, "storage.gb_month")
        yield self._line(f"sending {_gigabytes(size)} there once", traffic, size, "traffic.gb")

    def _office_lines(self, duties: Iterable[PresenceDuty], place: Country) -> Iterator[Line]:
        for duty in duties:
            if duty.state == "shown":
                continue
            if duty.form in ("representative", "officer", "complaints"):
                price, times, key = self.prices.of(place, "office", "representative_year"), self.prices.years, "year"
                yield self._line(f"{duty.duty} ({duty.citation.rule})", price, times, f"office.representative_{key}")
            else:
                price = self.prices.of(place, "office", "once")
                yield self._line(f"{duty.duty} ({duty.citation.rule})", price, 1, "office.once")

    def _appoint(self, matter: Matter, told: tuple[Precedent, ...]) -> Option:
        lines = tuple(self._office_lines(matter.duties, matter.country))
        needs = tuple(f"{duty.duty} Due {duty.due or 'already'}." for duty in matter.duties)
        what = "Do what is asked: appoint, register or apply."
        kept = _with_outcome(told, "other")
        return Option(matter.jurisdiction, "appoint", what, matter.members, lines, needs, (), kept)

    def _refuse(self, matter: Matter, told: tuple[Precedent, ...]) -> Option:
        lines = (self._revenue(matter, "members there are lost", Range(1, 1), certain=True),)
        needs = (
            "Sign-ups close and the network is not offered there; some will still reach it from elsewhere.",
            "Their data stays where it is unless it is erased: the rules about it go on.",
        )
        what = f"Serve nobody in {matter.jurisdiction} any more."
        kept = _with_outcome(told, "block", "app_removal", "suspension")
        return Option(matter.jurisdiction, "refuse", what, matter.members, lines, needs, (), kept)

    def _leave(self, matter: Matter, told: tuple[Precedent, ...]) -> Option:
        size = sum((p.held.bytes + p.held.file_bytes) for p in matter.moves if p.held) / GB
        traffic = self.prices.of(matter.country, "traffic", "gb")
        lines = (
            self._revenue(matter, "members there are lost", Range(1, 1), certain=True),
            self._line("handing everybody their archive", traffic, size, "traffic.gb"),
        )
        kept = [a.rule for a in bound(matter.jurisdiction, Retention, self.day.operator, self.day.law)]
        stays = [rule for rule in kept if isinstance(rule, Retention) and rule.bound == "min"]
        needs = (
            "Members are told in time and take their archives with them; then their data is erased.",
            *(f"Must be kept all the same: {rule.summary} ({rule.id})" for rule in stays),
        )
        what = f"Leave {matter.jurisdiction}: hand out archives, then delete the data of {matter.members:,} members."
        return Option(
            matter.jurisdiction, "leave", what, matter.members, lines, needs, (), _with_outcome(told, "suspension")
        )

    def _revenue(self, matter: Matter, what: str, share: Range, *, certain: bool) -> Line:
        price = self.prices.of(matter.country, "member", "revenue_year")
        amount = price.times(matter.members * self.prices.years).times(share) if price else None
        words = f"{what}: {matter.members:,}, over {self.prices.years:g} years"
        return Line(words, amount, certain, "" if price else "the price file has no member.revenue_year")

    def _line(self, what: str, price: Range | None, times: float, key: str) -> Line:
        unsaid = "" if price else f"the price file has no {key}"
        return Line(what, price.times(times) if price else None, certain=True, unsaid=unsaid)

    def _papers_to_leave(self, place: Country) -> Iterator[str]:
        """What opens the crossings from there that would be refused, each paper once."""
        lacks = [
            lack
            for crossing in self.crossings
            if crossing.change == "refused" and crossing.home.country == place
            for lack in crossing.missing
        ]
        for kind, what in dict.fromkeys((lack.kind, lack.what) for lack in lacks):
            same = [lack for lack in lacks if lack.what == what]
            importers = ", ".join(sorted({lack.importer for lack in same if lack.importer})) or "abroad"
            rules = ", ".join(sorted({lack.rule for lack in same}))
            yield f"For what goes from there to {importers}: {kind} {what} ({rules})"

    def _precedents(self, matter: Matter, rungs: Iterable[Rung]) -> tuple[Precedent, ...]:
        """What happened to others under these rules, up to today."""
        pack = self.day.law.packs[matter.jurisdiction]
        about = {rule.rule for rule in matter.rules} | {rung.citation.rule for rung in rungs}
        found = (told for told in pack.precedent if about.intersection(told.about) and told.began <= self.today)
        return tuple(sorted(found, key=lambda told: told.began))


def _gigabytes(size: float) -> str:
    return f"{size:,.2f} GB" if size >= 0.01 else "less than 0.01 GB"


def _with_outcome(told: Iterable[Precedent], *outcomes: str) -> tuple[Precedent, ...]:
    return tuple(precedent for precedent in told if precedent.outcome in outcomes)


def price_options(matters: Iterable[Matter], pricing: Pricing) -> list[Option]:
    """Every option of every matter."""
    return [option for matter in matters for option in pricing.options(matter)]
