"""A site is opened in a network that is there already: by the operator's command, and what is right afterwards."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from commands import Command, run_command
from domicile.audit.residency import audit
from domicile.ids import SiteName
from domicile.network.posts import Draft
from domicile.network.seeding.safeguards import file_demo_safeguards
from domicile.network.timelines import make_bounds
from domicile.placement.embedded import discard
from network_at import make_member, network_at

GERMANY, RUSSIA, AMERICA = SiteName("de-1"), SiteName("ru-1"), SiteName("us-1")


def domicile(data: Path, *words: str) -> Any:
    done = run_command(*words, "--data", str(data), "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


@contextlib.contextmanager
def up(data: Path, *words: str) -> Iterator[list[str]]:
    """`up` in a process of its own, ready; what it says is collected."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = Command(("up", *words, "--port", str(port), "--data", str(data)))
    try:
        for _ in range(600):
            if running.ended or "is up at" in running.said:
                break
            time.sleep(0.1)
        yield running.said.splitlines()
    finally:
        running.interrupt()
        running.wait(60)


def test_an_operator_opens_a_site_in_a_network_that_was_there(tmp_path: Path) -> None:
    data = tmp_path / "data"
    try:
        domicile(data, "seed", "--members", "8", "--sites", "us,de")
        with up(data, "--sites", "us,de,ru") as said:
            text = " ".join(" ".join(said).split())
            assert "ru-1 is open: new members of RU have their home there; nobody has been moved." in text
            assert "Sites: us-1, de-1, ru-1" in text
            words = ("--handle", "olga_t", "--email", "olga@example.org", "--country", "RU")
            assert domicile(data, "member", "add", *words)["home"] == "ru-1"
            papers = domicile(data, "law", "safeguard", "list")["safeguards"]
            assert {paper["exporter"] for paper in papers} >= {"RU"}
        assert domicile(data, "audit")["sites"] == ["us-1", "de-1", "ru-1"], "the folder remembers them"
        assert domicile(data, "hub", "status")["homes"] == 9
    finally:
        discard(data)


async def test_hub_routes_and_keys_are_right_at_a_new_site(tmp_path: Path) -> None:
    """Who lived elsewhere moves in, is read from everywhere, and keeps what was sealed."""
    data = tmp_path / "data"
    password = "a long password"
    async with network_at(data, sites="us,de", keep=True) as domicile:
        ben, carl = await make_member(domicile, "US"), await make_member(domicile, "DE")
        anna = await make_member(domicile, "DE", password=password, email="anna-opens@example.org")
        await domicile.follows.follow(ben, anna)
        first = await domicile.posts.write(anna, Draft(text="before ru-1 was open"))
        secret = await domicile.posts.write(anna, Draft(text="sealed words", visibility="direct"))
        await domicile.erasure.erase(carl)
        keys = {name: site.key.name for name, site in domicile.sites.items()}
    async with network_at(data, sites="us,de,ru") as domicile:
        assert {name: site.key.name for name, site in domicile.sites.items() if name in keys} == keys
        assert domicile.sites[RUSSIA].key.name not in keys.values()
        await file_demo_safeguards(domicile.sites, domicile.clock)
        await domicile.tick()
        olga = await make_member(domicile, "RU")
        assert (await domicile.router.home_of(olga, ask_hub=True)).site == RUSSIA
        moved = await domicile.coordinator.relocate([anna], GERMANY, RUSSIA, "a test")
        assert (moved.members, moved.left) == ([anna], {})
        await domicile.tick()
        assert await domicile.members.check_log_in("anna-opens@example.org", password) == anna
        last = await domicile.posts.write(anna, Draft(text="from ru-1"))
        await domicile.follows.follow(olga, anna)
        for reader in (ben, olga):
            page = await domicile.timelines.home(reader, make_bounds(20))
            assert page.complete and [item.id for item in page.items] == [last.id, first.id], reader
        sealed = await domicile.posts.show(secret.id, reader=anna)
        assert sealed.body is not None and "sealed words" in sealed.body.content
        heard = await domicile.sites[RUSSIA].app.run("SELECT entry FROM feed_position WHERE feed = 'home'")
        assert heard[0].entry == (await domicile.directory.sizes())["feed"]
        report = await audit(domicile.sites, domicile.hub, domicile.clock())
        assert report.ok, [str(violation) for violation in report.violations]
