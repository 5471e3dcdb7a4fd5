"""Writes docs/states.md: each declared table of states as a picture.

PYTHONPATH=src .venv/bin/python tools/draw_states.py
"""

import importlib
from collections.abc import Iterator
from pathlib import Path

from domicile.lifecycle import Lifecycle

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/states.md"
HEAD = """# States

What may follow what, drawn from the tables in the code (`tools/draw_states.py`; a test holds this page to them). A
change of state is one SQL statement, guarded on the state before and on a claim token: see
`src/domicile/lifecycle.py`.
"""


def find_lifecycles() -> Iterator[tuple[str, Lifecycle]]:
    """Every table of states, with the module that declares it."""
    for file in sorted((ROOT / "src/domicile").rglob("*.py")):
        if " = Lifecycle(" in file.read_text():
            name = ".".join(file.relative_to(ROOT / "src").with_suffix("").parts)
            for value in vars(importlib.import_module(name)).values():
                if isinstance(value, Lifecycle):
                    yield name, value


def draw() -> str:
    """The page."""
    parts = [
        f"## {table.name.capitalize()}\n`{module}`\n\n```mermaid\n{table.picture()}\n```\n"
        for module, table in find_lifecycles()
    ]
    return "\n".join([HEAD, *parts])


if __name__ == "__main__":
    PAGE.write_text(draw())
