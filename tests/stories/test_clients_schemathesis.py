"""schemathesis reads /openapi.json and sends what it can think of: no answer may be a server error.

The data are random and seeded; the run is bounded in time, so that it fits into every test run.
"""

import asyncio
import os
import secrets
import sys
from pathlib import Path

import httpx
import pytest

from clients_browser import served
from domicile.wiring import Domicile
from network_at import make_member

SECONDS = 25
SCOPES = "read write follow push profile"


async def _token(domicile: Domicile, server: str) -> str:
    """A member's token with every scope."""
    member = await make_member(domicile, "DE", handle=f"fuzz_{secrets.token_hex(4)}")
    async with httpx.AsyncClient(base_url=server, trust_env=False) as client:
        form = {"client_name": "fuzz", "redirect_uris": "urn:ietf:wg:oauth:2.0:oob", "scopes": SCOPES}
        app = (await client.post("/api/v1/apps", json=form)).json()
    return await domicile.access.new_token(member, app["client_id"], SCOPES)


@pytest.mark.parametrize("phase", ["coverage", "fuzzing"])
async def test_nothing_that_is_sent_makes_the_server_fail(domicile: Domicile, tmp_path: Path, phase: str) -> None:
    async with served(domicile) as server:
        token = await _token(domicile, server)
        process = await asyncio.create_subprocess_exec(
            *(Path(sys.executable).with_name("schemathesis"), "run", f"{server}/openapi.json"),
            *("--checks", "not_a_server_error", "--phases", phase, "--max-time", str(SECONDS)),
            *("--header", f"Authorization: Bearer {token}", "--seed", "1", "--max-examples", "4"),
            *("--workers", "2", "--no-color"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
            cwd=tmp_path,
        )
        printed, _ = await process.communicate()
    assert process.returncode == 0, printed.decode()[-6000:]
