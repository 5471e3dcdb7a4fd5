"""A member takes everything with them: one archive, complete, readable, and of nobody else."""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import pytest

from domicile.ids import MemberId
from domicile.network.posts import Draft
from domicile.network.profiles import ProfileChange
from domicile.running import Domicile
from network_at import MakeMember
from pictures import picture


async def export(domicile: Domicile, member: MemberId) -> zipfile.ZipFile:
    out = io.BytesIO()
    await domicile.archives.write(member, out)
    return zipfile.ZipFile(out)


def read(packed: zipfile.ZipFile, name: str) -> Any:
    return json.loads(packed.read(name))


@pytest.fixture
async def exported(domicile: Domicile, member: MakeMember) -> AsyncIterator[tuple[zipfile.ZipFile, MemberId]]:
    anna = await member("US", handle="anna_takes_all", email="anna.takes@example.org", password="a long password")
    ben, stranger = await member("US", handle="ben_stays"), await member("US")
    await domicile.profiles.change(anna, ProfileChange(display_name="Anna <b>", note="I write"))
    shown = await domicile.media.upload(anna, picture(90), "a field")
    theirs = await domicile.posts.write(ben, Draft(text="Ben's own words"))
    await domicile.posts.write(anna, Draft(text="with a <picture>", pictures=[shown.media_id]))
    await domicile.posts.write(anna, Draft(text="an answer", reply_to=theirs.id))
    await domicile.posts.write(anna, Draft(text="a secret for @ben_stays", visibility="direct"))
    await domicile.posts.write(stranger, Draft(text="somebody else's"))
    await domicile.follows.follow(anna, ben)
    await domicile.reactions.react(anna, theirs.id, "favourite")
    await domicile.reactions.react(anna, theirs.id, "bookmark")
    yield await export(domicile, anna), anna
    await domicile.erasure.erase(anna)
    await domicile.erasure.erase(ben)


async def test_every_row_is_there_with_sealed_values_opened_and_no_key(
    exported: tuple[zipfile.ZipFile, MemberId], domicile: Domicile
) -> None:
    packed, anna = exported
    manifest = read(packed, "manifest.json")
    assert manifest["member"] == str(anna)
    for owned in domicile.ownership.owned:
        query = f"SELECT count(*) AS n FROM {owned.name} WHERE {owned.owner} = %s"
        held = (await domicile.sites[manifest["home"]].importer.run(query, (anna,)))[0].n
        if owned.name == "vault.data_key":
            assert f"data/{owned.name}.json" not in packed.namelist()
        else:
            assert len(read(packed, f"data/{owned.name}.json")) == held == manifest["rows"][owned.name]
    (credential,) = read(packed, "data/vault.credential.json")
    assert credential["email"] == "anna.takes@example.org"
    assert "password_hash" not in credential
    assert "a secret for" in json.dumps(read(packed, "data/vault.direct_text.json"))


async def test_the_manifest_lists_the_digest_of_every_file(exported: tuple[zipfile.ZipFile, MemberId]) -> None:
    packed, _ = exported
    digests = read(packed, "manifest.json")["sha256"]
    assert set(digests) == set(packed.namelist()) - {"manifest.json"}
    assert all(hashlib.sha256(packed.read(name)).hexdigest() == digest for name, digest in digests.items())


async def test_another_server_can_take_the_lists_in(exported: tuple[zipfile.ZipFile, MemberId]) -> None:
    packed, _ = exported
    follows = list(csv.DictReader(io.StringIO(packed.read("following_accounts.csv").decode())))
    assert [row["Account address"].split("@")[0] for row in follows] == ["ben_stays"]
    assert list(follows[0]) == ["Account address", "Show boosts", "Notify on new posts", "Languages"]
    (bookmark,) = csv.reader(io.StringIO(packed.read("bookmarks.csv").decode()))
    assert read(packed, "likes.json")["orderedItems"] == read(packed, "bookmarks.json")["orderedItems"] == bookmark


async def test_the_outbox_is_activitystreams_with_pictures_and_answers(
    exported: tuple[zipfile.ZipFile, MemberId],
) -> None:
    packed, _ = exported
    outbox = read(packed, "outbox.json")
    notes = [activity["object"] for activity in outbox["orderedItems"]]
    assert outbox["totalItems"] == len(notes) == 3
    assert [note["visibility"] for note in notes] == ["public", "public", "direct"]
    assert packed.read(notes[0]["attachment"][0]["url"]).startswith(b"\x89PNG")
    assert "/@ben_stays/" in notes[1]["inReplyTo"]
    assert "a secret" in notes[2]["content"]


async def test_the_page_shows_words_as_words_and_the_archive_holds_nobody_else(
    exported: tuple[zipfile.ZipFile, MemberId],
) -> None:
    packed, _ = exported
    page = packed.read("index.html").decode()
    assert "Anna &lt;b&gt;" in page
    assert "&lt;picture&gt;" in page
    everything = b"".join(packed.read(name) for name in packed.namelist())
    assert b"somebody else's" not in everything
    assert b"Ben's own words" not in everything
