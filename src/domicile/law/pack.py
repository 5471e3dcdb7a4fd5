"""From the bytes of a pack to a `Pack`, or a `PackError` that names file and line and says what to do."""

import re
import tomllib
from datetime import date
from difflib import get_close_matches
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from domicile.errors import Misconfigured
from domicile.ids import Country
from domicile.law.checks import Fault, faults
from domicile.law.decision import Confidence
from domicile.law.duties import AnyRule, Period, Step
from domicile.law.facts import Basis
from domicile.law.lines import block_line, header_lines
from domicile.law.rule import Ask, Count, Reference, Subject, Text, Threshold

LARGEST_PACK = 1 << 20
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class PackError(Misconfigured):
    """A pack (or a file beside it) that cannot be used: `file`, `line` (1-based), and a sentence that helps."""

    def __init__(self, file: str, line: int, sentence: str) -> None:
        super().__init__(f"{file}:{line}: {sentence}")
        self.file = file
        self.line = line
        self.sentence = sentence


class Compulsion(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One sentence for the sign-up page: who may compel what of data that lives there."""

    sentence: Text
    citation: Reference
    confidence: Confidence


class Precedent(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What happened to somebody under these rules (`about`, their ids): a public event, from `began` to `ended`.

    `outcome` is what a `duties.Step` is called. `day_known`: false where only the month, or less, is known.
    """

    began: date
    ended: date | None = None
    day_known: bool = True
    what: Text
    outcome: Text
    about: tuple[Text, ...] = ()
    amount: Count | None = None
    currency: str | None = None
    source: Text
    verified: bool
    confidence: Confidence


class Pack(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One jurisdiction's rules. `claims_by`: by which holds its law claims a person, other claims are no claims.

    `holidays` (MM-DD) are not counted as working days, nor are the days of the `weekend`. Days begin and end in
    `time_zone` (IANA).
    """

    jurisdiction: Country
    name: Text
    version: Text
    checked_on: date
    not_legal_advice: Text
    claims_by: tuple[Basis, ...]
    claims_by_source: Text
    bloc_members: tuple[Country, ...] = ()
    holidays: tuple[str, ...] = ()
    weekend: Annotated[tuple[Weekday, ...], Meta(max_length=6)] = ("saturday", "sunday")
    time_zone: str = "UTC"
    rule: tuple[AnyRule, ...]
    compulsion: tuple[Compulsion, ...] = ()
    precedent: tuple[Precedent, ...] = ()

    @property
    def days_off(self) -> tuple[int, ...]:
        """The days of the weekend as `date.weekday` counts them, 0 for Monday."""
        return tuple(get_args(Weekday).index(day) for day in self.weekend)


def parse_pack(content: bytes, file: str) -> Pack:
    """The pack in these bytes. Raises PackError; `file` is only a name for the message."""
    text = _text(content, file)
    document = _document(text, file)
    headers = header_lines(text)
    rules = tuple(
        _convert(record, _kind(record, file, text, line), file, text, line)
        for record, line in zip(_records(document, "rule", file), headers.get("rule", []), strict=False)
    )
    others = {
        name: tuple(
            _convert(record, kind, file, text, line)
            for record, line in zip(_records(document, name, file), headers.get(name, []), strict=False)
        )
        for name, kind in (("compulsion", Compulsion), ("precedent", Precedent))
    }
    pack: Pack = _convert({**document, "rule": (), "compulsion": (), "precedent": ()}, Pack, file, text, 1)
    pack = msgspec.structs.replace(pack, rule=rules, **others)
    for fault in faults(pack.jurisdiction, pack.bloc_members, pack.holidays, pack.time_zone, rules):
        raise PackError(file, _line_of(fault, text, headers), fault.sentence)
    return pack


def _text(content: bytes, file: str) -> str:
    if len(content) > LARGEST_PACK:
        raise PackError(file, 1, f"the file has {len(content)} bytes; a pack may have at most 1 MiB")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PackError(file, line, "the file is not valid UTF-8; save it as UTF-8 and try again") from error


def _document(text: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        found = re.search(r"at line (\d+)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        raise PackError(file, line, f"this is not valid TOML: {error}") from error


def _records(document: dict[str, Any], name: str, file: str) -> list[dict[str, Any]]:
    records = document.get(name, [])
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise PackError(file, 1, f"`{name}` must be written as [[{name}]] tables, one for each record")
    return records


def _kind(record: dict[str, Any], file: str, text: str, line: int) -> type[Struct]:
    kinds: dict[str, type[Struct]] = {str(kind.__struct_config__.tag): kind for kind in get_args(AnyRule)}
    name = record.get("kind")
    if isinstance(name, str) and name in kinds:
        return kinds[name]
    where = block_line(text, line, "kind") or line
    if name is None:
        raise PackError(file, line, f"the rule has no `kind`; it is one of {', '.join(sorted(kinds))}")
    raise PackError(file, where, f"{name!r} is no kind of rule{_meant(str(name), list(kinds))}")


def _convert(record: dict[str, Any], kind: Any, file: str, text: str, line: int) -> Any:
    try:
        return msgspec.convert(record, kind)
    except msgspec.ValidationError as error:
        raise _explained(error, record, kind, file, text, line) from error


def _explained(error: Exception, record: dict[str, Any], kind: Any, file: str, text: str, line: int) -> PackError:
    """msgspec says what is wrong and at which path (`$.citation.act`); we add the line and what to do."""
    message, _, path = str(error).partition(" - at `")
    keys = re.findall(r"\.(\w+)", path)
    subject = f"rule {record['id']!r}: " if isinstance(record.get("id"), str) else ""
    if unknown := re.search(r"unknown field `(.+?)`", message):
        names = _fields(_inner(kind, keys))
        where = block_line(text, line, unknown[1]) or line
        return PackError(file, where, f"{subject}unknown key `{unknown[1]}`{_meant(unknown[1], names)}")
    if absent := re.search(r"missing required field `(.+?)`", message):
        where = (block_line(text, line, keys[0]) if keys else None) or line
        inside = f" in `{'.'.join(keys)}`" if keys else ""
        return PackError(file, where, f"{subject}`{absent[1]}` is missing{inside}; {_help_for(absent[1])}")
    where = next((found for key in reversed(keys) if (found := block_line(text, line, key))), line)
    return PackError(file, where, f"{subject}`{'.'.join(keys)}`: {message[:1].lower() + message[1:]}")


def _inner(kind: Any, keys: list[str]) -> Any:
    inner = {
        "citation": Reference,
        "subject": Subject,
        "thresholds": Threshold,
        "asks": Ask,
        "ladder": Step,
        "deadline": Period,
    }
    return next((inner[key] for key in reversed(keys) if key in inner), kind)


def _fields(kind: Any) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(kind)]


def _meant(name: str, names: list[str]) -> str:
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    return f"; did you mean `{close[0]}`?" if close else f"; known are {', '.join(sorted(names))}"


def _help_for(key: str) -> str:
    if key == "citation":
        return "every rule says where it is written: act, article, source, checked_on, verified"
    return "see docs/law-packs.md for what it means"


def _line_of(fault: Fault, text: str, headers: dict[str, list[int]]) -> int:
    if fault.rule is None:
        return (block_line(text, 1, fault.key) if fault.key else None) or 1
    line = headers["rule"][fault.rule]
    return (block_line(text, line, fault.key) if fault.key else None) or line
