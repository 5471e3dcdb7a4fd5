"""Serve the app on one address until told to stop."""

import asyncio
import contextlib
import gc
import socket
from collections.abc import Callable

import uvicorn

from domicile.errors import Misconfigured
from domicile.running import Domicile
from domicile.web.app import make_app


class _Server(uvicorn.Server):
    """uvicorn without signal handlers of its own: the command line has them. `up` is set once it answers."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield


async def serve(domicile: Domicile, stop: asyncio.Event, ready: Callable[[], None]) -> None:
    """Answer requests; `ready` is called when the address answers. Returns soon after `stop` is set."""
    config = domicile.config
    listener = _listen(config.host, config.port)
    server = _Server(
        uvicorn.Config(
            make_app(domicile),
            loop="none",
            http="httptools",
            access_log=False,
            log_level="warning",
            lifespan="on",
            server_header=False,
            timeout_graceful_shutdown=3,
            proxy_headers=False,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await _first(serving, server.up)
        # What was loaded at the start stays for good: the collector need not walk it with every request's garbage.
        gc.collect()
        gc.freeze()
        if not serving.done():
            ready()
        await _first(serving, stop)
    finally:
        server.should_exit = True
        await serving


async def _first(serving: asyncio.Task[None], event: asyncio.Event) -> None:
    """Wait until the event is set, or the server has ended by itself."""
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


def _listen(host: str, port: int) -> socket.socket:
    """The listening socket, made before anything else so that a taken port is told at once."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
        listener.setblocking(False)
    except OSError as error:
        raise Misconfigured(f"cannot listen on {host}:{port}: {error.strerror}; choose another with --port") from None
    return listener
