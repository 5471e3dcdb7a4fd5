"""Every clock of the law that binds an operator: orders, members' requests, breaches, what is kept and what erased."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec import Struct

from domicile.ids import Country
from domicile.law.binding import UNKNOWN, binds, bound, starts
from domicile.law.compiled import Compiled, LawOn
from domicile.law.decision import Citation
from domicile.law.duties import Access, Breach, Content, Deletion, Disclosure, Notice, Period, Retention, Start, Timed
from domicile.law.facts import Operator
from domicile.law.rule import Rule

KINDS: tuple[type[Rule], ...] = (Content, Disclosure, Access, Breach, Deletion, Retention)
"""The kinds of rule that have a clock, in the order in which people want to read them."""

_NOTICE = {
    "allowed_to_notify": "the member may be told",
    "notify_required": "the member must be told",
    "authority_notifies": "the authority tells the member",
    "forbidden_until": "the member may not be told for now",
    "forbidden_indefinite": "the member may not be told, without an end",
    "unknown": "whether the member may be told is not known",
}
_ASKS = {
    "access": "a member asks for their data",
    "correction": "a member asks for a correction",
    "erasure": "a member asks for erasure",
    "portability": "a member asks for their data in a portable form",
    "objection": "a member objects to processing",
    "stop_publication": "a member asks that publication stop",
    "complaint": "a member complains",
}


class Term(Struct, frozen=True):
    """How long: a `period` that can be counted, or only `words`; with a period, words are a remark on it."""

    period: Period | None = None
    words: str | None = None

    def __str__(self) -> str:
        return str(self.period) if self.period else self.words or "no number"


class Clock(Struct, frozen=True, kw_only=True):
    """One rule's clock. `duty` is to be done within `normal` of what `starts` it, or within `urgent`.

    `binds`: in words, whom, where that is not everybody. `settled`: the pack knows what the rule says and that it binds
    this operator. `waits_for`: the event without which the rule does not run yet; None for a rule in force. Only a
    breach has `follow_up` (a later report to the same authority) and `members` (when those concerned are told), only an
    access request an `extension`, only a demand `suspended_by` (who may stop the clock by an objection), `notice` and
    `gag`, only a demand to withhold `warning` (so long before the first) and `lasts` (so long at most).
    """

    jurisdiction: Country
    kind: str
    trigger: str
    duty: str
    starts: Start
    normal: Term
    urgent: Term | None = None
    extension: Period | None = None
    follow_up: Period | None = None
    members: Term | None = None
    warning: Period | None = None
    lasts: Period | None = None
    suspended_by: str | None = None
    notice: Notice | None = None
    gag: str | None = None
    binds: str | None = None
    settled: bool
    waits_for: str | None = None
    citation: Citation

    @property
    def rule(self) -> str:
        """The rule's id."""
        return self.citation.rule

    @property
    def who_is_told(self) -> str | None:
        """Whether the member concerned may be told of a demand, in words; None where nobody would ask."""
        return None if self.notice is None else _NOTICE[self.notice]


def clocks(
    on: LawOn, operator: Operator | None = None, jurisdictions: Iterable[Country] | None = None
) -> tuple[Clock, ...]:
    """The clocks in force that bind the operator, by jurisdiction, kind and rule.

    A bloc's rules hold for its members: of Germany one gets Germany's clocks and the Union's. None: of every pack.
    """
    asked = None if jurisdictions is None else frozenset(jurisdictions)
    return tuple(
        _clock(article)
        for place in places(on, asked)
        for kind in KINDS
        for article in bound(place, kind, operator, on)
        if _is_law(article.rule, place, asked, on)
    )


def waiting_clocks(
    on: LawOn, operator: Operator | None = None, jurisdictions: Iterable[Country] | None = None
) -> tuple[Clock, ...]:
    """The clocks that would bind this operator but wait for something, such as a publication or a decision served."""
    known, asked = operator or UNKNOWN, None if jurisdictions is None else frozenset(jurisdictions)
    return tuple(
        _clock(Compiled(place, rule), _event(rule))
        for place in places(on, asked)
        for kind in KINDS
        for rule in sorted(on.packs[place].rule, key=lambda rule: rule.id)
        if isinstance(rule, kind) and _waits(rule, known, on) and binds(rule, place, known, on)
        if _is_law(rule, place, asked, on)
    )


def places(on: LawOn, jurisdictions: Iterable[Country] | None) -> tuple[Country, ...]:
    """These jurisdictions and the blocs that they belong to, where there is a pack; None: every pack's."""
    if jurisdictions is None:
        return tuple(sorted(on.packs))
    return tuple(sorted({place for country in jurisdictions for place in on.group(country)}))


def _is_law(rule: Rule, place: Country, asked: frozenset[Country] | None, on: LawOn) -> bool:
    """Whether a bloc's rule is law in any of the countries asked about."""
    if asked is None or not rule.countries_except:
        return True
    return any(place in on.group(country) for country in asked.difference(rule.countries_except))


def _waits(rule: Rule, operator: Operator, on: LawOn) -> bool:
    if rule.valid_from is not None or (rule.valid_to is not None and rule.valid_to < on.date):
        return False
    day = starts(rule, operator)
    return day is None or day > on.date


def _event(rule: Rule) -> str:
    after = f"{Period(rule.after_months, 'months')} after " if rule.after_months else ""
    what = rule.event or rule.commencement.replace("_", " ")
    note = f" ({rule.commencement_note})" if rule.commencement_note else ""
    return f"{after}{what}{note}"


def _clock(article: Compiled, waits_for: str | None = None) -> Clock:
    rule = article.rule
    return Clock(
        jurisdiction=article.jurisdiction,
        kind=rule.kind_name,
        binds="; ".join(_conditions(rule)) or None,
        settled=article.settled,
        waits_for=waits_for,
        citation=article.citation,
        **_TERMS[type(rule)](rule),
    )


def _conditions(rule: Rule) -> Iterator[str]:
    """What an operator must be for the rule to bind."""
    for threshold in rule.thresholds:
        unit = threshold.currency or threshold.metric.replace("_", " ")
        low = f"from {threshold.at_least:,} {unit}" if threshold.at_least is not None else ""
        yield f"{low} below {threshold.below:,} {unit}".strip() if threshold.below is not None else low
    if rule.designation:
        yield f"designated {rule.designation}"
    if rule.exempt:
        yield f"not on the list {rule.exempt}, which is exempt"
    if rule.owner:
        yield f"owned in {rule.owner}"
    if rule.owner_not:
        yield f"owned outside {rule.owner_not}"
    if rule.established:
        yield f"established {'in the country' if rule.established == 'here' else 'abroad'}"
    if rule.unit:
        yield f"established in {rule.unit}"
    if rule.collects:
        yield f"collects {', '.join(rule.collects)}"
    if rule.countries_except:
        yield f"outside {', '.join(rule.countries_except)}"


def _demanded(rule: Content | Disclosure) -> dict[str, Any]:
    of = f" of {' or '.join(rule.issuers)}" if rule.issuers else ""
    return {
        **_timed(rule),
        "trigger": f"{' or '.join(rule.instruments) or 'demand'}{of}",
        "duty": rule.duty if isinstance(rule, Content) else f"hand over {', '.join(rule.classes)} data",
        "urgent": Term(rule.urgent, rule.urgent_when) if rule.urgent or rule.urgent_when else None,
        "warning": rule.warning if isinstance(rule, Content) else None,
        "lasts": rule.lasts if isinstance(rule, Content) else None,
        "suspended_by": rule.suspended_by,
        "notice": rule.notice,
        "gag": ", ".join(_gag(rule)) or None,
    }


def _gag(rule: Content | Disclosure) -> Iterator[str]:
    if rule.gag:
        yield str(rule.gag)
    if rule.gag_extension:
        yield f"and {rule.gag_extension} more"
    if rule.gag_words:
        yield rule.gag_words
    if rule.gag_lifted_by:
        yield f"lifted by {rule.gag_lifted_by}"


def _asked(rule: Access) -> dict[str, Any]:
    return {
        **_timed(rule),
        "trigger": _ASKS[rule.right],
        "duty": "answer",
        "extension": rule.extension,
    }


def _broken(rule: Breach) -> dict[str, Any]:
    told = [rule.authority or "the authority"] if rule.tells_authority else []
    told += ["the members concerned"] if rule.tells_members else []
    return {
        **_timed(rule),
        "trigger": ", ".join(["a breach", *_reach(rule)]),
        "duty": f"tell {' and '.join(told)}" if told else "look into it",
        "follow_up": rule.follow_up,
        "members": Term(rule.members_deadline, rule.members_words) if rule.tells_members else None,
    }


def _reach(rule: Breach) -> Iterator[str]:
    """Of which breaches a rule speaks: by persons, by risk, and by what a person must judge."""
    if rule.affected_at_least:
        yield f"{rule.affected_at_least:,} persons or more"
    if rule.risk != "any":
        yield f"{rule.risk.replace('_', ' ')} to them"
    if rule.only_when:
        yield rule.only_when


def _kept(rule: Retention) -> dict[str, Any]:
    where = ", in the country" if rule.kept_here else ""
    return {
        "trigger": rule.starts_at,
        "duty": f"keep {', '.join(rule.categories)} at {'least' if rule.bound == 'min' else 'most'}{where}",
        "starts": "event",
        "normal": Term(rule.period, rule.period_words),
    }


def _erased(rule: Deletion) -> dict[str, Any]:
    return {**_timed(rule), "trigger": rule.event_words, "duty": f"erase {', '.join(rule.categories)}"}


def _timed(rule: Timed) -> dict[str, Any]:
    return {"starts": rule.clock_starts, "normal": Term(rule.deadline, rule.deadline_words)}


_TERMS: dict[type[Rule], Callable[[Any], dict[str, Any]]] = {
    Content: _demanded,
    Disclosure: _demanded,
    Access: _asked,
    Breach: _broken,
    Deletion: _erased,
    Retention: _kept,
}
