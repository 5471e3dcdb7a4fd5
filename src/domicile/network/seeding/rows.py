"""Members, posts and pairs as rows of the declared tables, each at the home of the member whose row it is."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import nlargest
from typing import Any

import msgspec

from domicile.ids import SEQUENCE_BITS, SiteName, milliseconds, moment_of
from domicile.law.facts import PUBLICATION, Basis
from domicile.network.formatting import find_tags, to_html
from domicile.network.forms import WORDING
from domicile.network.items import DirectWords
from domicile.network.schema import DIRECT, PRIVATE
from domicile.network.seeding.chatter import Chatter, Mark, Said
from domicile.network.seeding.graph import Graph
from domicile.network.seeding.people import Person, Standing

Values = tuple[Any, ...]

MOST_NOTICES = 20
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "account": (
        *("member_id", "handle", "display_name", "note", "fields", "avatar", "language", "show_country"),
        "created_at",
    ),
    "pair_version": ("member_id", "last"),
    "tally": ("member_id", "posts", "followers", "following", "last_post", "last_post_at"),
    "vault.credential": ("member_id", "email", "phone", "birth_date", "password_hash"),
    "verification": ("member_id", "method", "verified_at", "rules", "made_up"),
    "claim": ("member_id", "jurisdiction", "basis", "assumed", "declared_at"),
    "consent": ("member_id", "consent_id", "kind", "wording", "rules", "given_at"),
    "post": (
        *("author_id", "post_id", "visibility", "content", "source", "language", "reply_author", "reply_post"),
        *("boost_author", "boost_post", "replies", "boosts", "favourites"),
    ),
    "vault.direct_text": ("author_id", "post_id", "body"),
    "post_mention": ("author_id", "post_id", "mentioned", "version", "handle"),
    "post_tag": ("author_id", "post_id", "tag"),
    "mention_stub": ("member_id", "author", "post_id", "direct", "version"),
    "reply_stub": ("author_id", "post_id", "reply_author", "reply_post", "version"),
    "follow": ("member_id", "target", "state", "version"),
    "follower": ("member_id", "follower", "state", "version"),
    "reaction": ("member_id", "kind", "target_author", "target_post", "version", "boost"),
    "reaction_stub": ("author_id", "post_id", "kind", "actor", "version"),
    "notification": ("member_id", "notification_id", "kind", "actor", "post_author", "post_id"),
}
"""The columns that the seeding fills, by table; the others keep their defaults."""
_NOTICE = {"favourite": "favourite", "boost": "reblog"}

SiteRows = dict[str, list[Values]]
Asked = Mapping[Standing, Mapping[str, list[str]]]
"""Standing -> kind of consent -> the ids of the rules that ask for it."""
Proved = Mapping[Standing, Mapping[str, list[str]]]
"""Standing -> what such a member must prove -> the ids of the rules that ask for it."""


@dataclass
class Harvest:
    """Collects rows by site and table. Sealed columns hold plain text until they are loaded."""

    people: Sequence[Person]
    graph: Graph
    chatter: Chatter
    asked: Asked
    proved: Proved
    url: str
    sites: dict[SiteName, SiteRows] = field(default_factory=dict)
    _notices: defaultdict[int, list[Values]] = field(default_factory=lambda: defaultdict(list))

    def gather(self) -> dict[SiteName, SiteRows]:
        """The rows of every site."""
        self.sites = {person.site: defaultdict(list) for person in self.people}
        for said in self.chatter.said:
            self._add_post(said)
        for mark in self.chatter.marks:
            self._add_mark(mark)
        self._add_follows()
        self._add_notices()
        self._add_people()
        return self.sites

    def _add(self, owner: int, table: str, *values: Any) -> None:
        person = self.people[owner]
        self.sites[person.site][table].append((person.member, *values))

    def _add_people(self) -> None:
        posts, newest = self._count_posts()
        for place, person in enumerate(self.people):
            fields = [[person.words.city_label, person.city]]
            self._add(
                *(place, "account", person.handle, person.name, to_html(person.note, {}, self.url)),
                *(msgspec.json.encode(fields).decode(), person.portrait, person.words.language, person.show_country),
                person.created_at,
            )
            last = newest[place] or None
            self._add(place, "pair_version", self.chatter.now_ms << SEQUENCE_BITS)
            self._add(
                *(place, "tally", posts[place], len(self.graph.followers[place]), len(self.graph.following[place])),
                *(last, moment_of(last) if last else None),
            )
            born = person.born.isoformat() if person.born else None
            self._add(place, "vault.credential", person.email, person.phone, born, person.password_hash)
            self._add(place, "claim", person.country, Basis.RESIDENCE.value, False, person.created_at)
            self._add_consents(place, person)
            for method, rules in self.proved[person.standing].items():
                self._add(place, "verification", method, person.created_at, rules, True)

    def _count_posts(self) -> tuple[list[int], list[int]]:
        posts, newest = [0] * len(self.people), [0] * len(self.people)
        for said in self.chatter.said:
            posts[said.author] += said.visibility != DIRECT
            newest[said.author] = said.snowflake
        return posts, newest

    def _add_consents(self, place: int, person: Person) -> None:
        asked = self.asked[person.standing]
        kinds = [PUBLICATION, *(kind for kind in asked if kind == "abroad" and person.abroad)]
        for number, kind in enumerate(kinds if person.published else ()):
            given_at: datetime = person.created_at
            self._add(place, "consent", person.member + number, kind, WORDING[kind], asked.get(kind, []), given_at)

    def _add_post(self, said: Said) -> None:
        people, author = self.people, said.author
        known = {people[place].handle.casefold(): people[place].handle for place in said.named}
        html = to_html(said.text, known, self.url)
        direct = said.visibility == DIRECT
        self._add(
            *(author, "post", said.snowflake, said.visibility, *(("", "") if direct else (html, said.text))),
            *(people[author].words.language, *self._key(said.answers), *self._key(said.boosts)),
            *(said.replies, said.boosted, said.favourites),
        )
        if direct:
            words = msgspec.json.encode(DirectWords(html, said.text, ""))
            self._add(author, "vault.direct_text", said.snowflake, words)
        if said.visibility < PRIVATE:
            for tag in find_tags(said.text):
                self._add(author, "post_tag", said.snowflake, tag)
        for named in said.named:
            self._add_mention(said, named)
        if said.answers is not None:
            parent = said.answers
            who = people[author].member
            self._add(parent.author, "reply_stub", parent.snowflake, who, said.snowflake, said.snowflake)

    def _key(self, said: Said | None) -> tuple[int | None, int | None]:
        return (self.people[said.author].member, said.snowflake) if said is not None else (None, None)

    def _add_mention(self, said: Said, named: int) -> None:
        author, other = self.people[said.author], self.people[named]
        direct, version = said.visibility == DIRECT, said.snowflake + 1
        self._add(said.author, "post_mention", said.snowflake, other.member, version, other.handle)
        self._add(named, "mention_stub", author.member, said.snowflake, direct, version)
        self._notices[named].append((said.snowflake, "mention", author.member, author.member, said.snowflake))

    def _add_mark(self, mark: Mark) -> None:
        actor = self.people[mark.actor].member
        author, post = self._key(mark.said)
        self._add(mark.actor, "reaction", mark.kind, author, post, mark.version, mark.boost)
        if mark.kind != "bookmark":
            self._add(mark.said.author, "reaction_stub", post, mark.kind, actor, mark.version)
            self._notices[mark.said.author].append((mark.version, _NOTICE[mark.kind], actor, author, post))

    def _add_follows(self) -> None:
        people, chance, now = self.people, self.chatter.chance, self.chatter.now_ms
        joined = [milliseconds(person.created_at) for person in people]
        for follower, followed in self.graph.follows:
            start = max(joined[follower], joined[followed])
            version = self.chatter.snowflake(start + int((now - start) * chance.random()))
            self._add(follower, "follow", people[followed].member, "accepted", version)
            self._add(followed, "follower", people[follower].member, "accepted", version)
            self._notices[followed].append((version, "follow", people[follower].member, None, None))

    def _add_notices(self) -> None:
        for place, notices in self._notices.items():
            last = 0
            for number, *rest in reversed(nlargest(MOST_NOTICES, notices, key=lambda notice: notice[0])):
                last = max(number, last + 1)
                self._add(place, "notification", last, *rest)


def count_rows(sites: Mapping[SiteName, SiteRows]) -> int:
    return sum(len(rows) for tables in sites.values() for rows in tables.values())
