"""Two packs, or one pack on two days, compared in words: what came, what went, what changed, rule by rule."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Literal

import msgspec
from msgspec import Struct

from domicile.ids import Country
from domicile.law.compiled import in_force
from domicile.law.duties import AnyRule, Period
from domicile.law.pack import Pack
from domicile.law.rule import Gates

_LABELS = {
    "valid_from": "the first day",
    "valid_to": "the last day",
    "summary": "the sentence",
    "elsewhere": "the answer for a home elsewhere",
    "homes": "the places where a home may be",
    "homes_not": "the places where no home may be",
    "asks": "what it asks for",
    "unmet": "the answer while that is missing",
    "deadline": "the deadline",
    "deadline_words": "the deadline",
    "urgent": "the urgent deadline",
    "members_deadline": "the deadline towards members",
    "thresholds": "the size from which it binds",
    "collects": "the categories that bring it on",
    "confidence": "how sure the pack is",
    "disputed": "what lawyers differ on",
    "unverified": "whether its content is unverified",
    "citation.checked_on": "the day it was checked",
    "citation.verified": "whether the article was checked against a text",
    "citation.article": "the article",
    "citation.act": "the act",
    "citation.amended_by": "what amended it",
    "in_force_known": "whether it is known to be in force",
}


class Change(Struct, frozen=True, kw_only=True):
    """One difference. `what` is about the rule `rule`; "top" is about the pack itself."""

    what: Literal["new", "gone", "changed", "top"]
    jurisdiction: Country
    rule: str
    sentence: str


def compare_packs(old: Pack, new: Pack) -> tuple[Change, ...]:
    """What differs between two packs of one jurisdiction, in the order of the rules' ids."""
    top = _top(old, new)
    before, after = ({(rule.id, rule.valid_from): rule for rule in pack.rule} for pack in (old, new))
    return (*top, *_changes(new.jurisdiction, before, after))


def compare_days(pack: Pack, before: date, after: date) -> tuple[Change, ...]:
    """What one pack says differently on two days: rules that began, ended, or were replaced by another version."""
    old, new = (_on(pack, day) for day in (before, after))
    return tuple(_changes(pack.jurisdiction, old, new))


_Key = tuple[str, date | None]


def _on(pack: Pack, day: date) -> dict[_Key, AnyRule]:
    return {(rule.id, None): rule for rule in pack.rule if in_force(rule, day)}


def _changes(place: Country, old: Mapping[_Key, AnyRule], new: Mapping[_Key, AnyRule]) -> Iterator[Change]:
    for key in sorted(old.keys() | new.keys(), key=lambda key: (key[0], key[1] or date.min)):
        before, after = old.get(key), new.get(key)
        if before is None and after is not None:
            yield Change(what="new", jurisdiction=place, rule=key[0], sentence=f"New: {_named(after)}")
        elif after is None and before is not None:
            yield Change(what="gone", jurisdiction=place, rule=key[0], sentence=f"Gone: {_named(before)}")
        elif before is not None and after is not None and before != after:
            said = "; ".join(differences(before, after))
            yield Change(what="changed", jurisdiction=place, rule=key[0], sentence=f"{key[0]}: {said}.")


def _named(rule: AnyRule) -> str:
    since = f"from {rule.valid_from}" if rule.valid_from else f"waits for {rule.event or 'a day that is not known'}"
    return f"{rule.id} ({rule.kind_name}, {since}; {rule.citation.act}, {rule.citation.article}). {rule.summary}"


def differences(old: AnyRule, new: AnyRule) -> Iterator[str]:
    """What differs between two versions of a rule, one thing at a time, in words."""
    before, after = _flat(old), _flat(new)
    for key in dict.fromkeys((*before, *after)):
        was, now = before.get(key), after.get(key)
        if was == now:
            continue
        label = _LABELS.get(key, key.replace("_", " ").replace(".", ", "))
        if was is None:
            yield f"{label} is now {now}"
        elif now is None:
            yield f"{label} is no longer said (it was {was})"
        else:
            yield f"{label} was {was} and is now {now}"


def _flat(rule: AnyRule) -> dict[str, str | None]:
    found: dict[str, str | None] = {"kind": rule.kind_name}
    for name in rule.__struct_fields__:
        value = getattr(rule, name)
        if name == "citation" or name == "subject":
            found |= {f"{name}.{inner}": _words(getattr(value, inner)) for inner in value.__struct_fields__}
        elif name == "asks":
            found[name] = _gates(value)
        else:
            found[name] = _words(value)
    return found


def _words(value: Any) -> str | None:
    """A value as people read it; None for what is not said."""
    if value is None or value == () or value == "":
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Period):
        return str(value)
    if isinstance(value, tuple):
        return ", ".join(_words(item) or "nothing" for item in value)
    if isinstance(value, Struct):
        said = msgspec.to_builtins(value)
        return " ".join(f"{key.replace('_', ' ')} {item}" for key, item in said.items() if item not in (None, 0, False))
    return f"{value}" if isinstance(value, date | int | float) else f'"{value}"'


def _gates(gates: Gates) -> str | None:
    return " and ".join(" or ".join(_words(ask) or "" for ask in gate) for gate in gates) or None


def _top(old: Pack, new: Pack) -> Iterator[Change]:
    kept: Iterable[str] = (name for name in old.__struct_fields__ if name not in ("rule", "compulsion", "precedent"))
    for name in kept:
        was, now = _words(getattr(old, name)), _words(getattr(new, name))
        if was != now:
            sentence = f"{name.replace('_', ' ')} was {was or 'not said'} and is now {now or 'not said'}."
            yield Change(what="top", jurisdiction=new.jurisdiction, rule="", sentence=sentence)
    for name in ("compulsion", "precedent"):
        before, after = getattr(old, name), getattr(new, name)
        for item in after:
            if item not in before:
                sentence = f"New {name}: {getattr(item, 'sentence', None) or item.what}"
                yield Change(what="top", jurisdiction=new.jurisdiction, rule="", sentence=sentence)
        for item in before:
            if item not in after:
                sentence = f"Gone {name}: {getattr(item, 'sentence', None) or item.what}"
                yield Change(what="top", jurisdiction=new.jurisdiction, rule="", sentence=sentence)
