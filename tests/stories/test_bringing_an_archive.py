"""A member sends what they wrote elsewhere by a page, and the operator by a command; both say what became of it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from archives_of_others import mastodon_files, tarred, twitter_files, zipped
from domicile.cli.main import app
from domicile.ids import MemberId
from domicile.placement.embedded import Embedded, discard
from domicile.running import Domicile
from network_at import make_member, network_at
from page_browser import Browser

PAGE = "/settings/rights/import"
PASSWORD = "a long password"


@pytest.fixture(scope="module")
async def network(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Domicile]:
    async with network_at(tmp_path_factory.mktemp("archives") / "data", sites="de,us") as domicile:
        yield domicile


@contextlib.asynccontextmanager
async def fern_at(domicile: Domicile) -> AsyncIterator[tuple[Browser, MemberId]]:
    fern = await make_member(domicile, "DE", handle="fern_of_weir", password=PASSWORD)
    async with Browser(domicile) as browser:
        await browser.log_in("fern_of_weir", PASSWORD)
        yield browser, fern
    await domicile.erasure.erase(fern)


async def finished(browser: Browser) -> httpx.Response:
    for _ in range(300):
        page = await browser.get(PAGE)
        if 'http-equiv="refresh"' not in page.text:
            return page
        await asyncio.sleep(0.1)
    raise AssertionError("the import does not end")


def lies_nowhere(domicile: Domicile) -> bool:
    """No upload is left in any site's store, nor in the data folder."""
    stores = [entry for site in domicile.sites.values() if site.media.exists() for entry in site.media.iterdir()]
    return all(entry.name.isdigit() for entry in stores)


async def test_a_member_sends_a_file_and_reads_what_became_of_it(network: Domicile) -> None:
    async with fern_at(network) as (browser, fern):
        page = await browser.get(PAGE)
        assert "Send a file" in page.text and "2048 MiB" in page.text
        sent = await browser.send(
            PAGE, page, {"widest": "private"}, {"archive": ("a.tar.gz", tarred(mastodon_files()).read())}
        )
        assert (sent.status_code, sent.headers["location"]) == (303, PAGE)
        done = await finished(browser)
        assert "7 posts, 1 pictures" in done.text and "somebody else&#39;s post that was shown on" in done.text
        posts = await network.sites["de-1"].importer.run("SELECT visibility FROM post WHERE author_id = %s", (fern,))  # type: ignore[index]
        assert sorted(row.visibility for row in posts) == [2] * 6 + [3]
        again = await browser.send(PAGE, done, {}, {"archive": ("b.zip", zipped(mastodon_files()).read())})
        assert again.status_code == 303 and "7 posts were there already" in (await finished(browser)).text
        assert lies_nowhere(network)


async def test_what_cannot_be_read_is_said_on_the_page_and_nothing_personal_is_logged(network: Domicile) -> None:
    async with fern_at(network) as (browser, _):
        page = await browser.get(PAGE)
        with capture_logs() as logs:
            await browser.send(PAGE, page, {}, {"archive": ("heron-at-the-weir.zip", b"PK\x03\x04 heron at the weir")})
            said = (await finished(browser)).text
        assert "It ended early" in said and "ZIP file is broken" in said
        assert "heron" not in json.dumps(logs, default=str)
        assert lies_nowhere(network)


async def test_a_form_without_its_token_a_file_or_a_right_wish_is_refused_before_anything_is_kept(
    network: Domicile,
) -> None:
    async with fern_at(network) as (browser, _):
        page = await browser.get(PAGE)
        archive = {"archive": ("a.zip", zipped(mastodon_files()).read())}
        assert (await browser.client.post(PAGE, data={"form_token": "no"}, files=archive)).status_code == 403
        assert (await browser.client.post(PAGE, files=archive)).status_code == 403
        assert (await browser.send(PAGE, page, {})).status_code == 415
        assert (await browser.send(PAGE, page, {}, {"archive": ("", b"")})).status_code == 422
        assert (await browser.send(PAGE, page, {"widest": "everybody"}, archive)).status_code == 422
        broken = await browser.client.post(
            PAGE, content=b"--x\r\nnothing", headers={"Content-Type": "multipart/form-data; boundary=x"}
        )
        assert broken.status_code == 400
        assert "Send a file" in (await browser.get(PAGE)).text and lies_nowhere(network)
        browser.forget()
        assert (await browser.get(PAGE)).headers["location"].startswith("/login")


async def test_a_file_larger_than_the_operator_allows_is_refused_while_it_arrives(network: Domicile) -> None:
    async with fern_at(network) as (browser, _):
        page, limits = await browser.get(PAGE), network.config.limits
        before = limits.archive_bytes
        msgspec.structs.force_setattr(limits, "archive_bytes", 1 << 20)
        try:
            sent = await browser.send(PAGE, page, {}, {"archive": ("a.zip", b"x" * (3 << 20))})
        finally:
            msgspec.structs.force_setattr(limits, "archive_bytes", before)
        assert sent.status_code == 413 and "larger than 1 MiB" in sent.text and lies_nowhere(network)


def command(data: Path, *words: str, expect: int = 0) -> Any:
    done = CliRunner().invoke(app, ["member", *words, "--data", str(data), "--json"])
    assert done.exit_code == expect, done.output
    return json.loads(done.stdout)


def test_the_command_says_the_same_and_its_exit_code_tells_bad_files(tmp_path: Path) -> None:
    data, archive, noise = tmp_path / "data", tmp_path / "twitter.zip", tmp_path / "noise.zip"
    archive.write_bytes(zipped(twitter_files()).read())
    noise.write_bytes(archive.read_bytes()[:500])
    try:
        with Embedded.start(data, ["de-1", "hub"]):
            (data / "network.toml").write_text('sites = ["de-1"]\n')
            command(data, "add", "--handle", "fern", "--email", "fern@example.org", "--country", "DE")
            dry = command(data, "import", "fern", str(archive), "--dry-run")
            assert (dry["posts"], dry["dry_run"]) == (6, True)
            wet = command(data, "import", "fern", str(archive))
            assert (wet["posts"], wet["media"], wet["kind"], wet["known"]) == (6, 1, "twitter", 0)
            boosts = next(entry for entry in wet["skipped"] if entry["reason"] == "boost")
            assert (boosts["what"], boosts["count"]) == ("post", 1) and "somebody else" in boosts["words"]
            assert command(data, "import", "fern", str(archive))["known"] == 6
            assert command(data, "import", "fern", str(noise), expect=2)["ok"] is False
    finally:
        discard(data)
