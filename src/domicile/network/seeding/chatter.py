"""What made-up people say and do in a month: posts, answers, boosts and favourites, in the order of time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random

from domicile.ids import SEQUENCE_BITS, milliseconds
from domicile.network.schema import DIRECT, PRIVATE, PUBLIC, UNLISTED
from domicile.network.seeding.graph import Graph
from domicile.network.seeding.people import Person

FEWEST_POSTS = 10
DAY_MS = 86_400_000
MONTH_MS = 30 * DAY_MS
_LAST_MINUTES_MS = 300_000


@dataclass(slots=True)
class Said:
    """A post. `author` and `named` are places in the list of people."""

    author: int
    snowflake: int
    text: str
    visibility: int
    named: tuple[int, ...] = ()
    answers: "Said | None" = None
    boosts: "Said | None" = None
    replies: int = 0
    boosted: int = 0
    favourites: int = 0


@dataclass(slots=True)
class Mark:
    """Somebody's reaction to a post; `boost` is the boosting post's id."""

    actor: int
    kind: str
    said: Said
    version: int
    boost: int | None = None


class Chatter:
    """A month of talk among people who follow each other."""

    def __init__(self, people: Sequence[Person], graph: Graph, now: datetime, chance: Random) -> None:
        self.people = people
        self.graph = graph
        self.now_ms = milliseconds(now)
        self.chance = chance
        self.said: list[Said] = []
        self.marks: list[Mark] = []
        self._latest: list[Said | None] = [None] * len(people)
        self._last = [0] * len(people)
        self._boosted: set[tuple[int, int, int]] = set()

    def tell(self) -> None:
        """Fill `said` and `marks`."""
        for moment, author in self._schedule():
            self._speak(moment, author)
        for said in self.said:
            self._applaud(said)

    def snowflake(self, moment: int, after: int = 0) -> int:
        fresh = min(moment, self.now_ms - 1) << SEQUENCE_BITS | self.chance.getrandbits(SEQUENCE_BITS)
        return max(fresh, after + 1)

    def _schedule(self) -> list[tuple[int, int]]:
        chance, end = self.chance, self.now_ms - _LAST_MINUTES_MS
        return sorted(
            (end - int((MONTH_MS - DAY_MS) * chance.random() ** 1.4), author)
            for author in range(len(self.people))
            for _ in range(FEWEST_POSTS + min(int(chance.expovariate(0.8)), 30))
        )

    def _speak(self, moment: int, author: int) -> None:
        friend = self._friend(author)
        heard = self._latest[friend] if friend is not None else None
        kind = self.chance.random()
        if kind < 0.18 and heard is not None:
            self._answer(moment, author, heard)
        elif kind < 0.24 and friend is not None:
            words = self.people[author].words
            self._say(moment, author, words.mentions, self._some_visibility(), (friend,))
        elif kind < 0.265 and friend is not None:
            self._say(moment, author, self.people[author].words.directs, DIRECT, (friend,))
        else:
            self._say(moment, author, self.people[author].words.posts, self._some_visibility())
        if kind > 0.92 and heard is not None and heard.visibility == PUBLIC:
            self._boost(moment, author, heard)

    def _friend(self, author: int) -> int | None:
        """Somebody the author follows whose posts can be seen from here."""
        following = self.graph.following[author]
        if not following:
            return None
        friend = self.chance.choice(following)
        return friend if self._can_see(author, friend) else None

    def _can_see(self, reader: int, author: int) -> bool:
        return self.people[author].published or self.people[author].site == self.people[reader].site

    def _some_visibility(self) -> int:
        kind = self.chance.random()
        return PUBLIC if kind < 0.88 else UNLISTED if kind < 0.94 else PRIVATE

    def _say(
        self,
        moment: int,
        author: int,
        templates: list[str],
        visibility: int,
        named: tuple[int, ...] = (),
        answers: Said | None = None,
    ) -> None:
        who = f"@{self.people[named[0]].handle}" if named else ""
        text = self.people[author].words.compose(templates, self.chance, who=who)
        said = self._keep(Said(author, self.snowflake(moment), f"{who} {text}" if answers else text, visibility, named))
        said.answers = answers
        if visibility <= UNLISTED:
            self._latest[author] = said

    def _answer(self, moment: int, author: int, heard: Said) -> None:
        heard.replies += 1
        self._say(moment, author, self.people[author].words.replies, PUBLIC, (heard.author,), answers=heard)

    def _boost(self, moment: int, author: int, heard: Said) -> None:
        if (author, heard.author, heard.snowflake) in self._boosted:
            return
        self._boosted.add((author, heard.author, heard.snowflake))
        heard.boosted += 1
        boost = self._keep(Said(author, self.snowflake(moment + 60_000), "", PUBLIC, boosts=heard))
        self.marks.append(Mark(author, "boost", heard, boost.snowflake + 1, boost.snowflake))

    def _keep(self, said: Said) -> Said:
        said.snowflake = self._last[said.author] = max(said.snowflake, self._last[said.author] + 1)
        self.said.append(said)
        return said

    def _applaud(self, said: Said) -> None:
        if said.visibility > UNLISTED or said.boosts is not None:
            return
        crowd = self.graph.followers[said.author]
        wanted = min(int(self.chance.expovariate(0.6)), len(crowd))
        for fan in self._those_who_see(self.chance.sample(crowd, wanted), said.author):
            later = (said.snowflake >> SEQUENCE_BITS) + int(self.chance.expovariate(1 / 10_000_000))
            said.favourites += 1
            self.marks.append(Mark(fan, "favourite", said, self.snowflake(later, said.snowflake)))
            if self.chance.random() < 0.04:
                self.marks.append(Mark(fan, "bookmark", said, self.snowflake(later, said.snowflake)))

    def _those_who_see(self, crowd: Iterable[int], author: int) -> Iterable[int]:
        return (reader for reader in crowd if self._can_see(reader, author))
