"""Archives of other networks, made up in the forms that these write: see `network/imports`. Nobody in them is real."""

import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from typing import Any

from pictures import picture

SERVER = "https://elsewhere.example"
ACTOR = f"{SERVER}/users/fern"
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
FOLLOWERS = f"{ACTOR}/followers"
ALT = "A heron at the weir"

Files = dict[str, bytes]


def zipped(files: Mapping[str, bytes]) -> io.BytesIO:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    out.seek(0)
    return out


def tarred(files: Mapping[str, bytes]) -> io.BytesIO:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as packed:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))
    out.seek(0)
    return out


def note(number: int, content: str, day: str, **more: Any) -> dict[str, Any]:
    """A Create activity, as Mastodon's backup holds it."""
    address = f"{ACTOR}/statuses/{number}"
    to, cc = more.pop("to", [PUBLIC]), more.pop("cc", [FOLLOWERS])
    inner = {
        "id": address,
        "type": "Note",
        "summary": None,
        "inReplyTo": None,
        "published": f"{day}T10:00:00Z",
        "url": f"{SERVER}/@fern/{number}",
        "attributedTo": ACTOR,
        "to": to,
        "cc": cc,
        "sensitive": False,
        "content": content,
        "contentMap": {"en": content},
        "attachment": [],
        "tag": [],
    }
    return {
        "id": f"{address}/activity",
        "type": "Create",
        "actor": ACTOR,
        "published": inner["published"],
        "to": to,
        "cc": cc,
        "object": inner | more,
    }


def attachment(name: str, words: str | None = None, kind: str = "image/png") -> dict[str, Any]:
    return {"type": "Document", "mediaType": kind, "url": f"/media_attachments/files/{name}", "name": words}


def collection(name: str, items: list[Any]) -> bytes:
    head = {"@context": "https://www.w3.org/ns/activitystreams", "id": name, "type": "OrderedCollection"}
    return json.dumps(head | {"totalItems": len(items), "orderedItems": items}).encode()


_MENTION = (
    '<span class="h-card"><a href="https://other.example/@moss" class="u-url mention">@<span>moss</span></a></span>'
)
_LONG_LINK = (
    '<a href="https://river.example/a/very/long/path" rel="nofollow"><span class="invisible">https://</span>'
    '<span class="ellipsis">river.example/a/very</span><span class="invisible">/long/path</span></a>'
)


def mastodon_files(**more: bytes) -> Files:
    """Nine activities: six posts that can be kept, a boost, a poll, and one that is no post at all."""
    items = [
        note(1001, "<p>First day by the river</p><p>with <b>bold</b> words &amp; a script<script>x()</script></p>",
             "2019-03-01"),
        note(1002, f"<p>{_MENTION} look: {_LONG_LINK} #Heron</p>", "2019-03-02", attachment=[
            attachment("109/heron.png", ALT), attachment("109/film.mp4", None, "video/mp4"),
            attachment("109/lost.png")]),
        note(1003, "<p>And on goes the thread</p>", "2019-03-03", inReplyTo=f"{ACTOR}/statuses/1002",
             to=[FOLLOWERS], cc=[PUBLIC]),
        note(1004, "<p>For those who follow</p>", "2019-03-04", to=[FOLLOWERS], cc=[], summary="weir", sensitive=True),
        note(1005, "<p>A word for moss alone</p>", "2019-03-05", to=["https://other.example/users/moss"], cc=[]),
        note(1006, "<p>An answer to somebody</p>", "2019-03-06", inReplyTo="https://other.example/users/moss/statuses/7",
             updated="2019-03-07T09:00:00Z"),
        note(1007, "<p>Which bird?</p>", "2019-03-08", type="Question", oneOf=[
            {"type": "Note", "name": "Heron"}, {"type": "Note", "name": "Coot"}]),
        {"id": "x", "type": "Announce", "actor": ACTOR, "object": "https://other.example/users/moss/statuses/8"},
        {"type": "Create", "object": "nothing"},
    ]  # fmt: skip
    actor = {
        "id": ACTOR,
        "type": "Person",
        "preferredUsername": "fern",
        "name": "Fern",
        "summary": '<p>I look at <a href="https://birds.example">birds</a></p>',
        "manuallyApprovesFollowers": True,
        "attachment": [{"type": "PropertyValue", "name": "Boat", "value": "<b>green</b>"}],
        "icon": {"type": "Image", "mediaType": "image/png", "url": "avatar.png"},
        "image": {"type": "Image", "mediaType": "image/png", "url": "header.png"},
        "outbox": "outbox.json",
        "likes": "likes.json",
        "bookmarks": "bookmarks.json",
    }
    return {
        "outbox.json": collection("outbox.json", items),
        "actor.json": json.dumps(actor).encode(),
        "likes.json": collection("likes.json", ["https://other.example/users/moss/statuses/9"]),
        "bookmarks.json": collection("bookmarks.json", []),
        "avatar.png": picture(1),
        "header.png": picture(2),
        "media_attachments/files/109/heron.png": picture(3),
        "media_attachments/files/109/film.mp4": b"not a picture",
    } | {name.replace("__", "."): content for name, content in more.items()}


def ytd(kind: str, entries: list[Any], part: int = 0) -> bytes:
    return f"window.YTD.{kind}.part{part} = {json.dumps(entries, indent=2)}".encode()


def tweet(number: int, text: str, created: str, **more: Any) -> dict[str, Any]:
    entities = {"hashtags": [], "symbols": [], "user_mentions": [], "urls": more.pop("urls", [])}
    plain = {
        "edit_info": {"initial": {"editTweetIds": [str(number)], "editsRemaining": "5", "isEditEligible": False}},
        "retweeted": False,
        "source": '<a href="https://client.example" rel="nofollow">A client</a>',
        "entities": entities,
        "display_text_range": ["0", str(len(text))],
        "favorite_count": "3",
        "id_str": str(number),
        "id": str(number),
        "truncated": False,
        "retweet_count": "0",
        "created_at": created,
        "favorited": False,
        "full_text": text,
        "lang": "en",
    }
    return {"tweet": plain | more}


def tweet_id(milliseconds: int, sequence: int = 0) -> int:
    return milliseconds - 1_288_834_974_657 << 22 | sequence


T0 = 1_609_459_200_000  # 2021-01-01 00:00:00 UTC
THREAD = [tweet_id(T0 + ms) for ms in (100, 200, 300)]
PHOTO, LONG, EDITED, NEWER = (tweet_id(T0 + day * 86_400_000) for day in (1, 2, 3, 4))


def twitter_files(**more: bytes) -> Files:
    """A thread of three within a second, a photo, a long text, an edited post; a retweet and what is left out."""
    second, own = "Fri Jan 01 00:00:00 +0000 2021", {"in_reply_to_user_id_str": "77", "in_reply_to_user_id": "77"}
    link = {"url": "https://t.co/abc", "expanded_url": "https://birds.example/heron", "display_url": "birds.example"}
    photo = {
        "type": "photo",
        "url": "https://t.co/pic",
        "media_url_https": "https://pbs.twimg.example/media/HERON.png",
        "expanded_url": "https://twitter.com/fern/status/1/photo/1",
    }
    film = photo | {
        "type": "video",
        "url": "https://t.co/film",
        "expanded_url": "https://twitter.com/fern/status/1/video/1",
    }
    long_text = "A long tale of the weir & the heron, " * 20
    versions = {"initial": {"editTweetIds": [str(EDITED), str(NEWER)]}}
    tweets = [
        tweet(THREAD[2], "three", second, in_reply_to_status_id_str=str(THREAD[1]), **own),
        tweet(THREAD[1], "two", second, in_reply_to_status_id_str=str(THREAD[0]), **own),
        tweet(THREAD[0], "one &amp; first, hello @moss_bird https://t.co/abc #Weir", second, urls=[link]),
        tweet(PHOTO, "Look https://t.co/pic https://t.co/film", "Sat Jan 02 00:00:00 +0000 2021",
              extended_entities={"media": [photo, film]}),
        tweet(LONG, long_text[:200].replace("&", "&amp;") + "… https://t.co/x", "Sun Jan 03 00:00:00 +0000 2021"),
        tweet(EDITED, "with a mistaek", "Mon Jan 04 00:00:00 +0000 2021", edit_info=versions),
        tweet(NEWER, "without a mistake", "Tue Jan 05 00:00:00 +0000 2021",
              edit_info={"edit": {"initialTweetId": str(EDITED), "editControlInitial": versions["initial"]}}),
        tweet(tweet_id(T0 + 99), "RT @moss_bird: not fern's words", second),
        {"tweet": {"id_str": "5", "full_text": "no date"}},
    ]  # fmt: skip
    account = {
        "accountId": "77",
        "username": "fern",
        "accountDisplayName": "Fern of the river",
        "email": "f@example.org",
    }
    profile = {
        "description": {"bio": "Herons &amp; weirs", "website": "https://birds.example", "location": "The river"},
        "avatarMediaUrl": "https://pbs.twimg.example/profile_images/9/FACE.png",
    }
    note_tweet = {
        "noteTweetId": "12",
        "createdAt": "2021-01-03T00:00:00.000Z",
        "core": {"text": long_text, "urls": [], "mentions": [], "hashtags": []},
    }
    return {
        "Your archive.html": b"<html></html>",
        "data/manifest.js": b"window.__THAR_CONFIG = {}",
        "data/tweets.js": ytd("tweets", tweets[:5]),
        "data/tweets-part1.js": ytd("tweets", tweets[5:], 1),
        "data/note-tweet.js": ytd("note_tweet", [{"noteTweet": note_tweet}]),
        "data/account.js": ytd("account", [{"account": account}]),
        "data/profile.js": ytd("profile", [{"profile": profile}]),
        "data/deleted-tweets.js": ytd("deleted_tweets", [tweet(8, "regretted", second)]),
        "data/direct-messages.js": ytd("direct_messages", [{"dmConversation": {"messages": []}}]),
        f"data/tweets_media/{PHOTO}-HERON.png": picture(4),
        "data/profile_media/77-FACE.png": picture(5),
    } | {f"data/{name}.js": content for name, content in more.items()}
