"""The first tables, as `0001_first.sql` beside this file has them."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
contracts = False


def upgrade() -> None:
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text())
