"""The library Mastodon.py, as it comes: signing up, the browser's code flow, and the calls that bots and tools make."""

import asyncio
import io
import secrets
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from mastodon import Mastodon
from mastodon.errors import MastodonAPIError, MastodonNotFoundError, MastodonUnauthorizedError
from PIL import Image

from clients_browser import Browser, served
from domicile.running import Domicile
from network_at import make_member

T = TypeVar("T")
PASSWORD = "correct horse battery"
SCOPES = ["read", "write", "follow"]


async def _away(call: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Mastodon.py waits for its answers, so it does that in a thread."""
    return await asyncio.to_thread(call, *args, **kwargs)


@pytest.fixture(scope="module")
async def server(domicile: Domicile) -> AsyncIterator[str]:
    async with served(domicile) as address:
        yield address


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    return session


async def _client(server: str, **more: Any) -> Mastodon:
    client_id, secret = await _away(
        Mastodon.create_app, "story", scopes=SCOPES, api_base_url=server, session=_session(), **more
    )
    return Mastodon(client_id, secret, api_base_url=server, session=_session(), ratelimit_method="throw")


async def _joined(server: str) -> Mastodon:
    """Somebody who signed up through the library; it cannot name a country."""
    client = await _client(server)
    handle = f"py_{secrets.token_hex(5)}"
    await _away(
        client.create_account, handle, PASSWORD, f"{handle}@example.org", agreement=True, scopes=["read", "write"]
    )
    return client


async def test_signing_up_gives_a_token_that_works_at_once(server: str) -> None:
    client = await _joined(server)
    me = await _away(client.account_verify_credentials)
    assert me.username.startswith("py_") and me.source.privacy == "public"
    assert (await _away(client.app_verify_credentials)).name == "story"
    assert (await _away(client.account_lookup, me.acct)).id == me.id
    assert (await _away(client.preferences))["posting:default:visibility"] == "public"


async def test_a_sign_up_that_is_refused_says_which_field_is_wrong(server: str) -> None:
    client = await _client(server)
    token, error = await _away(
        client.create_account,
        "not a handle",
        "short",
        "nowhere",
        agreement=True,
        scopes=SCOPES,
        return_detailed_error=True,
    )
    assert token is None
    assert {"username", "password", "email"} <= set(error.details)


@pytest.mark.parametrize("redirect", ["urn:ietf:wg:oauth:2.0:oob", "https://app.example/back?kept=1"])
async def test_logging_in_by_the_browser_and_out_again(domicile: Domicile, server: str, redirect: str) -> None:
    handle = f"lee_{secrets.token_hex(4)}"
    await make_member(domicile, "RU", handle=handle, password=PASSWORD)
    client = await _client(server, redirect_uris=redirect)
    address = await _away(client.auth_request_url, redirect_uris=redirect, scopes=SCOPES, skip_server_info=True)
    async with Browser(server) as browser:
        answer = await browser.let_app_in(address.removeprefix(server), handle, PASSWORD)
    code = parse_qs(urlsplit(answer).query)["code"][0] if "://" in answer else answer
    log_in = {"code": code, "redirect_uri": redirect, "scopes": SCOPES, "allow_http": True}
    await _away(client.log_in, **log_in)
    assert (await _away(client.account_verify_credentials)).username == handle
    with pytest.raises((MastodonAPIError, ValueError)):  # a code is good once, and used twice it takes its tokens along
        again = Mastodon(client.client_id, client.client_secret, api_base_url=server, session=_session())
        await _away(again.log_in, **log_in)
    with pytest.raises(MastodonUnauthorizedError):
        await _away(client.account_verify_credentials)


async def test_revoking_a_token_ends_it(server: str) -> None:
    client = await _joined(server)
    token = client.access_token
    await _away(client.revoke_access_token, allow_http=True)
    client.access_token = token
    with pytest.raises(MastodonUnauthorizedError):
        await _away(client.account_verify_credentials)


async def test_following_posting_and_reading(server: str) -> None:
    one, two = await _joined(server), await _joined(server)
    me, you = await _away(one.me), await _away(two.me)
    assert (await _away(one.account_follow, you.id)).following
    assert (await _away(one.account_relationships, [you.id]))[0].following
    assert [a.id for a in await _away(two.account_followers, you.id)] == [me.id]
    post = await _away(two.status_post, f"Hello @{me.acct} #greeting", visibility="private", spoiler_text="A greeting")
    assert (await _away(one.timeline_home))[0].id == post.id
    answer = await _away(one.status_post, "And hello to you", in_reply_to_id=post)
    context = await _away(two.status_context, post)
    assert [found.id for found in context.descendants] == [answer.id]
    assert (await _away(one.status_favourite, post)).favourited
    kinds = {notice.type for notice in await _away(two.notifications)}
    assert kinds == {"follow", "favourite"}
    assert [notice.type for notice in await _away(one.notifications, types=["mention"])] == ["mention"]
    assert await _away(one.account_unfollow, you.id)


async def test_paging_forwards_and_back_misses_nothing(server: str) -> None:
    client = await _joined(server)
    me = await _away(client.me)
    posts = [(await _away(client.status_post, f"Number {number}")).id for number in range(7)]
    first = await _away(client.account_statuses, me.id, limit=3)
    everything = await _away(client.fetch_remaining, first)
    assert [post.id for post in everything] == posts[::-1]
    back = await _away(client.account_statuses, me.id, limit=3, min_id=posts[1])
    assert [post.id for post in back] == [posts[4], posts[3], posts[2]]
    newest = await _away(client.account_statuses, me.id, limit=3, since_id=posts[1])
    assert [post.id for post in newest] == [posts[6], posts[5], posts[4]]
    before = everything[-1].created_at - timedelta(minutes=1)
    assert list(await _away(client.account_statuses, me.id, max_id=before)) == []
    for post in posts[:3]:
        await _away(client.status_bookmark, post)
    page = await _away(client.bookmarks, limit=2)
    assert [post.id for post in await _away(client.fetch_remaining, page)] == posts[2::-1]


async def test_a_post_is_edited_and_deleted_and_never_doubled(server: str) -> None:
    client = await _joined(server)
    post = await _away(client.status_post, "First words", idempotency_key="once")
    assert (await _away(client.status_post, "First words", idempotency_key="once")).id == post.id
    edited = await _away(client.status_update, post, "Second words")
    assert "Second words" in edited.content and edited.edited_at is not None
    assert (await _away(client.status_source, post)).text == "Second words"
    assert len(await _away(client.status_history, post)) == 1
    assert (await _away(client.status_delete, post)).text == "Second words"
    with pytest.raises(MastodonNotFoundError):
        await _away(client.status, post)


async def test_pictures_and_profile(server: str) -> None:
    client = await _joined(server)
    file = io.BytesIO()
    Image.new("RGB", (64, 48), "green").save(file, "PNG")
    media = await _away(client.media_post, file.getvalue(), mime_type="image/png", description="green")
    assert media.meta.original.width == 64
    assert (await _away(client.media_update, media, description="a meadow")).description == "a meadow"
    post = await _away(client.status_post, "Look", media_ids=[media])
    assert post.media_attachments[0].description == "a meadow"
    path = post.media_attachments[0].url.partition("/media/")[2]
    served = await _away(_session().get, f"{server}/media/{path}")
    assert served.headers["content-type"] == "image/png" and served.headers["cache-control"] == "private, no-store"
    forged = await _away(_session().get, f"{server}/media/{path[:-1]}{'A' if path[-1] != 'A' else 'B'}")
    assert forged.status_code == 404
    fields = [("Pronouns", "they"), ("Place", "by the sea")]
    me = await _away(
        client.account_update_credentials,
        display_name="Robin",
        note="hello",
        fields=fields,
        avatar=file.getvalue(),
        avatar_mime_type="image/png",
        locked=True,
    )
    assert (me.display_name, me.locked, [f.name for f in me.fields]) == ("Robin", True, ["Pronouns", "Place"])


async def test_what_is_not_offered_is_empty_or_refused(server: str) -> None:
    client = await _joined(server)
    for nothing in (
        client.lists,
        client.mutes,
        client.blocks,
        client.filters_v2,
        client.custom_emojis,
        client.trending_tags,
    ):
        assert list(await _away(nothing)) == []
    with pytest.raises(MastodonAPIError, match="Method not allowed"):
        await _away(client.list_create, "friends")
    with pytest.raises(MastodonAPIError, match="not supported"):
        await _away(client.status_post, "Which?", poll=client.make_poll(["this", "that"], 3600))


async def test_the_instance_tells_its_limits(server: str) -> None:
    client = await _away(Mastodon, api_base_url=server, session=_session(), version_check_mode="created")
    instance = await _away(client.instance_v2)
    assert instance.configuration.statuses.max_characters == 500
    assert instance.version.startswith("4.5.0 (compatible; Domicile")
    assert (await _away(client.instance_nodeinfo)).software.name == "domicile"
