"""What can be typed and what can be set is written down."""

import importlib
import re
import runpy

import msgspec
import pytest

from domicile.cli.lazy import Waiting
from domicile.config import Config
from domicile.law.library import load_packs
from shape.source import ROOT

README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
TEXT = "\n".join(page.read_text() for page in PAGES if page.exists())


def settings(kind: type, prefix: str = "") -> list[str]:
    """Every setting by its name in the file, such as `limits.requests` and `sites.dsn`."""
    found = []
    for field in msgspec.structs.fields(kind):
        inner = [field.type, *getattr(field.type, "__args__", ())]
        struct = next((part for part in inner if isinstance(part, type) and issubclass(part, msgspec.Struct)), None)
        found += settings(struct, f"{field.name}.") if struct else [f"{prefix}{field.name}"]
    return found


def commands() -> list[str]:
    """Every command of `domicile`, such as `law show`."""
    import click
    import typer

    group = typer.main.get_command(importlib.import_module("domicile.cli.main").app)
    todo: list[tuple[str, click.Command]] = [("", group)]
    found = []
    while todo:
        name, command = todo.pop()
        command = command.load() if isinstance(command, Waiting) else command
        inner = getattr(command, "commands", None)
        if inner is None:
            found.append(name.strip())
        else:
            todo += [(f"{name} {key}", value) for key, value in inner.items() if not value.hidden]
    return sorted(found)


@pytest.mark.parametrize("setting", settings(Config))
def test_every_setting_is_in_the_docs(setting: str) -> None:
    assert re.search(rf"\b{re.escape(setting.split('.')[-1])}\b", TEXT), f"{setting} is nowhere in README.md or docs/"


def test_the_readme_says_how_much_of_the_law_was_checked() -> None:
    law = load_packs()
    rules = [rule for code in law.packs for rule in law.rules(code)]
    said = f"{sum(rule.verified for rule in rules)} of {len(rules)} rules checked against a text"
    readme = " ".join((ROOT / "README.md").read_text().split())
    assert said in readme, f"README.md should say: {said}"
    assert f"{', '.join(sorted(law.packs))}." in readme
    assert "complian" not in readme.replace('never says "compliant"', "")


@pytest.mark.parametrize("command", commands())
def test_every_command_is_in_the_docs(command: str) -> None:
    words = [re.compile(rf"\b{re.escape(word)}\b") for word in command.split()]
    on_one_line = any(all(word.search(line) for word in words) for line in TEXT.splitlines())
    assert on_one_line, f"`domicile {command}` is nowhere in README.md or docs/"


def test_the_pictures_of_states_are_those_of_the_code() -> None:
    drawing = runpy.run_path(str(ROOT / "tools/draw_states.py"))
    assert drawing["PAGE"].read_text() == drawing["draw"](), "run tools/draw_states.py"
