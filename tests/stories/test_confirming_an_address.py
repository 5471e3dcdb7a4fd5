"""Where the operator asks for it, a new member confirms their e-mail address before they can do anything."""

import asyncio
import email
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from domicile.config import load_config
from domicile.errors import InvalidInput, Misconfigured, NotPermitted, Unavailable
from domicile.network.forms import SignUp
from domicile.network.members import Unconfirmed
from domicile.placement.embedded import discard
from domicile.running import Domicile
from domicile.web.app import make_app
from domicile.wiring import open_domicile

PASSWORD = "a long password"


class LetterBox:
    """A mail server that keeps what it is given (RFC 5321, as far as smtplib asks)."""

    def __init__(self) -> None:
        self.letters: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 box\r\n")
        while line := (await reader.readline()).upper():
            if line.startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
                self.letters.append((await reader.readuntil(b"\r\n.\r\n")).decode())
            writer.write(b"221 bye\r\n" if line.startswith(b"QUIT") else b"250 well\r\n")
            if line.startswith(b"QUIT"):
                break
        writer.close()

    def link(self) -> str:
        """The token of the link in the newest letter."""
        text = email.message_from_string(self.letters[-1]).get_payload(decode=True)
        assert isinstance(text, bytes)
        found = re.search(r"/confirm/(\S+)", text.decode())
        assert found is not None
        return found.group(1)


@pytest.fixture(scope="module")
async def box() -> AsyncIterator[tuple[LetterBox, int]]:
    box = LetterBox()
    server = await asyncio.start_server(box.serve, "127.0.0.1", 0)
    async with server:
        yield box, server.sockets[0].getsockname()[1]


@pytest.fixture(scope="module")
async def asking(
    box: tuple[LetterBox, int], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Domicile, LetterBox]]:
    mail = {"host": "127.0.0.1", "port": box[1], "sender": "domicile@example.org"}
    config = load_config(data=tmp_path_factory.mktemp("asking") / "data", sites="de,us", confirm_email=True, mail=mail)
    try:
        async with open_domicile(config) as domicile:
            yield domicile, box[0]
    finally:
        discard(config.data)


def form(handle: str) -> SignUp:
    return SignUp(username=handle, email=f"{handle}@example.org", password=PASSWORD, country="US")


async def test_nothing_can_be_done_before_the_link_is_opened(asking: tuple[Domicile, LetterBox]) -> None:
    domicile, box = asking
    member = await domicile.confirmation.sign_up(form("brook"))
    assert "To: brook@example.org" in box.letters[-1]
    token = await domicile.access.new_token(member, "app", "read")
    with pytest.raises(NotPermitted, match="not confirmed"):
        await domicile.access.check_token(token)
    with pytest.raises(Unconfirmed):
        await domicile.members.check_log_in("brook", PASSWORD)
    assert await domicile.confirmation.confirm(box.link()) == member
    assert (await domicile.access.check_token(token)).member == member
    assert await domicile.members.check_log_in("brook", PASSWORD) == member


async def test_a_link_that_is_not_ours_or_has_run_out_confirms_nothing(asking: tuple[Domicile, LetterBox]) -> None:
    domicile, box = asking
    member = await domicile.confirmation.sign_up(form("weir"))
    link = box.link()
    for wrong in (link[:-2] + "xx", "", "1.2.3", link.replace(str(member), "1"), "ü" * 50):
        with pytest.raises(InvalidInput):
            await domicile.confirmation.confirm(wrong)
    claim = f"{member}.1000000000"
    with pytest.raises(InvalidInput, match="run out"):
        await domicile.confirmation.confirm(f"{claim}.{domicile.access.sign(f'confirm {claim}')}")
    with pytest.raises(Unconfirmed):
        await domicile.members.check_log_in("weir", PASSWORD)


async def test_the_pages_lead_through_it(asking: tuple[Domicile, LetterBox]) -> None:
    domicile, box = asking
    await domicile.confirmation.sign_up(form("dell"))
    transport = httpx.ASGITransport(app=make_app(domicile))
    async with httpx.AsyncClient(transport=transport, base_url=domicile.config.url) as browser:
        page = (await browser.get("/login")).text
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
        sent = len(box.letters)
        answer = await browser.post("/login", data=hidden | {"login": "dell", "password": PASSWORD})
        assert "One more step" in answer.text and len(box.letters) == sent + 1
        assert "Your address is confirmed" in (await browser.get(f"/confirm/{box.link()}")).text
        assert (await browser.get("/confirm/rubbish")).status_code == 422
        answer = await browser.post("/login", data=hidden | {"login": "dell", "password": PASSWORD})
        assert answer.status_code in (302, 303)


async def test_a_mail_server_that_is_away_is_told_and_can_be_tried_again(asking: tuple[Domicile, LetterBox]) -> None:
    domicile, box = asking
    port = domicile.confirmation.post.port if domicile.confirmation.post else 0
    object.__setattr__(domicile.confirmation.post, "port", 1)
    with pytest.raises(Unavailable, match="mail server"):
        await domicile.confirmation.sign_up(form("tarn"))
    object.__setattr__(domicile.confirmation.post, "port", port)
    with pytest.raises(Unconfirmed) as raised:
        await domicile.members.check_log_in("tarn", PASSWORD)
    await domicile.confirmation.send_link(raised.value.member)
    assert await domicile.confirmation.confirm(box.link()) == raised.value.member


def test_confirmation_without_a_mail_server_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="mail"):
        load_config(data=tmp_path, environment={}, confirm_email=True)
