"""An event loop in a thread of its own, for tests that are not asynchronous and use what is."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """`run` a coroutine there and wait for it. A context manager."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> "LoopThread":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, coroutine: Coroutine[Any, Any, T], seconds: float = 300.0) -> T:
        """What the coroutine returns or raises. Raises TimeoutError after so many seconds."""
        found = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return found.result(seconds)
        finally:
            found.cancel()
