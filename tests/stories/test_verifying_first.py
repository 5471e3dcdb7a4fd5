"""Where a law wants it before the account can be used at all: the account is made, and can only verify, or leave.

On packs made for this: China asks before the account, by a Chinese number; the United States want ages assured.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from domicile.config import load_config
from domicile.errors import InvalidFields, Misconfigured, Unavailable
from domicile.law.compiled import Law
from domicile.law.library import load_packs
from domicile.law.rule import Age, SignUp
from domicile.network.forms import SignUp as Form
from domicile.network.phone_code import open_verifiers
from domicile.network.posts import Draft
from domicile.network.standing import Unverified
from domicile.network.verifiers import load_verifiers
from domicile.placement.embedded import discard
from domicile.wiring import Domicile, open_domicile
from network_at import superuser
from page_browser import Browser

PASSWORD = "a long password"


class Gateway:
    """A gateway for text messages that keeps what it is given; `status` is its answer."""

    def __init__(self) -> None:
        self.taken: list[dict[str, str]] = []
        self.status = 200

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"content-length: (\d+)", head.lower())
        body = await reader.readexactly(int(length[1])) if length else b"{}"
        if self.status == 200:
            self.taken.append(json.loads(body) | {"authorization": re.findall(r"(?i)authorization: (\S+)", head)[0]})
        writer.write(f"HTTP/1.1 {self.status} x\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".encode())
        writer.close()


def stricter_law() -> Law:
    packs = dict(load_packs().packs)
    for place, kind, changes in (
        ("CN", SignUp, {"before": "account", "methods": ("mobile_number:CN",)}),
        ("US", Age, {"evidence": "assurance", "keep": "yes_no", "minimum": 16, "asks": ()}),
    ):
        rules = tuple(
            msgspec.structs.replace(rule, **changes) if isinstance(rule, kind) else rule for rule in packs[place].rule
        )
        packs[place] = msgspec.structs.replace(packs[place], rule=rules)
    return Law(packs)


@pytest.fixture(scope="module")
async def strict(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Domicile, Gateway]]:
    gateway = Gateway()
    server = await asyncio.start_server(gateway.serve, "127.0.0.1", 0)
    sms = {
        "url": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/send",
        "fields": {"to": "{number}", "message": '"{text}" (no reply)'},
        "headers": {"Authorization": "secret"},
    }
    config = load_config(
        data=tmp_path_factory.mktemp("strict") / "data",
        sites="cn,us",
        sms=sms,
        verifiers=["phone_code", "verifier_of_ages:DESK"],
    )
    try:
        async with server, open_domicile(config, law=stricter_law()) as domicile:
            yield domicile, gateway
    finally:
        discard(config.data)


def form(handle: str, country: str) -> Form:
    return Form(username=handle, email=f"{handle}@example.org", password=PASSWORD, country=country)


async def test_nothing_can_be_done_before_but_verifying(strict: tuple[Domicile, Gateway]) -> None:
    domicile, gateway = strict
    member = await domicile.confirmation.sign_up(form("brook", "CN"))
    client = await domicile.access.register_app("App", ["urn:ietf:wg:oauth:2.0:oob"], "read write", None)
    token = await domicile.access.new_token(member, client.client_id, "read write")
    with pytest.raises(Unverified):
        await domicile.access.check_token(token)
    async with Browser(domicile) as browser:
        assert (await browser.log_in("brook", PASSWORD)).status_code == 303
        for path in ("/home", "/public", "/settings", "/@brook", "/oauth/authorize"):
            assert (await browser.get(path)).headers["location"] == "/settings/verify", path
        for path in ("/settings/data", "/settings/rights"):
            assert (await browser.get(path)).status_code == 200, "these rights wait for no verification"
        page = await browser.get("/settings/verify")
        assert "you cannot use your account" in page.text and "messages/" not in page.text
        answer = await browser.send("/settings/verify", page, {"contact": "+4915123456789"})
        assert answer.status_code == 422 and "mobile_number:CN" in answer.text and not gateway.taken
        headers = {"Authorization": f"Bearer {token}"}
        refused = await browser.client.get("/api/v1/accounts/verify_credentials", headers=headers)
        assert refused.status_code == 403 and "verification" in refused.json()["error"]
        body = {"contact": "+8615412345678"}
        answer = await browser.client.post("/api/v1/domicile/verification", headers=headers, json=body)
        assert answer.status_code == 200, answer.text
        (taken,) = gateway.taken
        assert (taken["to"], taken["authorization"]) == ("+8615412345678", "secret")
        assert taken["message"].startswith('"Domicile: ') and taken["message"].endswith('" (no reply)')
        code = re.findall(r"\d{6}", taken["message"])[0]
        answer = await browser.send("/settings/verify/answer", page, {"code": f" {code[:3]} {code[3:]} "})
        assert answer.status_code == 303
        assert (await browser.get("/home")).status_code == 200
    assert (await domicile.access.check_token(token)).member == member
    assert await domicile.posts.write(member, Draft(text="here I am"))
    await domicile.verifications.forget(member, "mobile_number:CN")
    with pytest.raises(Unverified):
        await domicile.access.check_token(token)


@pytest.mark.parametrize("status", [302, 404, 503])
async def test_a_gateway_that_takes_nothing_is_told_without_the_number(
    strict: tuple[Domicile, Gateway], status: int
) -> None:
    domicile, gateway = strict
    member = await domicile.confirmation.sign_up(form(f"weir{status}", "CN"))
    gateway.status = status
    try:
        with pytest.raises(Unavailable, match=f"gateway answered {status}") as raised:
            await domicile.verifications.start(member, "+8615487654321")
    finally:
        gateway.status = 200
    assert "54876" not in raised.value.detail + raised.value.safe


async def test_an_operators_own_verifier_assures_an_age(strict: tuple[Domicile, Gateway]) -> None:
    domicile, _ = strict
    async with Browser(domicile) as browser:
        page = await browser.get("/signup?country=US")
        assert "I am at least 16" in page.text and 'name="date_of_birth"' not in page.text
        typed = {"country": "US", "username": "dell", "email": "dell@example.org", "password": PASSWORD}
        assert (await browser.send("/signup", page, typed)).status_code == 422
        assert (await browser.send("/signup", page, typed | {"of_age": "yes"})).status_code == 303
        assert (await browser.get("/home")).headers["location"] == "/settings/verify"
        page = await browser.get("/settings/verify")
        assert "Your name at the desk" in page.text
        assert (await browser.send("/settings/verify", page, {"contact": "dell"})).status_code == 303
        assert (await browser.send("/settings/verify/answer", page, {"code": "young"})).status_code == 422
        assert (await browser.send("/settings/verify/answer", page, {"code": "old"})).status_code == 303
        assert (await browser.get("/home")).status_code == 200
    member = await domicile.members.find_by_handle("dell")
    (proved,) = (await domicile.verifications.state(member)).verified
    assert (proved.method, proved.valid_until and proved.valid_until.year) == ("age_18", 2100)
    async with superuser(domicile, "us-1") as database:
        (kept,) = await database.run("SELECT minimum, method, rules FROM age_answer WHERE member_id = %s", (member,))
    assert (kept.minimum, kept.method, kept.rules) == (16, "declaration", ["US-COPPA"])


async def test_what_nobody_here_can_prove_closes_the_sign_up(strict: tuple[Domicile, Gateway]) -> None:
    domicile, _ = strict
    able = dict(domicile.verifications.verifiers)
    object.__setattr__(domicile.verifications, "verifiers", {})
    try:
        with pytest.raises(InvalidFields, match="asks for a proof which nobody here can take"):
            await domicile.confirmation.sign_up(form("tarn", "CN"))
    finally:
        object.__setattr__(domicile.verifications, "verifiers", able)


@pytest.mark.parametrize(
    "settings",
    [{"sms": {}}, {"sms": {"folder": True, "url": "https://x.example"}}, {"sms": {"url": "file:///etc/passwd"}}],
)
def test_settings_that_send_nowhere_are_refused(tmp_path: Path, settings: dict[str, object]) -> None:
    with pytest.raises(Misconfigured, match="sms"):
        load_config(data=tmp_path, environment={}, **settings)


@pytest.mark.parametrize("name", ["nobody", "nowhere:verifier", "json:loads", "verifier_of_ages:NOT_A_VERIFIER"])
async def test_a_verifier_that_is_none_is_refused_at_the_start(tmp_path: Path, name: str) -> None:
    with pytest.raises(Misconfigured, match=re.escape(name)):
        load_verifiers([name], {})


async def test_without_a_sender_there_is_no_phone_code(tmp_path: Path) -> None:
    config = load_config(data=tmp_path, environment={}, demo=False)
    assert open_verifiers(config.verifiers, config.title, tmp_path, config.text_messages) == {}
