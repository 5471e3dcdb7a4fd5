"""A browser for the pages: it keeps cookies, follows no redirect by itself, and sends a form's token back."""

import html
import re
from types import TracebackType

import httpx
from litestar import Litestar

from domicile.running import Domicile
from domicile.web.app import make_app

ADDRESS = "http://127.0.0.1:8400"
_apps: dict[int, Litestar] = {}


class Browser:
    def __init__(self, domicile: Domicile) -> None:
        if id(domicile) not in _apps:
            _apps[id(domicile)] = make_app(domicile)
        transport = httpx.ASGITransport(_apps[id(domicile)])
        self.client = httpx.AsyncClient(transport=transport, base_url=ADDRESS)

    async def __aenter__(self) -> "Browser":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.aclose()

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(path)

    async def send(
        self,
        path: str,
        page: httpx.Response,
        fields: dict[str, str],
        files: dict[str, tuple[str, bytes]] | None = None,
    ) -> httpx.Response:
        """Send a form of `page` with these fields filled in."""
        return await self.client.post(path, data={"form_token": hidden(page, "form_token")} | fields, files=files)

    async def log_in(self, login: str, password: str, then: str = "") -> httpx.Response:
        page = await self.get("/login")
        return await self.send("/login", page, {"login": login, "password": password, "next": then})

    def forget(self) -> None:
        """Throw all cookies away."""
        self.client.cookies.clear()


def hidden(page: httpx.Response, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'name="{re.escape(name)}" value="([^"]*)"', page.text)
    assert found is not None, f"no field {name} in the page"
    return html.unescape(found[1])
