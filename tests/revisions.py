"""Revisions that only a test has: the release after this one."""

from pathlib import Path

_TEXT = '''"""Test only."""

from alembic import op

revision = "{number}"
down_revision = "{after}"
contracts = {contracts}


def upgrade() -> None:
    op.get_bind().exec_driver_sql("""{sql}""")
'''


def write_revision(folder: Path, number: str, after: str, sql: str, *, contracts: bool = False) -> None:
    """A revision file in a folder, for `Revisions({kind: [folder]})`."""
    folder.mkdir(exist_ok=True, parents=True)
    (folder / f"{number}.py").write_text(_TEXT.format(number=number, after=after, contracts=contracts, sql=sql))
