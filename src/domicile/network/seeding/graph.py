"""Who follows whom: read from a file of friendships, or made up so that it looks like a network."""

import gzip
import io
import zlib
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from random import Random

from domicile.errors import InvalidInput

LARGEST_BYTES = 256 << 20
LONGEST_LINE = 200
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Graph:
    """Members 0 to `size` - 1 and their follows, each pair (follower, followed) once. `ignored`: lines passed over."""

    size: int
    follows: Sequence[tuple[int, int]]
    ignored: int = 0

    @cached_property
    def following(self) -> list[list[int]]:
        """Whom each member follows."""
        found: list[list[int]] = [[] for _ in range(self.size)]
        for follower, followed in self.follows:
            found[follower].append(followed)
        return found

    @cached_property
    def followers(self) -> list[list[int]]:
        found: list[list[int]] = [[] for _ in range(self.size)]
        for follower, followed in self.follows:
            found[followed].append(follower)
        return found


def read_graph(file: Path, members: int) -> Graph:
    """Friendships from a file, "a b" a line (gzipped or not), as follows both ways among so many members.

    Blank lines and lines that begin with # mean nothing; friends of themselves and repetitions are counted and ignored.
    Raises InvalidInput naming file and line for everything else.
    """
    friends: dict[tuple[int, int], None] = {}
    ignored = 0
    for a, b in _pairs(file):
        pair = (a, b) if a < b else (b, a)
        if a == b or pair in friends:
            ignored += 1
        else:
            friends[pair] = None
    numbers = {node: place for place, node in enumerate(sorted({node for pair in friends for node in pair}))}
    if len(numbers) > members:
        raise InvalidInput(f"{file}: names {len(numbers)} people, more than the {members} members to make")
    both = [(numbers[a], numbers[b]) for pair in friends for a, b in (pair, pair[::-1])]
    return Graph(members, both, ignored)


def _pairs(file: Path) -> Iterator[tuple[int, int]]:
    for line, text in enumerate(_lines(file), 1):
        words = text.split()
        if not words or words[0].startswith(b"#"):
            continue
        if len(words) != 2 or not all(word.isdigit() and len(word) <= 18 for word in words):
            found = text[:40].decode(errors="replace").rstrip("\r\n")
            raise InvalidInput(f"{file}, line {line}: two whole numbers are expected, not {found!r}")
        yield int(words[0]), int(words[1])


def _lines(file: Path) -> Iterator[bytes]:
    size = 0
    try:
        with file.open("rb") as raw:
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            text: io.BufferedIOBase = gzip.GzipFile(fileobj=raw) if packed else raw
            while part := text.readline(LONGEST_LINE):
                size += len(part)
                if size > LARGEST_BYTES:
                    raise InvalidInput(f"{file}: holds more than {LARGEST_BYTES >> 20} MiB of text")
                yield part
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not a whole gzip file"
        raise InvalidInput(f"{file}: cannot be read: {reason}") from None


def make_graph(size: int, chance: Random) -> Graph:
    """A small world with well-known members: most follow people nearby, some follow the famous, some anybody."""
    fame = list(accumulate(1 / (1 + chance.random() * size) for _ in range(size)))
    follows: dict[tuple[int, int], None] = {}
    for member in range(size):
        for _ in range(min(chance.randint(10, 30), size - 1)):
            other = _somebody(member, size, fame, chance)
            if other != member:
                follows[member, other] = None
                if chance.random() < 0.4:
                    follows[other, member] = None
    return Graph(size, list(follows))


def _somebody(member: int, size: int, fame: list[float], chance: Random) -> int:
    kind = chance.random()
    if kind < 0.55:
        return (member + round(chance.gauss(0, 12))) % size
    if kind < 0.85:
        return min(bisect(fame, chance.random() * fame[-1]), size - 1)
    return chance.randrange(size)
