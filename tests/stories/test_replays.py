"""The true stories hold, step by step, and a story that does not hold says so."""

import contextlib
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import domicile.law
from commands import run_command
from domicile.errors import NotFound
from domicile.stories.telling import Scene, Step, Story, Told, tell

ROOT = Path(__file__).parents[2]


def replay(*words: str, expect: int = 0, **environment: str) -> Any:
    done = run_command("replay", *words, "--json", timeout_s=400, **environment)
    assert done.code == expect, done.out + done.err
    return json.loads(done.out)


def test_members_in_russia_are_moved_live_or_copied_abroad_from_2015_to_2025(tmp_path: Path) -> None:
    told = replay("linkedin-russia", "--members", "200", "--html", str(tmp_path / "story.html"))
    assert told["ok"] and told["not_told"] == []
    steps = {step["name"]: step for step in told["steps"]}
    assert all(step["ok"] and step["checks"] and step["seconds"] >= 0 for step in steps.values())
    assert all(step["event"] and step["source"] for step in steps.values())
    days = [step["on"] for step in told["steps"]]
    assert days == sorted(days)
    assert {"2015-08-31", "2015-09-01", "2016-08-04", "2016-11-10", "2017-03-07", "2025-06-30"} <= set(days)
    said = {name: " ".join(step["did"]) for name, step in steps.items()}
    assert re.search(r"12 of 200 members, [\d,]+ rows", said["the-plan"])
    assert "152-FZ art. 18(5)" in said["the-law-in-force"] and "no lawful home" in said["the-law-in-force"]
    assert re.search(r"10 members move in [\d.]+ s: [\d,]+ rows", said["moved-while-it-serves"])
    assert re.search(r"Meanwhile: \d+ posts, p50 \d+ ms, p99 \d+ ms", said["moved-while-it-serves"])
    assert "strict reading" in said["two-readings"]
    page = (tmp_path / "story.html").read_text()
    assert page.count('class="way"') == 2 and "10 members have moved from us-1 to ru-1" in page
    assert page.count(' class="held"') == sum(len(step["checks"]) for step in steps.values()) and "<script" not in page


def test_the_story_stands_on_the_day_of_the_law(tmp_path: Path) -> None:
    for pack in (Path(domicile.law.__file__).parent / "packs").glob("*.toml"):
        (tmp_path / pack.name).write_text(pack.read_text().replace("2015-09-01", "2015-10-01"))
    told = replay("linkedin-russia", "--members", "200", expect=1, DOMICILE_PACKS=str(tmp_path))
    wrong = [check["sentence"] for step in told["steps"] for check in step["checks"] if not check["ok"]]
    assert told["steps"][-1]["name"] == "the-plan" and "the-law-in-force" in told["not_told"]
    assert any("asked about tomorrow" in sentence for sentence in wrong)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_story_that_is_interrupted_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "domicile", "replay", "linkedin-russia"]
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as telling:
        clusters: list[Path] = []
        while not clusters:
            assert telling.poll() is None
            time.sleep(0.1)
            clusters = [folder.resolve() for folder in tmp_path.glob("*/data/pg") if any(folder.glob("*/PG_VERSION"))]
        telling.send_signal(number)
        assert telling.wait(120) == 130
    assert list(tmp_path.iterdir()) == [] and not clusters[0].exists()


def test_an_ending_or_a_size_that_a_story_does_not_have_is_bad_usage() -> None:
    for wrong in (
        ("linkedin-russia", "--ending", "refuse"),
        ("linkedin-russia", "--members", "3"),
        ("twitter-russia", "--ending", "move"),
        ("twitter-russia", "--members", "400"),
    ):
        assert replay(*wrong, expect=2)["ok"] is False


def test_a_network_that_asks_for_a_phone_number_from_2014_to_2022() -> None:
    told = replay("twitter-russia")
    assert told["ok"] and told["not_told"] == []
    steps = {step["name"]: step for step in told["steps"]}
    assert all(step["ok"] and step["checks"] for step in steps.values())
    days = [step["on"] for step in told["steps"][:-1]]
    assert days == sorted(days) and days[0] < "2014-08" and days[-1] == "2022-03-04"
    assert {"2015-09-01", "2015-11-11", "2020-02-13", "2021-03-10", "2021-08-26"} <= set(days)
    assert all(step["event"] and step["source"] for step in steps.values())
    refused = " ".join(steps["the-terms-change"]["did"])
    assert "RU-18-5" in refused and "user.contact.phone_number" in refused


def test_the_story_does_not_hold_under_a_law_that_asks_everybody_whatever_they_collect(tmp_path: Path) -> None:
    for pack in (Path(domicile.law.__file__).parent / "packs").glob("*.toml"):
        lines = pack.read_text().splitlines(keepends=True)
        (tmp_path / pack.name).write_text("".join(line for line in lines if not line.startswith("collects")))
    told = replay("twitter-russia", expect=1, DOMICILE_PACKS=str(tmp_path))
    assert not told["ok"]
    first = told["steps"][0]
    assert (first["name"], first["ok"]) == ("a-law-is-passed", False)
    assert [check["sentence"] for check in first["checks"] if not check["ok"]]


def test_the_stories_are_listed_and_one_that_nobody_knows_is_bad_usage() -> None:
    listed = {story["name"]: story["endings"] for story in replay()["stories"]}
    assert listed == {"linkedin-russia": ["move", "copy"], "twitter-russia": []}
    assert replay("no-such-story", expect=2)["ok"] is False


# How any story is told, by a small one.


class Paper:
    """What the small story plays on: it remembers what day it was told to be."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.days: list[date] = []

    def turn_to(self, day: date) -> None:
        self.days.append(day)


@contextlib.asynccontextmanager
async def on_paper(folder: Path) -> AsyncIterator[Paper]:
    yield Paper(folder)


async def holds(paper: Paper, step: Step) -> None:
    step.do("It does something.")
    step.check("it is the day of the scene", paper.days[-1] == step.on)


async def fails(paper: Paper, step: Step) -> None:
    step.check("this does not hold", not paper)
    step.check("the rest of the step is told", True)


async def needs(paper: Paper, step: Step) -> None:
    step.need("this does not hold", not paper)
    raise AssertionError("told what stands on nothing")


async def breaks(paper: Paper, step: Step) -> None:
    raise NotFound("nothing is there")


async def says_nothing(paper: Paper, step: Step) -> None:
    step.do("It checks nothing.")


async def tell_of(tmp_path: Path, *acts: Any) -> Told:
    scenes = [Scene(act.__name__, date(2020, 1, n), "An event.", "a page", act) for n, act in enumerate(acts, 1)]
    return await tell(Story("small", "A small story", "Made up.", on_paper, scenes), tmp_path)


async def test_a_story_holds_if_every_check_of_every_step_does(tmp_path: Path) -> None:
    told = await tell_of(tmp_path, holds, holds)
    assert told.ok and [step.on for step in told.steps] == [date(2020, 1, 1), date(2020, 1, 2)]


@pytest.mark.parametrize("act", [fails, says_nothing])
async def test_a_check_that_fails_or_none_at_all_fails_the_story_and_the_rest_is_told(tmp_path: Path, act: Any) -> None:
    told = await tell_of(tmp_path, act, holds)
    assert not told.ok and [step.ok for step in told.steps] == [False, True] and not told.untold


@pytest.mark.parametrize("act", [needs, breaks])
async def test_where_something_went_wrong_the_rest_is_left_untold(tmp_path: Path, act: Any) -> None:
    told = await tell_of(tmp_path, holds, act, holds)
    assert not told.ok and told.steps[-1].failure and told.untold == ["holds"]
