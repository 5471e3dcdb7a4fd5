"""`--help` is what a stranger types first: it must not wait for a database driver or a web framework to load."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SLOW = ("sqlalchemy", "psycopg", "litestar", "alembic", "numpy", "domicile.running")


def test_help_loads_no_command() -> None:
    loaded_already = f"print([name for name in {SLOW} if name in sys.modules])"
    look = f"import sys; from domicile.cli.main import app; {loaded_already}; app(['--help'])"
    done = subprocess.run(
        [sys.executable, "-c", look],
        env={"PYTHONPATH": str(ROOT / "src"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    loaded, help_text = done.stdout.split("\n", 1)
    assert loaded == "[]"
    assert "relocate" in help_text and "Move members to another site" in help_text


def test_a_wrong_command_is_told_the_right_one() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "domicile", "audti"],
        env={"PYTHONPATH": str(ROOT / "src"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2 and "Did you mean 'audit'?" in done.stderr
