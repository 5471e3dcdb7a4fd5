"""The archive of Twitter, now X: `data/*.js`, each `window.YTD.<kind>.part<N> = ` and then JSON.

Its own README.txt describes the files. Direct messages hold others' words and stay out, as do deleted posts. The text
is with HTML entities and short links; an edited post comes once a version; a long one has its text in `note-tweet.js`,
where only the second of its making tells which post it belongs to.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import msgspec

from domicile.network.imports.container import Container, decode_json
from domicile.network.imports.found import (
    LONGEST_DESCRIPTION,
    LONGEST_POST,
    Found,
    FoundPicture,
    FoundPost,
    FoundProfile,
    LeftOut,
    Skips,
    language_of,
    make_key,
    sharpen,
)
from domicile.network.imports.mastodon import read_moment
from domicile.network.schema import DIRECT, PRIVATE, PUBLIC

LEFT_OUT = {
    "direct-messages": "direct messages",
    "direct-messages-group": "direct messages",
    "deleted-tweets": "deleted posts",
    "community-tweet": "posts in communities",
    "like": "likes",
    "following": "followed accounts, of which the archive has no names",
    "follower": "followers",
    "block": "blocked accounts",
    "mute": "muted accounts",
    "lists-created": "lists",
    "article": "articles",
}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ASSIGNMENT = re.compile(rb"\s*window\.[\w.]+\s*=\s*")
_NAME = re.compile(r"(?<![\w/@.])@([A-Za-z0-9_]{1,15})(?![\w@])")
_EPOCH_MS, _TIME_SHIFT, _FIRST_TIMED_ID = 1_288_834_974_657, 22, 1 << 35
_SAME_BEGIN = 40

Tweet = dict[str, Any]


def is_twitter(container: Container) -> bool:
    return any(f"{folder}{name}.js" in container for folder in ("data/", "") for name in ("tweets", "tweet"))


def read_twitter(container: Container, skips: Skips) -> Found:
    """Everything in the archive that has a place here."""
    reader = _Reader(container, skips, "data/" if any(n.startswith("data/") for n in container.sizes) else "")
    found = Found(kind="twitter")
    reader.read_account()
    circle = {str(tweet.get("id_str") or tweet.get("id")) for tweet in reader.tweets("twitter-circle-tweet")}
    tweets = {str(t.get("id_str") or t.get("id")): t for name in ("tweets", "tweet") for t in reader.tweets(name)}
    notes = reader.notes()
    for number, tweet in tweets.items():
        try:
            visibility = DIRECT if number in circle else PRIVATE if reader.protected else PUBLIC
            found.posts.append(reader.read_tweet(number, tweet, visibility, notes, tweets.keys()))
        except LeftOut as left_out:
            skips["post", left_out.reason] += 1
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
            skips["post", "malformed"] += 1
    skips["long text", "note_alone"] += sum(map(len, notes.values()))
    found.profile = reader.read_profile()
    held = {PurePosixPath(name).stem for name in container.sizes}
    found.left_out = list(dict.fromkeys(words for name, words in LEFT_OUT.items() if name in held))
    return found


class _Reader:
    def __init__(self, container: Container, skips: Skips, folder: str) -> None:
        self.container, self.skips, self.folder = container, skips, folder
        self.account: dict[str, Any] = {}
        self.protected = False
        self.media = _media_by_post(container, folder)

    def part(self, name: str) -> Iterator[Any]:
        """The entries of a kind, over all its parts."""
        numbered = re.compile(rf"{re.escape(self.folder + name)}(-part\d+)?\.js")
        for file in sorted(filter(numbered.fullmatch, self.container.sizes)):
            content = self.container.read_document(file)
            begin = _ASSIGNMENT.match(content)
            items = decode_json(content[begin.end() if begin else 0 :], list[msgspec.Raw])
            for raw in items:
                try:
                    yield msgspec.json.decode(raw)
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    self.skips["post", "malformed"] += 1

    def entries(self, name: str, key: str) -> Iterator[dict[str, Any]]:
        for entry in self.part(name):
            inner = entry.get(key, entry) if isinstance(entry, dict) else None
            if isinstance(inner, dict):
                yield inner
            else:
                self.skips["post", "malformed"] += 1

    def tweets(self, name: str) -> Iterator[Tweet]:
        return self.entries(name, "tweet")

    def notes(self) -> dict[int, list[dict[str, Any]]]:
        """Long texts by the second in which they were made."""
        found: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for note in self.entries("note-tweet", "noteTweet"):
            try:
                found[int(read_moment(note["createdAt"]).timestamp())].append(note["core"])
            except (KeyError, TypeError, ValueError, OverflowError):
                self.skips["long text", "malformed"] += 1
        return found

    def read_account(self) -> None:
        self.account = next(self.entries("account", "account"), {})
        changes = [entry for entry in self.entries("protected-history", "protectedHistory") if "action" in entry]
        if changes:
            last = max(changes, key=lambda entry: str(entry.get("protectedAt", "")))
            self.protected = last["action"] == "Protect"

    def read_profile(self) -> FoundProfile:
        profile = next(self.entries("profile", "profile"), {})
        said = profile.get("description")
        said = said if isinstance(said, dict) else {}
        fields = [(name.title(), text) for name in ("location", "website") if (text := _text(said.get(name)))]
        return FoundProfile(
            display_name=_plain(_text(self.account.get("accountDisplayName"))),
            note=_plain(_text(said.get("bio"))),
            fields=fields,
            avatar=self._portrait(profile.get("avatarMediaUrl")),
            header=self._portrait(profile.get("headerMediaUrl")),
            locked=self.protected,
        )

    def _portrait(self, address: object) -> str | None:
        """`data/profile_media/<account>-<last part of the address>`, with an ending or without."""
        last = PurePosixPath(_text(address)).name
        if not last:
            return None
        begin = f"{self.folder}profile_media/{self.account.get('accountId')}-{last}"
        return min((name for name in self.container.sizes if name.startswith(begin)), key=len, default=None)

    def read_tweet(
        self, number: str, tweet: Tweet, visibility: int, notes: dict[int, list[dict[str, Any]]], known: Any
    ) -> FoundPost:
        """A tweet as a post. Raises LeftOut, or KeyError, TypeError or ValueError where it is none."""
        text = tweet["full_text"] if "full_text" in tweet else tweet["text"]
        if re.match(r"RT @\w+:", text):
            raise LeftOut("boost")
        if any(newer in known for newer in _newer_versions(number, tweet)):
            raise LeftOut("older_version")
        moment = sharpen(_moment(tweet["created_at"]), _milliseconds(int(number)))
        links = _links(_dict(tweet.get("entities")))
        note = _take_note(notes.get(int(moment.timestamp()), []), text)
        if note is not None:
            text, links = note["text"], links | _links(note)
        pictures, media_links = self._pictures(number, tweet)
        text = _plain(_expand(text, links | media_links))
        if len(text) > LONGEST_POST:
            raise LeftOut("too_long")
        return FoundPost(
            key=make_key("twitter", number),
            moment=moment,
            text=_NAME.sub(r"@\1@twitter.com", text),
            visibility=visibility,
            sensitive=tweet.get("possibly_sensitive") is True,
            language=language_of(tweet.get("lang")),
            parent=self._parent(tweet),
            pictures=pictures,
        )

    def _parent(self, tweet: Tweet) -> bytes | None:
        """The key of their own post that it answers; an answer to somebody else stands alone here."""
        parent = tweet.get("in_reply_to_status_id_str") or tweet.get("in_reply_to_status_id")
        author = tweet.get("in_reply_to_user_id_str") or tweet.get("in_reply_to_user_id")
        own = author is not None and str(author) == str(self.account.get("accountId"))
        return make_key("twitter", parent) if parent and own else None

    def _pictures(self, number: str, tweet: Tweet) -> tuple[list[FoundPicture], dict[str, str]]:
        """The photos of a tweet, and what its short links to media become: nothing, where the picture is shown."""
        pictures: list[FoundPicture] = []
        links: dict[str, str] = {}
        media = _dict(tweet.get("extended_entities") or tweet.get("entities")).get("media")
        for item in media if isinstance(media, list) else []:
            if not isinstance(item, dict):
                continue
            short, name = _text(item.get("url")), self._file(number, item)
            if item.get("type") == "photo" and name:
                pictures.append(FoundPicture(name, _text(item.get("ext_alt_text"))[:LONGEST_DESCRIPTION]))
                links.setdefault(short, "")
            else:
                reason = "missing_file" if item.get("type") == "photo" else "not_a_picture"
                self.skips["media", reason] += 1
                links[short] = _text(item.get("expanded_url"))
        return pictures, links

    def _file(self, number: str, item: dict[str, Any]) -> str | None:
        last = PurePosixPath(_text(item.get("media_url_https") or item.get("media_url"))).name
        return next((name for name in self.media.get(number, []) if last and name.endswith(f"-{last}")), None)


def _media_by_post(container: Container, folder: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    places = tuple(f"{folder}{name}" for name in ("tweets_media/", "tweet_media/", "twitter_circle_tweet_media/"))
    for name in container.sizes:
        if name.startswith(places):
            found[PurePosixPath(name).name.partition("-")[0]].append(name)
    return found


def _newer_versions(number: str, tweet: Tweet) -> list[str]:
    """The ids of what became of a tweet that was edited later."""
    info = _dict(tweet.get("edit_info"))
    first = _dict(info.get("initial") or _dict(info.get("edit")).get("editControlInitial"))
    versions = first.get("editTweetIds")
    ids = [str(version) for version in versions] if isinstance(versions, list) else []
    return ids[ids.index(number) + 1 :] if number in ids else []


def _moment(text: str) -> datetime:
    """`Wed Oct 10 20:19:24 +0000 2018`, without asking the machine's language. Raises ValueError."""
    _, month, day, clock, zone, year = text.split()
    hour, minute, second = map(int, clock.split(":"))
    if zone != "+0000":
        raise ValueError("not in UTC")
    return datetime(int(year), _MONTHS.index(month) + 1, int(day), hour, minute, second, tzinfo=UTC)


def _milliseconds(number: int) -> int:
    """The time in a tweet's id; those before November 2010 have none."""
    return (number >> _TIME_SHIFT) + _EPOCH_MS if number >= _FIRST_TIMED_ID else 0


def _links(entities: dict[str, Any]) -> dict[str, str]:
    """Short links and what they stand for, as tweets and long texts write them."""
    urls = entities.get("urls")
    found: dict[str, str] = {}
    for url in urls if isinstance(urls, list) else []:
        if isinstance(url, dict):
            short, whole = url.get("url") or url.get("shortUrl"), url.get("expanded_url") or url.get("expandedUrl")
            if isinstance(short, str) and isinstance(whole, str) and whole.startswith(("http://", "https://")):
                found[short] = whole
    return found


def _expand(text: str, links: dict[str, str]) -> str:
    if not links:
        return text
    longest_first = sorted(filter(None, links), key=len, reverse=True)
    pattern = "|".join(map(re.escape, longest_first))
    replace: Callable[[re.Match[str]], str] = lambda match: links[match.group(0)]  # noqa: E731
    return re.sub(pattern, replace, text).strip() if pattern else text


def _take_note(notes: list[dict[str, Any]], text: str) -> dict[str, Any] | None:
    """The long text of which this is the begin, taken from those of its second."""
    begin = re.sub(r"^(@\w+ )+", "", text)[:_SAME_BEGIN].rstrip("…").strip()
    for place, note in enumerate(notes):
        if isinstance(note.get("text"), str) and begin and begin in _escaped(note["text"])[: len(text) + _SAME_BEGIN]:
            return notes.pop(place)
    return None


def _escaped(text: str) -> str:
    return _plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _plain(text: str) -> str:
    """Without the three entities that Twitter writes."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
