"""Values to look for where they must not be, and how they are found in a stream of bytes.

A value is named by its line in the operator's file and never quoted: the file may hold a real member's data (rule 10).
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import msgspec
import numpy as np
from numpy.typing import NDArray

from domicile.errors import InvalidInput
from domicile.ids import parse_site_name

SHORTEST = 8
"""Bytes. A shorter value is found by chance: two gigabytes hold every four bytes about once every other time."""
MOST = 1000
ANCHOR = 4
HASH_BITS = 20
_SITES = re.compile(r"\t([^\t]*)\Z")


@dataclass(frozen=True, slots=True)
class Canary:
    """One value, by its line. `may_be_at`: the sites where rows may hold it; of a sealed value, none."""

    line: int
    value: str = field(repr=False)
    may_be_at: frozenset[str] = frozenset()

    @property
    def forms(self) -> tuple[bytes, ...]:
        """The bytes under which it may lie: as it is, in small letters, composed or not, in URLs, JSON, hexadecimal."""
        texts = {unicodedata.normalize(form, text) for form in ("NFC", "NFD") for text in self._cases()}
        plain = {text.encode() for text in texts}
        escaped = {text.encode("ascii", "backslashreplace") for text in texts}
        urls = {part.encode() for text in texts for part in (quote(text, safe=""), quote(text, safe="").lower())}
        json = {msgspec.json.encode(text)[1:-1] for text in texts}
        digits = {text.hex().encode() for text in plain}
        return tuple(sorted(plain | escaped | urls | json | digits))

    def _cases(self) -> set[str]:
        return {self.value, self.value.lower()}


def read_canaries(lines: Iterable[str], sites: Iterable[str]) -> list[Canary]:
    """One value a line, with the sites where it may be after a tab, by commas. Raises InvalidInput with the line."""
    known = {*sites}
    found: list[Canary] = []
    for number, line in enumerate(lines, start=1):
        text = line.rstrip("\r\n")
        if not text.strip() or text.startswith("#"):
            continue
        named = _SITES.search(text)
        value = text[: named.start()] if named else text
        may_be_at = frozenset(name.strip() for name in named[1].split(",") if name.strip()) if named else frozenset()
        if wrong := sorted(name for name in may_be_at if name not in known):
            what = "is no site here" if parse_site_name(wrong[0]) else "is no name of a site"
            raise InvalidInput(f"line {number}: what stands after the tab {what}")
        if len(value.encode()) < SHORTEST:
            raise InvalidInput(f"line {number}: a value of fewer than {SHORTEST} bytes would be found by chance")
        found.append(Canary(number, value, may_be_at))
    if not found:
        raise InvalidInput("there is no value to look for")
    if len(found) > MOST:
        raise InvalidInput(f"these are {len(found)} values; {MOST} can be looked for at a time")
    return found


class Matcher:
    """Finds many values at once, each by the four bytes that the fewest others share.

    Tables of their pairs of bytes, and of a hash of all four, leave a few places of a megabyte to look at.
    """

    def __init__(self, canaries: Sequence[Canary]) -> None:
        forms = [(form, canary.line) for canary in canaries for form in canary.forms]
        self.longest = max(len(form) for form, _ in forms)
        shared = Counter(piece for form, _ in forms for piece in {*_pieces(form)})
        self._anchored: dict[bytes, list[tuple[int, bytes, int]]] = {}
        self._first, self._second = np.zeros(1 << 16, bool), np.zeros(1 << 16, bool)
        self._hashed = np.zeros(1 << HASH_BITS, bool)
        for form, line in forms:
            offset, piece = min(enumerate(_pieces(form)), key=lambda at: (shared[at[1]], at[0]))
            self._anchored.setdefault(piece, []).append((offset, form, line))
            self._first[int.from_bytes(piece[:2], "little")] = True
            self._second[int.from_bytes(piece[2:], "little")] = True
            self._hashed[_hash(np.frombuffer(piece, "<u4"))] = True

    def find(self, chunk: bytes) -> Iterator[tuple[int, int, int]]:
        """Where values stand in a chunk: (line, first byte, byte after the last)."""
        if len(chunk) < ANCHOR:
            return
        for place in sorted((*self._places(chunk, 0), *self._places(chunk, 1))):
            for offset, form, line in self._anchored.get(chunk[place : place + ANCHOR], ()):
                start = place - offset
                if start >= 0 and chunk.startswith(form, start):
                    yield line, start, start + len(form)

    def _places(self, chunk: bytes, odd: int) -> list[int]:
        """Where an anchor may stand, among the even places or the odd ones."""
        pairs = np.frombuffer(chunk, "<u2", (len(chunk) - odd) // 2, odd)
        begun = np.flatnonzero(self._first.take(pairs, mode="wrap"))  # three times as quick as indexing (measured)
        begun = begun[begun < len(pairs) - 1]
        begun = begun[self._second.take(pairs[begun + 1], mode="wrap")]
        begun = begun[self._hashed[_hash(pairs[begun].astype(np.uint32) | (pairs[begun + 1].astype(np.uint32) << 16))]]
        found: list[int] = (begun * 2 + odd).tolist()
        return found


class Reading:
    """Counts the values in a stream that comes in pieces, also where one lies across two pieces; memory stays flat."""

    def __init__(self, matcher: Matcher) -> None:
        self.counts: Counter[int] = Counter()
        self.size = 0
        self._matcher = matcher
        self._tail = b""

    def feed(self, piece: bytes) -> None:
        chunk = self._tail + piece
        seen = len(self._tail)
        self.counts.update(line for line, _, end in self._matcher.find(chunk) if end > seen)
        self._tail = chunk[-(self._matcher.longest - 1) :]
        self.size += len(piece)


def _hash(anchors: NDArray[Any]) -> NDArray[np.uint32]:
    """Knuth's multiplicative hash: the high bits of a product with 2 to the 32 over the golden ratio."""
    products: NDArray[np.uint32] = anchors.astype(np.uint32) * np.uint32(2654435769)
    return products >> np.uint32(32 - HASH_BITS)


def _pieces(form: bytes) -> Iterator[bytes]:
    return (form[start : start + ANCHOR] for start in range(len(form) - ANCHOR + 1))
