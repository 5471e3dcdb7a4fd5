"""What clients need beside themselves: a browser to log in with, and a server that knows its address."""

import asyncio
import contextlib
import dataclasses
import html
import re
import socket
from collections.abc import AsyncIterator, Iterator
from types import TracebackType

import httpx
import msgspec
import uvicorn

from domicile.running import Domicile
from domicile.web.app import make_app

MOST_REDIRECTS = 10
_FORM = re.compile(r'<form method="post" action="(?P<action>[^"]+)".*?</form>', re.DOTALL)
_INPUT = re.compile(r"<input[^>]*>")
_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')


class Browser:
    """Cookies, pages and forms; nothing of it knows how the server works inside."""

    def __init__(self, server: str) -> None:
        self.client = httpx.AsyncClient(base_url=server, follow_redirects=False, trust_env=False)

    async def __aenter__(self) -> "Browser":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.aclose()

    async def open(self, address: str) -> httpx.Response:
        """Open a page, going wherever it sends us within the server."""
        return await self._follow(await self.client.get(address))

    async def send(self, page: httpx.Response, action: str, **filled: str) -> httpx.Response:
        """Fill the page's form that goes to `action`, and send it."""
        form = next(found for found in _FORM.finditer(page.text) if found["action"] == action)
        values = {}
        for tag in _INPUT.findall(form[0]):
            attributes = {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(tag)}
            if attributes.get("type") == "hidden":
                values[attributes["name"]] = attributes["value"]
        return await self._follow(await self.client.post(action, data=values | filled))

    async def _follow(self, response: httpx.Response) -> httpx.Response:
        for _ in range(MOST_REDIRECTS):
            if not (response.is_redirect and response.headers["location"].startswith("/")):
                return response
            response = await self.client.get(response.headers["location"])
        raise AssertionError("the pages send a browser round in circles")

    async def let_app_in(self, address: str, login: str, password: str) -> str:
        """Log in where an app sent us, let it in, and come back with the code or the address it is sent to."""
        page = await self.open(address)
        if 'action="/login"' in page.text:
            page = await self.send(page, "/login", login=login, password=password)
        answer = await self.send(page, "/oauth/authorize", answer="authorize")
        if answer.is_redirect:
            return answer.headers["location"]
        found = re.search(r'class="oauth-code">([^<]+)<', answer.text)
        assert found, "the page shows no code"
        return html.unescape(found[1])


class _Served(uvicorn.Server):
    """uvicorn, without its hands on the signals of the test run."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def served(domicile: Domicile) -> AsyncIterator[str]:
    """The network on a loopback port that it knows as its own address: clients go where the server's metadata say."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        known = dataclasses.replace(domicile, config=msgspec.structs.replace(domicile.config, port=port))
        settings = uvicorn.Config(make_app(known), log_level="warning", access_log=False, ws="none")
        server = _Served(settings)
        running = asyncio.create_task(server.serve([listening]))
        while not server.started and not running.done():  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        await running
