"""What the coordinator says to the two sites of a batch, and what they answer. It holds no password of theirs.

Every order names the batch and the coordinator's token; a site obeys only the token that the journal knows.
"""

from typing import Literal

import msgspec

from domicile.ids import MemberId, SiteName

Role = Literal["source", "target"]
VERSION = 1
"""Of the messages; two sites that speak different ones do not relocate between each other."""


class Order(msgspec.Struct, array_like=True, kw_only=True):
    """An order to one of the batch's two sites."""

    batch: int
    token: bytes
    role: Role


def channel(kind: type[Order]) -> str:
    """The channel on which orders of a kind arrive."""
    return f"relocation.{kind.__name__}"


class Describe(Order):
    """What do your owned tables look like, and how does your server hash a row?"""


class Shape(msgspec.Struct, array_like=True):
    """`tables`: each owned table's columns and keys, a line each. `probe`: the server's own hash of a known row.

    `version`: of these messages. `public_key`: X25519, to which the source seals data keys for this site (RFC 7748).
    """

    version: int
    tables: dict[str, list[str]]
    probe: str
    public_key: bytes


class Begin(Order):
    """Become source or target of a batch of these members (member -> epoch under which they leave)."""

    other: SiteName
    members: dict[MemberId, int]


class Members(msgspec.Struct, array_like=True):
    """Those for whom it was done; the others did not yield or are not there."""

    members: list[MemberId]


class Drop(Order):
    """These members stay where they are: forget them in this batch."""

    members: list[MemberId]


class Export(Order):
    """Stream the rows: all of them, or (`changed`) only those whose keys were noted since `Begin`."""

    changed: bool = False


class Frame(msgspec.Struct, array_like=True):
    """A piece of a stream. With `table` a table begins, of these columns; `gone` are keys whose rows no longer exist.

    A table's rows are its pieces put together: PostgreSQL's COPY, binary. The last frame of a stream is `end`.
    """

    table: str = ""
    columns: list[str] = []
    gone: list[tuple[MemberId, list[str]]] = []
    piece: bytes = b""
    end: bool = False


class Import(Order):
    """Take the stream that follows. `changed`: rows replace those with the same key; `anew`: they replace all rows."""

    changed: bool = False
    anew: bool = False


class Copied(msgspec.Struct, array_like=True):
    """How many rows and bytes arrived."""

    rows: int
    size: int


class Keys(Order):
    """Seal the members' data keys for the target's public key."""

    public_key: bytes


class SealedKeys(msgspec.Struct, array_like=True):
    """Data keys under a key that only the target can derive: member, sealed key."""

    sender: bytes
    keys: list[tuple[MemberId, bytes]]


class TakeKeys(Order):
    """Open these data keys, wrap them under your own site's key, keep them."""

    sealed: SealedKeys


class ListFiles(Order):
    """Which files do you hold of the batch's members?"""


class Files(msgspec.Struct, array_like=True):
    files: list[tuple[MemberId, str]]


class SendFiles(Order):
    """Stream these files; those that vanished meanwhile are left out."""

    files: list[tuple[MemberId, str]]


class FilePiece(msgspec.Struct, array_like=True):
    """A piece of a file. A file is all pieces with its digest, in order; a stream's last piece is `end`."""

    member: MemberId = MemberId(0)
    digest: str = ""
    piece: bytes = b""
    end: bool = False


class TakeFiles(Order):
    """Keep the files of the stream that follows. Refused if a content is not what its digest says."""


class DropFiles(Order):
    """These files are gone at the source: remove them."""

    files: list[tuple[MemberId, str]]


class Fence(Order):
    """From now on nothing is written for these members here; those with a writer at work do not yield."""


class Fenced(msgspec.Struct, array_like=True):
    """For whom it was done; `changed`: the tables of which rows of theirs have changed since `Begin`."""

    members: list[MemberId]
    changed: list[str]


class Compare(Order):
    """Count and digest every owned table's rows of the batch. `plain`: by text, for servers that hash differently."""

    plain: bool


class Sums(msgspec.Struct, array_like=True):
    """Table -> rows and the sum of their hashes."""

    tables: dict[str, tuple[int, str]]


class Settle(Order):
    """The journal says `flipped`: follow it. The source answers nothing more for them, the target serves them."""


class Erase(Order):
    """The journal says `flipped`: erase the rows, keys and files that stayed behind (source)."""


class Discard(Order):
    """The journal says `abandoned`: erase what arrived (target)."""


class Reopen(Order):
    """The journal says `abandoned` and the target has discarded: serve them again (source)."""


class ListWhole(Order):
    """Of which members of a batch that is flipped do you still hold everything (source)?"""


class GiveBack(Order):
    """The journal says `returned`: serve those whose home you are again, and erase what you hold of the others."""


class Close(Order):
    """The batch is closed: forget it."""


class Erased(msgspec.Struct, array_like=True):
    """What was erased, how many live rows are left, as counted afterwards, and how many lie sealed as residue."""

    rows: int
    files: int
    left: int
    residue: int = 0


class Done(msgspec.Struct, array_like=True):
    pass
