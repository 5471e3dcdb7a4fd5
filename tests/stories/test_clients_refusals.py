"""What a client is refused, and how it is told: OAuth, scopes, bodies, headers, and pages with something missing."""

import base64
import hashlib
import secrets
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from clients_browser import Browser, served
from domicile.errors import Unavailable
from domicile.ids import MemberId
from domicile.running import Domicile
from network_at import make_member

PASSWORD = "correct horse battery"
BACK = "https://app.example/back"
VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture(scope="module")
async def client(domicile: Domicile) -> AsyncIterator[httpx.AsyncClient]:
    async with served(domicile) as server, httpx.AsyncClient(base_url=server, trust_env=False) as found:
        yield found


async def _app(client: httpx.AsyncClient, scopes: str = "read write") -> dict[str, Any]:
    form = {"client_name": "app", "redirect_uris": [BACK], "scopes": scopes}
    return dict((await client.post("/api/v1/apps", json=form)).json())


async def _bearer(domicile: Domicile, client: httpx.AsyncClient, member: MemberId, scopes: str) -> dict[str, str]:
    app = await _app(client, scopes)
    return {"Authorization": f"Bearer {await domicile.access.new_token(member, app['client_id'], scopes)}"}


async def _code(domicile: Domicile, client: httpx.AsyncClient, app: dict[str, Any], **more: str) -> str:
    handle = f"kim_{secrets.token_hex(4)}"
    await make_member(domicile, "DE", handle=handle, password=PASSWORD)
    asked = {"response_type": "code", "client_id": app["client_id"], "redirect_uri": BACK, "scope": "read", **more}
    async with Browser(str(client.base_url)) as browser:
        return await browser.let_app_in(f"/oauth/authorize?{urlencode(asked)}", handle, PASSWORD)


async def _exchange(client: httpx.AsyncClient, app: dict[str, Any], code: str, **more: str) -> httpx.Response:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, **more}
    return await client.post("/oauth/token", data=form, auth=(app["client_id"], app["client_secret"]))


async def test_a_code_needs_the_verifier_that_it_was_asked_with(domicile: Domicile, client: httpx.AsyncClient) -> None:
    app = await _app(client)
    proof = {"code_challenge": CHALLENGE, "code_challenge_method": "S256", "state": "a b&c"}
    answer = parse_qs(urlsplit(await _code(domicile, client, app, **proof)).query)
    assert answer["state"] == ["a b&c"]
    good = await _exchange(client, app, answer["code"][0], code_verifier=VERIFIER)
    assert good.status_code == 200 and good.json()["scope"] == "read" and good.json()["token_type"] == "Bearer"
    for wrong in ({}, {"code_verifier": "w" * 50}):
        answer = parse_qs(urlsplit(await _code(domicile, client, app, **proof)).query)
        refused = await _exchange(client, app, answer["code"][0], **wrong)
        assert refused.status_code == 400 and refused.json()["error"] in ("invalid_request", "invalid_grant")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"client_id": "nobody"}, 401),
        ({"redirect_uri": "https://evil.example/"}, 400),
        ({"redirect_uri": "javascript:alert(1)"}, 400),
        ({"response_type": "token"}, 302),
        ({"scope": "read admin:write"}, 302),
        ({"scope": "write push"}, 302),
        ({"code_challenge": CHALLENGE, "code_challenge_method": "plain"}, 302),
        ({"code_challenge": CHALLENGE}, 302),
        ({"state": "a\nb"}, 400),
    ],
)
async def test_a_wrong_request_is_refused_here_or_at_the_app_it_came_from(
    client: httpx.AsyncClient, change: dict[str, str], status: int
) -> None:
    app = await _app(client)
    asked = {"response_type": "code", "client_id": app["client_id"], "redirect_uri": BACK, "scope": "read"} | change
    answer = await client.get(f"/oauth/authorize?{urlencode(asked)}")
    assert answer.status_code == status
    if status == 302:
        assert answer.headers["location"].startswith(f"{BACK}?error=")


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"grant_type": "client_credentials"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials", "client_secret": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "authorization_code", "client_secret": "", "code": "1.x"}, 400, "invalid_grant"),
        ({"grant_type": "password", "client_secret": "", "username": "a", "password": "b"}, 400, "unauthorized_client"),
        ({"grant_type": "magic", "client_secret": ""}, 400, "unsupported_grant_type"),
        ({"grant_type": "client_credentials", "client_secret": "", "scope": "push"}, 400, "invalid_scope"),
    ],
)
async def test_a_token_is_refused_in_the_words_of_the_standard(
    client: httpx.AsyncClient, form: dict[str, str], status: int, error: str
) -> None:
    app = await _app(client)
    secret = {"client_secret": form["client_secret"] or app["client_secret"]} if "client_secret" in form else {}
    answer = await client.post("/oauth/token", data={"client_id": app["client_id"]} | form | secret)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["error_description"]


async def test_a_scope_that_was_not_given_is_not_used(domicile: Domicile, client: httpx.AsyncClient) -> None:
    bearer = await _bearer(domicile, client, await make_member(domicile, "DE"), "read:statuses")
    assert (await client.get("/api/v1/timelines/home", headers=bearer)).status_code == 200
    refused = await client.post("/api/v1/statuses", headers=bearer, json={"status": "no"})
    assert refused.status_code == 403 and refused.json() == {"error": "This action is outside the authorized scopes"}
    stranger = await client.get("/api/v1/timelines/home", headers={"Authorization": "Bearer nonsense"})
    assert stranger.status_code == 401 and stranger.json() == {"error": "The access token is invalid"}


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b'{"status": ', "application/json", 400),
        (b"[1]", "application/json", 422),
        (b'{"status": {"a": 1}}', "application/json", 422),
        (b'{"status": "\\u0000"}', "application/json", 400),
        (b"status=%FF", "application/x-www-form-urlencoded", 400),
        (b"status=%00", "application/x-www-form-urlencoded", 400),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x", 400),
        (b"status=a", "multipart/form-data", 400),
        (b"<a/>", "text/xml", 415),
        (b"status=" + b"a" * (1 << 20), "application/x-www-form-urlencoded", 413),
        (b"[" * 50_000, "application/json", 400),
        (b"status=ok&language=klingonese", "application/x-www-form-urlencoded", 422),
        (b"status=ok&media_ids[]=x", "application/x-www-form-urlencoded", 422),
        (b"status=ok&visibility=secret", "application/x-www-form-urlencoded", 422),
        (b"status=ok&in_reply_to_id=12", "application/x-www-form-urlencoded", 404),
        (b"status=ok&scheduled_at=2030-01-01", "application/x-www-form-urlencoded", 422),
    ],
)
async def test_what_cannot_be_read_changes_nothing(
    domicile: Domicile, client: httpx.AsyncClient, content: bytes, kind: str, status: int
) -> None:
    bearer = await _bearer(domicile, client, await make_member(domicile, "DE"), "read write")
    answer = await client.post("/api/v1/statuses", headers=bearer | {"Content-Type": kind}, content=content)
    assert answer.status_code == status and answer.json()["error"]
    assert (await client.get("/api/v1/timelines/home", headers=bearer)).json() == []


async def test_unknown_addresses_and_methods_answer_clients_in_json_and_people_with_a_page(
    client: httpx.AsyncClient,
) -> None:
    assert (await client.get("/api/v9/nothing")).json() == {"error": "Record not found"}
    wrong = await client.delete("/api/v1/timelines/home")
    assert wrong.status_code == 405 and wrong.json() == {"error": "Method not allowed"}
    page = await client.get("/one/two/three/four")
    assert page.status_code == 404 and page.headers["content-type"].startswith("text/html")


async def test_apps_in_browsers_may_call_and_read_the_headers_they_need(client: httpx.AsyncClient) -> None:
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    for path in ("/api/v1/statuses", "/oauth/token", "/.well-known/nodeinfo"):
        allowed = await client.options(path, headers=asked)
        assert allowed.status_code < 300 and allowed.headers["access-control-allow-origin"] == "*"
        assert "Authorization" in allowed.headers["access-control-allow-headers"]
    shown = await client.get("/api/v1/timelines/public")
    assert {"Link", "X-Domicile-Incomplete"} <= set(shown.headers["access-control-expose-headers"].split(", "))
    assert "access-control-allow-origin" not in (await client.get("/")).headers
    for path in ("/", "/api/v1/instance", "/nowhere/at/all"):
        answer = await client.get(path)
        assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["referrer-policy"]
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


async def test_a_page_says_that_something_is_missing_but_not_where(
    domicile: Domicile, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, abroad = await make_member(domicile, "DE"), await make_member(domicile, "US")
    await domicile.follows.follow(reader, abroad)
    bearer = await _bearer(domicile, client, reader, "read")
    whole = await client.get("/api/v1/timelines/home", headers=bearer)
    assert "x-domicile-incomplete" not in whole.headers

    async def cut_off(*asked: object) -> None:
        raise Unavailable("cut off")

    monkeypatch.setattr(type(domicile.exchange), "ask", cut_off)
    answer = await client.get("/api/v1/timelines/home", headers=bearer)
    assert answer.status_code == 200 and answer.headers["x-domicile-incomplete"] == "1"
    assert "us-1" not in f"{answer.headers}{answer.text}"


async def test_the_page_of_the_api_loads_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    page = (await client.get("/docs")).text
    assert "/api/v1/timelines/home" in page and "https://" not in page
