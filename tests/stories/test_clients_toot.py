"""The command line client `toot`, as it comes, against a running network: every command a person would type.

Anna and Ben live in Germany, Kate in the United States. Without a safeguard on file German data does not go there.
"""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image

from clients_browser import Browser
from commands import Command
from domicile.running import Domicile
from network_at import make_member

Toot = Callable[..., Awaitable[str]]
PASSWORD = "correct horse battery"


class People(NamedTuple):
    anna: Toot
    ben: Toot
    kate: Toot


def _surroundings(home: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(home), "HOME": str(home), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


async def _log_in(home: Path, server: str, handle: str) -> Toot:
    """Log in with the browser, as toot tells its user to; returns a way to run toot as this person."""
    pipe = asyncio.subprocess.PIPE
    login = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "toot", "--no-color", "login", "-i", server),
        stdin=pipe,
        stdout=pipe,
        stderr=asyncio.subprocess.STDOUT,
        env=os.environ | _surroundings(home),
    )
    assert login.stdout is not None
    printed = ""
    while not printed.endswith("[Y/n]: "):
        chunk = await login.stdout.read(256)
        assert chunk, printed
        printed += chunk.decode()
    address = re.search(r"http://\S+/oauth/authorize\S+", printed)
    assert address is not None, printed
    async with Browser(server) as browser:
        code = await browser.let_app_in(address[0], handle, PASSWORD)
    out, _ = await login.communicate(f"n\n{code}\n".encode())
    assert login.returncode == 0 and "Successfully logged in" in out.decode(), out.decode()

    async def toot(*command: str) -> str:
        started = Command(("--no-color", *command), _surroundings(home), program="toot")
        done = await asyncio.to_thread(started.wait)
        assert done.code == 0, f"toot {' '.join(command)}: {done.out}{done.err}"
        return done.out + done.err

    return toot


@pytest.fixture(scope="module")
async def people(domicile: Domicile, server: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[People]:
    folder = tmp_path_factory.mktemp("toot")
    homes = {"anna_t": "DE", "ben_t": "DE", "kate_t": "US"}
    for handle, country in homes.items():
        (folder / handle).mkdir()
        await make_member(domicile, country, handle=handle, password=PASSWORD)
    yield People(*[await _log_in(folder / handle, server, handle) for handle in homes])


async def _post(toot: Toot, *command: str) -> str:
    """Post, and return the id."""
    return str(json.loads(await toot("post", "--json", *command))["id"])


async def test_a_person_sees_who_they_are_and_where(people: People, server: str) -> None:
    assert "@anna_t" in await people.anna("whoami")
    assert "Domicile" in await people.anna("instance", server)
    assert "anna_t" in await people.anna("auth")


async def test_people_find_and_follow_each_other(people: People) -> None:
    assert "ben_t" in await people.anna("search", "ben_t")
    assert "You are now following ben_t" in await people.anna("follow", "ben_t")
    await people.ben("follow", "anna_t")
    assert "ben_t" in await people.anna("following", "anna_t")
    assert "ben_t" in await people.anna("followers", "anna_t")
    assert "anna_t" in await people.ben("whois", "anna_t")
    await people.ben("unfollow", "anna_t")
    assert "ben_t" not in await people.anna("followers", "anna_t")


async def test_a_post_is_read_answered_and_reacted_to(people: People) -> None:
    anna, ben, _ = people
    await anna("follow", "ben_t")
    post = await _post(ben, "Greetings from the mountain #hillside")
    assert "Greetings from the mountain" in await anna("timelines", "home", "--no-pager")
    assert "Greetings from" in await anna("timelines", "public", "--no-pager")
    assert "Greetings from" in await anna("timelines", "tag", "hillside", "--no-pager")
    assert "Greetings from" in await anna("timelines", "account", "ben_t", "--no-pager")
    reply = await _post(anna, "@ben_t Greetings back", "--reply-to", post)
    assert "Greetings back" in await ben("thread", post)
    assert "Greetings back" in await ben("notifications")
    for command in ("favourite", "bookmark", "reblog", "unreblog", "unbookmark", "unfavourite"):
        await anna(command, post)
    for command in ("favourite", "bookmark", "reblog"):
        await anna(command, post)
    assert "Greetings from" in await anna("bookmarks", "--once")
    assert "Greetings from" in await anna("timelines", "favourites", "--no-pager")
    assert "anna_t" in await ben("reblogged-by", post)
    assert "Greetings back" in await anna("status", reply)
    await ben("notifications", "--clear")


async def test_people_abroad_are_followed_and_read_where_the_law_lets_their_posts_come(people: People) -> None:
    assert "kate_t" in await people.anna("follow", "kate_t")
    post = await _post(people.kate, "Hello across the ocean")
    assert "Hello across the ocean" in await people.anna("timelines", "home", "--no-pager")
    await people.anna("favourite", post)
    assert json.loads(await people.kate("status", "--json", post))["favourites_count"] == 1


async def test_a_post_that_may_not_come_here_is_shown_as_not_available_and_nothing_more(people: People) -> None:
    post = await _post(people.anna, "Only for those whom the law lets read it")
    seen = json.loads(await people.kate("status", "--json", post))
    assert seen["content"] == "<p>This post is not available here.</p>"
    assert seen["account"]["acct"] == "unavailable"
    assert "anna" not in json.dumps(seen) and "DE" not in json.dumps(seen)
    assert "not available here" in await people.kate("status", post)


async def test_a_post_can_be_addressed_by_its_url(people: People, server: str) -> None:
    post = json.loads(await people.ben("post", "--json", "Found by its address"))
    assert "favourited" in await people.anna("favourite", post["url"])


async def test_a_post_is_deleted(people: People) -> None:
    post = await _post(people.anna, "Soon gone")
    await people.anna("delete", post)
    with pytest.raises(AssertionError, match="not found"):
        await people.anna("status", post)


async def test_a_picture_travels_with_its_post(people: People, tmp_path: Path) -> None:
    file = tmp_path / "red.png"
    Image.new("RGB", (40, 30), "red").save(file)
    post = await _post(people.kate, "A picture", "--media", str(file), "--description", "a red field")
    shown = json.loads(await people.anna("status", "--json", post))["media_attachments"][0]
    assert shown["description"] == "a red field"
    assert shown["meta"]["original"]["width"] == 40
    assert "/media/de-1/" in shown["url"]  # through the reader's own site


async def test_a_profile_is_changed(people: People, tmp_path: Path) -> None:
    file = tmp_path / "face.jpg"
    Image.new("RGB", (500, 500), "blue").save(file)
    changes = (
        "--display-name",
        "Anna A",
        "--note",
        "Lives by the river",
        "--avatar",
        str(file),
        "--privacy",
        "unlisted",
    )
    await people.anna("update-account", *changes)
    shown = json.loads(await people.ben("whois", "--json", "anna_t"))
    assert (shown["display_name"], shown["note"]) == ("Anna A", "<p>Lives by the river</p>")
    assert "/media/de-1/" in shown["avatar"]
    assert json.loads(await people.anna("post", "--json", "By default"))["visibility"] == "unlisted"


async def test_a_locked_account_decides_who_follows(people: People) -> None:
    await people.ben("update-account", "--locked")
    await people.anna("unfollow", "ben_t")
    await people.anna("follow", "ben_t")
    assert "anna_t" in await people.ben("follow-requests", "list")
    await people.ben("follow-requests", "accept", "anna_t")
    assert "anna_t" in await people.ben("followers", "ben_t")
    await people.ben("update-account", "--no-locked")


async def test_what_does_not_exist_here_is_said_plainly(people: People) -> None:
    assert "no lists" in await people.anna("lists", "list")
    assert "No accounts" in await people.anna("muted")
    with pytest.raises(AssertionError, match="not supported"):
        await people.anna("post", "Which one?", "--poll-option", "this", "--poll-option", "that")
    with pytest.raises(AssertionError, match="not found"):
        await people.anna("block", "ben_t")
