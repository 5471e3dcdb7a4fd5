"""Posts: written at the author's home, told to those they concern by halves, shown through the door.

A reply is its author's; the thread's owner holds a stub and the verdict. The words of a direct post are sealed.
"""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import msgspec

from domicile.border.crossing import Door, Seen
from domicile.border.delivery import Deliverer, next_version, post_parcel
from domicile.errors import InvalidInput, NotFound, NotPermitted, Unavailable
from domicile.ids import MemberId, PostId, SiteName, Snowflake, next_snowflake
from domicile.network.formatting import find_mentions, find_tags, to_html
from domicile.network.items import DirectWords, PostItem
from domicile.network.members import Members
from domicile.network.names import clean_text
from domicile.network.notifications import forget_notices
from domicile.network.post_halves import (
    MentionHalf,
    ReactionHalf,
    ReplyHalf,
    note_gone_parent,
    receive_mention,
    receive_reply,
)
from domicile.network.questions import ByIds, RepliesAsked
from domicile.network.schema import DIRECT, PRIVATE, VISIBILITIES
from domicile.network.standing import LEGAL_FACTS, Standing
from domicile.network.views import BY_IDS, REPLIES
from domicile.placement.routing import Router, SiteWriter

MOST_MENTIONS = 50
MOST_PICTURES = 4
LONGEST_THREAD = 400
DEEPEST_THREAD = 40


_AUTHOR = (
    f"SELECT a.default_visibility, a.default_sensitive, a.language, {LEGAL_FACTS}"
    " FROM account a WHERE a.member_id = %(member)s"
)


class Draft(msgspec.Struct, kw_only=True):
    """What somebody wants to post. `pictures` are ids of their own uploads."""

    text: str = ""
    spoiler: str = ""
    sensitive: bool = False
    visibility: str | None = None
    language: str | None = None
    reply_to: PostId | None = None
    pictures: list[int] = msgspec.field(default_factory=list)
    client: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True)
class Thread:
    """A post's ancestors from the top down, and what answers it, oldest first."""

    ancestors: list[PostItem]
    descendants: list[PostItem]
    complete: bool


@dataclass(frozen=True)
class Posts:
    router: Router
    door: Door
    deliverer: Deliverer
    members: Members
    standing: Standing
    url: str
    longest: int

    def serve(self) -> None:
        """Apply what other homes deliver."""
        self.deliverer.accept("mention", receive_mention)
        self.deliverer.accept("reply", receive_reply, gone=note_gone_parent)

    async def write(self, member: MemberId, draft: Draft) -> PostItem:
        """Post. Raises InvalidFields, InvalidInput or Unverified, and then nothing is written."""
        text = clean_text("text", draft.text, self.longest)
        spoiler = clean_text("spoiler_text", draft.spoiler, self.longest, lines=False)
        if len(text) + len(spoiler) > self.longest:
            raise InvalidInput(f"Validation failed: Text character limit of {self.longest} exceeded")
        if not text and not draft.pictures:
            raise InvalidInput("Validation failed: Text can't be blank")
        if len(draft.pictures) > MOST_PICTURES:
            raise InvalidInput(f"Validation failed: at most {MOST_PICTURES} files can be attached")
        if draft.visibility is not None and draft.visibility not in VISIBILITIES:
            raise InvalidInput("Validation failed: Visibility is not included in the list")
        parent = await self._parent(member, draft.reply_to) if draft.reply_to else None
        mentioned = await self._find_mentioned(text)

        async def write(writer: SiteWriter) -> PostId:
            return await self._insert(writer, draft, text, spoiler, parent, mentioned)

        post = await self.router.transact(member, write)
        await self.deliverer.flush(member)
        return await self.show(post, reader=member)

    async def edit(self, member: MemberId, post: PostId, draft: Draft) -> PostItem:
        """Change the words of one's own post."""
        text = clean_text("text", draft.text, self.longest)
        spoiler = clean_text("spoiler_text", draft.spoiler, self.longest, lines=False)
        if not text and not draft.pictures:
            raise InvalidInput("Validation failed: Text can't be blank")
        mentioned = await self._find_mentioned(text)

        async def write(writer: SiteWriter) -> None:
            await next_version(writer)  # held before the post is, as whoever deletes holds it
            row = await writer.one(
                "SELECT visibility FROM post WHERE author_id = %s AND post_id = %s AND boost_post IS NULL FOR UPDATE",
                (member, post.snowflake),
            )
            if post.author != member or row is None:
                raise NotFound("not a post of this member")
            await self.standing.check_posting_of(writer, member)
            html = to_html(text, {h.casefold(): h for h in mentioned.values()}, self.url)
            await self._store_words(writer, post.snowflake, row.visibility, html, text, spoiler)
            await writer.execute(
                "UPDATE post SET sensitive = %s, language = coalesce(%s, language), edited_at = %s"
                " WHERE author_id = %s AND post_id = %s",
                (draft.sensitive or bool(spoiler), draft.language, writer.now, member, post.snowflake),
            )
            await writer.execute("DELETE FROM post_tag WHERE author_id = %s AND post_id = %s", (member, post.snowflake))
            await self._store_tags(writer, post.snowflake, text, row.visibility)
            await self._change_mentions(writer, post.snowflake, mentioned, direct=row.visibility == DIRECT)

        await self.router.transact(member, write)
        await self.deliverer.flush(member)
        return await self.show(post, reader=member)

    async def delete(self, member: MemberId, post: PostId) -> PostItem:
        """Delete one's own post, and tell those who hold a half of it. Returns what it was."""
        item = await self.show(post, reader=member)
        if post.author != member:
            raise NotPermitted("a post of somebody else")
        await self.router.transact(member, lambda writer: remove_post(writer, post.snowflake))
        await self.deliverer.flush(member)
        return item

    async def show(self, post: PostId, *, reader: MemberId | None) -> PostItem:
        """One post as this reader may see it (None: a stranger). Raises NotFound or Unavailable."""
        at = (await self.router.home_of(reader)).site if reader else self.members.default_site
        seen = await self.show_many([post], reader=reader, at=at)
        if not seen.items:
            if seen.missing:
                raise Unavailable("the home of a post does not answer")
            raise NotFound("no such post, or not for this reader")
        return seen.items[0]

    async def show_many(self, posts: Iterable[PostId], *, reader: MemberId | None, at: SiteName) -> Seen[PostItem]:
        """Posts by id, in the order asked; closed ones by naming the reader, and only then."""
        wanted = list(dict.fromkeys(posts))
        seen = await self.collect(wanted, [], reader=reader, at=at)
        closed = [item.id for item in seen.items if item.closed]
        if closed:
            seen.items = [item for item in seen.items if not item.closed]
            if reader is not None:
                more = await self.collect([], closed, reader=reader, at=at)
                seen.missing |= more.missing
                seen.items += more.items
        if reader is None:
            seen.items = [item for item in seen.items if item.profile is not None and item.profile.published]
        order = {post: place for place, post in enumerate(wanted)}
        seen.items = sorted({item.id: item for item in seen.items}.values(), key=lambda item: order[item.id])
        return seen

    async def collect(
        self, posts: Iterable[PostId], closed: Iterable[PostId], *, reader: MemberId | None, at: SiteName
    ) -> Seen[PostItem]:
        """One request a site for posts by id; the reader is named only to a site that holds some of the closed ones.

        Those of `posts` that turn out to be closed come back without a body; those of `closed` only if visible.
        """
        plain, named = list(posts), list(closed) if reader is not None else []
        homes = await self.router.homes_of(post.author for post in (*plain, *named))
        if reader is not None and (abroad := {homes[p.author].site for p in named if p.author in homes} - {at}):
            may = await self.door.may_be_named(reader, abroad) | {at}
            named = [post for post in named if post.author in homes and homes[post.author].site in may]

        def ask(members: Collection[MemberId]) -> ByIds:
            theirs = [(post.snowflake, post.author) for post in named if post.author in members]
            others = [(post.snowflake, post.author) for post in plain if post.author in members]
            return ByIds(others, theirs, (reader or MemberId(0)) if theirs else MemberId(0))

        return await self.door.look(at, BY_IDS, ask, homes) if homes else Seen()

    async def thread(self, post: PostId, *, reader: MemberId | None) -> Thread:
        """What a post answers, and what answers it."""
        item = await self.show(post, reader=reader)
        at = (await self.router.home_of(reader)).site if reader else self.members.default_site
        ancestors: list[PostItem] = []
        complete = True
        while item.reply_to is not None and len(ancestors) < DEEPEST_THREAD:
            seen = await self.show_many([_post_id(item.reply_to)], reader=reader, at=at)
            complete = complete and seen.complete
            if not seen.items:
                break
            item = seen.items[0]
            ancestors.insert(0, item)
        descendants, all_there = await self._descendants(post, reader=reader, at=at)
        return Thread(ancestors, descendants, complete and all_there)

    async def _descendants(self, post: PostId, *, reader: MemberId | None, at: SiteName) -> tuple[list[PostItem], bool]:
        found: dict[PostId, PostId] = {}
        level, complete = [post], True
        for _ in range(DEEPEST_THREAD):
            homes = await self.router.homes_of(parent.author for parent in level)
            asked = RepliesAsked([(parent.snowflake, parent.author) for parent in level])
            seen = await self.door.look(at, REPLIES, asked, homes)
            complete = complete and seen.complete
            replies = {_post_id(item.reply): PostId(item.parent, item.author) for item in seen.items}
            fresh = {reply: parent for reply, parent in replies.items() if reply not in found and reply != post}
            found.update(fresh)
            level = list(fresh)
            if not level or len(found) > LONGEST_THREAD:
                break
        shown = await self.show_many(sorted(found), reader=reader, at=at)
        # A reply's own author is the truth of what it answers; a stub that says otherwise is not shown.
        items = [item for item in shown.items if item.reply_to and found[item.id] == _post_id(item.reply_to)]
        return items, complete and shown.complete

    async def _parent(self, member: MemberId, post: PostId) -> PostItem:
        try:
            return await self.show(post, reader=member)
        except NotFound:
            raise NotFound("the post to answer is gone", "The post you are answering does not exist") from None

    async def _find_mentioned(self, text: str) -> dict[MemberId, str]:
        """Members named in a text and how it names them."""
        host = self.url.split("://", 1)[-1]
        found: dict[MemberId, str] = {}
        for handle in find_mentions(text, host)[:MOST_MENTIONS]:
            try:
                found[await self.members.find_by_handle(handle)] = handle
            except NotFound:
                continue
        return found

    async def _insert(
        self,
        writer: SiteWriter,
        draft: Draft,
        text: str,
        spoiler: str,
        parent: PostItem | None,
        mentioned: dict[MemberId, str],
    ) -> PostId:
        member = writer.member
        key = _idempotency(draft.idempotency_key)
        if parent is not None or mentioned:
            await next_version(writer)  # held before the tally is, as whoever deletes holds it
        last = await writer.one("SELECT last_post FROM tally WHERE member_id = %s FOR UPDATE", (member,))
        if key is not None:
            known = await writer.value(
                "SELECT post_id FROM post WHERE author_id = %s AND idempotency = %s", (member, key)
            )
            if known is not None:
                return PostId(Snowflake(int(str(known))), member)
        default = await writer.one(_AUTHOR, {"member": member, "now": writer.now})
        assert last is not None and default is not None  # a member at home has both rows
        self.standing.check_posting(default, writer.site.country)
        visibility = default.default_visibility if draft.visibility is None else VISIBILITIES.index(draft.visibility)
        snowflake = next_snowflake(writer.now, last.last_post or 0)
        reply = (parent.author, parent.snowflake) if parent else (None, None)
        sensitive = draft.sensitive or bool(spoiler) or default.default_sensitive
        await writer.execute(
            "INSERT INTO post (author_id, post_id, visibility, sensitive, language, reply_author, reply_post, client,"
            " idempotency) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (member, snowflake, visibility, sensitive, draft.language or default.language, *reply, draft.client, key),
        )
        html = to_html(text, {h.casefold(): h for h in mentioned.values()}, self.url)
        await self._store_words(writer, snowflake, visibility, html, text, spoiler)
        await self._store_tags(writer, snowflake, text, visibility)
        await self._change_mentions(writer, snowflake, mentioned, direct=visibility == DIRECT)
        await _attach(writer, snowflake, draft.pictures)
        await writer.execute(
            "UPDATE tally SET last_post = %s, posts = posts + %s, last_post_at = %s WHERE member_id = %s",
            (snowflake, int(visibility != DIRECT), writer.now, member),
        )
        if parent is not None:
            await post_parcel(writer, parent.author, "reply", ReplyHalf(parent.snowflake, snowflake, snowflake))
        return PostId(snowflake, member)

    async def _store_words(
        self, writer: SiteWriter, snowflake: Snowflake, visibility: int, html: str, text: str, spoiler: str
    ) -> None:
        if visibility == DIRECT:
            words = msgspec.json.encode(DirectWords(html, text, spoiler))
            sealed = (await writer.data_key()).seal("direct_text.body", words)
            await writer.execute("SELECT vault.write_direct_text(%s, %s, %s)", (writer.member, snowflake, sealed))
            return
        await writer.execute(
            "UPDATE post SET content = %s, source = %s, spoiler = %s WHERE author_id = %s AND post_id = %s",
            (html, text, spoiler, writer.member, snowflake),
        )

    async def _store_tags(self, writer: SiteWriter, snowflake: Snowflake, text: str, visibility: int) -> None:
        if visibility < PRIVATE:
            await writer.execute_many(
                "INSERT INTO post_tag VALUES (%s, %s, %s)", [(writer.member, snowflake, tag) for tag in find_tags(text)]
            )

    async def _change_mentions(
        self, writer: SiteWriter, snowflake: Snowflake, mentioned: dict[MemberId, str], *, direct: bool
    ) -> None:
        rows = await writer.fetch(
            "DELETE FROM post_mention WHERE author_id = %s AND post_id = %s RETURNING mentioned, version",
            (writer.member, snowflake),
        )
        version = await next_version(writer, max([snowflake, *(row.version for row in rows)]))
        for gone in {row.mentioned for row in rows} - mentioned.keys():
            await post_parcel(writer, gone, "mention", MentionHalf(snowflake, version, direct, removed=True))
        for member, handle in mentioned.items():
            await writer.execute(
                "INSERT INTO post_mention (author_id, post_id, mentioned, version, handle) VALUES (%s, %s, %s, %s, %s)",
                (writer.member, snowflake, member, version, handle),
            )
            if member != writer.member:
                await post_parcel(writer, member, "mention", MentionHalf(snowflake, version, direct))


async def remove_post(writer: SiteWriter, snowflake: Snowflake) -> None:
    """Delete a post of the writer's member with what hangs on it, and tell those who hold a half."""
    member = writer.member
    version = await next_version(writer, snowflake)
    row = await writer.one(
        "SELECT visibility, reply_author, reply_post, boost_post FROM post WHERE author_id = %s AND post_id = %s"
        " FOR UPDATE",
        (member, snowflake),
    )
    if row is None:
        raise NotFound("no such post")
    for mention in await writer.fetch(
        "SELECT mentioned FROM post_mention WHERE author_id = %s AND post_id = %s AND mentioned <> %s",
        (member, snowflake, member),
    ):
        half = MentionHalf(snowflake, version, row.visibility == DIRECT, removed=True)
        await post_parcel(writer, mention.mentioned, "mention", half)
    if row.reply_author is not None:
        half_reply = ReplyHalf(row.reply_post, snowflake, version, removed=True)
        await post_parcel(writer, row.reply_author, "reply", half_reply)
    if row.boost_post is not None:
        await _forget_boost(writer, snowflake, version)
    await forget_notices(writer, PostId(snowflake, member))
    for table in ("reaction_stub", "reply_stub", "post_mention", "post_tag", "post"):
        await writer.execute(f"DELETE FROM {table} WHERE author_id = %s AND post_id = %s", (member, snowflake))
    await writer.execute("SELECT vault.erase_direct_text(%s, %s)", (member, snowflake))
    await writer.execute("UPDATE media SET post_id = NULL WHERE member_id = %s AND post_id = %s", (member, snowflake))
    await writer.execute(
        "UPDATE tally SET posts = greatest(posts - %s, 0) WHERE member_id = %s", (int(row.visibility != DIRECT), member)
    )


async def _forget_boost(writer: SiteWriter, snowflake: Snowflake, version: Snowflake) -> None:
    """With the boosting post goes the boost: its author may boost the other anew, whose author counts one less."""
    for row in await writer.fetch(
        "DELETE FROM reaction WHERE member_id = %s AND kind = 'boost' AND boost = %s"
        " RETURNING target_author, target_post",
        (writer.member, snowflake),
    ):
        half = ReactionHalf(row.target_post, "boost", version, removed=True)
        await post_parcel(writer, row.target_author, "reaction", half)


async def _attach(writer: SiteWriter, snowflake: Snowflake, pictures: list[int]) -> None:
    for position, media_id in enumerate(dict.fromkeys(pictures)):
        done = await writer.execute(
            "UPDATE media SET post_id = %s, position = %s WHERE member_id = %s AND media_id = %s AND post_id IS NULL",
            (snowflake, position, writer.member, media_id),
        )
        if not done:
            raise InvalidInput("Validation failed: a file is not yours, or is on another post already")


def _post_id(key: tuple[Snowflake, MemberId]) -> PostId:
    return PostId(*key)


def _idempotency(key: str | None) -> bytes | None:
    return hashlib.sha256(key.encode()).digest() if key else None
