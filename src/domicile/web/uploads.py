"""One large file of a form, written where the caller says while it arrives: never whole in memory, never elsewhere.

The form's other fields come first and are small. They are shown to `admit` before a byte of the file is kept.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from litestar.connection import Request
from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    ParserLimitReached,
    PushMultipartParser,
    parse_options_header,
)

from domicile.network.imports.staging import Staged
from domicile.web.errors import Malformed, TooLarge, UnknownMediaType

MOST_FIELDS = 20
LONGEST_FIELD = 4096
_PIECE = 1 << 20

Fields = dict[str, str]


class Receiver:
    """Takes the parts of one multipart body. `name` is the file's, as the browser says it."""

    def __init__(self, most_bytes: int, admit: Callable[[Fields], Staged]) -> None:
        self.fields: Fields = {}
        self.name = ""
        self.file: Staged | None = None
        self._most_bytes, self._admit = most_bytes, admit
        self._field: str | None = None
        self._pending = bytearray()
        self._received = 0

    async def receive(self, request: Request[Any, Any, Any]) -> None:
        """Read the body to its end. Raises Malformed, TooLarge, UnknownMediaType, and whatever `admit` raises."""
        kind, options = parse_options_header(request.headers.get("content-type", ""))
        if kind != "multipart/form-data" or not options.get("boundary"):
            raise UnknownMediaType("The body must be a form with a file")
        try:
            with PushMultipartParser(options["boundary"], max_segment_count=MOST_FIELDS) as parser:
                async for chunk in request.stream():
                    self._count(len(chunk))
                    for event in parser.parse(chunk) if chunk else ():
                        self._take(event)
                    await self._flush(_PIECE)
            await self._flush(1)
        except ParserLimitReached:
            raise TooLarge("The form has too many or too large parts") from None
        except (MultipartError, UnicodeDecodeError):
            raise Malformed("The form cannot be read") from None

    def close(self) -> None:
        """Leave nothing of the file."""
        if self.file is not None:
            self.file.close()

    def _count(self, size: int) -> None:
        self._received += size
        if self._received > self._most_bytes:
            raise TooLarge(f"The file is larger than {self._most_bytes >> 20} MiB")

    def _take(self, event: Any) -> None:
        if event is None:
            self._end_part()
        elif isinstance(event, bytes | bytearray):
            self._pending += event
            if self._field is not None and len(self._pending) > LONGEST_FIELD:
                raise TooLarge("The form has too many or too large parts")
        elif event.filename is None:
            self._field = event.name or ""
        elif self.file is None:
            self._field, self.name = None, event.filename
            self.file = self._admit(self.fields)
        else:
            raise Malformed("The form has more than one file")

    def _end_part(self) -> None:
        if self._field is not None:
            self.fields[self._field] = self._pending.decode()
            self._pending = bytearray()
            self._field = None

    async def _flush(self, least: int) -> None:
        if self.file is not None and self._field is None and len(self._pending) >= least:
            piece, self._pending = bytes(self._pending), bytearray()
            await asyncio.to_thread(self.file.write, piece)
