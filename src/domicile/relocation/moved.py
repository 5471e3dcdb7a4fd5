"""What a relocation has done, and why something was not."""

from dataclasses import dataclass, field

from domicile.errors import DomicileError, Unavailable
from domicile.ids import MemberId
from domicile.relocation.journal import Superseded


class Drift(DomicileError):
    """The two sites' tables are not the same; migrate the older one first."""

    default_safe = "This cannot be moved at the moment."


class Different(DomicileError):
    """What arrived is not what left. Nothing was moved."""

    default_safe = "This cannot be moved at the moment."


class Absent(DomicileError):
    """The target does not have members of a batch that is flipped: it was restored as it was before they came."""

    default_safe = "This cannot be moved at the moment."


class Undone(DomicileError):
    """A batch was abandoned, and both sites are as before. `cause` is what it failed of."""

    default_safe = "This cannot be moved at the moment. Nothing was changed; please try again later."

    def __init__(self, detail: str, cause: Exception) -> None:
        super().__init__(detail)
        self.cause = cause

    @property
    def of_a_row(self) -> bool:
        """Whether some member's rows are to blame, so that the others of the batch can be moved without them."""
        return not isinstance(self.cause, Unavailable | Superseded | Drift)


@dataclass
class Moved:
    """What was moved. `left` stayed, with the reason; `unfinished` batches are decided and wait to be resumed.

    `residue` rows had to stay behind, sealed. `waited_ms` is the longest that any batch's members could not write.
    `carrying_s` is what all batches took, of which `verifying_s` and `erasing_s` are parts; some went on at once.
    """

    members: list[MemberId] = field(default_factory=list)
    left: dict[MemberId, str] = field(default_factory=dict)
    unfinished: dict[int, str] = field(default_factory=dict)
    rows: int = 0
    size: int = 0
    files: int = 0
    residue: int = 0
    batches: int = 0
    seconds: float = 0.0
    waited_ms: float = 0.0
    carrying_s: float = 0.0
    verifying_s: float = 0.0
    erasing_s: float = 0.0

    def add(self, other: "Moved") -> None:
        """Count another's too; `seconds` are the caller's to measure."""
        self.members += other.members
        self.left |= other.left
        self.unfinished |= other.unfinished
        self.rows, self.size, self.files = self.rows + other.rows, self.size + other.size, self.files + other.files
        self.residue += other.residue
        self.batches += other.batches
        self.waited_ms = max(self.waited_ms, other.waited_ms)
        self.carrying_s += other.carrying_s
        self.verifying_s += other.verifying_s
        self.erasing_s += other.erasing_s
