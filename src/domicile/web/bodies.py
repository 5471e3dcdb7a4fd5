"""The one place where what a client sent becomes values: JSON, forms and multipart, nested as Rails nests them.

`a[b]=1` makes a mapping, `a[]=1` a list, `a[][b]=1` a list of mappings; `a[0][b]=1` a mapping by index, which a struct
may read as a list. Files stay in memory: nothing of a person is written here that is not at home (rule 2).
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from litestar.connection import Request
from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    ParserLimitReached,
    PushMultipartParser,
    parse_options_header,
)

from domicile.errors import InvalidInput
from domicile.web.errors import Malformed, TooLarge, UnknownMediaType

MOST_FIELDS = 500
DEEPEST = 5
_KEY = re.compile(r"[^\[\]]+|\[[^\[\]]*\]")

T = TypeVar("T")
Values = dict[str, Any]


class Upload(msgspec.Struct, frozen=True):
    """A file of a multipart body."""

    content: bytes


async def read_values(request: Request, most_bytes: int) -> Values:  # type: ignore[type-arg]
    """The values of a request's body. Raises Malformed, TooLarge or UnknownMediaType."""
    body = await _read_bytes(request, most_bytes)
    if not body.strip():
        return {}
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind in ("application/json", "text/json") or kind.endswith("+json"):
        return _from_json(body)
    if kind == "application/x-www-form-urlencoded":
        return nest(parse_pairs(body))
    if kind == "multipart/form-data":
        return nest(_from_multipart(body, options.get("boundary", "")))
    raise UnknownMediaType("The body must be JSON, a form or multipart")


def query_values(query: bytes) -> Values:
    """The values of a query string."""
    return nest(parse_pairs(query)) if query else {}


def parse_pairs(text: bytes) -> list[tuple[str, Any]]:
    """The pairs of a form or query. Raises Malformed."""
    try:
        return list(
            parse_qsl(
                text.decode("ascii"),
                keep_blank_values=True,
                encoding="utf-8",
                errors="strict",
                max_num_fields=MOST_FIELDS,
            )
        )
    except ValueError:
        raise Malformed("The parameters cannot be read") from None


def convert(values: Values, kind: type[T]) -> T:
    """The values as a struct; texts become numbers and flags where the struct asks for these. Raises InvalidInput."""
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"Validation failed: {_sentence(error)}") from None


def nest(pairs: Iterable[tuple[str, Any]]) -> Values:
    """Flat pairs as nested values. Raises Malformed where two of them contradict each other."""
    root: Values = {}
    for key, value in pairs:
        parts = _KEY.findall(key)
        if not parts or "".join(parts) != key or len(parts) > DEEPEST or parts[0].startswith("["):
            raise Malformed("A parameter's name cannot be read")
        _refuse_nul(key, value)
        _put(root, [part.strip("[]") if place else part for place, part in enumerate(parts)], value)
    return root


def _put(node: Values, path: list[str], value: Any) -> None:
    """Put one value at its path; an empty part is the next place of a list, and `a=1&a[]=2` is a list too."""
    name, rest = path[0], path[1:]
    known = node.get(name)
    if not rest:
        if isinstance(known, list):
            known.append(value)
        else:
            node[name] = value
    elif rest[0] == "":
        if isinstance(known, dict):
            raise Malformed("A parameter is both a list and a mapping")
        found = node[name] = known if isinstance(known, list) else [] if known is None else [known]
        _append(found, rest[1:], value)
    else:
        inner = node.setdefault(name, {})
        if not isinstance(inner, dict):
            raise Malformed("A parameter is both a mapping and something else")
        _put(inner, rest, value)


def _append(found: list[Any], path: list[str], value: Any) -> None:
    if not path:
        found.append(value)
        return
    if not found or not isinstance(found[-1], dict) or path[0] in found[-1]:
        found.append({})
    _put(found[-1], path, value)


async def _read_bytes(request: Request, most_bytes: int) -> bytes:  # type: ignore[type-arg]
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced[:12]) > most_bytes:
        raise TooLarge(_too_large(most_bytes))
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most_bytes:
            raise TooLarge(_too_large(most_bytes))
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(most_bytes: int) -> str:
    return f"The body is larger than {most_bytes >> 10} KiB"


def _from_json(body: bytes) -> Values:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Malformed("The JSON cannot be read") from None
    if not isinstance(found, dict):
        raise InvalidInput("Validation failed: the JSON must be an object")
    _refuse_nul("", found)
    return found


def _from_multipart(body: bytes, boundary: str) -> list[tuple[str, Any]]:
    """The parts, in memory: those with a file name as uploads, the others as text."""
    pairs: list[tuple[str, Any]] = []
    content = bytearray()
    name, filename = "", None
    try:
        with PushMultipartParser(boundary, content_length=len(body), max_segment_count=MOST_FIELDS) as parser:
            for event in parser.parse(body):
                if event is None:
                    pairs.append((name, _part(content, filename)))
                elif isinstance(event, bytes | bytearray):
                    content += event
                else:
                    content, name, filename = bytearray(), event.name or "", event.filename
    except ParserLimitReached:
        raise TooLarge("The form has too many or too large parts") from None
    except (MultipartError, ValueError):
        raise Malformed("The form cannot be read") from None
    return pairs


def _part(content: bytearray, filename: str | None) -> Upload | str:
    return content.decode("utf-8") if filename is None else Upload(bytes(content))


def _refuse_nul(name: str, value: Any) -> None:
    """No NUL in any text, at any depth: PostgreSQL cannot hold it, and nobody types it."""
    if "\0" in name or (isinstance(value, str) and "\0" in value):
        raise Malformed("A text holds a NUL character")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _refuse_nul(str(key), inner)
    elif isinstance(value, list):
        for inner in value:
            _refuse_nul("", inner)


def _sentence(error: msgspec.ValidationError) -> str:
    """msgspec's words, with the field's name first."""
    problem, _, place = str(error).partition(" - at `$")
    return f"{place.strip('.`') or 'the body'}: {problem[:1].lower()}{problem[1:]}"
