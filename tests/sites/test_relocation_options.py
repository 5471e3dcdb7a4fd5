"""What an operator may wish of a relocation: how fast, pause, go on, stop, a dry run; and what they are told."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from commands import Command
from domicile.audit.residency import audit
from domicile.cli import relocate_report
from domicile.cli.main import app
from domicile.cli.output import REMEMBERED
from domicile.ids import MemberId
from domicile.network.posts import Draft
from domicile.relocation.moved import Moved
from domicile.relocation.pace import Pace
from domicile.relocation.wishes import CANCELLED
from domicile.running import Domicile
from network_at import MakeMember
from relocating import AMERICA, GERMANY, RUSSIA, at_steps, home_of


def start(domicile: Domicile, *words: str) -> Command:
    """A command, as an operator gives it while the network runs."""
    return Command(("relocate", *words, "--data", str(domicile.config.data), "--json"))


async def ended(command: Command, *, expect: int = 0) -> tuple[dict[str, Any], str]:
    """Its JSON document, and what it said meanwhile."""
    done = await asyncio.to_thread(command.wait)
    assert done.code == expect, done.err
    return json.loads(done.out), done.err


async def command(domicile: Domicile, *words: str, expect: int = 0) -> dict[str, Any]:
    return (await ended(start(domicile, *words), expect=expect))[0]


def named(*members: MemberId) -> list[str]:
    return [word for member in members for word in ("--member", str(member))]


async def moves(domicile: Domicile, members: list[MemberId], pace: Pace | None = None) -> Moved:
    return await domicile.coordinator.relocate(members, GERMANY, RUSSIA, "a test", pace=pace)


@pytest.fixture(autouse=True)
async def commands(domicile: Domicile) -> AsyncIterator[None]:
    """Commands find the network in its folder. Nothing stays paused or slow for the tests after this one."""
    remembered = domicile.config.data / REMEMBERED
    remembered.write_text(f"sites = {json.dumps(list(domicile.sites))}\n")
    at_once = domicile.coordinator.at_once
    yield
    remembered.unlink()
    domicile.coordinator.at_once = at_once
    await domicile.coordinator.wishes.go_on()


async def test_a_dry_run_moves_nobody_and_the_command_moves_them_and_says_what_it_did(
    domicile: Domicile, member: MakeMember
) -> None:
    anna, ben, clara = await member("DE"), await member("DE"), await member("US")
    where = ("--to", "us-1", "--against-the-law", "a test", "--at-most", "50", "--keep-p99", "5000")
    dry = await command(domicile, *named(anna, ben, clara), *where, "--dry-run", expect=1)
    assert (dry["dry_run"], dry["members"], dry["rows"], dry["batches"]) == (True, 2, 0, 0)
    assert dry["left"] == [{"id": str(clara), "why": "lives there already"}]
    assert dry["moves"] == [{"from": "de-1", "to": "us-1", "members": 2}]
    assert [await home_of(domicile, who) for who in (anna, ben)] == [GERMANY, GERMANY]

    moved = await command(domicile, *named(anna, ben), *where)
    assert (moved["ok"], moved["dry_run"], moved["members"], moved["left"]) == (True, False, 2, [])
    assert moved["rows"] > 2 and moved["bytes"] > 0 and moved["seconds"] > 0
    assert 0 < moved["longest_wait_ms"] < 1000 * moved["seconds"]
    assert [await home_of(domicile, who) for who in (anna, ben)] == [AMERICA, AMERICA]


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--resume", "--pause"],
        ["--member", "1"],
        ["--member", "1", "--to", "ru-1", "--at-most", "0"],
        ["--plan", "2030-01-01", "--keep-p99", "-3"],
        ["--plan", "some day"],
        ["--resume", "--silent", "-1"],
        ["--resume", "--without", "ru-1"],
        ["--resume", "--reason", "it burnt down"],
        ["--pause", "--without", "ru-1", "--reason", "it burnt down"],
        ["--resume", "--without", "Russia!", "--reason", "it burnt down"],
    ],
)
def test_bad_usage_says_so_before_anything_is_opened(tmp_path: Path, words: list[str]) -> None:
    done = CliRunner().invoke(app, ["relocate", *words, "--data", str(tmp_path / "none"), "--json"])
    assert done.exit_code == 2, done.output
    assert json.loads(done.stdout)["ok"] is False and not (tmp_path / "none").exists()


async def test_nothing_to_resume_and_no_source_that_is_lost(domicile: Domicile) -> None:
    resumed = start(domicile, "--resume", "--silent", "0")
    lost = await command(domicile, "--resume", "--without", "ru-1", "--reason", "a mistake", expect=1)
    assert lost["error"].startswith("ru-1 answers")
    assert (await ended(resumed))[0] == {"ok": True, "batches": []}


async def test_no_more_megabytes_a_second_than_are_allowed(domicile: Domicile, member: MakeMember) -> None:
    members = [await member("DE") for _ in range(3)]
    for number in range(12):
        await domicile.posts.write(members[number % 3], Draft(text=f"{number} {'long ' * 90}"))
    rate = 12_000.0
    began = time.monotonic()
    moved = await moves(domicile, members, Pace(bytes_a_second=rate))
    assert sorted(moved.members) == sorted(members)
    assert time.monotonic() - began > moved.size / rate * 0.8 > 0.5
    assert moved.waited_ms < moved.size / rate * 800, "the limit must not hold up whose writes wait"


async def test_it_rests_while_members_wait_longer_than_they_may(domicile: Domicile, member: MakeMember) -> None:
    anna = await member("DE")
    tell = "INSERT INTO write_wait VALUES ('slow', clock_timestamp(), 9000)"
    await domicile.hub.run(tell)
    moving = asyncio.create_task(moves(domicile, [anna], pace := Pace(p99_ms=3000)))
    try:
        await asyncio.sleep(0.6)
        assert not await domicile.journal.unfinished() and not moving.done()
    finally:
        await domicile.hub.run("DELETE FROM write_wait WHERE process = 'slow'")
    assert (await moving).members == [anna]
    assert pace.batch_size < 200, "and goes on with smaller batches"


async def test_paused_continued_and_cancelled_from_another_process(domicile: Domicile, member: MakeMember) -> None:
    members = [await member("DE") for _ in range(4)]
    assert (await command(domicile, "--pause"))["wish"] == "pause"
    moving = asyncio.create_task(moves(domicile, members[:2]))
    await asyncio.sleep(0.3)
    assert not moving.done() and await home_of(domicile, members[0]) == GERMANY
    assert (await command(domicile, "--continue"))["wish"] == "continue"
    assert sorted((await moving).members) == sorted(members[:2])

    async def cancel(step: str) -> None:
        """While the first batch is under way; the second one has not begun."""
        if step == "copied":
            await command(domicile, "--cancel")
            await until_heard(domicile)

    domicile.coordinator.at_once = 1
    with at_steps(domicile, cancel):
        moved = await moves(domicile, members[2:], Pace(largest=1))
    assert (moved.members, moved.left) == ([], dict.fromkeys(members[2:], CANCELLED))
    assert moved.batches == 1 and await domicile.journal.unfinished() == []
    assert (await moves(domicile, members[2:])).members == members[2:], "a wish is for those at work when it is made"


async def until_heard(domicile: Domicile) -> None:
    """Coordinators look once a second what is wished."""
    for _ in range(200):
        assert domicile.coordinator.running is not None
        if domicile.coordinator.running.cancelled:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the wish is never heard")


async def test_ctrl_c_undoes_what_has_not_flipped(domicile: Domicile, member: MakeMember) -> None:
    anna = await member("DE")
    for number in range(10):
        await domicile.posts.write(anna, Draft(text=f"{number} {'long ' * 90}"))
    process = start(domicile, *named(anna), "--to", "us-1", "--against-the-law", "a test", "--at-most", "0.004")
    while not await domicile.journal.unfinished():
        assert not process.ended
        await asyncio.sleep(0.02)
    process.interrupt()
    answer, said = await ended(process, expect=1)
    assert answer["left"] == [{"id": str(anna), "why": CANCELLED}] and "Stopping" in said
    assert await home_of(domicile, anna) == GERMANY and await domicile.journal.unfinished() == []
    report = await audit(domicile.sites, domicile.hub, domicile.clock())
    assert report.ok, report.violations


def test_progress_has_a_rate_and_an_estimate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(relocate_report, "SAY_EVERY_S", 0.0)
    with relocate_report.moving_bar("de-1 → ru-1", 200) as tell:
        time.sleep(0.05)
        tell(Moved(members=[MemberId(n) for n in range(50)], rows=1200))
    said = capsys.readouterr().err
    assert "de-1 → ru-1: 50 of 200 members" in said and "rows a second" in said and "s to go" in said
