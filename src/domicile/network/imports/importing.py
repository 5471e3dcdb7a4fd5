"""A member brings what they wrote elsewhere: archives of Mastodon, of Twitter, and our own.

What is read is written at the member's home alone, as if they posted it: today's law decides whether they may, no post
is shown to more people than it was, and nobody is told of old ones as news. The same file again adds nothing.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import IO, TypeVar, cast
from urllib.parse import urlsplit

import msgspec

from domicile.errors import InvalidInput, NotFound, TooMany, Unavailable
from domicile.ids import MemberId, PostId, SiteName, parse_post_id
from domicile.network.follows import Follows
from domicile.network.imports.container import Container, Limits, TooLarge, open_container
from domicile.network.imports.found import Found, FoundFollow, FoundPicture, FoundPost, Kind, Skips, is_picture_name
from domicile.network.imports.mastodon import find_file, is_mastodon, read_mastodon
from domicile.network.imports.own import is_own, read_own
from domicile.network.imports.portrayal import fill_profile
from domicile.network.imports.staging import Staged
from domicile.network.imports.twitter import is_twitter, read_twitter
from domicile.network.imports.writing import Draft, PostWriter
from domicile.network.media import Media, Prepared
from domicile.network.posts import MOST_PICTURES, Posts
from domicile.network.profiles import Profiles
from domicile.network.reactions import Kind as ReactionKind
from domicile.network.reactions import Reactions
from domicile.network.schema import VISIBILITIES
from domicile.placement.routing import SiteReader

T = TypeVar("T")

POSTS_AT_ONCE = 50
PICTURES_AT_ONCE = 4
KEYS_AT_ONCE = 1_000
REACTIONS_AT_ONCE = 40
WAITS_S = (0.5,) * 10 + (2.0,) * 30
"""How long an import waits for a member who is moving, or a site that is away, before it gives up."""

NAMES = {"mastodon": "Mastodon", "twitter": "Twitter/X", "domicile": "Domicile"}

Progress = Callable[[str, int, int], None]


class Skipped(msgspec.Struct, order=True):
    """How many things were left out for one reason."""

    what: str
    reason: str
    count: int


class Report(msgspec.Struct, kw_only=True):
    """What became of an archive. `known` posts were there already; `left_out` is never taken in, on purpose."""

    kind: Kind
    dry_run: bool
    posts: int = 0
    media: int = 0
    follows: int = 0
    favourites: int = 0
    bookmarks: int = 0
    profile: list[str] = []
    known: int = 0
    skipped: list[Skipped] = []
    left_out: list[str] = []


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """`widest`: no post is shown to more than this; `same_handles`: follow whoever has the same handle here."""

    widest: str = "public"
    same_handles: bool = False
    dry_run: bool = False


def _say_nothing(what: str, done: int, total: int) -> None:
    """For whoever does not want to know."""


@dataclass(frozen=True)
class Imports:
    """`unpacked`: how many bytes an archive may unpack to."""

    posts: Posts
    media: Media
    follows: Follows
    reactions: Reactions
    profiles: Profiles
    unpacked: int

    async def take_in(
        self,
        member: MemberId,
        file: IO[bytes],
        name: str,
        wishes: Wishes | None = None,
        progress: Progress = _say_nothing,
    ) -> Report:
        """Take an archive in. Raises InvalidInput, NotFound, Unverified or Unavailable; what was written then stays."""
        run = Run(self, member, wishes or Wishes(), progress)
        home = (await self.posts.router.home_of(member, ask_hub=True)).site
        await self.posts.router.read(member, run.check_standing)
        with contextlib.closing(self.stage(home)) as scratch:
            return await run.take_in(file, name, scratch)

    def stage(self, name: SiteName) -> Staged:
        """A file for what a member sends, at the site that is their home."""
        return Staged(self.posts.router.sites[name].media)


class Run:
    """One import under way."""

    def __init__(self, imports: Imports, member: MemberId, wishes: Wishes, progress: Progress) -> None:
        if wishes.widest not in VISIBILITIES:
            raise InvalidInput(f"Validation failed: a post is shown to {', '.join(VISIBILITIES)}")
        self.parts, self.member, self.wishes, self.progress = imports, member, wishes, progress
        self.router = imports.posts.router
        self.skips: Skips = Counter()
        self.files: list[Staged] = []
        self.host = urlsplit(imports.posts.url).netloc

    async def take_in(self, file: IO[bytes], name: str, scratch: Staged) -> Report:
        self.files = [staged for staged in (file, scratch) if isinstance(staged, Staged)]
        limits, beside = Limits(self.parts.media.most_bytes, self.parts.unpacked), cast(IO[bytes], scratch)
        self.container = await asyncio.to_thread(open_container, file, name, limits, beside, self.skips)
        found = await asyncio.to_thread(_read, self.container, self.skips)
        found.settle(self.skips, self.router.clock())
        self.report = Report(kind=found.kind, dry_run=self.wishes.dry_run, left_out=found.left_out)
        await self._profile(found)
        await self._posts(found)
        same = [follow for follow in found.here if follow.host == self.host]
        await self._follows(same or found.follows)
        self.report.favourites = await self._reactions(found.favourites, "favourite")
        self.report.bookmarks = await self._reactions(found.bookmarks, "bookmark")
        self.report.skipped = sorted(Skipped(*key, count) for key, count in self.skips.items() if count)
        return self.report

    async def check_standing(self, reader: SiteReader) -> None:
        await self.parts.posts.standing.check_posting_of(reader, self.member)

    async def _posts(self, found: Found) -> None:
        own = found.kind == "domicile" and found.member == self.member
        client = f"Import: {NAMES[found.kind]} archive"
        writer = PostWriter(self.member, self.parts.posts.standing, self.parts.posts.url, client, own=own)
        for start in range(0, len(found.posts), KEYS_AT_ONCE):
            some = found.posts[start : start + KEYS_AT_ONCE]
            writer.ids |= await self.router.read(self.member, partial(writer.look_up, posts=some))
        fresh = [post for post in found.posts if post.key not in writer.ids]
        self.report.known = len(found.posts) - len(fresh)
        drafts: list[Draft] = []
        for number, post in enumerate(fresh, 1):
            post.visibility = max(post.visibility, VISIBILITIES.index(self.wishes.widest))
            if (draft := await self._draft(post)) is not None:
                drafts.append(draft)
            if _enough(drafts) or number == len(fresh):
                await self._write(writer, drafts)
                drafts = []
                self.progress("posts", number, len(fresh))

    async def _draft(self, post: FoundPost) -> Draft | None:
        """A post with its pictures read, or None if nothing of it is left."""
        pictures = [picture for wanted in post.pictures if (picture := await self._picture(wanted)) is not None]
        if len(pictures) > MOST_PICTURES:
            self.skips["media", "too_many"] += len(pictures) - MOST_PICTURES
        if not post.text.strip() and not pictures:
            self.skips["post", "empty"] += 1
            return None
        return post, pictures[:MOST_PICTURES]

    async def _picture(self, wanted: FoundPicture) -> Prepared | None:
        content = await asyncio.to_thread(self._file, wanted.name)
        if content is None:
            return None
        try:
            return await self.parts.media.prepare(content, wanted.description)
        except InvalidInput:
            self.skips["media", "not_a_picture"] += 1
            return None

    def _file(self, address: str) -> bytes | None:
        name = find_file(self.container, address)
        if not is_picture_name(address):
            self.skips["media", "not_a_picture"] += 1
            return None
        if name is None:
            self.skips["media", "missing_file"] += 1
            return None
        try:
            return self.container.read(name, self.container.limits.picture)
        except TooLarge:
            self.skips["media", "too_large"] += 1
        except InvalidInput:
            self.skips["media", "malformed"] += 1
        return None

    async def _write(self, writer: PostWriter, drafts: list[Draft]) -> None:
        """One transaction; where it is refused as a whole, one for each, so that one bad post costs no other."""
        if not drafts:
            return
        if self.wishes.dry_run:
            self.report.posts += len(drafts)
            self.report.media += sum(len(pictures) for _, pictures in drafts)
            return
        try:
            written = await _patiently(
                lambda: self.router.transact(self.member, lambda at_home: writer.write(at_home, drafts))
            )
        except InvalidInput:
            if len(drafts) == 1:
                self.skips["post", "malformed"] += 1
                return
            for draft in drafts:
                await self._write(writer, [draft])
            return
        writer.note(written)
        self.report.posts += written.posts
        self.report.media += written.pictures
        self.report.known += len(drafts) - written.posts
        folder = self.router.sites[written.site].media
        for staged in self.files:
            await asyncio.to_thread(staged.move_to, folder)

    async def _profile(self, found: Found) -> None:
        if found.profile is not None:
            pictures = {"avatar": found.profile.avatar, "header": found.profile.header}
            read = {what: self._file(name) if name else None for what, name in pictures.items()}
            self.report.profile = await fill_profile(
                self.parts.profiles, self.parts.media, self.member, found.profile, read, dry_run=self.wishes.dry_run
            )

    async def _follows(self, follows: list[FoundFollow]) -> None:
        for number, wanted in enumerate(follows, 1):
            try:
                self.report.follows += await self._follow(wanted)
            except TooMany:
                self.skips["follow", "limited"] += len(follows) - number + 1
                return
            self.progress("follows", number, len(follows))

    async def _follow(self, wanted: FoundFollow) -> bool:
        """Whether somebody is followed who was not."""
        if wanted.host not in ("", self.host) and not self.wishes.same_handles:
            self.skips["follow", "elsewhere"] += 1
            return False
        try:
            target = await self._find(wanted)
        except NotFound:
            self.skips["follow", "nobody"] += 1
            return False
        (relation,) = await self.parts.follows.relations(self.member, [target])
        if target == self.member or relation.following or relation.requested:
            return False
        if not self.wishes.dry_run:
            how = {"boosts": wanted.boosts, "notify": wanted.notify}
            await _patiently(lambda: self.parts.follows.follow(self.member, target, **how))
        return True

    async def _find(self, wanted: FoundFollow) -> MemberId:
        if wanted.member is None:
            return await self.parts.posts.members.find_by_handle(wanted.handle)
        await self.router.home_of(MemberId(wanted.member))
        return MemberId(wanted.member)

    async def _reactions(self, addresses: list[str], kind: ReactionKind) -> int:
        posts = [post for address in addresses if (post := self._own_address(address, kind)) is not None]
        at, fresh = (await self.router.home_of(self.member)).site, 0
        for start in range(0, len(posts), REACTIONS_AT_ONCE):
            some = posts[start : start + REACTIONS_AT_ONCE]
            seen = await self.parts.posts.show_many(some, reader=self.member, at=at)
            shown = [item.id for item in seen.items if item.body is not None]
            self.skips[kind, "gone"] += len(set(some)) - len(shown)
            marks = await self.parts.reactions.marks(self.member, shown)
            unmarked = [post for post in shown if not getattr(marks[post], kind)]
            if self.wishes.dry_run or not unmarked:
                fresh += len(unmarked)
            else:
                restore = self.parts.reactions.restore
                fresh += await _patiently(partial(restore, self.member, unmarked, kind))
            self.progress(f"{kind}s", min(start + REACTIONS_AT_ONCE, len(posts)), len(posts))
        return fresh

    def _own_address(self, address: str, kind: ReactionKind) -> PostId | None:
        """The post of this network that an address leads to."""
        begin, _, last = address.rstrip("/").rpartition("/")
        post = parse_post_id(last) if begin.startswith(f"{self.parts.posts.url}/") else None
        if post is None:
            self.skips[kind, "elsewhere"] += 1
        return post


async def _patiently(write: Callable[[], Awaitable[T]]) -> T:
    """Write, also where the member is moving or their home is away for a while."""
    for wait_s in WAITS_S:
        try:
            return await write()
        except Unavailable:
            await asyncio.sleep(wait_s)
    return await write()


def _enough(drafts: list[Draft]) -> bool:
    return len(drafts) >= POSTS_AT_ONCE or sum(len(pictures) for _, pictures in drafts) >= PICTURES_AT_ONCE


def _read(container: Container, skips: Skips) -> Found:
    """What is in an archive of a kind that is known. Raises InvalidInput."""
    for fits, read in ((is_own, read_own), (is_twitter, read_twitter), (is_mastodon, read_mastodon)):
        if fits(container):
            return read(container, skips)
    raise InvalidInput("Validation failed: this is no archive of Mastodon, Twitter/X or Domicile")
