"""What a plan says: recorded law applied to counts. Not legal advice, and never a recommendation."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from domicile.ids import Country, SiteName
from domicile.plan.copies import Copies
from domicile.plan.crossings import ChangedCrossing
from domicile.plan.moves import Conflicted, MayMove
from domicile.plan.options import Option
from domicile.plan.outlook import Outlook
from domicile.plan.prices import Prices
from domicile.plan.proposals import Proposed
from domicile.plan.territory import Territory
from domicile.plan.weighing import PlannedMove

NOTE = "Recorded law applied to counts. Not legal advice; a plan recommends nothing."


@dataclass(frozen=True)
class SiteState:
    """A site, or a country that would need one (`site` None). `members` None: it does not answer, nothing is known."""

    site: SiteName | None
    country: Country
    members: int | None
    members_after: int | None
    capacity: int | None = None

    @property
    def over(self) -> bool:
        """Whether more members would live there than it is meant for."""
        return None not in (self.capacity, self.members_after) and (self.members_after or 0) > (self.capacity or 0)

    @property
    def missing(self) -> bool:
        return self.site is None


@dataclass(frozen=True)
class Plan:
    """What a day would ask of the network as it stands now, compared with the day `since`.

    `tested` are the packs on trial, `newly_collected` categories of tables on trial. `silent` sites did not answer:
    nothing is said of their members.
    """

    since: date
    on: date
    tested: tuple[Country, ...]
    newly_collected: tuple[str, ...]
    sites: tuple[SiteState, ...]
    silent: tuple[SiteName, ...]
    members: int
    moves: tuple[PlannedMove, ...]
    may_move: tuple[MayMove, ...]
    conflicts: tuple[Conflicted, ...]
    proposed: tuple[Proposed, ...]
    crossings: Mapping[ChangedCrossing, int]
    copies: Copies
    territory: Territory
    outlook: Outlook
    options: tuple[Option, ...]
    prices: Prices

    @property
    def complete(self) -> bool:
        """Whether every site answered."""
        return not self.silent and all(planned.held for planned in self.moves)

    @property
    def refused(self) -> list[ChangedCrossing]:
        """The crossings that become refused."""
        return [crossing for crossing in self.crossings if crossing.change == "refused"]

    @property
    def rows(self) -> int:
        """Rows of everybody who must move."""
        return sum(planned.held.rows for planned in self.moves if planned.held)

    @property
    def bytes(self) -> int:
        """The room that these rows take."""
        return sum(planned.held.bytes for planned in self.moves if planned.held)

    @property
    def file_bytes(self) -> int:
        """The bytes of their media files."""
        return sum(planned.held.file_bytes for planned in self.moves if planned.held)

    @property
    def seconds(self) -> float | None:
        """All moves one after another; None if one of them cannot be estimated."""
        seconds = [planned.estimate.seconds for planned in self.moves]
        return None if None in seconds else sum(second or 0.0 for second in seconds)

    @property
    def basis(self) -> str:
        """Whence the estimate of the time comes."""
        if not self.moves:
            return "nothing to move"
        found = {planned.estimate.rate.basis if planned.estimate.rate else "unknown" for planned in self.moves}
        return next(basis for basis in ("unknown", "probe", "measured") if basis in found)
