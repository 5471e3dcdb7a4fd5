"""Who takes our text messages: an operator's gateway over HTTP, or in a demonstration a folder at the member's home."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import httpx

from domicile.errors import Unavailable
from domicile.network.verifiers import Contact

PATIENCE_S = 15


class Sender(Protocol):
    """Sends one message. Whoever implements it logs neither the number nor the text."""

    async def send(self, to: Contact, text: str) -> None:
        """Raises Unavailable if the message was not taken."""
        ...


@dataclass(frozen=True, repr=False)
class Gateway:
    """A POST to the operator's own gateway; no redirect is followed. `{number}` and `{text}` in `fields` are filled."""

    url: str
    fields: Mapping[str, str]
    headers: Mapping[str, str]
    body: Literal["json", "form"]

    async def send(self, to: Contact, text: str) -> None:
        """Hand the message to the gateway. Raises Unavailable."""
        filled = {name: _fill(value, to.text, text) for name, value in self.fields.items()}
        sent = {"content": json.dumps(filled), "headers": {"Content-Type": "application/json", **self.headers}}
        if self.body == "form":
            sent = {"data": filled, "headers": dict(self.headers)}
        try:
            async with httpx.AsyncClient(timeout=PATIENCE_S, follow_redirects=False, trust_env=False) as client:
                answer = await client.post(self.url, **sent)  # type: ignore[arg-type]
        except httpx.HTTPError as error:
            raise Unavailable(f"the text message gateway did not answer ({type(error).__name__})") from None
        if not answer.is_success:
            raise Unavailable(f"the text message gateway answered {answer.status_code}")


def make_sender(root: Path, *, folder: bool, url: str | None, **gateway: Any) -> Sender | None:
    """The sender that the settings name: a folder under `root`, the gateway at `url`, or none."""
    if folder:
        return Folder(root)
    return Gateway(url, **gateway) if url else None


def _fill(template: str, number: str, text: str) -> str:
    return text.join(part.replace("{number}", number) for part in template.split("{text}"))


@dataclass(frozen=True)
class Folder:
    """Writes the newest message of each member to a file under their home site's name. For demonstrations only."""

    root: Path

    def file(self, to: Contact) -> Path:
        """Where the newest message to this member lies."""
        return self.root / to.site / f"{to.member}.txt"

    async def send(self, to: Contact, text: str) -> None:
        """Write the message, for the data folder's owner to read."""
        await asyncio.to_thread(self._write, self.file(to), f"To: {to.text}\n\n{text}\n")

    def _write(self, file: Path, text: str) -> None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file.touch(mode=0o600)
            file.write_text(text)
        except OSError as error:
            raise Unavailable(f"the folder of text messages cannot be written ({error.strerror})") from None
