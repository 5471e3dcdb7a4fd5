"""schemathesis reads /openapi.json and sends what it can think of: no answer may be a server error.

The data are random and seeded; the run is bounded in time, so that it fits into every test run.
"""

import asyncio
import os
import sys
from pathlib import Path

import httpx
import pytest

from clients_browser import served
from domicile.ids import MemberId
from domicile.network.posts import Draft
from domicile.running import Domicile
from network_at import make_member

SECONDS = 12
SCOPES = "read write follow push profile"
# Real ids where the document can only say "a string": half of what is sent then gets past the door.
CONFIG = """
[[operations]]
include-path-regex = "/statuses/{{id}}"
parameters = {{ "path.id" = "{post}" }}

[[operations]]
include-path-regex = "/(accounts|follow_requests)/{{id}}"
parameters = {{ "path.id" = "{other}" }}
"""


async def _token(domicile: Domicile, server: str, member: MemberId) -> str:
    """A member's token with every scope."""
    async with httpx.AsyncClient(base_url=server, trust_env=False) as client:
        form = {"client_name": "fuzz", "redirect_uris": "urn:ietf:wg:oauth:2.0:oob", "scopes": SCOPES}
        app = (await client.post("/api/v1/apps", json=form)).json()
    return await domicile.access.new_token(member, app["client_id"], SCOPES)


@pytest.mark.parametrize("phase", ["coverage", "fuzzing"])
async def test_nothing_that_is_sent_makes_the_server_fail(domicile: Domicile, tmp_path: Path, phase: str) -> None:
    member, other = await make_member(domicile, "DE"), await make_member(domicile, "US")
    post = await domicile.posts.write(other, Draft(text="Try me"))
    (tmp_path / "schemathesis.toml").write_text(CONFIG.format(post=post.id, other=other))
    async with served(domicile) as server:
        token = await _token(domicile, server, member)
        process = await asyncio.create_subprocess_exec(
            *(Path(sys.executable).with_name("schemathesis"), "run", f"{server}/openapi.json"),
            *("--checks", "not_a_server_error", "--phases", phase, "--max-time", str(SECONDS)),
            *("--header", f"Authorization: Bearer {token}", "--seed", "1", "--max-examples", "4", "--no-color"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
            cwd=tmp_path,
        )
        printed, _ = await process.communicate()
    assert process.returncode == 0, printed.decode()[-6000:]
