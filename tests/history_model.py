"""The simple model of the social network: who lives where and has done what, in plain sets and dictionaries.

It knows no site but as a name, no crossing, no delivery and no move in the middle: only what was acknowledged. What a
member must see follows from it by a line or two each.
"""

import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from domicile.ids import MemberId, PostId, SiteName

PUBLIC, PRIVATE, DIRECT = "public", "private", "direct"
Notice = tuple[str, MemberId, PostId | None]


@dataclass
class Person:
    """A member at home somewhere. `locked`: they are asked before anybody follows them."""

    id: MemberId
    handle: str
    home: SiteName
    locked: bool
    tokens: set[str] = field(default_factory=set)
    pictures: dict[int, str] = field(default_factory=dict)


@dataclass
class Written:
    """A post. `to`: whom its words name."""

    text: str
    visibility: str
    reply_to: PostId | None = None
    to: frozenset[MemberId] = frozenset()
    boost_of: PostId | None = None


@dataclass
class Backup:
    """What a site's backup holds: its members with what is theirs."""

    site: SiteName
    people: dict[MemberId, Person]
    posts: dict[PostId, Written]
    follows: dict[tuple[MemberId, MemberId], str]
    favourites: set[tuple[MemberId, PostId]]
    boosts: dict[tuple[MemberId, PostId], PostId]


@dataclass
class Model:
    """`gone`: members who were erased, or lost with a site whose backup did not have them."""

    people: dict[MemberId, Person] = field(default_factory=dict)
    gone: set[MemberId] = field(default_factory=set)
    posts: dict[PostId, Written] = field(default_factory=dict)
    follows: dict[tuple[MemberId, MemberId], str] = field(default_factory=dict)
    favourites: set[tuple[MemberId, PostId]] = field(default_factory=set)
    boosts: dict[tuple[MemberId, PostId], PostId] = field(default_factory=dict)

    def posts_of(self, member: MemberId) -> dict[PostId, Written]:
        return {post: written for post, written in sorted(self.posts.items()) if post.author == member}

    def follow(self, follower: MemberId, followed: MemberId) -> None:
        self.follows.setdefault((follower, followed), "requested" if self.people[followed].locked else "accepted")

    def sees(self, reader: MemberId, post: PostId) -> bool:
        """Whether a post is there, and for this reader."""
        written = self.posts.get(post)
        if written is None:
            return False
        return reader in written.to or self.lists(reader, post)

    def lists(self, reader: MemberId, post: PostId) -> bool:
        """Whether this reader finds a post among its author's."""
        written = self.posts[post]
        if written.visibility == DIRECT:
            return reader == post.author
        follows = reader == post.author or self.follows.get((reader, post.author)) == "accepted"
        return follows or written.visibility != PRIVATE

    def followed_by(self, member: MemberId) -> set[MemberId]:
        return {b for (a, b), state in self.follows.items() if a == member and state == "accepted"}

    def followers_of(self, member: MemberId) -> set[MemberId]:
        return {a for (a, b), state in self.follows.items() if b == member and state == "accepted"}

    def timeline(self, member: MemberId) -> list[PostId]:
        """The home timeline, newest first: posts and boosts of those whom the member follows, and their own."""
        authors = self.followed_by(member) | {member}
        return sorted(
            (p for p, w in self.posts.items() if p.author in authors and w.visibility != DIRECT), reverse=True
        )

    def notices(self, member: MemberId) -> Counter[Notice]:
        """What a member is told, each once."""
        return Counter(notice for who, notice in self._all_notices() if who == member and notice[1] != member)

    def _all_notices(self) -> Iterator[tuple[MemberId, Notice]]:
        for (a, b), state in self.follows.items():
            yield b, ("follow" if state == "accepted" else "follow_request", a, None)
        for a, post in self.favourites:
            if post in self.posts:
                yield post.author, ("favourite", a, post)
        for a, post in self.boosts:
            if post in self.posts:
                yield post.author, ("reblog", a, post)
        for post, written in self.posts.items():
            for named in written.to:
                yield named, ("mention", post.author, post)

    def replies_to(self, post: PostId) -> set[PostId]:
        return {reply for reply, written in self.posts.items() if written.reply_to == post}

    def delete(self, post: PostId) -> None:
        """A post goes; a boost of it is somebody else's post and stays."""
        del self.posts[post]
        self.boosts = {key: boost for key, boost in self.boosts.items() if boost != post}

    def remove(self, member: MemberId) -> None:
        """A member is no more: theirs goes, and what others did to it; the others' words stay."""
        del self.people[member]
        self.gone.add(member)
        boosting = {boost for (_, post), boost in self.boosts.items() if post.author == member}
        self.posts = {p: w for p, w in self.posts.items() if p.author != member and p not in boosting}
        for written in self.posts.values():
            written.to -= {member}
        self.follows = {pair: state for pair, state in self.follows.items() if member not in pair}
        self.favourites = {(a, p) for a, p in self.favourites if member not in (a, p.author)}
        self.boosts = {(a, p): boost for (a, p), boost in self.boosts.items() if member not in (a, p.author)}

    def back_up(self, site: SiteName) -> Backup:
        here = {member for member, person in self.people.items() if person.home == site}
        kept = Backup(
            site,
            {member: self.people[member] for member in here},
            {post: written for post, written in self.posts.items() if post.author in here},
            {pair: state for pair, state in self.follows.items() if pair[0] in here},
            {(a, p) for a, p in self.favourites if a in here},
            {(a, p): boost for (a, p), boost in self.boosts.items() if a in here},
        )
        return copy.deepcopy(kept)

    def restore(self, backup: Backup) -> set[MemberId]:
        """The site is as it was, but for who has left it or is gone. Returns who is lost: here now and not then."""
        here = {member for member, person in self.people.items() if person.home == backup.site}
        back = here & backup.people.keys()
        kept = copy.deepcopy(backup)
        self.people |= {member: kept.people[member] for member in back}
        self.posts = {p: w for p, w in self.posts.items() if p.author not in back}
        self.posts |= {p: w for p, w in kept.posts.items() if p.author in back and not self._boosts_the_gone(w)}
        self.follows = {(a, b): state for (a, b), state in self.follows.items() if a not in back}
        self.follows |= {(a, b): s for (a, b), s in kept.follows.items() if a in back and b not in self.gone}
        self.favourites = {(a, p) for a, p in self.favourites if a not in back}
        self.favourites |= {(a, p) for a, p in kept.favourites if a in back and p.author not in self.gone}
        self.boosts = {(a, p): b for (a, p), b in self.boosts.items() if a not in back}
        self.boosts |= {(a, p): b for (a, p), b in kept.boosts.items() if a in back and p.author not in self.gone}
        for written in self.posts.values():
            written.to -= self.gone
        return here - back

    def reconcile(self) -> None:
        """Whoever boosted or liked what is there no longer has taken it back."""
        while lost := {boost for (_, post), boost in self.boosts.items() if post not in self.posts}:
            self.boosts = {key: boost for key, boost in self.boosts.items() if boost not in lost}
            self.posts = {post: written for post, written in self.posts.items() if post not in lost}
        self.favourites = {(a, post) for a, post in self.favourites if post in self.posts}

    def _boosts_the_gone(self, written: Written) -> bool:
        return written.boost_of is not None and written.boost_of.author in self.gone
