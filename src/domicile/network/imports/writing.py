"""Posts that were found are written at their author's home, some at a time, under the dates that they had.

An id is made from the post's moment, so an old post takes its old place and no timeline is flooded; nobody is told.
Which posts are there already is looked up by their keys inside the transaction that writes the others, so that two
imports at once, a crash, or the same file again add nothing twice.
"""

import msgspec

from domicile.database import Params, array
from domicile.ids import SEQUENCE_BITS, MemberId, SiteName, Snowflake, milliseconds
from domicile.network.formatting import find_tags, to_html
from domicile.network.imports.found import FoundPost
from domicile.network.items import DirectWords
from domicile.network.media import Prepared, store_picture
from domicile.network.schema import DIRECT, PRIVATE
from domicile.network.standing import Standing
from domicile.placement.routing import SiteReader, SiteWriter

_HASH_BITS = SEQUENCE_BITS - 1
"""An id's last bits come from the post's key; the upper half is left for those that follow in the same millisecond."""

_KNOWN = "SELECT idempotency, post_id FROM post WHERE author_id = %s AND idempotency = ANY (%s)"
_TAKEN = "SELECT post_id FROM post WHERE author_id = %s AND post_id = ANY (%s::bigint[])"
_INSERT = (
    "INSERT INTO post (author_id, post_id, visibility, content, source, spoiler, sensitive, language, reply_author,"
    " reply_post, client, idempotency, edited_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)
_STUB = "INSERT INTO reply_stub (author_id, post_id, reply_author, reply_post, version) VALUES (%s, %s, %s, %s, %s)"
_COUNT = "UPDATE post SET replies = replies + 1 WHERE author_id = %s AND post_id = %s"
_TALLY = """
UPDATE tally SET last_post = greatest(last_post, %s), last_post_at = greatest(last_post_at, %s), posts = posts + %s
WHERE member_id = %s
"""

Draft = tuple[FoundPost, list[Prepared]]


class Written(msgspec.Struct):
    """What one transaction wrote, and where."""

    site: SiteName
    ids: dict[bytes, int]
    posts: int = 0
    pictures: int = 0


class PostWriter:
    """Writes one member's posts, oldest first. `ids` knows those that are there, by key.

    `own`: the archive is of this very member, so a post that is there still has its id.
    """

    def __init__(self, member: MemberId, standing: Standing, url: str, client: str, *, own: bool) -> None:
        self.member, self.standing, self.url, self.client, self.own = member, standing, url, client, own
        self.ids: dict[bytes, int] = {}
        self._last = 0

    async def look_up(self, reader: SiteReader, posts: list[FoundPost]) -> dict[bytes, int]:
        """Those of the posts that are there already."""
        rows = await reader.fetch(_KNOWN, (self.member, [post.key for post in posts]))
        known = {bytes(row.idempotency): int(row.post_id) for row in rows}
        if self.own:
            numbers = array(post.snowflake or 0 for post in posts)
            there = {row.post_id for row in await reader.fetch(_TAKEN, (self.member, numbers))}
            known |= {post.key: post.snowflake for post in posts if post.snowflake in there and post.snowflake}
        return known

    async def write(self, writer: SiteWriter, drafts: list[Draft]) -> Written:
        """One transaction's worth. Raises Unverified where a normal post would."""
        await writer.execute("SELECT 1 FROM tally WHERE member_id = %s FOR UPDATE", (self.member,))
        await self.standing.check_posting_of(writer, self.member)
        known = await self.look_up(writer, [post for post, _ in drafts])
        fresh = [draft for draft in drafts if draft[0].key not in known]
        chosen = await self._choose_ids(writer, [post for post, _ in fresh])
        written = Written(writer.site.name, known | chosen)
        parents = self.ids | known | chosen
        await self._insert(writer, [post for post, _ in fresh], chosen, parents)
        for post, pictures in fresh:
            for position, prepared in enumerate(pictures):
                await store_picture(writer, prepared, Snowflake(chosen[post.key]), position)
            written.pictures += len(pictures)
        written.posts = len(fresh)
        if fresh:
            shown = sum(post.visibility != DIRECT for post, _ in fresh)
            newest = max(post.moment for post, _ in fresh)
            await writer.execute(_TALLY, (max(chosen.values()), newest, shown, self.member))
        return written

    def note(self, written: Written) -> None:
        """Its transaction has committed."""
        self.ids |= written.ids
        self._last = max(self._last, *written.ids.values(), 0)

    async def _choose_ids(self, writer: SiteWriter, posts: list[FoundPost]) -> dict[bytes, int]:
        """Ids of the posts' own moments that are free, in the order in which they came where a moment is the same."""
        chosen: dict[bytes, int] = {}
        last = self._last
        for post in posts:
            wanted = post.snowflake or milliseconds(post.moment) << SEQUENCE_BITS | _hash(post.key)
            if not post.snowflake and wanted <= last and wanted >> SEQUENCE_BITS == last >> SEQUENCE_BITS:
                wanted = last + 1
            chosen[post.key] = last = wanted
        while taken := await self._taken(writer, chosen):
            seen: set[int] = set(taken)
            for key, number in chosen.items():
                while number in seen:
                    number += 1
                chosen[key] = number
                seen.add(number)
        return chosen

    async def _taken(self, writer: SiteWriter, chosen: dict[bytes, int]) -> set[int]:
        numbers = list(chosen.values())
        taken = {row.post_id for row in await writer.fetch(_TAKEN, (self.member, array(numbers)))}
        return taken | {number for number in set(numbers) if numbers.count(number) > 1}

    async def _insert(
        self, writer: SiteWriter, posts: list[FoundPost], chosen: dict[bytes, int], parents: dict[bytes, int]
    ) -> None:
        """All of them table by table: each statement travels once."""
        entries: list[Params] = []
        tags: list[Params] = []
        answers: list[tuple[int, int]] = []
        for post in posts:
            number, html = chosen[post.key], to_html(post.text, {}, self.url)
            parent = parents.get(post.parent, number) if post.parent else number
            entries.append(self._entry(post, number, html, parent if parent < number else None))
            answers += [(parent, number)] if parent < number else []
            if post.visibility < PRIVATE:
                tags += [(self.member, number, tag) for tag in find_tags(post.text)]
            elif post.visibility == DIRECT:
                await self._seal(writer, post, number, html)
        await writer.execute_many(_INSERT, entries)
        await writer.execute_many("INSERT INTO post_tag VALUES (%s, %s, %s)", tags)
        await writer.execute_many(_STUB, [(self.member, parent, self.member, one, one) for parent, one in answers])
        await writer.execute_many(_COUNT, [(self.member, parent) for parent, _ in answers])

    def _entry(self, post: FoundPost, number: int, html: str, parent: int | None) -> Params:
        words = ("", "", "") if post.visibility == DIRECT else (html, post.text, post.spoiler)
        return (
            *(self.member, number, post.visibility, *words, post.sensitive or bool(post.spoiler), post.language),
            *(None if parent is None else self.member, parent, self.client, post.key, post.edited_at),
        )

    async def _seal(self, writer: SiteWriter, post: FoundPost, number: int, html: str) -> None:
        words = msgspec.json.encode(DirectWords(html, post.text, post.spoiler))
        entry = (self.member, number, (await writer.data_key()).seal("direct_text.body", words))
        await writer.execute("SELECT vault.write_direct_text(%s, %s, %s)", entry)


def _hash(key: bytes) -> int:
    return int.from_bytes(key[:4]) & ((1 << _HASH_BITS) - 1)
