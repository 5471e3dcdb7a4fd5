"""What may be copied, and the messages by which copies are asked for, given and recalled.

A copy is owned data kept at another site under a licence for the act *copy*. It is asked for by the site that keeps it,
never in the way of a reader; the home decides, registers and gives in one transaction (see `register`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import Column

from domicile.border.licence import View, effective
from domicile.errors import Misconfigured
from domicile.ids import MemberId, SiteName
from domicile.placement.ownership import categories_of

Q = TypeVar("Q", bound=msgspec.Struct)
R = TypeVar("R", bound=msgspec.Struct)

EARLIEST, LATEST = (0, 0), ((1 << 63) - 1, (1 << 63) - 1)


@dataclass(frozen=True)
class Copied(Generic[Q, R]):
    """Items that may be copied: those that `view` finds by `question` for an audience of everybody.

    Each is known by a number that grows with time: `column` is where SQL finds it in a row `v`, `number` in an item.
    """

    view: View[Q, R]
    question: Q
    column: str
    number: Callable[[R], int]


@dataclass(frozen=True)
class Part:
    """Which copies answer a question: these (number, member), or the newest `limit` between two bounds."""

    keys: list[tuple[int, MemberId]] | None = None
    after: tuple[int, int] = EARLIEST
    before: tuple[int, int] = LATEST
    upward: bool = False
    limit: int = 1000


@dataclass(frozen=True)
class Recollection(Generic[Q, R]):
    """How a view is answered from copies of the items of `copied`: which of them, and what each becomes, if anything.

    What a home would add to an item that it has not given (other readers' rights, verdicts) cannot be known from
    copies: a view that needs it has no recollection.
    """

    view: View[Q, R]
    copied: Copied[Any, Any]
    part: Callable[[Q], Part]
    make: Callable[[Any, Q], R | None]


def check_declared(body: Column[Any], copied: Sequence[Copied[Any, Any]]) -> None:
    """Whether the column that keeps copies is declared to hold what is in them. Raises Misconfigured."""
    held = {effective(c, "public") for one in copied for section in one.view.sections.values() for c in section}
    if missing := held - set(categories_of(body)):
        raise Misconfigured(f"add_engine_tables(copied=...) lacks what copies would hold: {', '.join(sorted(missing))}")


class Keep(msgspec.Struct, array_like=True):
    """What may `holder` keep of these members? The lists are parallel.

    `counts` and `sums` are how many copies it holds of each as of `at`, and the sum of their versions.
    """

    holder: SiteName
    at: datetime
    members: list[MemberId] = msgspec.field(default_factory=list)
    epochs: list[int] = msgspec.field(default_factory=list)
    counts: list[int] = msgspec.field(default_factory=list)
    sums: list[str] = msgspec.field(default_factory=list)


class Copy(msgspec.Struct, array_like=True):
    """One copy, or with an empty body the order to delete it: what is held under this version or an older one."""

    member: MemberId
    view: str
    number: int
    version: int
    until: datetime
    body: bytes = b""


class Given(msgspec.Struct, array_like=True):
    """Copies to keep. Of `unsure` members all must go: what is held is not what the home has registered.

    `more`: ask again, there are more.
    """

    copies: list[Copy] = msgspec.field(default_factory=list)
    unsure: list[MemberId] = msgspec.field(default_factory=list)
    more: bool = False


class Recall(msgspec.Struct, array_like=True):
    """Copies to delete, all of them of members whose home asks for it."""

    copies: list[Copy]


class Return(msgspec.Struct, array_like=True):
    """`holder` keeps nothing of these members any more."""

    holder: SiteName
    members: list[MemberId]


class Done(msgspec.Struct, array_like=True):
    """It is done, and committed."""
