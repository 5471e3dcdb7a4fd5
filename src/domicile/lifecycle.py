"""States, declared once as a table: which follow which. A malformed table is refused when it is made, at import.

The change itself is one SQL statement, guarded on the states that may come before and on a claim token:

    UPDATE ... SET state = %s WHERE ... AND token = %s AND state = ANY (%s)     -- lifecycle.before("flipped")
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Lifecycle:
    """`moves`: state -> the states that may follow it; the first is where everything starts."""

    name: str
    moves: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        named = {state for states in self.moves.values() for state in states}
        if unknown := named - self.moves.keys():
            raise ValueError(f"{self.name}: {', '.join(sorted(unknown))} follow others and are not declared")
        if stray := self.moves.keys() - named - {self.start}:
            raise ValueError(f"{self.name}: nothing leads to {', '.join(sorted(stray))}")
        if not self.ends:
            raise ValueError(f"{self.name}: it never ends")

    @property
    def start(self) -> str:
        return next(iter(self.moves))

    @property
    def ends(self) -> frozenset[str]:
        """The states that nothing follows."""
        return frozenset(state for state, following in self.moves.items() if not following)

    def before(self, state: str) -> list[str]:
        """The states from which this one may be reached, for the guard of the change."""
        return [earlier for earlier, following in self.moves.items() if state in following]

    def picture(self) -> str:
        """The table as a Mermaid state diagram, for the docs."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.start}"]
        lines += [f"    {state} --> {after}" for state, following in self.moves.items() for after in following]
        return "\n".join([*lines, *(f"    {state} --> [*]" for state in self.moves if state in self.ends)])
