"""What a revision must say of itself. That all of them make what is declared is `tests/sites/test_migrations.py`'s."""

import re
from pathlib import Path

import pytest

from domicile.migrations.upgrade import HERE, Revisions
from domicile.network.schema import metadata
from domicile.placement.directory import HUB_DDL, HUB_PRIVILEGES
from domicile.placement.fence import site_ddl
from domicile.placement.ownership import load_ownership

KINDS = ("site", "hub")
FILES = sorted(HERE.glob("*/versions/0*.py"))
TAKES_AWAY = re.compile(
    r"\bDROP\b|\bRENAME\b|SET NOT NULL|ALTER COLUMN \w+ (SET DATA )?TYPE|\bREVOKE\b(?!.*FROM PUBLIC)", re.IGNORECASE
)


def only(kind: str) -> bool:
    return len(Revisions().of(kind)) == 1


@pytest.mark.skipif(not only("site"), reason="released: the first revision stays as it was")
def test_the_sites_first_revision_is_the_declaration() -> None:
    frozen = (HERE / "site/versions/0001_first.sql").read_text()
    assert frozen == site_ddl(load_ownership(metadata)), "run python -m domicile.migrations.freeze before a release"


@pytest.mark.skipif(not only("hub"), reason="released: the first revision stays as it was")
def test_the_hubs_first_revision_is_the_directory() -> None:
    frozen = (HERE / "hub/versions/0001_first.sql").read_text()
    assert frozen == f"{HUB_DDL.strip()}\n{HUB_PRIVILEGES}\n"


@pytest.mark.parametrize("kind", KINDS)
def test_revisions_are_one_line_numbered_from_one(kind: str) -> None:
    numbers = [revision.number for revision in Revisions().of(kind)]
    assert numbers == [f"{place:04}" for place in range(1, len(numbers) + 1)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.parent.name}/{file.stem}")
def test_a_revision_says_whether_it_contracts_and_only_then_takes_anything_away(file: Path) -> None:
    text = file.read_text()
    said = re.search(r"^contracts = (True|False)$", text, re.MULTILINE)
    assert said, "say `contracts = False`, or True if the version before cannot serve what it makes"
    beside = file.with_suffix(".sql")
    sql = text + (beside.read_text() if beside.exists() else "")
    if said[1] == "False" and not file.stem.startswith("0001"):
        assert not TAKES_AWAY.search(sql), "what takes something away is a revision of its own, in a later release"
