"""What somebody wrote elsewhere becomes theirs here: under its old dates, for no more eyes, told to nobody, once."""

import asyncio
import gzip
import io
import json
import os
import stat
import tarfile
import zipfile
from collections.abc import AsyncIterator
from typing import IO, Any, cast

import pytest

from archives_of_others import (
    ALT,
    LONG,
    NEWER,
    PHOTO,
    THREAD,
    attachment,
    collection,
    mastodon_files,
    note,
    tarred,
    tweet_id,
    twitter_files,
    ytd,
    zipped,
)
from domicile.errors import InvalidInput
from domicile.ids import MemberId, PostId, SiteName, moment_of
from domicile.network.imports import container, importing
from domicile.network.imports.importing import Report, Wishes
from domicile.network.imports.writing import PostWriter, Written
from domicile.network.items import PostItem
from domicile.network.posts import Draft
from domicile.network.profiles import ProfileChange
from domicile.network.questions import Bounds
from domicile.network.standing import Unverified
from domicile.network.timelines import make_bounds
from domicile.placement.files import list_files
from domicile.running import Domicile
from network_at import MakeMember
from pictures import picture

ANY_ARCHIVE = "archive.zip"
MASTODON_TEXTS = [
    "First day by the river\n\nwith bold words & a script",
    "@moss@other.example look: https://river.example/a/very/long/path #Heron",
    "And on goes the thread",
    "For those who follow",
    "A word for moss alone",
    "An answer to somebody",
    "Which bird?\n\n• Heron\n• Coot",
]


async def take_in(
    domicile: Domicile, member: MemberId, file: io.BytesIO, name: str = ANY_ARCHIVE, **wishes: Any
) -> Report:
    return await domicile.imports.take_in(member, file, name, Wishes(**wishes))


def skipped(report: Report) -> dict[tuple[str, str], int]:
    return {(entry.what, entry.reason): entry.count for entry in report.skipped}


def whole() -> Bounds:
    return make_bounds(40)


async def posts_of(domicile: Domicile, member: MemberId, reader: MemberId | None = None) -> list[PostItem]:
    """The posts of a member as a reader sees them (the member, if none is given), oldest first."""
    home = (await domicile.router.home_of(member)).site
    rows = await domicile.sites[home].importer.run(
        "SELECT post_id FROM post WHERE author_id = %s ORDER BY post_id", (member,)
    )
    ids = [PostId(row.post_id, member) for row in rows]
    seen = await domicile.posts.show_many(ids, reader=reader or member, at=home)
    return seen.items


async def count(domicile: Domicile, member: MemberId, table: str, owner: str = "member_id") -> int:
    home = (await domicile.router.home_of(member)).site
    rows = await domicile.sites[home].importer.run(f"SELECT count(*) AS n FROM {table} WHERE {owner} = %s", (member,))
    return int(rows[0].n)


def texts(items: list[PostItem]) -> list[str]:
    return [item.body.source for item in items if item.body is not None]


@pytest.fixture
async def fern(domicile: Domicile, member: MakeMember) -> AsyncIterator[MemberId]:
    made = await member("DE")
    yield made
    await domicile.erasure.erase(made)


@pytest.mark.parametrize("packed", [zipped, tarred])
async def test_a_mastodon_archive_comes_with_its_dates_pictures_and_thread(
    domicile: Domicile, fern: MemberId, packed: Any
) -> None:
    report = await take_in(domicile, fern, packed(mastodon_files()))
    assert (report.kind, report.posts, report.media, report.known) == ("mastodon", 7, 1, 0)
    assert skipped(report) == {
        ("post", "boost"): 1,
        ("post", "malformed"): 1,
        ("media", "not_a_picture"): 1,
        ("media", "missing_file"): 1,
        ("favourite", "elsewhere"): 1,
    }
    items = await posts_of(domicile, fern)
    assert texts(items) == MASTODON_TEXTS
    days = [moment_of(item.snowflake).isoformat()[:13] for item in items]
    assert days == [f"2019-03-0{day}T10" for day in (1, 2, 3, 4, 5, 6, 8)]
    assert [item.visibility for item in items] == [0, 0, 1, 2, 3, 0, 0]
    assert items[2].reply_to == (items[1].snowflake, fern) and items[1].body is not None
    assert items[1].body.replies == 1 and [p.description for p in items[1].body.pictures] == [ALT]
    assert items[3].body is not None and (items[3].body.spoiler, items[3].body.sensitive) == ("weir", True)
    assert items[5].reply_to is None and items[5].body is not None and items[5].body.edited_at is not None
    own = await domicile.profiles.own(fern)
    assert own.profile.display_name == "Fern" and 'href="https://birds.example"' in own.profile.note
    assert own.profile.locked and own.profile.avatar and own.profile.header
    assert own.profile.posts == 6  # the one for moss alone is counted nowhere


async def test_nothing_of_the_others_markup_is_shown_and_nobody_is_named(
    domicile: Domicile, fern: MemberId, member: MakeMember
) -> None:
    moss = await member("US", handle="moss")
    bad = (
        '<p onclick="x()">@moss <a href="javascript:x()">here</a><img src=x onerror=y()><iframe src="//z"></iframe></p>'
    )
    await take_in(domicile, fern, zipped({"outbox.json": collection("o", [note(1, bad, "2020-01-01")])}))
    (item,) = await posts_of(domicile, fern)
    assert item.body is not None and item.body.content == "<p>@moss here</p>" and item.body.mentions == []
    assert await count(domicile, moss, "notification") == await count(domicile, moss, "mention_stub") == 0
    await domicile.erasure.erase(moss)


async def test_the_same_file_again_adds_nothing_and_a_later_one_only_what_is_new(
    domicile: Domicile, fern: MemberId
) -> None:
    await take_in(domicile, fern, zipped(mastodon_files()))
    files = set(list_files(domicile.sites[SiteName("de-1")].media, [fern]))
    again = await take_in(domicile, fern, tarred(mastodon_files()))
    assert (again.posts, again.media, again.known, again.profile) == (0, 0, 7, [])
    assert set(list_files(domicile.sites[SiteName("de-1")].media, [fern])) == files
    outbox = json.loads(mastodon_files()["outbox.json"])["orderedItems"]
    more = collection("outbox.json", [*outbox, note(1009, "<p>Later</p>", "2019-04-01")])
    later = await take_in(domicile, fern, zipped(mastodon_files() | {"outbox.json": more}))
    assert (later.posts, later.known) == (1, 7)


async def test_a_dry_run_says_the_same_and_writes_nothing(domicile: Domicile, fern: MemberId) -> None:
    dry = await take_in(domicile, fern, zipped(mastodon_files()), dry_run=True)
    assert await posts_of(domicile, fern) == [] and not (await domicile.profiles.own(fern)).profile.display_name
    assert list_files(domicile.sites[SiteName("de-1")].media, [fern]) == []
    wet = await take_in(domicile, fern, zipped(mastodon_files()))
    assert (dry.posts, dry.media, dry.profile, dry.skipped) == (wet.posts, wet.media, wet.profile, wet.skipped)


async def test_followers_find_old_posts_in_their_old_place_and_are_told_of_none(
    domicile: Domicile, fern: MemberId, member: MakeMember
) -> None:
    reader = await member("DE")
    await domicile.follows.follow(reader, fern)
    today = await domicile.posts.write(fern, Draft(text="today"))
    before = await count(domicile, reader, "notification")
    await take_in(domicile, fern, zipped(mastodon_files()))
    next_one = await domicile.posts.write(fern, Draft(text="and after it"))
    assert next_one.id > today.id
    assert await count(domicile, reader, "notification") == before
    newest = make_bounds(40, after=today.id)
    page = await domicile.timelines.home(reader, newest)
    assert [item.id for item in page.items if item.author == fern] == [next_one.id]
    page = await domicile.timelines.home(reader, whole())
    mine = [item for item in page.items if item.author == fern]
    assert texts(mine[:2]) == ["and after it", "today"]
    assert "A word for moss alone" not in texts(mine) and "For those who follow" in texts(mine)
    await domicile.erasure.erase(reader)


async def test_no_post_is_shown_to_more_than_it_was_or_than_is_wished(
    domicile: Domicile, fern: MemberId, member: MakeMember
) -> None:
    stranger = await member("DE")
    await take_in(domicile, fern, zipped(mastodon_files()), widest="private")
    assert [item.visibility for item in await posts_of(domicile, fern)] == [2, 2, 2, 2, 3, 2, 2]
    assert texts(await posts_of(domicile, fern, reader=stranger)) == []
    with pytest.raises(InvalidInput):
        await take_in(domicile, fern, zipped(mastodon_files()), widest="everybody")
    await domicile.erasure.erase(stranger)


async def test_who_gave_no_consent_to_publication_is_shown_to_no_stranger(
    domicile: Domicile, member: MakeMember
) -> None:
    shy = await member("DE", consents=[])
    await take_in(domicile, shy, zipped(mastodon_files()))
    (first, *_) = await posts_of(domicile, shy)
    seen = await domicile.posts.show_many([first.id], reader=None, at=SiteName("de-1"))
    assert seen.items == []
    await domicile.erasure.erase(shy)


async def test_who_may_not_post_may_not_import(domicile: Domicile, member: MakeMember) -> None:
    unverified = await member("CN", verified=False)
    with pytest.raises(Unverified):
        await take_in(domicile, unverified, zipped(mastodon_files()))
    assert await count(domicile, unverified, "post", "author_id") == 0
    await domicile.erasure.erase(unverified)


async def test_a_twitter_archive_comes_in_the_order_of_its_ids_with_links_and_long_texts(
    domicile: Domicile, fern: MemberId
) -> None:
    report = await take_in(domicile, fern, zipped(twitter_files()))
    assert (report.kind, report.posts, report.media) == ("twitter", 6, 1)
    assert skipped(report) == {
        ("post", "boost"): 1,
        ("post", "older_version"): 1,
        ("post", "malformed"): 1,
        ("media", "not_a_picture"): 1,
    }
    assert report.left_out == ["direct messages", "deleted posts"]
    items = await posts_of(domicile, fern)
    said = texts(items)
    assert said[:3] == ["one & first, hello @moss_bird@twitter.com https://birds.example/heron #Weir", "two", "three"]
    assert [item.reply_to for item in items[:3]] == [None, *((item.snowflake, fern) for item in items[:2])]
    assert said[3].startswith("Look") and "t.co/pic" not in said[3] and "status/1/video/1" in said[3]
    assert len(said[4]) > 700 and said[4].startswith("A long tale of the weir & the heron")
    assert said[5] == "without a mistake"
    twitters = [*THREAD, PHOTO, LONG, NEWER]
    assert [moment_of(item.snowflake) for item in items] == [
        moment_of(((n >> 22) + 1288834974657) << 16) for n in twitters
    ]
    assert [item.visibility for item in items] == [0] * 6
    profile = (await domicile.profiles.own(fern)).profile
    assert profile.fields[0] == ["Location", "The river"] and 'href="https://birds.example"' in profile.fields[1][1]
    again = await take_in(domicile, fern, zipped(twitter_files()))
    assert (again.posts, again.known) == (0, 6)


async def test_a_protected_account_and_a_circle_stay_what_they_were(domicile: Domicile, fern: MemberId) -> None:
    changes = [
        {"protectedHistory": {"protectedAt": f"2021-0{month}-01T00:00:00.000Z", "action": action}}
        for month, action in ((3, "Protect"), (1, "Protect"), (2, "Unprotect"))
    ]
    files = twitter_files() | {"data/protected-history.js": ytd("protected_history", changes)}
    circle = json.loads(files["data/tweets.js"].partition(b"=")[2])[2]
    files["data/twitter-circle-tweet.js"] = ytd("twitter_circle_tweet", [circle])
    await take_in(domicile, fern, zipped(files))
    assert [item.visibility for item in await posts_of(domicile, fern)] == [3, 2, 2, 2, 2, 2]
    assert (await domicile.profiles.own(fern)).profile.locked


async def test_our_own_archive_goes_into_a_fresh_member_as_it_was(domicile: Domicile, member: MakeMember) -> None:
    old, new, friend = await member("US"), await member("DE"), await member("DE")
    theirs = await domicile.posts.write(friend, Draft(text="a friend's words"))
    await domicile.profiles.change(old, ProfileChange(display_name="Old", note="of old", fields=[("a", "b")]))
    shown = await domicile.media.upload(old, picture(60), "a field")
    first = await domicile.posts.write(
        old, Draft(text="#first with a picture", pictures=[shown.media_id], language="pt")
    )
    await domicile.posts.write(old, Draft(text="second", reply_to=first.id, visibility="unlisted", spoiler="why"))
    await domicile.posts.write(old, Draft(text="to nobody else", visibility="direct"))
    await domicile.posts.write(old, Draft(text="to a friend", reply_to=theirs.id, visibility="private"))
    await domicile.reactions.boost(old, theirs.id)
    await domicile.follows.follow(old, friend, boosts=False)
    await domicile.reactions.react(old, theirs.id, "favourite")
    await domicile.reactions.react(old, theirs.id, "bookmark")
    told = await count(domicile, friend, "notification")

    packed = io.BytesIO()
    await domicile.archives.write(old, packed)
    report = await take_in(domicile, new, packed)
    assert (report.posts, report.media, report.follows, report.favourites, report.bookmarks) == (4, 1, 1, 1, 1)
    assert skipped(report) == {("post", "boost"): 1}

    def shape(items: list[PostItem], author: MemberId) -> list[Any]:
        return [
            (
                *(i.snowflake, i.visibility, i.reply_to and i.reply_to[1] == author and i.reply_to[0]),
                *(b.source, b.content, b.spoiler, b.sensitive, b.language, b.tags),
                [(p.digest, p.description, p.meta) for p in b.pictures],
            )
            for i in items
            if (b := i.body) is not None and i.boost_of is None
        ]

    was, now = shape(await posts_of(domicile, old), old), shape(await posts_of(domicile, new), new)
    assert len(was) == 4
    assert [post[:2] + post[3:] for post in now] == [post[:2] + post[3:] for post in was]
    assert [post[2] for post in now[:2]] == [None, first.snowflake]
    ours, own = await domicile.profiles.own(old), await domicile.profiles.own(new)
    assert own.profile.display_name == "Old" and own.preferences.note == ours.preferences.note
    assert own.preferences.fields == ours.preferences.fields
    (relation,) = await domicile.follows.relations(new, [friend])
    assert (relation.following, relation.boosts) == (True, False)
    marks = (await domicile.reactions.marks(new, [theirs.id]))[theirs.id]
    assert marks.favourite and marks.bookmark
    assert await count(domicile, friend, "notification") == told + 1  # of the follow, not of the old favourite

    again = await take_in(domicile, new, packed)
    assert (again.posts, again.known, again.follows, again.favourites, again.bookmarks) == (0, 4, 0, 0, 0)
    back = await take_in(domicile, old, packed)
    assert (back.posts, back.known) == (0, 4)
    await domicile.posts.delete(old, first.id)
    restored = await take_in(domicile, old, packed)
    assert (restored.posts, restored.known) == (1, 3)
    assert (await domicile.posts.show(first.id, reader=old)).id == first.id
    for one in (old, new, friend):
        await domicile.erasure.erase(one)


async def test_lists_by_themselves_follow_those_of_this_network(
    domicile: Domicile, fern: MemberId, member: MakeMember
) -> None:
    moss = await member("US", handle="moss_of_here")
    host = domicile.config.url.split("://")[1]
    rows = f"Account address,Show boosts,Notify on new posts,Languages\nmoss_of_here@{host},false,true,\n"
    rows += f"nobody_at_all@{host},true,false,\nmoss_of_here@other.example,true,false,\n"
    report = await take_in(domicile, fern, io.BytesIO(rows.encode()), "following_accounts.csv")
    assert (report.follows, skipped(report)) == (1, {("follow", "nobody"): 1, ("follow", "elsewhere"): 1})
    (relation,) = await domicile.follows.relations(fern, [moss])
    assert (relation.following, relation.boosts, relation.notify) == (True, False, True)
    blocks = await take_in(domicile, fern, io.BytesIO(b"a@other.example\nb@other.example\n"), "blocked_accounts.csv")
    assert skipped(blocks) == {("block", "no_such_list"): 2}
    elsewhere = io.BytesIO(b"Account address\nmoss_of_here@other.example\n")
    await domicile.follows.unfollow(fern, moss)
    assert (await take_in(domicile, fern, elsewhere, "following_accounts.csv", same_handles=True)).follows == 1
    await domicile.erasure.erase(moss)


async def test_an_import_that_stops_half_way_goes_on_where_it_was(
    domicile: Domicile, fern: MemberId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "POSTS_AT_ONCE", 2)
    stopped: list[int] = []

    def stop(what: str, done: int, total: int) -> None:
        stopped.append(done)
        if len(stopped) == 2:
            raise ZeroDivisionError

    file = cast(IO[bytes], zipped(mastodon_files()))
    with pytest.raises(ZeroDivisionError):
        await domicile.imports.take_in(fern, file, ANY_ARCHIVE, progress=stop)
    half = await posts_of(domicile, fern)
    assert 0 < len(half) < 7
    report = await take_in(domicile, fern, zipped(mastodon_files()))
    assert (report.known, report.posts) == (len(half), 7 - len(half))
    assert texts(await posts_of(domicile, fern)) == MASTODON_TEXTS


async def test_a_member_moves_in_the_middle_and_what_was_sent_moves_too(
    domicile: Domicile, member: MakeMember, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "POSTS_AT_ONCE", 1)
    mover = await member("US")
    source, target = SiteName("us-1"), SiteName("de-1")
    outbox = collection("outbox.json", [note(number, f"<p>post {number}</p>", "2020-01-01") for number in range(120)])
    staged = domicile.imports.stage(source)
    staged.write(zipped({"outbox.json": outbox}).getvalue())
    begun, sites = asyncio.Event(), set()
    noted = PostWriter.note

    def note_site(writer: PostWriter, written: Written) -> None:
        begun.set()
        sites.add(written.site)
        noted(writer, written)

    monkeypatch.setattr(PostWriter, "note", note_site)

    async def relocate() -> None:
        await begun.wait()
        await domicile.coordinator.relocate([mover], source, target, "a test")

    file = cast(IO[bytes], staged)
    report, _ = await asyncio.gather(domicile.imports.take_in(mover, file, ANY_ARCHIVE), relocate())
    assert sites == {source, target}, "the import was over before the move, or the other way round"
    assert staged.folder == domicile.sites[target].media
    items = await posts_of(domicile, mover)
    assert report.posts == 120 and texts(items) == [f"post {number}" for number in range(120)]
    await domicile.erasure.erase(mover)


def _link_in_zip() -> io.BytesIO:
    out = zipped({})
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("outbox.json", mastodon_files()["outbox.json"])
        link = zipfile.ZipInfo("media_attachments/files/109/heron.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        packed.writestr(link, "/etc/passwd")
        packed.writestr("../../escape.png", picture(1))
        packed.writestr("/etc/passwd", b"x")
    out.seek(0)
    return out


def _link_in_tar() -> io.BytesIO:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as packed:
        content = mastodon_files()["outbox.json"]
        info = tarfile.TarInfo("outbox.json")
        info.size = len(content)
        packed.addfile(info, io.BytesIO(content))
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE):
            link = tarfile.TarInfo("media_attachments/files/109/heron.png")
            link.type, link.linkname = kind, "/etc/passwd"
            packed.addfile(link)
        for name in ("../escape.png", "/etc/passwd"):
            info = tarfile.TarInfo(name)
            info.size = 1
            packed.addfile(info, io.BytesIO(b"x"))
    out.seek(0)
    return out


@pytest.mark.parametrize(("make", "links", "names"), [(_link_in_zip, 1, 2), (_link_in_tar, 3, 2)])
async def test_links_and_names_that_lead_out_are_left_out_and_counted(
    domicile: Domicile, fern: MemberId, make: Any, links: int, names: int
) -> None:
    report = await take_in(domicile, fern, make())
    found = skipped(report)
    assert (found["file", "not_a_file"], found["file", "bad_name"]) == (links, names)
    assert (report.posts, report.media, found["media", "missing_file"]) == (7, 0, 2)


def _many_files() -> io.BytesIO:
    return zipped({f"{number}.txt": b"" for number in range(40)})


def _unpacks_to_much(packed: Any) -> io.BytesIO:
    return cast(io.BytesIO, packed({"outbox.json": b" " * (4 << 20)}))


def _pax_bomb() -> io.BytesIO:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 1 << 30
    return io.BytesIO(gzip.compress(header.tobuf() + b"\0" * (4 << 20)))


def _deep() -> io.BytesIO:
    return zipped({"outbox.json": b'{"orderedItems":' + b"[" * 200_000 + b"]" * 200_000 + b"}"})


HOSTILE = {
    "too many files": (_many_files, "more than 30 files"),
    "a ZIP that unpacks to much": (lambda: _unpacks_to_much(zipped), "unpacks to more than 2 MiB"),
    "a tar that unpacks to much": (lambda: _unpacks_to_much(tarred), "unpacks to more than 2 MiB"),
    "a header that asks for a gigabyte": (_pax_bomb, "broken"),
    "JSON nested very deep": (_deep, "not the JSON"),
    "no JSON": (lambda: zipped({"outbox.json": b"<html>"}), "not the JSON"),
    "no collection": (lambda: zipped({"outbox.json": b'{"orderedItems": 5}'}), "not the JSON"),
    "half a ZIP": (lambda: io.BytesIO(zipped(mastodon_files()).getvalue()[:900]), "ZIP file is broken"),
    "half a tar": (lambda: io.BytesIO(tarred(mastodon_files()).getvalue()[:900]), "tar file is broken"),
    "noise": (lambda: io.BytesIO(os.urandom(4096)), "no ZIP file"),
    "nothing": (io.BytesIO, "no ZIP file"),
    "something else": (lambda: zipped({"song.txt": b"la"}), "no archive of Mastodon"),
}


@pytest.mark.parametrize("kind", HOSTILE)
async def test_an_archive_that_is_meant_to_harm_is_refused_and_changes_nothing(
    domicile: Domicile, fern: MemberId, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, words = HOSTILE[kind]
    file = make()
    monkeypatch.setattr(container, "MOST_ENTRIES", 30)
    object.__setattr__(domicile.imports, "unpacked", 2 << 20)
    try:
        with pytest.raises(InvalidInput, match=words):
            await take_in(domicile, fern, file)
    finally:
        object.__setattr__(domicile.imports, "unpacked", domicile.config.limits.unpacked_bytes)
    assert await posts_of(domicile, fern) == []
    assert all(entry.name.isdigit() for entry in domicile.sites[SiteName("de-1")].media.iterdir())


async def test_entries_that_cannot_be_right_are_left_out_one_by_one(domicile: Domicile, fern: MemberId) -> None:
    good = note(1, "<p>good</p>", "2020-01-01")
    bad = [
        None,
        5,
        [],
        {},
        {"type": "Create", "object": {"id": 5, "type": "Note", "published": "2020-01-01T00:00:00Z"}},
        note(2, "<p>x</p>", "2020-13-45"),
        note(3, "<p>x</p>", "2020-01-01", type="Person"),
        note(4, 7, "2020-01-01"),  # type: ignore[arg-type]
    ]
    dated = [note(5, "<p>x</p>", "1970-01-01"), note(6, "<p>x</p>", "2999-01-01")]
    rest = [
        note(7, "", "2020-01-02"),
        note(8, f"<p>{'x' * 40_000}</p>", "2020-01-03"),
        note(9, "<p>nul \0 and \ud800</p>", "2020-01-04", attachment=[attachment("bomb.png"), {"url": 5}, "no"]),
    ]
    files = {
        "outbox.json": collection("outbox.json", [good, *bad, *dated, *rest]),
        "media_attachments/files/bomb.png": b"\x89PNG\r\n\x1a\n" + b"\0" * 100,
    }
    report = await take_in(domicile, fern, zipped(files))
    assert skipped(report) == {
        ("post", "malformed"): len(bad),
        ("post", "date"): 2,
        ("post", "empty"): 1,
        ("post", "too_long"): 1,
        ("media", "not_a_picture"): 1,
    }
    assert report.posts == 2 and texts(await posts_of(domicile, fern))[0] == "good"
    assert tweet_id(0) < 0  # Twitter began later than 1970: its ids tell no earlier time
